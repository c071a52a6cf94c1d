"""Fields of models as the reference lists them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from docs_site.reference.field_docs import dataclass_fields, model_fields, type_words
from factory.field_notes import FieldNote


class Oven(BaseModel):
    """An oven."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    power: Annotated[float, FieldNote("kW", low=0.5, high=1000)]
    """Power while heating."""
    trays: Annotated[int, Field(ge=1, lt=33)] = 8
    """Trays."""
    share: Annotated[float, Field(gt=0, le=1)] | None = None
    """Share of the load."""
    mode: Literal["air", "steam"] = "air"
    """Mode."""
    names: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Names of trays."""


def test_a_field_has_type_unit_default_bounds_and_meaning() -> None:
    assert [tuple(field) for field in model_fields(Oven)] == [
        ("`power`", "number", "kW", "required", "0.5 to 1,000", "power while heating"),
        ("`trays`", "whole number", "", "`8`", "1 to 32", "trays"),
        ("`share`", "number", "", "unset", "above 0, at most 1", "share of the load"),
        ("`mode`", "text", "", '`"air"`', '`"air"`, `"steam"`', "mode"),
        ("`names`", "list of texts", "", "none", "", "names of trays"),
    ]


def test_a_field_without_a_meaning_is_refused() -> None:
    class Kiln(BaseModel):
        power: float

    @dataclass
    class Shelf:
        width: float

    with pytest.raises(ValueError, match=r"Kiln\.power has no docstring"):
        model_fields(Kiln)
    with pytest.raises(ValueError, match=r"Shelf: \['width'\] have no docstrings"):
        dataclass_fields(Shelf)


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (tuple[tuple[int, ...], ...], "matrix of whole numbers"),
        (tuple[tuple[str, str], ...], "list of pairs"),
        (tuple[tuple[str, str, int], ...] | None, "list of triples"),
        (tuple[float, float], "pair of numbers"),
        (dict[str, dict[str, float]], "table of tables"),
        (tuple[Oven, ...], "list of tables"),
        (Oven | None, "table"),
        (float | Literal["measured"] | None, "number or text"),
    ],
)
def test_types_are_named_in_the_words_of_toml(annotation: Any, words: str) -> None:
    assert type_words(annotation) == words

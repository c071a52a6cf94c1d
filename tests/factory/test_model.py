"""Domain models: strict and frozen."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from factory.model import Attribute, Machine


def test_models_are_frozen() -> None:
    with pytest.raises(ValidationError, match="Instance is frozen"):
        Machine(name="booth").speed = 2.0


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("speed", "1", "float_type"),
        ("speed", True, "float_type"),
        ("mean_time_to_failure", 1.5, "int_type"),
        ("mean_time_to_failure", True, "int_type"),
        ("name", 7, "string_type"),
        ("colour", "red", "extra_forbidden"),
    ],
)
def test_types_are_not_converted(field: str, value: object, error: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        Machine.model_validate({"name": "booth"} | {field: value})
    assert [(each["loc"], each["type"]) for each in refusal.value.errors()] == [((field,), error)]


def test_whole_numbers_are_numbers() -> None:
    assert Machine(name="booth", speed=2).speed == 2.0
    assert Attribute(name="colour", values=("red",), time=((0,),), cost=((0,),)).cost == ((0.0,),)

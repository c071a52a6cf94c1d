"""Keys of factory files, and ranges of randomised factories."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from docs_site.reference.field_docs import FieldDoc, model_fields
from docs_site.reference.markdown_tables import (
    as_code,
    as_prose,
    markdown_table,
    number_words,
    range_words,
)
from factory.generation.ranges import LIMITS, RandomisedRanges
from factory.model import Factory, Model
from factory.validation.numbers import MAX_AMOUNT, MAX_DATE, MAX_TICKS

_HEAD = ["key", "type", "unit", "default", "bounds", "meaning"]


def factory_tables() -> dict[str, str]:
    """Return the tables of keys, the limits of all numbers, and the ranges."""
    sections = [
        f"### {title}\n\n{as_prose(model.__doc__)}\n\n{_list_fields(model, prefix)}"
        for title, prefix, model in _sections("", Factory)
    ]
    head = ["key", "unit", "default", "bounds", "meaning"]
    ranges = [
        [
            each.name,
            each.unit,
            each.default,
            range_words(*LIMITS[each.name.strip("`")]),
            each.meaning,
        ]
        for each in model_fields(RandomisedRanges)
    ]
    return {
        "keys": "\n\n".join([f"### Top level\n\n{_list_fields(Factory, '')}", *sections]),
        "max_ticks": number_words(MAX_TICKS),
        "max_date": number_words(MAX_DATE),
        "max_amount": number_words(MAX_AMOUNT),
        "ranges": markdown_table(head, ranges),
    }


def _list_fields(model: type[Model], prefix: str) -> str:
    """Return the table of a model's keys; types that are tables link theirs."""
    rows = [
        [each.name, _link_type(each, f"{prefix}{each.name.strip('`')}", model), *each[2:]]
        for each in model_fields(model)
    ]
    return markdown_table(_HEAD, rows)


def _link_type(field: FieldDoc, path: str, model: type[Model]) -> str:
    annotation = model.model_fields[field.name.strip("`")].annotation
    has_section = _model_in(annotation) is not None
    return f"[{field.type}](#{path.replace('.', '')})" if has_section else field.type


def _sections(prefix: str, model: type[Model]) -> Iterator[tuple[str, str, type[Model]]]:
    """Yield title, prefix of keys and model of the tables below a model, outer ones first."""
    for name, field in model.model_fields.items():
        inner = _model_in(field.annotation)
        if inner is not None:
            is_list = "tuple" in str(field.annotation)
            path = f"{prefix}{name}"
            yield as_code(f"[[{path}]]" if is_list else f"[{path}]"), f"{path}.", inner
            yield from _sections(f"{path}.", inner)


def _model_in(annotation: Any) -> type[Model] | None:
    """Return the model that a type holds, if any."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return annotation
    return next((model for each in get_args(annotation) if (model := _model_in(each))), None)

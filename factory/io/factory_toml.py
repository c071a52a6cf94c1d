"""Factories as TOML files: the keys are the field names of :mod:`factory.model`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from factory.model import Factory
from factory.model_parts.operating_model import hour_of_start
from factory.validation.errors import Problem, Suggestion, Words, place_of, refuse, value_at
from factory.validation.factory import check_factory
from factory.validation.text_files import read_toml


def load_factory(path: str | Path) -> Factory:
    """Read and check a factory.

    Raises
    ------
    FactoryError
        With one line for each problem: file, place, value, rule, remedy.
    """
    return parse_factory(read_toml(path), str(path))


def parse_factory(data: dict[str, Any], where: str) -> Factory:
    """Return a checked factory from the nested tables of a file; ``where`` begins messages.

    Raises
    ------
    FactoryError
        As :func:`load_factory`.
    """
    try:
        factory = Factory.model_validate_json(json.dumps(data, default=_stand_in))
    except ValidationError as error:
        items = [item for item in error.errors() if item["type"] != "default_factory_not_called"]
        refuse((_explain(item, data) for item in items), where)
        raise  # not reached: a ValidationError has at least one error
    check_factory(factory, where)
    return factory


def _stand_in(date: Any) -> dict[str, str]:
    """Return a table in place of a TOML date, which no field of a factory accepts."""
    return {"date": str(date)}


# --- validation errors ----------------------------------------------------------------------------

_RULES = {
    "int_type": ("must be a whole number", "Write one, without quotes or decimal point"),
    "float_type": ("must be a number", "Write one, without quotes"),
    "string_type": ("must be a text", "Put it in quotes"),
    "bool_type": ("must be true or false", "Write one of them, without quotes"),
    "tuple_type": ("must be a list", "Put it in [brackets]"),
    "dict_type": ("must be a table", "Write { name = value, ... }"),
    "model_type": ("must be a table", "Write { key = value, ... }, or a [table] of its own"),
}


def _explain(error: Any, data: dict[str, Any]) -> Problem:
    """Return the problem that a pydantic error reports, in the words of a planner."""
    kind, location, context = error["type"], error["loc"], error.get("ctx", {})
    place, value = place_of(location, data), value_at(location, data)
    if kind == "extra_forbidden":
        return Problem(
            place,
            value,
            "there is no such key",
            Suggestion(str(location[-1]), _keys_at(location[:-1])),
        )
    if kind == "missing":
        return Problem(place, Words("nothing"), "is required", "Add it")
    if kind == "literal_error":
        return Problem(place, value, "is not one of the choices", f"Write {context['expected']}")
    if kind == "too_long":
        return Problem(
            place,
            value,
            f"must have {context['max_length']} entries, not {len(value)}",
            "Remove what is too much",
        )
    rule, remedy = _RULES.get(kind, (error["msg"], "Correct it"))
    return Problem(place, value, rule, remedy)


def _keys_at(location: Sequence[str | int]) -> list[str]:
    """Return the keys of the model at ``location``."""
    model: type[BaseModel] = Factory
    for step in location:
        if isinstance(step, str):
            model = _model_in(model.model_fields[step].annotation)
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel]:
    """Return the model in the type of a field: ``Demand`` in ``Demand | None``."""
    return next(kind for kind in _types_in(annotation) if issubclass(kind, BaseModel))


def _types_in(annotation: Any) -> Iterator[type]:
    inner = get_args(annotation)
    if inner:
        for each in inner:
            yield from _types_in(each)
    elif isinstance(annotation, type):
        yield annotation


# --- writing --------------------------------------------------------------------------------------


def save_factory(factory: Factory, path: str | Path) -> None:
    """Write a factory to a TOML file."""
    Path(path).write_text(dump_factory(factory), encoding="utf-8")


def dump_factory(factory: Factory) -> str:
    """Return the factory as TOML text without defaults; :func:`load_factory` reads it back."""
    table = factory.model_dump(exclude_defaults=True)
    if factory.start_hour == (hour_of_start(factory.start) or 0):
        table.pop("start_hour", None)
    return "\n".join(_table(table, "", "")).lstrip("\n") + "\n"


_TABLES = {
    "work_centres",
    "machines",
    "attributes",
    "products",
    "operations",
    "options",
    "values",
    "regimes",
    "customers",
    "material",
    "calendars",
    "staff",
    "maintenance",
}
"""Lists of tables with headers; other lists are on one line."""
_SECTIONS = {"demand", "transport", "tariff", "uncertainty", "costs"}


def _table(table: dict[str, Any], path: str, indent: str) -> Iterator[str]:
    """Yield the lines of a table: its own keys first, as TOML demands, then inner tables."""
    within = [key for key, value in table.items() if _has_header(key, value, path)]
    for key, value in table.items():
        if key not in within:
            yield from _entry(key, value, indent)
    for key in within:
        inner = f"{path}{key}"
        items = [table[key]] if isinstance(table[key], dict) else table[key]
        header = f"[{inner}]" if isinstance(table[key], dict) else f"[[{inner}]]"
        deeper = f"{indent}  " if path else indent
        for item in items:
            yield ""
            yield f"{deeper}{header}"
            yield from _table(item, f"{inner}.", deeper)


def _has_header(key: str, value: Any, path: str) -> bool:
    if isinstance(value, dict):
        return not path and key in _SECTIONS
    return key in _TABLES and bool(value) and isinstance(value[0], dict)


def _entry(key: str, value: Any, indent: str) -> Iterator[str]:
    """Yield ``key = value``; a matrix has a line for each row."""
    if isinstance(value, tuple) and value and isinstance(value[0], tuple):
        yield f"{indent}{key} = ["
        for row in value:
            yield f"{indent}  {_inline(row)},"
        yield f"{indent}]"
    else:
        yield f"{indent}{key} = {_inline(value)}"


def _inline(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, dict):
        items = ", ".join(f"{_key(key)} = {_inline(item)}" for key, item in value.items())
        return f"{{ {items} }}" if items else "{}"
    if isinstance(value, tuple):
        return "[" + ", ".join(_inline(item) for item in value) + "]"
    return repr(value)


def _key(name: str) -> str:
    return name if re.fullmatch("[A-Za-z0-9_-]+", name) else quote(name)


def quote(text: str) -> str:
    """Return a TOML basic string: a JSON string with DEL escaped, as TOML demands."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")

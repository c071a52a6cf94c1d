"""Factories as TOML files: the keys are the field names of :mod:`factory.model`."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from factory.checks import check_factory
from factory.model import Factory
from factory.problems import FactoryError, Problem, refuse, suggest

_KINDS = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "is too large for a number of ticks",
    "float_type": "must be a number",
    "string_type": "must be a text in quotes",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list [...]",
    "dict_type": "must be a table {...}",
    "model_type": "must be a table",
    "literal_error": "is not one of the choices",
    "too_long": "has too many entries",
}


def load_factory(path: str | Path) -> Factory:
    """Read and check a factory.

    Raises
    ------
    FactoryError
        With one line for each problem: file, place, value, rule, remedy.
    """
    path = Path(path)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FactoryError(f"{path}: cannot be read ({error.strerror}). Give the path of a TOML file.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FactoryError(f"{path}: is not TOML ({error}). Correct the text there.") from error
    return parse_factory(data, str(path))


def parse_factory(data: dict[str, Any], where: str) -> Factory:
    """A checked factory from the nested tables of a file.

    Raises
    ------
    FactoryError
        As :func:`load_factory`.
    """
    try:
        factory = Factory.model_validate_json(json.dumps(data, default=str))
    except ValidationError as error:
        refuse((_explain(item, data) for item in error.errors()), where)
        raise  # not reached: a ValidationError has at least one error
    check_factory(factory, where)
    return factory


def _explain(error: Any, data: dict[str, Any]) -> Problem:
    """A pydantic error in the words of a planner."""
    location = error["loc"]
    place = _place(location, data)
    kind = error["type"]
    if kind == "extra_forbidden":
        known = _known_keys(location[:-1])
        return Problem(place, _shorten(error["input"]), "there is no such key", suggest(str(location[-1]), known))
    if kind == "missing":
        return Problem(place, "(nothing)", "is required", "Write it")
    rule = _KINDS.get(kind, error["msg"][0].lower() + error["msg"][1:])
    remedy = f"Choose {error['ctx']['expected']}" if kind == "literal_error" else "Correct it"
    return Problem(place, _shorten(error["input"]), rule, remedy)


def _shorten(value: Any) -> Any:
    text = f"{value}"
    return value if len(text) <= 60 else f"{text[:57]}..."


def _place(location: tuple[Any, ...], data: Any) -> str:
    """``work_centres[0].machines[1]`` by the things' names: ``work_centre.paint.machine.paint-2``."""
    words: list[str] = []
    for step in location:
        data = data[step] if _has(data, step) else None
        if isinstance(step, int):
            name = data.get("name") if isinstance(data, dict) else None
            if isinstance(name, str) and words:
                words[-1] = words[-1].removesuffix("s") if words[-1] != "values" else "value"
                words.append(name)
            elif words:
                words[-1] += f"[{step}]"
        else:
            words.append(str(step))
    return ".".join(words)


def _has(data: Any, step: Any) -> bool:
    return (isinstance(data, dict) and step in data) or (isinstance(data, list) and isinstance(step, int) and step < len(data))


def _known_keys(location: tuple[Any, ...]) -> list[str]:
    """Keys of the model that ``location`` leads to."""
    model: type[BaseModel] = Factory
    for step in location:
        if isinstance(step, str) and step in model.model_fields:
            found = _model_in(model.model_fields[step].annotation)
            model = found or model
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _model_in(inner)
        if found:
            return found
    return None


def dump_factory(factory: Factory) -> str:
    """The factory as TOML text; :func:`parse_factory` of it gives an equal one. Fields at their defaults are left out."""
    data = factory.model_dump(exclude_defaults=True)
    return "\n".join(f"{key} = {_toml(value)}" for key, value in data.items() if value is not None) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key, ensure_ascii=False)} = {_toml(item)}" for key, item in value.items() if item is not None) + "}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return repr(value)


def save_factory(factory: Factory, path: str | Path) -> None:
    """Write a factory to a TOML file."""
    Path(path).write_text(dump_factory(factory), encoding="utf-8")

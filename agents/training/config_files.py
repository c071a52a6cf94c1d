"""Reading and writing of config files: TOML tables, overrides, and checks against a model."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from agents.training.config_errors import ConfigError, explain_errors
from factory.io.factory_toml import quote
from factory.io.shipped_files import find_shipped, searched_folders
from factory.validation.errors import FactoryError
from factory.validation.names import printable
from factory.validation.text_files import read_text

_MAX_LINES = 20
"""Maximum number of lines of an error."""
_Model = TypeVar("_Model", bound=BaseModel)


def read_tables(path: Path, example: str) -> dict[str, Any]:
    """Return the tables of a TOML file, which may be a shipped one.

    Parameters
    ----------
    example
        File that an error names as an example.

    Raises
    ------
    ConfigError
        If the file cannot be read, or is not TOML.
    """
    where = printable(str(path))
    try:
        return tomllib.loads(read_text(find_shipped(path)))
    except FactoryError as error:
        raise ConfigError(printable(str(error))) from None
    except OSError as error:
        raise ConfigError(
            f"{where}: cannot be read ({error.strerror}); looked for in {searched_folders()}. Give"
            f" a TOML file, for example {example}."
        ) from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{where}: is not TOML ({error}). Correct the text there.") from None


def validate_tables(
    model: type[_Model], data: dict[str, Any], where: str, changed: Sequence[str] = ()
) -> _Model:
    """Return nested tables as a model.

    Parameters
    ----------
    where
        Beginning of error messages.
    changed
        Keys ``section.key`` and sections that stand only on the command line; their errors begin
        with ``command line`` instead.

    Raises
    ------
    ConfigError
        If a key is wrong; the message has one line for each problem.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problems = explain_errors(error, model)
    lines = [
        f"{'command line' if _is_below(problem.place, changed) else where}: {problem}"
        for problem in problems
    ]
    if len(lines) > _MAX_LINES:
        lines[_MAX_LINES - 1 :] = [f"{where}: and {len(lines) - _MAX_LINES + 1} more problems."]
    raise ConfigError("\n".join(lines))


def _is_below(place: str, keys: Sequence[str]) -> bool:
    """Return whether a place is one of the keys, or inside one."""
    return any(place == key or place.startswith((f"{key}.", f"{key}[")) for key in keys)


def override_key(
    data: dict[str, Any], change: str, sections: Sequence[str], example: str
) -> list[str]:
    """Set the key of an override in nested tables; return it, and its section if that is new.

    Parameters
    ----------
    data
        Tables, which are changed.
    change
        Override ``section.key=value`` with a value in TOML; text needs no quotes.
    sections, example
        Names of sections, and an override, that errors name.
    """
    path, equals, text = change.partition("=")
    steps = [step.strip() for step in path.split(".")]
    shown = printable(repr(change))
    if not equals or not all(steps):
        raise ConfigError(
            f"--set {shown}: is not section.key=value. Write for example --set {example}."
        )
    changed = [".".join(steps), *(steps[:1] if steps[0] not in data else [])]
    for section in steps[:-1]:
        data = data.setdefault(section, {})
        if not isinstance(data, dict):
            raise ConfigError(
                f"--set {shown}: {printable(section)} is not a section. The sections are"
                f" {', '.join(sections)}."
            )
    data[steps[-1]] = _read_value(text.strip())
    return changed


def _read_value(text: str) -> Any:
    """Return the value of an override: TOML, or else the text itself."""
    try:
        table = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return table["value"] if table.keys() == {"value"} else text


def write_toml(data: Mapping[str, Any]) -> str:
    """Return tables as TOML: single keys first, then each section."""
    lines = [f"{key} = {toml_value(value)}" for key, value in data.items() if not _is_table(value)]
    for name, table in data.items():
        if _is_table(table):
            lines += ["", f"[{name}]"]
            lines += [f"{key} = {toml_value(value)}" for key, value in table.items()]
    return "\n".join(lines).removeprefix("\n") + "\n"


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)


def toml_value(value: Any) -> str:
    """Return a text, number, truth value or list of them as TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    return quote(value) if isinstance(value, str) else repr(value)

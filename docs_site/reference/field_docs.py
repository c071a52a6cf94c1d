"""Fields of models and dataclasses, as the reference lists them.

Types, defaults and bounds come from the classes, meanings from the docstrings below the fields,
units and rules in words from :class:`factory.field_notes.FieldNote`.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import textwrap
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from docs_site.reference.markdown_tables import as_cell, as_code, number_words, range_words
from factory.field_notes import FieldNote, field_notes

_WORDS = {str: "text", int: "whole number", float: "number", bool: "boolean"}
_PLURALS = {str: "texts", int: "whole numbers", float: "numbers"}
_TUPLES = {2: "pair", 3: "triple"}


class FieldDoc(NamedTuple):
    """A field, with every fact as Markdown."""

    name: str
    type: str
    unit: str
    default: str
    bounds: str
    meaning: str


def model_fields(model: type[BaseModel]) -> list[FieldDoc]:
    """Return the fields of a pydantic model.

    Raises
    ------
    ValueError
        If a field has no meaning.
    """
    notes = field_notes(model)
    return [
        _describe(model, name, field, notes[name]) for name, field in model.model_fields.items()
    ]


def _describe(model: type[BaseModel], name: str, field: FieldInfo, note: FieldNote) -> FieldDoc:
    if not field.description:
        raise ValueError(f"{model.__name__}.{name} has no docstring. Write its meaning below it.")
    return FieldDoc(
        as_code(field.alias or name),
        type_words(field.annotation),
        note.unit,
        note.default or ("required" if field.is_required() else default_words(field.default)),
        note.bounds
        or range_words(note.low, note.high)
        or _constraint_words([*field.metadata, *_nested(field.annotation)])
        or choice_words(field.annotation),
        as_cell(field.description),
    )


def dataclass_fields(owner: Any) -> list[FieldDoc]:
    """Return the fields of a dataclass, whose meanings are docstrings below them.

    Raises
    ------
    ValueError
        If a field has no meaning.
    """
    hints, notes, meanings = get_type_hints(owner), field_notes(owner), field_docstrings(owner)
    missing = [each.name for each in dataclasses.fields(owner) if each.name not in meanings]
    if missing:
        raise ValueError(f"{owner.__name__}: {missing} have no docstrings. Write their meanings.")
    return [
        FieldDoc(
            as_code(each.name),
            type_words(hints[each.name]),
            notes[each.name].unit,
            notes[each.name].default,
            notes[each.name].bounds,
            as_cell(meanings[each.name]),
        )
        for each in dataclasses.fields(owner)
    ]


def field_docstrings(owner: type[Any]) -> dict[str, str]:
    """Return the docstrings below the fields of a class, by name."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
    assert isinstance(tree, ast.ClassDef)
    return {
        field.target.id: str(below.value.value)
        for field, below in zip(tree.body, tree.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
    }


def type_words(annotation: Any) -> str:
    """Return a type in words; None as an alternative is left out.

    Examples
    --------
    >>> type_words(tuple[str, ...]), type_words(int | None), type_words(dict[str, float])
    ('list of texts', 'whole number', 'table')
    """
    options = [each for each in _options(annotation) if each is not type(None)]
    return " or ".join(dict.fromkeys(_single_words(each) for each in options))


def _options(annotation: Any) -> list[Any]:
    """Return the alternatives of a type, without their notes."""
    if get_origin(annotation) is Annotated:
        return _options(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [option for each in get_args(annotation) for option in _options(each)]
    return [annotation]


def _single_words(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return "text"
    if origin is dict:
        return "table of tables" if get_origin(arguments[1]) is dict else "table"
    if origin is tuple:
        return _tuple_words(arguments)
    if annotation in _WORDS:
        return _WORDS[annotation]
    return "table" if isinstance(annotation, type) and dataclass_or_model(annotation) else "text"


def dataclass_or_model(owner: type[Any]) -> bool:
    """Return whether a class holds fields of its own."""
    return dataclasses.is_dataclass(owner) or issubclass(owner, BaseModel)


def _tuple_words(arguments: tuple[Any, ...]) -> str:
    """Return the words for a list, a matrix, or a fixed number of entries."""
    if arguments[-1] is not Ellipsis:
        kinds = {_PLURALS.get(each, "") for each in arguments}
        of = f" of {kinds.pop()}" if len(kinds) == 1 else ""
        return f"{_TUPLES[len(arguments)]}{of}"
    items = _options(arguments[0])
    if len(items) > 1:
        return "list of values"
    item = items[0]
    if get_origin(item) is not tuple:
        return f"list of {_PLURALS.get(item, 'tables')}"
    inner = get_args(item)
    if inner[-1] is Ellipsis:
        return f"matrix of {_PLURALS[inner[0]]}"
    return f"list of {_TUPLES[len(inner)]}s"


def default_words(value: Any) -> str:
    """Return a default as Markdown.

    Examples
    --------
    >>> default_words(None), default_words(()), default_words((1, 1)), default_words("max")
    ('unset', 'none', '`[1, 1]`', '`"max"`')
    """
    if value is None:
        return "unset"
    if isinstance(value, BaseModel):
        return "see below"
    if isinstance(value, (tuple, dict, list)) and not value:
        return "none"
    if isinstance(value, tuple) and len(value) > 2 and set(value) == {0.0}:
        return "all 0"
    return as_code(json.dumps(value, ensure_ascii=False))


def choice_words(annotation: Any) -> str:
    """Return the choices of a literal type; empty for other types."""
    choices = [
        choice
        for option in _options(annotation)
        if get_origin(option) is Literal
        for choice in get_args(option)
    ]
    return ", ".join(as_code(json.dumps(choice)) for choice in choices)


def _nested(annotation: Any) -> Iterator[Any]:
    """Yield the constraints inside the alternatives of a type."""
    alternatives = get_args(annotation) if len(_options(annotation)) > 1 else ()
    for option in alternatives:
        if get_origin(option) is Annotated:
            for item in get_args(option)[1:]:
                yield from item.metadata if isinstance(item, FieldInfo) else [item]


def _constraint_words(metadata: list[Any]) -> str:
    """Return the bounds that pydantic checks, in words."""
    limits = {
        name: getattr(item, name)
        for item in metadata
        for name in ("ge", "gt", "le", "lt", "multiple_of", "min_length")
        if getattr(item, name, None) is not None
    }
    if "lt" in limits:
        limits["le"] = limits["lt"] - 1  # of whole numbers
    low, high = limits.get("ge"), limits.get("le")
    words = [range_words(low, high)]
    if "gt" in limits:
        words = [f"above {number_words(limits['gt'])}, {range_words(None, high)}"]
    if limits.get("multiple_of") == 2:
        words.append("even")
    if "min_length" in limits:
        words.append("not empty")
    return ", ".join(word for word in words if word)

"""Errors of pydantic as lines with path, value, rule and remedy."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

from pydantic import ValidationError

from factory.validation.errors import Problem, Suggestion, Words
from factory.validation.iso_dates import read_disguised_date
from scheduler.snapshot.schema import MAX_SNAPSHOT_DATE

MAX_PROBLEMS = 100
"""Maximum number of problems that are reported for one snapshot."""
_CALENDAR_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}")
_MAX_SHOWN = 200
_NUMBER = "Write a number without quotes"
_WHOLE_NUMBER = "Write a whole number without quotes"
_REMEDIES = {
    "extra_forbidden": "Remove it",
    "int_type": _WHOLE_NUMBER,
    "int_parsing": _WHOLE_NUMBER,
    "int_from_float": _WHOLE_NUMBER,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": "Write a finite number",
    "greater_than_equal": "Choose a larger number",
    "less_than_equal": "Choose a smaller number",
    "less_than": "Choose a smaller number",
    "bool_type": "Write true or false",
    "bool_parsing": "Write true or false",
    "string_type": "Write a text in quotes",
    "string_too_short": "Write a name",
    "string_too_long": "Choose a shorter name",
    "unprintable": "Remove the character",
    "dict_type": "Write a table in braces",
    "model_type": "Write a table in braces",
    "tuple_type": "Write a list in brackets",
    "too_long": "Leave out some of them",
    "too_short": "Add one",
}
"""Remedies by the error types of pydantic."""


def format_errors(
    error: ValidationError, whole: str, *, prefix: str = "", tags: Collection[str] = ()
) -> str:
    """Return one line for each problem of a parsed text.

    Parameters
    ----------
    whole
        Name of the whole text, for problems that have no path.
    prefix
        Path of the parsed part in the whole text.
    tags
        Names of the variants of unions, which pydantic adds to paths.
    """
    return format_items(error.errors(include_url=False), whole, prefix=prefix, tags=tags)


def format_items(
    items: Sequence[Any], whole: str, *, prefix: str = "", tags: Collection[str] = ()
) -> str:
    """Return at most ``MAX_PROBLEMS`` lines about single errors of pydantic, as above."""
    shown = items if len(items) <= MAX_PROBLEMS else items[: MAX_PROBLEMS - 1]
    lines = [str(explain_item(item, whole, prefix, tags)) for item in shown]
    if len(shown) < len(items):
        lines.append(f"and {len(items) - len(shown)} more problems")
    return "\n".join(lines)


def explain_item(
    item: Any, whole: str, prefix: str = "", tags: Collection[str] = ()
) -> Problem | str:
    """Return the problem of a single error of pydantic; parameters as above."""
    kind, value, context = item["type"], item["input"], item.get("ctx", {})
    if kind == "json_invalid":
        return f"{whole}: is not JSON ({context['error']}). Correct the text there."
    path = _join_path(prefix, item["loc"], tags) or whole
    if kind == "missing":
        return Problem(path, Words("nothing"), "field required", "Add it")
    if kind == "union_tag_invalid":
        name, known = context["discriminator"].strip("'"), context["expected_tags"]
        remedy = Suggestion(context["tag"], re.findall(r"'([^']*)'", known))
        return Problem(
            f"{path}.{name}", context["tag"][:_MAX_SHOWN], f"there is no such {name}", remedy
        )
    if kind == "union_tag_not_found":
        name = context["discriminator"].strip("'")
        return Problem(path, _shown(value), f"{name} is missing", f"Add {name}")
    if kind == "literal_error":
        return Problem(path, _shown(value), f"it must be {context['expected']}", "Correct it")
    date = _calendar_date(kind, value, context)
    if date is not None:
        rule = f"dates are ticks of the factory, but this one reads as {date}"
        return Problem(path, _shown(value), rule, "Count the ticks from the date of tick 0")
    rule = item["msg"][0].lower() + item["msg"][1:]
    return Problem(path, _shown(value), rule, _REMEDIES.get(kind, "Correct it"))


def _join_path(prefix: str, location: tuple[str | int, ...], tags: Collection[str]) -> str:
    """Return a path with dots; a tag follows an index."""
    steps = [
        str(step)
        for i, step in enumerate(location)
        if not (step in tags and i > 0 and isinstance(location[i - 1], int))
    ]
    return ".".join([prefix, *steps] if prefix else steps)


def _calendar_date(kind: str, value: Any, context: dict[str, Any]) -> str | None:
    """Return the calendar date that was written instead of ticks; None if it is none."""
    if kind.startswith("int_") and isinstance(value, str) and _CALENDAR_DATE.match(value):
        return value[:_MAX_SHOWN]
    if kind == "less_than_equal" and context["le"] == MAX_SNAPSHOT_DATE and type(value) is int:
        return read_disguised_date(value)
    return None


def _shown(value: Any) -> Any:
    """Return the part of a value that fits into a line."""
    if isinstance(value, str):
        return value[:_MAX_SHOWN]
    return Words(f"{len(value)} items") if isinstance(value, (dict, list, tuple)) else value

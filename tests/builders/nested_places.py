"""Places of values in nested lists and dictionaries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def places_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths to all values in nested lists and dictionaries."""
    yield path
    for key, inner in (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    ):
        yield from places_in(inner, (*path, key))

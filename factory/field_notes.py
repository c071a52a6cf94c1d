"""Facts about a field beyond its type and its meaning: unit, bounds, and the default in words.

They stand beside the type, as ``Annotated[int, FieldNote(unit="ticks", low=1)]``. Checks of files
read the bounds, and the pages of the reference show all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import get_type_hints


@dataclass(frozen=True)
class FieldNote:
    """Facts about a field.

    Parameters
    ----------
    unit
        Unit of the value; empty: it has none.
    low, high
        Bounds of a number, both included; None: those of every number of its kind.
    bounds
        Any other rule for the value, in words.
    default
        Default in words, where the value itself says too little.
    """

    unit: str = ""
    low: float | None = None
    high: float | None = None
    bounds: str = ""
    default: str = ""


@cache
def field_notes(owner: type[object]) -> dict[str, FieldNote]:
    """Return the notes of the fields of a class, by name; a field without one has an empty note.

    Examples
    --------
    >>> from factory.model import Machine
    >>> field_notes(Machine)["idle_power"].unit
    'kW'
    """
    return {
        name: next(
            (item for item in getattr(hint, "__metadata__", ()) if isinstance(item, FieldNote)),
            FieldNote(),
        )
        for name, hint in get_type_hints(owner, include_extras=True).items()
    }

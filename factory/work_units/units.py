"""Resumable work in units, done by workers on one machine or many.

Each unit's result is a file of its own, written atomically and named after a hash of everything it
depends on. A second start with the same settings therefore finds the finished results, and other
settings or other code find none. Results do not depend on the workers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import Any, Protocol

JsonObject = dict[str, Any]


class Unit(Protocol):
    """A piece of work; it travels to another process, so it must pickle."""

    @property
    def name(self) -> str:
        """Name in words, unique among the units of a run."""

    @property
    def key(self) -> str:
        """Name of the result's file: a hash of everything that the result depends on."""

    @property
    def size(self) -> int:
        """Steps of the progress bar."""

    @property
    def group(self) -> str:
        """Name of its group: once one unit of a group has failed, later ones are not begun."""

    def run(self) -> JsonObject:
        """Return the result, as the store's codec takes it; ``failed`` in it stands for none."""


def digest(*parts: Any) -> str:
    """Return a short hash of JSON-able parts."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


Failures = dict[str, tuple[int, JsonObject]]
"""Index of the first failed unit of each group, and its result."""

DIED = {
    "failed": {
        "reason": "crashed",
        "message": "its process ended without an answer (killed, or out of memory)",
    }
}
"""Result of a unit that ends its process again and again."""

Report = Callable[[int], None]
"""Function that gets the size of each finished unit."""


class ResultStore(Protocol):
    """A store of results, such as :class:`factory.work_units.result_store.Store`."""

    def read(self, unit: Unit) -> JsonObject | None:
        """Return a unit's result; None if it is missing or damaged."""

    def keep(self, unit: Unit, result: JsonObject) -> None:
        """Write a unit's result."""


class Workers(Protocol):
    """Processes that do units: on this machine, or in a cluster."""

    def work_off(
        self, units: Sequence[Unit], pending: Sequence[int], failures: Failures
    ) -> Generator[tuple[int, JsonObject]]:
        """Yield indices and results of units as they finish; units are begun in order.

        Parameters
        ----------
        units
            All units of the run.
        pending
            Indices of the units to do.
        failures
            First failed unit of each group, kept by the caller: later units of the group are
            not begun.
        """


def may_begin(index: int, unit: Unit, failures: Failures) -> bool:
    """Return False if an earlier unit of the group has failed."""
    failed = failures.get(unit.group)
    return failed is None or failed[0] > index


def run_units(
    units: Sequence[Unit], store: ResultStore, workers: Workers, report: Report
) -> list[JsonObject]:
    """Return the results of all units, in their order; those in ``store`` are read.

    A failed unit is not kept, so a second start tries it again. Later units of its group are
    skipped and share its failure. The results do not depend on ``workers``.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C, after all units have stopped; finished results are kept.
    """
    results: dict[int, JsonObject] = {}
    failures: Failures = {}

    def note(index: int, result: JsonObject, *, is_new: bool) -> None:
        results[index] = result
        group = units[index].group
        if "failed" in result and (group not in failures or index < failures[group][0]):
            failures[group] = (index, result)
        elif is_new and "failed" not in result:
            store.keep(units[index], result)
        report(units[index].size)

    for index, unit in enumerate(units):
        if (kept := store.read(unit)) is not None:
            note(index, kept, is_new=False)
    missing = [index for index in range(len(units)) if index not in results]
    with closing(workers.work_off(units, missing, failures)) as done:
        for index, result in done:
            note(index, result, is_new=True)
    return [
        results[index] if index in results else failures[unit.group][1]
        for index, unit in enumerate(units)
    ]

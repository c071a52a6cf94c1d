"""Constraints on a schedule by name, and what checks find against them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np

from factory.schedule.columns import Ints, Masks


class Constraint(StrEnum):
    """A constraint of ``docs/model.md`` that a schedule can break."""

    FACTORY = "factory"  # the schedule is of this factory: machines, work centres, clock
    RECORD = "record"  # numbers, names and dates of a record exist and are in order
    ORDER_MISSING = "order missing"  # every order of the book or world is there
    ORDER_UNKNOWN = "order unknown"  # and no other
    ORDER_ALTERED = "order altered"  # with its product, options, weight and dates
    MATERIAL_DATE = "material date"  # material comes as drawn, never before the release
    OPERATION_MISSING = "operation missing"  # every operation of every order is done
    OPERATION_DUPLICATED = "operation duplicated"  # each attempt once
    REWORK = "rework"  # attempts follow each other as drawn
    WORK_CENTRE = "work centre"  # on a machine of its work centre
    ELIGIBILITY = "eligibility"  # that is eligible
    RELEASE = "release"  # after the order's release
    MATERIAL = "material"  # after its material has come
    PRECEDENCE = "precedence"  # after its predecessors
    TRANSPORT = "transport"  # and the way from them
    OVERLAP = "overlap"  # a machine does one thing at a time
    PAUSE = "pause"  # work goes on at once, unless its machine is closed or people are missing
    CHANGEOVER_MISSING = "changeover missing"  # what an operation wants is mounted
    CHANGEOVER_TIME = "changeover time"  # a changeover takes exactly its matrix time
    FROM_SETUP = "from setup"  # it starts at what is mounted
    TO_SETUP = "to setup"  # it ends at what the operation wants, other attributes as they were
    FORBIDDEN_CHANGEOVER = "forbidden changeover"  # no attribute's pair is forbidden
    CHANGEOVER_AHEAD = (  # changeovers without an operation where the factory has them
        "changeover ahead"
    )
    CREWS = "crews"  # no more changeovers at a time than crews
    DURATION = "duration"  # an operation takes exactly its nominal or drawn time
    INTERRUPTION = "interruption"  # processing pauses for recorded failures only
    FAILURE = "failure"  # failures strike as drawn, during processing
    CLOSURE = "closure"  # no work in a closure, but what goes on through it
    FIT = "fit"  # work that must fit is expected to end before the next closing
    LONGEST_PAUSE = "longest pause"  # no operation is expected to pause for longer
    SKILL = "skill"  # people at work have the skill that it needs
    DUTY = "duty"  # they are on duty
    STAFF = "staff"  # no more people are at work than their group has
    STAFF_ORDER = "staff order"  # those of the group that comes first are taken
    ASSIGNMENT = "assignment"  # people are assigned for exactly as long as work needs them
    MAINTENANCE_TIME = "maintenance time"  # a maintenance takes exactly its time
    MAINTENANCE_EARLY = "maintenance early"  # it is done when it is offered
    MAINTENANCE_DUE = "maintenance due"  # nothing else starts when it is due
    MIN_RUN = "min run"  # a short run goes on while operations want its value
    MAX_RUN = "max run"  # a run ends at its maximum
    WAIT = "wait"  # waits where the factory has them, not longer than the longest
    COMPLETION = "completion"  # an order is completed by its last operation
    END_DATE = "end date"  # the schedule ends with the last completion


class TableEntry(NamedTuple):
    """Line of a table, which messages name in words."""

    table: str  # a list of the schedule's records, "expected orders" or "slots"
    row: int


@dataclass(frozen=True)
class Finding:
    """Offending entries of one constraint.

    Parameters
    ----------
    constraint
        The constraint that they break.
    entries
        Name of their table; or a function that returns the entry, or its name, of an index; or the
        name of the only entry.
    indices
        Indices of the offending entries, ``[N]``.
    template
        Message with the entry's record as ``{record.end_date}`` and values as ``{0}``, ``{1}``.
        It is filled in for the offending entries only.
    values
        Values for the template: an array for all indices, or a function of the index.
        A value that is an :class:`TableEntry` is named in words.
    """

    constraint: Constraint
    entries: str | Callable[[int], TableEntry | str]
    indices: Ints
    template: str
    values: tuple[Any, ...] = ()


def findings_where(
    broken: Masks,
    constraint: Constraint,
    entries: str | Callable[[int], TableEntry | str],
    template: str,
    *values: Any,
) -> tuple[Finding, ...]:
    """Return the finding about the entries that are ``broken``; none if there are none.

    In a table ``[N, T]`` an entry is broken if any of its values is.
    """
    if not np.count_nonzero(broken):
        return ()
    if broken.ndim == 2:
        broken = np.any(broken, axis=1)
    return (Finding(constraint, entries, broken.nonzero()[0], template, values),)


@dataclass(frozen=True)
class Violation:
    """One broken constraint: where, what is so, and what should be."""

    constraint: Constraint
    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message} [{self.constraint}]"


class VerificationError(ValueError):
    """A schedule breaks constraints; ``violations`` has every case."""

    def __init__(self, violations: Sequence[Violation]) -> None:
        self.violations = tuple(violations)
        plural = "s" if len(self.violations) != 1 else ""
        lines = [f"schedule: {len(self.violations)} violation{plural}"]
        super().__init__("\n".join([*lines, *(f"  {each}" for each in self.violations)]))

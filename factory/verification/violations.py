"""What can be wrong with a schedule: the verifier's rules by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Constraint(StrEnum):
    """A rule of ``docs/model.md`` that a schedule can break."""

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
    PAUSE = "pause"  # processing follows selection, or the changeover, at once
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
    WAIT = "wait"  # waits where the factory has them, not longer than the longest
    COMPLETION = "completion"  # an order is completed by its last operation
    END_DATE = "end date"  # the schedule ends with the last completion


@dataclass(frozen=True)
class Violation:
    """One broken rule: where, and what is so and should be."""

    rule: Constraint
    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message} [{self.rule}]"


class VerificationError(ValueError):
    """A schedule breaks rules; ``violations`` has all of them."""

    def __init__(self, violations: Sequence[Violation]) -> None:
        self.violations = tuple(violations)
        super().__init__(
            f"schedule: {len(self.violations)} fault{'s' if len(self.violations) != 1 else ''}\n"
            + "\n".join(f"  {violation}" for violation in self.violations)
        )

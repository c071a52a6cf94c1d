"""The verifier's look at each machine: what it did one after the other, in which setup, for how
long (docs/model.md, sections 2 and 3)."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import takewhile
from operator import attrgetter, itemgetter
from typing import NamedTuple

from factory.lookups import FactoryLookup, RouteTask, Setup, Step, WantedSetup
from factory.schedule.records import (
    ChangeoverRecord,
    FailureRecord,
    OperationRecord,
    Record,
    WaitRecord,
)
from factory.verification.case import Case
from factory.verification.reference_world import FAILURE, REPAIR, exponential_ticks
from factory.verification.violations import Constraint, Violation


class BusyBlock(NamedTuple):
    """What a machine does in one go: an operation with the changeover made for it, or a changeover
    alone."""

    changeover: ChangeoverRecord | None
    operation: OperationRecord | None
    start_date: int  # when it takes the machine
    end_date: int  # when the machine is free again
    task: RouteTask | None  # what was to be done by the operation


class MachineChecks:
    """All checks of one machine of a schedule whose records are readable.

    Parameters
    ----------
    case
        Factory, schedule and what must happen.
    machine
        Its number.
    """

    def __init__(self, case: Case, machine: int) -> None:
        self.case, self.plant, self.machine = case, case.plant, machine
        self.failures: list[FailureRecord] = sorted(
            case.machine_records[machine].failures, key=attrgetter("start_date", "end_date")
        )
        self.waits: list[WaitRecord] = case.machine_records[machine].waits
        self.blocks: list[BusyBlock] = in_sequence(
            _blocks_of(case, machine), self.plant.initial_setup(machine)
        )

    def violations(self) -> Iterator[Violation]:
        """Everything that is wrong on this machine."""
        yield from self._check_overlaps()
        yield from self._check_setups()
        yield from self._check_processing()
        yield from self._check_waits()

    def _place(self, record: Record) -> str:
        return self.case.place_of(record)

    # --- one thing at a time ----------------------------------------------------------------------

    def _check_overlaps(self) -> Iterator[Violation]:
        spans: list[tuple[int, int, Record]] = [(w.start_date, w.end_date, w) for w in self.waits]
        for block in self.blocks:
            if block.operation:
                if block.changeover or block.operation.start_date != block.operation.selected_date:
                    yield from self._check_pause(block.operation, block.changeover)
                spans.append((block.start_date, block.end_date, block.operation))
            elif block.changeover:
                spans.append((block.start_date, block.end_date, block.changeover))
        yield from self._check_apart(spans)
        yield from self._check_apart([(f.start_date, f.end_date, f) for f in self.failures])

    def _check_apart(self, spans: Sequence[tuple[int, int, Record]]) -> Iterator[Violation]:
        """None of the spans starts while another lasts."""
        busy_until, busy_with = 0, None
        for start, end, record in sorted(spans, key=itemgetter(0, 1)):
            if busy_with is not None and start < busy_until:
                yield Violation(
                    Constraint.OVERLAP,
                    self._place(record),
                    f"starts at {start}, while {self._place(busy_with)} lasts until {busy_until}.",
                )
            if busy_with is None or end > busy_until:
                busy_until, busy_with = end, record

    def _check_pause(
        self, operation: OperationRecord, changeover: ChangeoverRecord | None
    ) -> Iterator[Violation]:
        if changeover is None:
            if operation.start_date != operation.selected_date:
                message = (
                    f"selected at {operation.selected_date} but starts at {operation.start_date};"
                    " without a changeover it must start at once."
                )
                yield Violation(Constraint.PAUSE, self._place(operation), message)
            return
        if changeover.start_date != operation.selected_date:
            message = (
                f"selected at {operation.selected_date} but its changeover starts at"
                f" {changeover.start_date}; it must start at once."
            )
            yield Violation(Constraint.PAUSE, self._place(operation), message)
        if changeover.end_date != operation.start_date:
            message = (
                f"its changeover ends at {changeover.end_date} but it starts at"
                f" {operation.start_date}; it must start at once."
            )
            yield Violation(Constraint.PAUSE, self._place(operation), message)

    # --- setups -----------------------------------------------------------------------------------

    def _check_setups(self) -> Iterator[Violation]:
        mounted = self.plant.initial_setup(self.machine)
        for block in self.blocks:
            if block.changeover:
                yield from self._check_changeover(block.changeover, mounted)
                mounted = block.changeover.to_setup
            if (
                block.operation
                and block.task
                and block.task.step.centre == self.plant.centre_of[self.machine]
            ):
                if not block.changeover and mounted == block.task.wanted:
                    continue
                yield from self._check_mounted(
                    block.operation, block.changeover, block.task.wanted, mounted
                )

    def _check_changeover(
        self, changeover: ChangeoverRecord, mounted: Setup
    ) -> Iterator[Violation]:
        if changeover.from_setup != mounted:
            yield Violation(
                Constraint.FROM_SETUP,
                self._place(changeover),
                f"starts from {_show(changeover.from_setup)}, but {_show(mounted)} is mounted.",
            )
        expected = self.plant.changeover(self.machine, changeover.from_setup, changeover.to_setup)
        if expected.forbidden:
            yield Violation(
                Constraint.FORBIDDEN_CHANGEOVER,
                self._place(changeover),
                f"{expected.forbidden} is forbidden.",
            )
            return
        if changeover.end_date - changeover.start_date != expected.time:
            setups = f"{_show(changeover.from_setup)} to {_show(changeover.to_setup)}"
            message = (
                f"takes {changeover.end_date - changeover.start_date} ticks; {setups} must take"
                f" {expected.time}."
            )
            yield Violation(Constraint.CHANGEOVER_TIME, self._place(changeover), message)
        if changeover.order is None and not self._may_change_over_alone():
            yield Violation(
                Constraint.CHANGEOVER_AHEAD,
                self._place(changeover),
                "is for no operation, though changeover_ahead is off and no pair of setups is"
                " forbidden here.",
            )

    def _may_change_over_alone(self) -> bool:
        """Ahead of time, or as a detour around a forbidden pair."""
        attributes = self.plant.centres[self.plant.centre_of[self.machine]].attributes
        return self.plant.factory.changeover_ahead or any(
            attribute.forbidden for attribute in attributes
        )

    def _check_mounted(
        self,
        operation: OperationRecord,
        changeover: ChangeoverRecord | None,
        wanted: WantedSetup,
        mounted: Setup,
    ) -> Iterator[Violation]:
        if not satisfies(mounted, wanted):
            rule = Constraint.TO_SETUP if changeover else Constraint.CHANGEOVER_MISSING
            yield Violation(
                rule,
                self._place(operation),
                f"wants {_show(wanted)}, but {_show(mounted)} is mounted.",
            )
        elif changeover:
            kept = tuple(
                [
                    value if want is None else want
                    for value, want in zip(changeover.from_setup, wanted, strict=True)
                ]
            )
            if mounted != kept:
                message = (
                    f"its changeover ends at {_show(mounted)}; attributes that it does not care for"
                    f" must stay: {_show(kept)}."
                )
                yield Violation(Constraint.TO_SETUP, self._place(operation), message)

    # --- processing -------------------------------------------------------------------------------

    def _check_processing(self) -> Iterator[Violation]:
        """Durations, failures, rework, in the sequence in which the machine's age and first pieces
        come about."""
        yield from self._check_failure_places()
        clock = _FailureClock(self.plant, self.case.schedule.seed, self.machine)
        first_piece = False
        for block in self.blocks:
            if block.changeover and block.changeover.end_date > block.changeover.start_date:
                first_piece = True
            if block.operation and block.task:
                repairs = self._repairs_in(block.operation) if self.failures else []
                for violation in (
                    self._check_interruptions(block.operation, repairs),
                    self._check_duration(block.operation, block.task),
                    self._check_failures(block.operation, repairs, clock) if clock.known else None,
                    self._check_rework(block.operation, block.task.step, first_piece),
                ):
                    if violation:
                        yield violation
                first_piece = False

    def _repairs_in(self, operation: OperationRecord) -> list[FailureRecord]:
        return [
            f
            for f in self.failures
            if operation.start_date <= f.start_date and f.end_date <= operation.end_date
        ]

    def _check_failure_places(self) -> Iterator[Violation]:
        operations = [block.operation for block in self.blocks if block.operation]
        for failure in self.failures:
            if self.plant.machines[self.machine].mean_time_to_failure is None:
                yield Violation(
                    Constraint.FAILURE, self._place(failure), "the machine never fails."
                )
            elif not any(
                o.start_date <= failure.start_date and failure.end_date < o.end_date
                for o in operations
            ):
                message = (
                    f"lasts from {failure.start_date} to {failure.end_date}, not inside the"
                    " processing of an operation."
                )
                yield Violation(Constraint.FAILURE, self._place(failure), message)

    def _check_interruptions(
        self, operation: OperationRecord, repairs: Sequence[FailureRecord]
    ) -> Violation | None:
        repair_time = sum(f.end_date - f.start_date for f in repairs) if repairs else 0
        if operation.end_date - operation.start_date - repair_time == operation.process_time:
            return None
        lasts = (
            f"lasts from {operation.start_date} to {operation.end_date} with {repair_time} ticks of"
            " repair"
        )
        return Violation(
            Constraint.INTERRUPTION,
            self._place(operation),
            f"{lasts}, but its process time is {operation.process_time}.",
        )

    def _check_duration(self, operation: OperationRecord, task: RouteTask) -> Violation | None:
        if self.machine not in task.step.base_times:
            return None  # reported as a fault of eligibility
        expected = self.plant.process_time(task, self.machine)
        if self.case.world is not None:
            expected = self.case.world.realised_time(
                operation.order, operation.operation, operation.attempt, expected, task.step.cv
            )
        elif task.step.cv > 0 and expected > 0:
            if operation.process_time >= 1:
                return None
            return Violation(
                Constraint.DURATION,
                self._place(operation),
                f"takes {operation.process_time} ticks; it must take at least 1.",
            )
        if operation.process_time == expected:
            return None
        return Violation(
            Constraint.DURATION,
            self._place(operation),
            f"takes {operation.process_time} ticks; it must take {expected}.",
        )

    def _check_failures(
        self, operation: OperationRecord, repairs: Sequence[FailureRecord], clock: _FailureClock
    ) -> Violation | None:
        expected = clock.process(operation.start_date, operation.process_time)
        actual = [(f.start_date, f.end_date) for f in repairs]
        if actual == expected:
            return None
        return Violation(
            Constraint.FAILURE,
            self._place(operation),
            f"repairs {_show_spans(actual)}; the drawn ones are {_show_spans(expected)}.",
        )

    def _check_rework(
        self, operation: OperationRecord, step: Step, first_piece: bool
    ) -> Violation | None:
        """What is drawn against what is there: whether this attempt was followed by another."""
        probability = (
            step.first_piece_rework_probability if first_piece else step.rework_probability
        )
        attempts = self.case.attempts[operation.order, operation.operation]
        again = len(attempts) > 1 and any(
            other.attempt == operation.attempt + 1 for other in attempts
        )
        if probability == 0 and not again:
            return None
        if self.case.world is None:
            return (
                Violation(
                    Constraint.REWORK,
                    self._place(operation),
                    "is done again, though it can never need rework.",
                )
                if again and probability == 0
                else None
            )
        drawn = self.case.world.is_reworked(
            operation.order, operation.operation, operation.attempt, probability
        )
        if drawn == again:
            return None
        message = (
            "must be done again as drawn, but is not."
            if drawn
            else "is done again, though the draw does not ask for it."
        )
        return Violation(Constraint.REWORK, self._place(operation), message)

    # --- waits ------------------------------------------------------------------------------------

    def _check_waits(self) -> Iterator[Violation]:
        longest = self.plant.longest_wait(self.plant.centre_of[self.machine])
        for wait in self.waits:
            if not self.plant.factory.waiting:
                yield Violation(
                    Constraint.WAIT,
                    self._place(wait),
                    "the factory's machines may not wait (waiting is off).",
                )
            if wait.end_date - wait.start_date > longest:
                yield Violation(
                    Constraint.WAIT,
                    self._place(wait),
                    f"lasts {wait.end_date - wait.start_date} ticks; the longest wait there is"
                    f" {longest}.",
                )


class _FailureClock:
    """A machine's drawn failures, as its processing goes on."""

    def __init__(self, plant: FactoryLookup, seed: int | None, machine: int) -> None:
        self.model, self.seed, self.machine = plant.machines[machine], seed, machine
        self.number = 0
        self.known = seed is not None and self.model.mean_time_to_failure is not None
        self.time_to_failure = self._draw(FAILURE, self.model.mean_time_to_failure)

    def _draw(self, role: int, mean: int | None) -> int:
        return (
            exponential_ticks(mean, self.seed, role, self.machine, self.number)
            if self.known and mean is not None and self.seed is not None
            else 0
        )

    def process(self, start_date: int, process_time: int) -> list[tuple[int, int]]:
        """Age the machine by one operation; the repairs that interrupt it, from date to date."""
        repairs, date, left = [], start_date, process_time
        while left > self.time_to_failure:
            date += self.time_to_failure
            left -= self.time_to_failure
            repair_time = self._draw(REPAIR, self.model.mean_time_to_repair)
            repairs.append((date, date + repair_time))
            date += repair_time
            self.number += 1
            self.time_to_failure = self._draw(FAILURE, self.model.mean_time_to_failure)
        self.time_to_failure -= left
        return repairs


# --- sequence -------------------------------------------------------------------------------------


def _blocks_of(case: Case, machine: int) -> list[BusyBlock]:
    """The machine's operations, each with the changeover made for it, then its changeovers
    alone."""
    records = case.machine_records[machine]
    made_for: dict[tuple[int | None, int | None], list[ChangeoverRecord]] = defaultdict(list)
    for changeover in records.changeovers:
        made_for[changeover.order, changeover.operation].append(changeover)
    blocks, tasks = [], case.tasks
    for operation in sorted(records.operations, key=attrgetter("selected_date")):
        candidates, task = (
            made_for.get((operation.order, operation.operation)),
            tasks[operation.order][operation.operation],
        )
        if candidates:
            blocks.append(_join(_take_changeover(candidates, operation), operation, task))
        else:
            blocks.append(
                BusyBlock(None, operation, operation.selected_date, operation.end_date, task)
            )
    return blocks + [
        BusyBlock(alone, None, alone.start_date, alone.end_date, None)
        for left_over in made_for.values()
        for alone in left_over
    ]


def _join(
    changeover: ChangeoverRecord | None, operation: OperationRecord, task: RouteTask
) -> BusyBlock:
    if changeover is None:
        return BusyBlock(None, operation, operation.selected_date, operation.end_date, task)
    start_date = min(changeover.start_date, operation.selected_date)
    return BusyBlock(
        changeover, operation, start_date, max(changeover.end_date, operation.end_date), task
    )


def _take_changeover(
    changeovers: list[ChangeoverRecord], operation: OperationRecord
) -> ChangeoverRecord | None:
    """Of the changeovers made for the operation on this machine: the latest that has started when
    processing starts."""
    begun = [
        changeover
        for changeover in changeovers
        if operation.selected_date <= changeover.start_date <= operation.start_date
    ]
    begun = begun or [
        changeover for changeover in changeovers if changeover.start_date < operation.end_date
    ]
    if not begun:
        return None
    chosen = max(begun, key=lambda changeover: changeover.start_date)
    changeovers.remove(chosen)
    return chosen


def in_sequence(blocks: Sequence[BusyBlock], mounted: Setup) -> list[BusyBlock]:
    """The blocks as the machine did them: by date, and where several take no time at one date, so
    that each fits the setup that the one before left."""
    sequence: list[BusyBlock] = []
    waiting = deque(sorted(blocks, key=attrgetter("start_date", "end_date")))
    while waiting:
        block = waiting.popleft()
        if waiting and _is_tie(block, waiting[0]) and not _fits(block, mounted):
            better = next(
                (tie for tie in takewhile(partial(_is_tie, block), waiting) if _fits(tie, mounted)),
                None,
            )
            if better is not None:
                waiting.remove(better)
                waiting.appendleft(block)
                block = better
        sequence.append(block)
        if block.changeover:
            mounted = block.changeover.to_setup
    return sequence


def _is_tie(block: BusyBlock, other: BusyBlock) -> bool:
    return block.start_date == other.start_date and block.end_date == other.end_date


def _fits(block: BusyBlock, mounted: Setup) -> bool:
    if block.changeover:
        return block.changeover.from_setup == mounted
    return block.task is not None and satisfies(mounted, block.task.wanted)


def satisfies(mounted: Setup, wanted: WantedSetup) -> bool:
    """Whether nothing needs changing."""
    return mounted == wanted or (
        len(mounted) == len(wanted)
        and all(want in (None, value) for value, want in zip(mounted, wanted, strict=True))
    )


# --- words ----------------------------------------------------------------------------------------


def _show(setup: WantedSetup) -> str:
    return "+".join("any" if value is None else value for value in setup) or "no setup"


def _show_spans(spans: Sequence[tuple[int, int]]) -> str:
    return ", ".join(f"{start}-{end}" for start, end in spans) or "none"

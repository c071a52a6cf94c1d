"""The verifier's look at each machine: what it did one after the other, in which setup, for how long (docs/model.md, sections 2 and 3)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from factory.faults import Fault, Rule
from factory.plant import Plant, Setup, WantedSetup
from factory.schedule import ChangeoverRecord, FailureRecord, OperationRecord, OrderRecord, Schedule, WaitRecord
from factory.world import FAILURE, REPAIR, exponential_ticks, is_reworked, realised_time

Record = OperationRecord | ChangeoverRecord | FailureRecord | WaitRecord


@dataclass(frozen=True)
class Block:
    """What a machine does in one go: an operation with the changeover made for it, or a changeover alone."""

    changeover: ChangeoverRecord | None
    operation: OperationRecord | None

    @property
    def start_date(self) -> int:
        """When the block takes the machine."""
        starts = [c.start_date for c in (self.changeover,) if c] + [o.selected_date for o in (self.operation,) if o]
        return min(starts)

    @property
    def end_date(self) -> int:
        """When the machine is free again."""
        return max(record.end_date for record in (self.changeover, self.operation) if record)


class MachineChecks:
    """All checks of one machine of a schedule whose records are readable.

    Parameters
    ----------
    plant, schedule
        Factory and schedule.
    attempts
        (order, operation, attempt) of all that has been done, on any machine.
    machine
        Its number.
    """

    def __init__(self, plant: Plant, schedule: Schedule, attempts: frozenset[tuple[int, int, int]], machine: int) -> None:
        self.plant, self.schedule, self.attempts, self.machine = plant, schedule, attempts, machine
        self.orders: tuple[OrderRecord, ...] = schedule.orders
        self.failures: list[FailureRecord] = sorted((f for f in schedule.failures if f.machine == machine), key=lambda f: (f.start_date, f.end_date))
        self.waits: list[WaitRecord] = [wait for wait in schedule.waits if wait.machine == machine]
        self.blocks: list[Block] = in_sequence(_blocks_of(schedule, machine), plant.initial_setup(machine), self._wanted)

    def faults(self) -> Iterator[Fault]:
        """Everything that is wrong on this machine."""
        yield from self._check_overlaps()
        yield from self._check_setups()
        yield from self._check_processing()
        yield from self._check_waits()

    # --- names --------------------------------------------------------------------------------------------------------------

    def _place(self, record: Record) -> str:
        return place_of(self.schedule, record)

    def _wanted(self, operation: OperationRecord) -> WantedSetup:
        order = self.orders[operation.order]
        return self.plant.wanted_setup(order.product, operation.operation, order.options)

    # --- one thing at a time ------------------------------------------------------------------------------------------------

    def _check_overlaps(self) -> Iterator[Fault]:
        spans: list[tuple[int, int, Record]] = [(w.start_date, w.end_date, w) for w in self.waits]
        for block in self.blocks:
            if block.operation:
                yield from self._check_pause(block.operation, block.changeover)
                spans.append((block.start_date, block.end_date, block.operation))
            elif block.changeover:
                spans.append((block.start_date, block.end_date, block.changeover))
        yield from self._check_apart(spans)
        yield from self._check_apart([(f.start_date, f.end_date, f) for f in self.failures])

    def _check_apart(self, spans: Sequence[tuple[int, int, Record]]) -> Iterator[Fault]:
        """None of the spans starts while another lasts."""
        busy_until, busy_with = 0, None
        for start, end, record in sorted(spans, key=lambda span: span[:2]):
            if busy_with is not None and start < busy_until:
                yield Fault(Rule.OVERLAP, self._place(record), f"starts at {start}, while {self._place(busy_with)} lasts until {busy_until}.")
            if busy_with is None or end > busy_until:
                busy_until, busy_with = end, record

    def _check_pause(self, operation: OperationRecord, changeover: ChangeoverRecord | None) -> Iterator[Fault]:
        if changeover is None:
            if operation.start_date != operation.selected_date:
                message = f"selected at {operation.selected_date} but starts at {operation.start_date}; without a changeover it must start at once."
                yield Fault(Rule.PAUSE, self._place(operation), message)
            return
        if changeover.start_date != operation.selected_date:
            message = f"selected at {operation.selected_date} but its changeover starts at {changeover.start_date}; it must start at once."
            yield Fault(Rule.PAUSE, self._place(operation), message)
        if changeover.end_date != operation.start_date:
            message = f"its changeover ends at {changeover.end_date} but it starts at {operation.start_date}; it must start at once."
            yield Fault(Rule.PAUSE, self._place(operation), message)

    # --- setups -------------------------------------------------------------------------------------------------------------

    def _check_setups(self) -> Iterator[Fault]:
        mounted = self.plant.initial_setup(self.machine)
        for block in self.blocks:
            if block.changeover:
                yield from self._check_changeover(block.changeover, mounted)
                mounted = block.changeover.to_setup
            if block.operation and self._in_centre(block.operation):
                yield from self._check_mounted(block, mounted)

    def _check_changeover(self, changeover: ChangeoverRecord, mounted: Setup) -> Iterator[Fault]:
        place = self._place(changeover)
        if changeover.from_setup != mounted:
            yield Fault(Rule.FROM_SETUP, place, f"starts from {_show(changeover.from_setup)}, but {_show(mounted)} is mounted.")
        forbidden = self.plant.forbidden_pair(self.machine, changeover.from_setup, changeover.to_setup)
        if forbidden:
            yield Fault(Rule.FORBIDDEN_CHANGEOVER, place, f"{forbidden} is forbidden.")
            return
        expected = self.plant.setup_time(self.machine, changeover.from_setup, changeover.to_setup)
        if changeover.end_date - changeover.start_date != expected:
            actual = f"takes {changeover.end_date - changeover.start_date} ticks"
            yield Fault(Rule.CHANGEOVER_TIME, place, f"{actual}; {_show(changeover.from_setup)} to {_show(changeover.to_setup)} must take {expected}.")
        if changeover.order is None and not self._may_change_over_alone():
            yield Fault(Rule.CHANGEOVER_AHEAD, place, "is for no operation, though changeover_ahead is off and no pair of setups is forbidden here.")

    def _may_change_over_alone(self) -> bool:
        """Ahead of time, or as a detour around a forbidden pair."""
        attributes = self.plant.centres[self.plant.centre_of[self.machine]].attributes
        return self.plant.factory.changeover_ahead or any(attribute.forbidden for attribute in attributes)

    def _check_mounted(self, block: Block, mounted: Setup) -> Iterator[Fault]:
        assert block.operation is not None
        wanted = self._wanted(block.operation)
        if not satisfies(mounted, wanted):
            rule = Rule.TO_SETUP if block.changeover else Rule.CHANGEOVER_MISSING
            yield Fault(rule, self._place(block.operation), f"wants {_show(wanted)}, but {_show(mounted)} is mounted.")
        elif block.changeover:
            kept = tuple(value if want is None else want for value, want in zip(block.changeover.from_setup, wanted, strict=True))
            if mounted != kept:
                message = f"its changeover ends at {_show(mounted)}; attributes that it does not care for must stay: {_show(kept)}."
                yield Fault(Rule.TO_SETUP, self._place(block.operation), message)

    def _in_centre(self, operation: OperationRecord) -> bool:
        return self.plant.route(self.orders[operation.order].product)[operation.operation].centre == self.plant.centre_of[self.machine]

    # --- processing ---------------------------------------------------------------------------------------------------------

    def _check_processing(self) -> Iterator[Fault]:
        """Durations, failures, rework, in the sequence in which the machine's age and first pieces come about."""
        yield from self._check_failure_places()
        clock = _FailureClock(self.plant, self.schedule.seed, self.machine)
        first_piece = False
        for block in self.blocks:
            if block.changeover and block.changeover.end_date > block.changeover.start_date:
                first_piece = True
            if block.operation:
                yield from self._check_duration(block.operation)
                yield from self._check_failures(block.operation, clock)
                yield from self._check_rework(block.operation, first_piece)
                first_piece = False

    def _repairs_in(self, operation: OperationRecord) -> list[FailureRecord]:
        return [f for f in self.failures if operation.start_date <= f.start_date and f.end_date <= operation.end_date]

    def _check_failure_places(self) -> Iterator[Fault]:
        operations = [block.operation for block in self.blocks if block.operation]
        for failure in self.failures:
            if self.plant.machines[self.machine].mean_time_to_failure is None:
                yield Fault(Rule.FAILURE, self._place(failure), "the machine never fails.")
            elif not any(o.start_date <= failure.start_date and failure.end_date < o.end_date for o in operations):
                message = f"lasts from {failure.start_date} to {failure.end_date}, not inside the processing of an operation."
                yield Fault(Rule.FAILURE, self._place(failure), message)

    def _check_duration(self, operation: OperationRecord) -> Iterator[Fault]:
        place = self._place(operation)
        repair_time = sum(f.end_date - f.start_date for f in self._repairs_in(operation))
        net = operation.end_date - operation.start_date - repair_time
        if net != operation.process_time:
            lasts = f"lasts from {operation.start_date} to {operation.end_date} with {repair_time} ticks of repair"
            yield Fault(Rule.INTERRUPTION, place, f"{lasts}, but its process time is {operation.process_time}.")
        order, step = self.orders[operation.order], self.plant.route(self.orders[operation.order].product)[operation.operation]
        if self.machine not in step.base_times:
            return  # reported as a fault of eligibility
        expected = self.plant.process_time(order.product, operation.operation, order.options, self.machine)
        if self.schedule.seed is not None:
            expected = realised_time(self.schedule.seed, operation.order, operation.operation, operation.attempt, expected, step.cv)
        elif step.cv > 0 and expected > 0:
            if operation.process_time < 1:
                yield Fault(Rule.DURATION, place, f"takes {operation.process_time} ticks; it must take at least 1.")
            return
        if operation.process_time != expected:
            yield Fault(Rule.DURATION, place, f"takes {operation.process_time} ticks; it must take {expected}.")

    def _check_failures(self, operation: OperationRecord, clock: _FailureClock) -> Iterator[Fault]:
        if not clock.known:
            return
        expected = clock.process(operation.start_date, operation.process_time)
        actual = [(f.start_date, f.end_date) for f in self._repairs_in(operation)]
        if actual != expected:
            yield Fault(Rule.FAILURE, self._place(operation), f"repairs {_show_spans(actual)}; the drawn ones are {_show_spans(expected)}.")

    def _check_rework(self, operation: OperationRecord, first_piece: bool) -> Iterator[Fault]:
        """What is drawn against what is there: whether this attempt was followed by another."""
        step = self.plant.route(self.orders[operation.order].product)[operation.operation]
        probability = step.first_piece_rework_probability if first_piece else step.rework_probability
        again = (operation.order, operation.operation, operation.attempt + 1) in self.attempts
        seed = self.schedule.seed
        if seed is None:
            if again and probability == 0:
                yield Fault(Rule.REWORK, self._place(operation), "is done again, though it can never need rework.")
            return
        drawn = is_reworked(seed, operation.order, operation.operation, operation.attempt, probability)
        if drawn and not again:
            yield Fault(Rule.REWORK, self._place(operation), "must be done again as drawn, but is not.")
        if again and not drawn:
            yield Fault(Rule.REWORK, self._place(operation), "is done again, though the draw does not ask for it.")

    # --- waits --------------------------------------------------------------------------------------------------------------

    def _check_waits(self) -> Iterator[Fault]:
        longest = self.plant.longest_wait(self.plant.centre_of[self.machine])
        for wait in self.waits:
            if not self.plant.factory.waiting:
                yield Fault(Rule.WAIT, self._place(wait), "the factory's machines may not wait (waiting is off).")
            if wait.end_date - wait.start_date > longest:
                yield Fault(Rule.WAIT, self._place(wait), f"lasts {wait.end_date - wait.start_date} ticks; the longest wait there is {longest}.")


class _FailureClock:
    """A machine's drawn failures, as its processing goes on."""

    def __init__(self, plant: Plant, seed: int | None, machine: int) -> None:
        self.model, self.seed, self.machine = plant.machines[machine], seed, machine
        self.number = 0
        self.known = seed is not None and self.model.mean_time_to_failure is not None
        self.time_to_failure = self._draw(FAILURE, self.model.mean_time_to_failure)

    def _draw(self, role: int, mean: int | None) -> int:
        return exponential_ticks(mean, self.seed, role, self.machine, self.number) if self.known and mean is not None and self.seed is not None else 0

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


# --- sequence ---------------------------------------------------------------------------------------------------------------


def _blocks_of(schedule: Schedule, machine: int) -> list[Block]:
    """The machine's operations, each with the changeover made for it, then its changeovers alone."""
    made_for: dict[tuple[int | None, int | None], list[ChangeoverRecord]] = defaultdict(list)
    for changeover in schedule.changeovers:
        if changeover.machine == machine:
            made_for[changeover.order, changeover.operation].append(changeover)
    operations = sorted((o for o in schedule.operations if o.machine == machine), key=lambda o: o.selected_date)
    blocks = [Block(_take_changeover(made_for[o.order, o.operation], o), o) for o in operations]
    return blocks + [Block(changeover, None) for left_over in made_for.values() for changeover in left_over]


def _take_changeover(changeovers: list[ChangeoverRecord], operation: OperationRecord) -> ChangeoverRecord | None:
    """Of the changeovers made for the operation on this machine: the latest that has started when processing starts."""
    begun = [changeover for changeover in changeovers if operation.selected_date <= changeover.start_date <= operation.start_date]
    begun = begun or [changeover for changeover in changeovers if changeover.start_date < operation.end_date]
    if not begun:
        return None
    chosen = max(begun, key=lambda changeover: changeover.start_date)
    changeovers.remove(chosen)
    return chosen


def in_sequence(blocks: Sequence[Block], mounted: Setup, wanted: Callable[[OperationRecord], WantedSetup]) -> list[Block]:
    """The blocks as the machine did them: by date, and where several take no time at one date, so that each fits the setup that the one before left."""
    sequence: list[Block] = []
    dates = attrgetter("start_date", "end_date")
    for _, group in groupby(sorted(blocks, key=dates), key=dates):
        ties = list(group)
        while ties:
            block = next((tie for tie in ties if _fits(tie, mounted, wanted)), ties[0])
            ties.remove(block)
            sequence.append(block)
            mounted = block.changeover.to_setup if block.changeover else mounted
    return sequence


def _fits(block: Block, mounted: Setup, wanted: Callable[[OperationRecord], WantedSetup]) -> bool:
    if block.changeover:
        return block.changeover.from_setup == mounted
    assert block.operation is not None  # a block has at least one of the two
    return satisfies(mounted, wanted(block.operation))


def satisfies(mounted: Setup, wanted: WantedSetup) -> bool:
    """Whether nothing needs changing."""
    return len(mounted) == len(wanted) and all(want in (None, value) for value, want in zip(mounted, wanted, strict=True))


# --- words ------------------------------------------------------------------------------------------------------------------


def place_of(schedule: Schedule, record: Record) -> str:
    """How messages call a record."""
    machine = schedule.machine_names[record.machine]
    match record:
        case OperationRecord():
            again = f", attempt {record.attempt}" if record.attempt else ""
            return f"order {schedule.orders[record.order].order_id}, operation {record.name}{again}, on {machine}"
        case ChangeoverRecord(order=None) | ChangeoverRecord(operation=None):
            return f"{machine}, changeover at {record.start_date}"
        case ChangeoverRecord(order=int(order), operation=int(operation)):
            return f"order {schedule.orders[order].order_id}, operation number {operation}, changeover on {machine} at {record.start_date}"
        case FailureRecord():
            return f"{machine}, failure at {record.start_date}"
    return f"{machine}, wait at {record.start_date}"


def _show(setup: WantedSetup) -> str:
    return "+".join("any" if value is None else value for value in setup) or "no setup"


def _show_spans(spans: Sequence[tuple[int, int]]) -> str:
    return ", ".join(f"{start}-{end}" for start, end in spans) or "none"

"""Earliest dates of given sequences under calendars, people, maintenance and runs.

Approximations, which the simulator does not share: people are booked in the order of the sequences
and stay with work that pauses; maintenance is done when it is due, not before; minimum runs are
left out; a run that has reached its maximum is ended by the way to its relief value and back.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import NamedTuple

from agents.solver.changeovers import NOTHING, SetupChange, complete
from agents.solver.known_state import Key, SetupValues
from agents.solver.operating.plant_rules import PlantRules, Upkeep, WorkRule
from agents.solver.problem import Sequences, Task, Timing, Window, add_deliveries
from factory.simulation.arrays import CLOCK, FIT, OPERATIONS, USE


class PlannedUpkeep(NamedTuple):
    """Maintenance in a plan; dates are ticks after the clock."""

    machine: int
    kind: int
    offered_date: int
    due_date: int
    start: int
    end: int


@dataclass(frozen=True)
class OperatingTiming(Timing):
    """Sequences with their dates, in a plant with operating rules."""

    ends: Mapping[Key, int]
    change_ends: Mapping[Key, int]
    runs: Mapping[Key, tuple[int, ...]]  # of each attribute, after a task
    relieved: Set[tuple[Key, int]]  # tasks and attributes whose runs end at their maximum before
    upkeep: tuple[PlannedUpkeep, ...]
    money: float  # the model's objective


@dataclass
class _Machine:
    """One machine while sequences are timed."""

    free: int
    mounted: SetupValues
    counts: list[int]  # by the clock: the date at which it was last done
    runs: list[int]


@dataclass
class _People:
    """Dates at which each person of each group is free."""

    rules: PlantRules
    free: dict[int, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.free = {group: [0] * count for group, (count, *_) in self.rules.groups.items()}

    def hold(self, group: int, number: int, date: int) -> None:
        """Let people be at work until a date."""
        people = sorted(self.free[group])
        self.free[group] = [max(date, free) for free in people[:number]] + people[number:]

    def earliest(self, rule: WorkRule, date: int) -> int:
        """Return the first date from ``date`` on at which the people of work are free."""
        if rule.need is None:
            return date
        for _ in range(_TRIES):
            dates = sorted(
                self.rules.groups[group][1].opening(max(free, date))
                for group in rule.need.groups
                for free in self.free[group]
            )
            if len(dates) < rule.need.number or dates[rule.need.number - 1] <= date:
                return date
            date = dates[rule.need.number - 1]
        return date

    def take(self, rule: WorkRule, start: int, end: int) -> None:
        """Let the people of work be at work until it ends."""
        if rule.need is None or rule.at_start:
            return
        missing = rule.need.number
        for group in rule.need.groups:
            closures = self.rules.groups[group][1]
            for n, free in enumerate(self.free[group]):
                if missing and free <= start and closures.opening(start) == start:
                    self.free[group][n] = end
                    missing -= 1


_TRIES = 50
"""Dates that are tried before hours or people that do not fit each other are left out."""


def time_operating(window: Window, sequences: Sequences) -> OperatingTiming:
    """Return the earliest dates of the tasks in the given sequences.

    If several tasks want people, the task with the earliest given start gets them.

    Raises
    ------
    ValueError
        If the sequences wait for each other.
    """
    assert window.rules is not None
    return _Timer(window, window.rules).run(sequences)


def time_for_model(window: Window, sequences: Sequences) -> OperatingTiming:
    """Return the dates with setups as the model knows them, to start its search from.

    Maintenance mounts nothing there, and values that a task leaves open are those of the beginning.
    """
    assert window.rules is not None
    return _ModelTimer(window, window.rules).run(sequences)


class _Timer:
    """Timing of sequences, task by task."""

    def __init__(self, window: Window, rules: PlantRules) -> None:
        self.window, self.rules = window, rules
        self.people = _People(rules)
        self.machines: dict[int, _Machine] = {}
        for machine in window.machines:
            known = machine.upkeep
            kinds = rules.upkeep(machine.number)
            counts = list(known.counts) if known else [0] * len(kinds)
            counts = [
                count - window.clock if kind.by == CLOCK else count
                for count, kind in zip(counts, kinds, strict=True)
            ]
            runs = list(known.runs) if known else []
            free = window.free_date(machine.number)
            self.machines[machine.number] = _Machine(free, machine.mounted, counts, runs)
            held_until = free if machine.crew_date is None else machine.crew_date - window.clock
            if window.rules and -1 in rules.groups:
                if machine.crew_date is not None:
                    self.people.hold(-1, 1, held_until)
            elif known is not None:
                for group in rules.groups:
                    self.people.hold(group, known.held[group], held_until)
        self.kinds = {number: rules.upkeep(number) for number in self.machines}
        self.limits = {number: rules.run_limits(number) for number in self.machines}
        self.ends, self.change_dates = dict[Key, int](), dict[Key, int]()
        self.change_ends, self.upkeep = dict[Key, int](), list[PlannedUpkeep]()
        self.relieved = set[tuple[Key, int]]()
        self.runs, self.money = dict[Key, tuple[int, ...]](), 0.0

    def run(self, sequences: Sequences) -> OperatingTiming:
        """Time all tasks, the one with the earliest given start first."""
        tasks = {task.key: task for task in self.window.tasks}
        waiting = {machine: list(sequence)[::-1] for machine, sequence in sequences.items()}
        timed: dict[int, list[tuple[Key, int]]] = {machine: [] for machine in waiting}
        while any(waiting.values()):
            heads = [
                (sequence[-1][1], sequence[-1][0], machine)
                for machine, sequence in waiting.items()
                if sequence and all(p in self.ends for p in tasks[sequence[-1][0]].predecessors)
            ]
            if not heads:
                raise ValueError(
                    f"sequences {dict(sequences)}: operations wait for each other. Sequence"
                    " predecessors before their successors."
                )
            _, key, machine = min(heads)
            waiting[machine].pop()
            timed[machine].append((key, self._time_task(machine, tasks[key])))
        money = add_deliveries(self.window, self.ends, self.money)
        return OperatingTiming(
            timed,
            self.change_dates,
            self.ends,
            self.change_ends,
            self.runs,
            self.relieved,
            tuple(self.upkeep),
            money,
        )

    # --- one task -----------------------------------------------------------------------------

    def _time_task(self, machine: int, task: Task) -> int:
        """Add a task to the end of a machine's sequence; return its start."""
        state, ticks = self.machines[machine], task.times[machine]
        arrivals = [self.ends[p] + transport for p, transport in task.predecessors.items()]
        ready = max([task.ready_date, *arrivals])
        change = self._change(machine, task)
        dates = self._dates(machine, task, change, ready)
        for _ in range(len(state.counts)):
            if not self._maintain(machine, dates[0]):
                break
            change = self._change(machine, task)
            dates = self._dates(machine, task, change, ready)
        change_start, change_end, start = dates
        rule = self.rules.process_rule(task.key, machine)
        if change.ticks:
            change_rule = self.rules.change_rule(machine)
            self.people.take(change_rule, change_start, change_end)
            self.money += self.rules.staff_money(change_rule, change.ticks)
        end = rule.end(start, ticks)
        self.people.take(rule, start, end)
        self._count(machine, task, ticks)
        rates = self.window.rates
        self.money += change.money + rates.changing * change.ticks + rates.starting * start
        self.money += self.rules.staff_money(rule, ticks)
        self.change_dates[task.key] = change_start
        self.change_ends[task.key] = change_end
        self.ends[task.key] = state.free = end
        return start

    def _change(self, machine: int, task: Task) -> SetupChange:
        """Return the changeover before a task, with the relief of runs at their maximum."""
        mounted = self.machines[machine].mounted
        relieved = list(mounted)
        for attribute, value in enumerate(task.wanted):
            if value >= 0 and value == mounted[attribute] and self._is_full(machine, attribute):
                relief = self.rules.relief(machine, attribute, value)
                relieved[attribute] = relief if relief >= 0 else value
        between = self.window.changeovers.between
        there = between(machine, mounted, tuple(relieved)) or NOTHING
        back = between(machine, tuple(relieved), task.wanted) or NOTHING
        return SetupChange(there.ticks + back.ticks, there.money + back.money)

    def _is_full(self, machine: int, attribute: int) -> bool:
        runs = self.machines[machine].runs
        return bool(runs) and runs[attribute] >= self.limits[machine][attribute].max_run

    def _dates(
        self, machine: int, task: Task, change: SetupChange, ready: int
    ) -> tuple[int, int, int]:
        """Return start and end of the changeover, and the start of processing."""
        free, ticks = self.machines[machine].free, task.times[machine]
        rule = self.rules.process_rule(task.key, machine)
        if not change.ticks:
            start = self._start(rule, max(free, ready), ticks)
            return start, start, start
        change_rule = self.rules.change_rule(machine)
        known = task.change_date if self.window.changes_ahead else ready
        begin = self._start(change_rule, max(free, known), change.ticks)
        if rule.across == FIT and ready <= begin:  # chosen together: both must fit
            for _ in range(_TRIES):
                later = rule.earliest(begin, ticks + change.ticks)
                later = self._start(change_rule, later, change.ticks)
                if later == begin:
                    break
                begin = later
        end = change_rule.end(begin, change.ticks)
        return begin, end, self._start(rule, max(end, ready), ticks)

    def _start(self, rule: WorkRule, date: int, ticks: int) -> int:
        """Return the first date from ``date`` on that closures and people allow."""
        for _ in range(_TRIES):
            start = rule.earliest(self.people.earliest(rule, date), ticks)
            if self.people.earliest(rule, start) == start:
                return start
            date = start + 1
        return date

    # --- counters -----------------------------------------------------------------------------

    def _maintain(self, machine: int, selected: int) -> bool:
        """Do the first maintenance that is due by the date at which a task is selected."""
        state = self.machines[machine]
        due = [
            (max(state.free, date), kind)
            for kind, upkeep in enumerate(self.kinds[machine])
            if (date := self._due_date(upkeep, state, kind)) is not None and date <= selected
        ]
        if not due:
            return False
        date, kind = min(due)
        upkeep = self.kinds[machine][kind]
        start = self._start(upkeep.rule, date, upkeep.ticks)
        end = upkeep.rule.end(start, upkeep.ticks)
        self.people.take(upkeep.rule, start, end)
        by_clock = upkeep.by == CLOCK
        offered = max(0, state.counts[kind] + upkeep.every - upkeep.early) if by_clock else date
        self.upkeep.append(PlannedUpkeep(machine, kind, min(offered, start), date, start, end))
        state.counts[kind] = end if by_clock else 0
        self._mount_upkeep(state, upkeep)
        state.free = end
        self.money += upkeep.money + self.rules.staff_money(upkeep.rule, upkeep.ticks)
        return True

    def _mount_upkeep(self, state: _Machine, upkeep: Upkeep) -> None:
        """Mount the values of a maintenance."""
        state.mounted = complete(state.mounted, upkeep.mounts[: len(state.mounted)])
        for attribute, value in enumerate(upkeep.mounts):
            if value >= 0 and state.runs:
                state.runs[attribute] = 0

    def _mount(self, machine: int, task: Task) -> None:
        """Mount the setup of a task."""
        state = self.machines[machine]
        state.mounted = complete(state.mounted, task.wanted)

    def _due_date(self, upkeep: Upkeep, state: _Machine, kind: int) -> int | None:
        """Return the date at which a maintenance is due, if no more work is done; else None."""
        if upkeep.by == CLOCK:
            return state.counts[kind] + upkeep.every
        return state.free if state.counts[kind] >= upkeep.every else None

    def _count(self, machine: int, task: Task, ticks: int) -> None:
        """Add a task to the counters of maintenance and the runs, and mount its setup."""
        state = self.machines[machine]
        for kind, upkeep in enumerate(self.kinds[machine]):
            state.counts[kind] += {USE: ticks, OPERATIONS: 1, CLOCK: 0}[upkeep.by]
        for attribute, value in enumerate(task.wanted if state.runs else ()):
            if value >= 0:
                limit = self.limits[machine][attribute]
                stays = value == state.mounted[attribute]
                if stays and self._is_full(machine, attribute):
                    self.relieved.add((task.key, attribute))
                    stays = False
                before = state.runs[attribute] if stays else 0
                state.runs[attribute] = before + (ticks if limit.counts_ticks else 1)
        self.runs[task.key] = tuple(state.runs)
        self._mount(machine, task)


class _ModelTimer(_Timer):
    """Timing with the setups of the model."""

    def _mount_upkeep(self, state: _Machine, upkeep: Upkeep) -> None:
        """Leave the setup as it is."""

    def _mount(self, machine: int, task: Task) -> None:
        """Mount the setup of a task, and otherwise that of the beginning."""
        first = self.window.machines[machine].mounted
        self.machines[machine].mounted = complete(first, task.wanted)

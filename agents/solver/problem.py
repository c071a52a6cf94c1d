"""The planning model of the work at hand: what is to be scheduled, what a schedule of it costs, and
the earliest dates that given sequences allow.

In Graham's notation R | r_j, prec, s_ijk, crews | weighted tardiness + holding + changeovers. All
dates are ticks after the clock, money is currency.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.solver.changeovers import ChangeoverTable, SetupChange, complete
from agents.solver.known_state import Key, KnownMachine, Setup


@dataclass(frozen=True)
class Rates:
    """What time is worth, in currency a tick."""

    tardiness: float  # per weight
    holding: float  # per order
    changing: (
        float  # shadow price of a machine's changeover time, which orders still to come will need
    )
    starting: float  # small: work that can start earlier should
    finishing: float = 0.0  # of the last order: the plant draws power until then


@dataclass(frozen=True)
class Delivery:
    """One order in the model: completed at the latest of ``date`` and each operation's end plus its
    tail (what is beyond the window)."""

    weight: float
    due_date: int
    date: int
    tails: Mapping[Key, int]


@dataclass(frozen=True)
class Task:
    """One operation in the model, to be started at or after ``ready_date``; predecessors in the
    model with the transport from each.

    No changeover for it begins before ``change_date``; where the plant makes none ahead, none
    before it is ready.
    """

    key: Key
    centre: int
    wanted: Setup
    times: Mapping[int, int]
    ready_date: int
    predecessors: Mapping[Key, int]
    change_date: int = 0


@dataclass(frozen=True)
class Window:
    """The part of the known work that is planned now, all dates relative to the clock."""

    tasks: tuple[Task, ...]
    deliveries: tuple[Delivery, ...]
    machines: tuple[KnownMachine, ...]
    clock: int
    crews: int
    changeovers: ChangeoverTable
    rates: Rates

    @property
    def changes_ahead(self) -> bool:
        """Whether a machine may change over for an operation that is not ready."""
        return bool(self.changeovers.arrays.plant.changeover_ahead[self.changeovers.g])

    @property
    def crews_are_scarce(self) -> bool:
        """Whether a machine may have to wait for a crew."""
        return self.crews < sum(bool(machine.mounted) for machine in self.machines)

    def free_date(self, machine: int) -> int:
        return self.machines[machine].free_date - self.clock

    def task_change(self, machine: int, before: Task | None, task: Task) -> SetupChange | None:
        """Changeover on a machine from a task (None: what is mounted when it comes free) to the
        next. Values that the task before does not care about are taken to be those mounted now.
        """
        mounted = self.machines[machine].mounted
        return self.changeovers.between(
            machine, complete(mounted, before.wanted) if before else mounted, task.wanted
        )


Sequences = Mapping[int, Sequence[tuple[Key, int]]]
"""For each machine the operations it starts, with start dates after the clock, in order."""


@dataclass(frozen=True)
class Timing:
    """Sequences with the earliest dates they allow, and when the changeover before each task
    begins."""

    sequences: Sequences
    change_dates: Mapping[Key, int]


def time_sequences(window: Window, sequences: Sequences) -> Timing:
    """The earliest dates for the tasks in the given sequences; where several want a crew, the one
    that was to start first gets it.

    Raises
    ------
    ValueError
        If the sequences wait for each other.
    """
    tasks = {task.key: task for task in window.tasks}
    waiting = {machine: list(sequence)[::-1] for machine, sequence in sequences.items()}
    last = dict[int, Task | None].fromkeys(waiting)
    free = {machine: window.free_date(machine) for machine in waiting}
    crews = _crew_dates(window)
    ends, change_dates = dict[Key, int](), dict[Key, int]()
    timed: dict[int, list[tuple[Key, int]]] = {machine: [] for machine in waiting}
    while any(waiting.values()):
        heads = [
            (sequence[-1][1], sequence[-1][0], machine)
            for machine, sequence in waiting.items()
            if sequence
        ]
        heads = [head for head in heads if all(p in ends for p in tasks[head[1]].predecessors)]
        if not heads:
            raise ValueError(
                f"sequences {dict(sequences)}: operations wait for each other. Sequence"
                " predecessors before their successors."
            )
        _, key, machine = min(heads)
        waiting[machine].pop()
        task = tasks[key]
        change = window.task_change(machine, last[machine], task)
        change_dates[key] = free[machine]
        arrivals = [ends[p] + transport for p, transport in task.predecessors.items()]
        ready = max([task.ready_date, *arrivals])
        if change and change.ticks > 0:
            known = task.change_date if window.changes_ahead else ready
            change_dates[key] = max(free[machine], known, heapq.heappop(crews))
            free[machine] = change_dates[key] + change.ticks
            heapq.heappush(crews, free[machine])
        start = max(free[machine], ready)
        ends[key] = free[machine] = start + task.times[machine]
        last[machine] = task
        timed[machine].append((key, start))
    return Timing(timed, change_dates)


def _crew_dates(window: Window) -> list[int]:
    """When each crew is free, in order (a heap); a crew a machine where they are not scarce."""
    busy = [
        machine.crew_date - window.clock
        for machine in window.machines
        if machine.crew_date is not None
    ]
    crews = window.crews if window.crews_are_scarce else len(window.machines)
    return sorted([*busy, *[0] * (crews - len(busy))])


def price(window: Window, sequences: Sequences) -> float:
    """The model's objective in currency for given sequences and dates."""
    rates = window.rates
    tasks = {task.key: task for task in window.tasks}
    ends, total = dict[Key, int](), 0.0
    for machine, sequence in sequences.items():
        before: Task | None = None
        for key, start in sequence:
            change = window.task_change(machine, before, tasks[key])
            before = tasks[key]
            ends[key] = start + before.times[machine]
            total += rates.starting * start
            total += (change.money + rates.changing * change.ticks) if change else 0.0
    last = 0
    for delivery in window.deliveries:
        completion = max(
            [delivery.date, *(ends[key] + tail for key, tail in delivery.tails.items())]
        )
        last = max(last, completion)
        total += (
            rates.tardiness * delivery.weight * max(0, completion - delivery.due_date)
            + rates.holding * completion
        )
    return total + rates.finishing * last

"""The planning model: tasks, the cost of a schedule, and the earliest dates of given sequences.

In Graham's notation R | r_j, prec, s_ijk, crews | weighted tardiness + holding + changeovers. All
dates are ticks after the clock, money is currency.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.solver.changeovers import ChangeoverTable, SetupChange, complete
from agents.solver.known_state import Key, KnownMachine, SetupValues
from agents.solver.operating.plant_rules import PlantRules


@dataclass(frozen=True)
class Planned:
    """Operation of a plan."""

    order: int
    operation: int
    machine: int
    start_date: int  # of processing
    end_date: int

    @property
    def key(self) -> Key:
        """Return order and operation."""
        return self.order, self.operation


@dataclass(frozen=True)
class Rates:
    """Cost of time, in currency per tick."""

    tardiness: float  # per weight
    holding: float  # per order
    changing: float  # shadow price of changeover time, for the capacity that later orders need
    starting: float  # a small price of later starts
    finishing: float = 0.0  # price of the last completion: the plant draws power until then


@dataclass(frozen=True)
class Delivery:
    """One order in the model.

    It is completed at the latest of ``date`` and each operation's end plus its tail, the time
    beyond the window.
    """

    weight: float
    due_date: int
    date: int
    tails: Mapping[Key, int]


@dataclass(frozen=True)
class Task:
    """One operation in the model.

    It starts at or after ``ready_date``. ``predecessors`` in the model have the transport time from
    each. No changeover for it begins before ``change_date``, or before it is ready if the plant
    does not change over ahead.
    """

    key: Key
    centre: int
    wanted: SetupValues
    times: Mapping[int, int]
    ready_date: int
    predecessors: Mapping[Key, int]
    change_date: int = 0


@dataclass(frozen=True)
class Window:
    """The part of the known work that is planned, with dates relative to the clock."""

    tasks: tuple[Task, ...]
    deliveries: tuple[Delivery, ...]
    machines: tuple[KnownMachine, ...]
    clock: int
    crews: int
    changeovers: ChangeoverTable
    rates: Rates
    rules: PlantRules | None = None  # where there are calendars, people, maintenance or runs

    @property
    def changes_ahead(self) -> bool:
        """Return True if machines may change over for operations that are not ready."""
        return bool(self.changeovers.arrays.plant.changeover_ahead[self.changeovers.g])

    @property
    def crews_are_scarce(self) -> bool:
        """Return True if a machine may have to wait for a crew."""
        return self.crews < sum(bool(machine.mounted) for machine in self.machines)

    def free_date(self, machine: int) -> int:
        return self.machines[machine].free_date - self.clock

    def task_change(self, machine: int, before: Task | None, task: Task) -> SetupChange | None:
        """Return the changeover on a machine between two tasks; None if it is impossible.

        Without ``before`` it starts from the setup that is mounted when the machine is free. Values
        that ``before`` leaves open are taken to be those of that setup.
        """
        mounted = self.machines[machine].mounted
        return self.changeovers.between(
            machine, complete(mounted, before.wanted) if before else mounted, task.wanted
        )


Sequences = Mapping[int, Sequence[tuple[Key, int]]]
"""Operations of each machine in order, with start dates relative to the clock."""


@dataclass(frozen=True)
class Timing:
    """Sequences with their earliest dates, and the start of the changeover before each task."""

    sequences: Sequences
    change_dates: Mapping[Key, int]


def time_sequences(window: Window, sequences: Sequences) -> Timing:
    """Return the earliest dates of the tasks in the given sequences.

    If several changeovers want a crew, the task with the earliest given start gets it.

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
    """Return the date at which each crew is free, in order (a heap).

    If crews are not scarce, there is one for each machine.
    """
    busy = [
        machine.crew_date - window.clock
        for machine in window.machines
        if machine.crew_date is not None
    ]
    crews = window.crews if window.crews_are_scarce else len(window.machines)
    return sorted([*busy, *[0] * (crews - len(busy))])


def price(window: Window, sequences: Sequences) -> float:
    """Return the model's objective for given sequences and dates, in currency."""
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
    return add_deliveries(window, ends, total)


def add_deliveries(window: Window, ends: Mapping[Key, int], total: float) -> float:
    """Return ``total`` with tardiness, holding and the price of the last completion.

    They follow from the ends of the tasks.
    """
    rates, last = window.rates, 0
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

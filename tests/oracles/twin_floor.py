"""Shop floor of the twin: its state, the choices on it, and the accounts.

Written from ``docs/model.md`` alone; :mod:`tests.oracles.twin` has the events.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field, replace
from typing import Any

from factory.model import Factory, OrderBook
from tests.oracles.twin_draws import FAILURE, PROCESS, Draws, half_up
from tests.oracles.twin_plant import Plant, Setup, Task, Wanted
from tests.oracles.twin_realisation import TwinOrder, make_orders
from tests.oracles.twin_rules import TwinRules

Job = tuple[int, int]
"""(order number, operation number)"""
# kinds of entries in the heap of coming events, in the order in which an instant handles them; the
# end of a wait only wakes the clock
MACHINE, SHIFT, TRAVEL, RELEASE, WAKE = range(5)


@dataclass(frozen=True)
class Choice:
    """One row that the asked machine is offered."""

    kind: str  # "job", "maintenance", "changeover" or "wait"
    legal: bool
    order: int = -1
    operation: int = -1  # of a maintenance: its number on the machine
    target: Setup = ()  # setup after it; the wait: ()
    setup_time: int = 0


@dataclass
class Cell:
    """A machine on the shop floor."""

    number: int
    centre: int
    mounted: Setup
    time_to_failure: float
    status: str = "idle"  # idle, changing, processing, down, paused
    job: Job | None = None
    start_date: int = 0  # when the operation was selected
    process_start_date: int = 0
    state_date: int = 0  # when the present stretch of changeover, processing or repair began
    process_left: int = 0
    before: Setup = ()  # setup before the changeover in work
    failures: int = 0
    first_piece: bool = False
    waiting_since: int | None = None
    wait_until: int = 0
    token: int = 0  # of its entry in the agenda that counts
    paused_work: str = ""  # changeover, start or rest
    change_left: int = 0
    maintenance: int | None = None  # in work
    held: dict[int, int] = field(default_factory=dict)  # people by group
    assigned_date: int = 0
    runs: list[int] = field(default_factory=list)
    counters: list[int] = field(default_factory=list)  # by the clock: date when last done


@dataclass
class Centre:
    """The queue of a work centre and what it knows is coming."""

    number: int
    longest_wait: int
    queue: list[tuple[int, int, int]] = field(
        default_factory=list
    )  # (join date, order, operation), sorted
    upcoming: list[Job] = field(default_factory=list)


class TwinFloor(TwinRules):
    """State of an episode of a factory under one seed.

    Parameters
    ----------
    factory
        The factory.
    seed
        Key of every random draw.
    book
        Orders to replay instead of drawing them.
    """

    def __init__(self, factory: Factory, seed: int, book: OrderBook | None = None) -> None:
        self.factory = factory
        self.plant = Plant(factory)
        self.draws = Draws(seed)
        self.orders: list[TwinOrder] = make_orders(self.plant, self.draws, book)
        self.events: list[tuple[Any, ...]] = []
        self.clock = 0
        self.people = self.plant.people
        self.released = 0
        self.travelling: set[Job] = set()
        self.attempt: dict[Job, int] = {}
        self.done: dict[Job, int] = {}  # completion dates
        self.costs = dict.fromkeys(
            (
                "tardiness",
                "changeover",
                "waste",
                "energy",
                "holding",
                "overtime",
                "maintenance",
                "staff",
            ),
            0.0,
        )
        self.energy_kwh = self.waste_kg = self.energy_co2 = 0.0
        self.centres = [
            Centre(number, self.plant.longest_wait(number))
            for number in range(len(self.plant.centres))
        ]
        self.cells = [
            Cell(
                number,
                self.plant.centre_of[number],
                setup,
                self._next_failure(number, 0),
                runs=[0] * len(setup),
                counters=[0] * len(self.plant.machines[number].maintenance),
            )
            for number, setup in enumerate(self.plant.initial_setup)
        ]
        self.agenda: list[
            tuple[int, int, int, int]
        ] = []  # heap of (date, kind, machine or order, operation)
        for order in self.orders:
            heapq.heappush(self.agenda, (order.release_date, RELEASE, order.number, 0))
        for hours in [*self.people.machine_hours, *(group.hours for group in self.people.groups)]:
            for edge in hours.edges:
                if edge > 0:
                    heapq.heappush(self.agenda, (edge, SHIFT, -1, 0))
        for cell in self.cells:
            for item in self.plant.machines[cell.number].maintenance:
                if item.by == "clock":
                    for date in (item.every - item.early, item.every):
                        heapq.heappush(self.agenda, (max(date, 0), SHIFT, cell.number, 0))
        self.deciding: int | None = None

    # ------------------------------------------------------------------ what the asked machine may

    def choices(self) -> list[Choice]:
        """Rows of the asked machine: jobs in queue order, detours, changeovers ahead, the wait."""
        assert self.deciding is not None
        cell = self.cells[self.deciding]
        if self._urgency(cell) == "due":
            jobs = [replace(row, legal=False) for row in self._job_rows(cell)]
            return [*jobs, *self._maintenance_rows(cell), Choice("wait", False)]
        return (
            self._job_rows(cell)
            + self._maintenance_rows(cell)
            + self._detour_rows(cell)
            + self._ahead_rows(cell)
            + [Choice("wait", self.factory.waiting)]
        )

    def _job_rows(self, cell: Cell) -> list[Choice]:
        rows = []
        for job in self._ready_jobs(cell):
            change = self.plant.changeover(cell.number, cell.mounted, self._wanted(job))
            legal = change is not None and self._may_start(cell, job, change)
            rows.append(
                Choice(
                    "job", legal, *job, change.after if change else (), change.time if change else 0
                )
            )
        return rows

    def _detour_rows(self, cell: Cell) -> list[Choice]:
        rows: list[Choice] = []
        for job in self._ready_jobs(cell):
            wanted = self._wanted(job)
            full = self._full_values(cell, wanted)
            if full or self.plant.changeover(cell.number, cell.mounted, wanted) is None:
                target = list(self.plant.detour(cell.number, cell.mounted, wanted))
                reliefs = [self.plant.relief(cell.number, i, cell.mounted[i]) for i in full]
                if None not in reliefs:
                    for i, value in zip(full, reliefs, strict=True):
                        assert value is not None
                        target[i] = value
                    self._offer_changeover(rows, cell, tuple(target), job)
        return rows

    def _ahead_rows(self, cell: Cell) -> list[Choice]:
        if not self.factory.changeover_ahead:
            return []
        rows: list[Choice] = []
        listed = [row.target for row in self._detour_rows(cell)]
        known = {self._wanted(job) for job in self._ready_jobs(cell)}
        for job in self.centres[cell.centre].upcoming:
            wanted = self._wanted(job)
            if not self._eligible(cell, job) or wanted in known:
                continue
            known.add(wanted)
            change = self.plant.changeover(cell.number, cell.mounted, wanted)
            if (
                change is not None
                and change.time > 0
                and change.after not in listed
                and self.people.are_free(self.plant.changeover_need(cell.number), self.clock)
            ):
                self._offer_changeover(rows, cell, change.after, job)
        return rows

    def _offer_changeover(self, rows: list[Choice], cell: Cell, target: Setup, lead: Job) -> None:
        change = self.plant.changeover(cell.number, cell.mounted, target)
        if (
            change is not None
            and self._may_change(cell, change)
            and target not in [row.target for row in rows]
        ):
            rows.append(Choice("changeover", True, *lead, target, change.time))

    def _has_something_to_choose(self, cell: Cell) -> bool:
        if cell.status != "idle" or cell.waiting_since is not None:
            return False
        if not self.people.machine_hours[cell.number].is_open(self.clock):
            return False
        urgency = self._urgency(cell)
        if any(row.legal for row in self._maintenance_rows(cell)) and (
            urgency in ("due", "needed") or self.factory.waiting
        ):
            return True
        if urgency == "due":
            return False
        if any(row.legal for row in self._job_rows(cell)) or self._detour_rows(cell):
            return True
        return self.factory.waiting and bool(self._ahead_rows(cell))

    # ------------------------------------------------------------------ what things take

    def _task(self, job: Job) -> Task:
        return self.orders[job[0]].tasks[job[1]]

    def _wanted(self, job: Job) -> Wanted:
        return self.orders[job[0]].wanted[job[1]]

    def _eligible(self, cell: Cell, job: Job) -> bool:
        return cell.number in self._task(job).base_time

    def _ready_jobs(self, cell: Cell) -> list[Job]:
        return [
            (order, operation)
            for _, order, operation in self.centres[cell.centre].queue
            if self._eligible(cell, (order, operation))
        ]

    def _realised_process_time(self, machine: int, job: Job) -> int:
        task, order = self._task(job), self.orders[job[0]]
        mean = task.process_time(machine, order.chosen)
        if task.cv == 0 or mean == 0:
            return mean
        sigma = math.sqrt(math.log(1 + task.cv * task.cv))
        z = self.draws.normal(PROCESS, job[0], 64 * job[1] + self.attempt.get(job, 0))
        return max(1, half_up(mean * math.exp(sigma * z - sigma * sigma / 2)))

    def _next_failure(self, machine: int, failures: int) -> float:
        mean = self.plant.machines[machine].mean_time_to_failure
        return math.inf if mean is None else self.draws.lifetime(mean, FAILURE, machine, failures)

    # ------------------------------------------------------------------ accounts

    @property
    def co2_kg(self) -> float:
        """CO2e of energy and waste up to the clock."""
        return self.energy_co2 + self.waste_kg * self.factory.costs.co2_per_waste_kg

    def _tardiness_rate(self) -> float:
        return self.factory.costs.tardiness * self.factory.tick_minutes / 60

    def _pass_time(self, date: int) -> None:
        """Move the clock, accruing tardiness, holding and energy hour by hour."""
        for order in self.orders[: self.released]:
            if order.completion_date is None:
                late_time = max(0, date - max(self.clock, order.due_date))
                self.costs["tardiness"] += self._tardiness_rate() * order.weight * late_time
                self.costs["holding"] += (
                    self.factory.costs.holding
                    * self.factory.tick_minutes
                    / 60
                    * (date - self.clock)
                )
        hours = (date - self.clock) * self.factory.tick_minutes / 60
        overtime = sum(self._is_overtime(cell) for cell in self.cells)
        self.costs["overtime"] += self.factory.costs.overtime * overtime * hours
        self.costs["staff"] += self.factory.costs.staff * self.people.cost_per_hour() * hours
        power = sum(self._power(cell) for cell in self.cells)
        ticks_per_hour = max(1, half_up(60 / self.factory.tick_minutes))
        while self.clock < date:
            hour = self.clock // ticks_per_hour
            until = min(date, (hour + 1) * ticks_per_hour)
            hour_of_day = (self.factory.start_hour + hour) % 24
            energy = power * (until - self.clock) * self.factory.tick_minutes / 60
            self.energy_kwh += energy
            self.energy_co2 += energy * self.factory.tariff.co2[hour_of_day]
            self.costs["energy"] += (
                self.factory.costs.energy * energy * self.factory.tariff.price[hour_of_day]
            )
            self.clock = until

    def _power(self, cell: Cell) -> float:
        machine = self.plant.machines[cell.number]
        rest = machine.idle_power
        if machine.closed_power is not None and not self.people.machine_hours[cell.number].is_open(
            self.clock
        ):
            rest = machine.closed_power
        return {"changing": machine.changeover_power, "processing": machine.processing_power}.get(
            cell.status, rest
        )

"""The twin: a second simulator of the microfactory, plain Python around a heap, written from
``docs/model.md`` alone.

It shares no code with the kernel, so that the two agree only where both follow the document. It is
meant to be read, not to be fast.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field
from typing import Any

from factory.model import Factory, OrderBook
from tests.oracles.twin_realisation import (
    FAILURE,
    PROCESS,
    REPAIR,
    REWORK,
    Changeover,
    Draws,
    Plant,
    Setup,
    Task,
    TwinOrder,
    Wanted,
    half_up,
    make_orders,
)

Job = tuple[int, int]
"""(order number, operation number)"""
# kinds of entries in the heap of coming events, in the order in which an instant handles them; the
# end of a wait only wakes the clock
MACHINE, TRAVEL, RELEASE, WAKE = range(4)
LAST_ATTEMPT = 3


@dataclass(frozen=True)
class Choice:
    """One row that the asked machine is offered."""

    kind: str  # "job", "changeover" or "wait"
    legal: bool
    order: int = -1
    operation: int = -1
    target: Setup = ()  # setup after it; the wait: ()
    setup_time: int = 0


@dataclass
class Cell:
    """A machine on the shop floor."""

    number: int
    centre: int
    mounted: Setup
    time_to_failure: float
    status: str = "idle"  # idle, changing, processing, down
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


@dataclass
class Centre:
    """The queue of a work centre and what it knows is coming."""

    number: int
    longest_wait: int
    queue: list[tuple[int, int, int]] = field(
        default_factory=list
    )  # (join date, order, operation), sorted
    upcoming: list[Job] = field(default_factory=list)


class Twin:
    """One episode of a factory under one seed.

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
        self.crews_free = self.plant.crews
        self.released = 0
        self.travelling: set[Job] = set()
        self.attempt: dict[Job, int] = {}
        self.done: dict[Job, int] = {}  # completion dates
        self.costs = dict.fromkeys(("tardiness", "changeover", "waste", "energy", "holding"), 0.0)
        self.energy_kwh = self.waste_kg = self.energy_co2 = 0.0
        self.centres = [
            Centre(number, self.plant.longest_wait(number))
            for number in range(len(self.plant.centres))
        ]
        self.cells = [
            Cell(number, self.plant.centre_of[number], setup, self._next_failure(number, 0))
            for number, setup in enumerate(self.plant.initial_setup)
        ]
        self.agenda: list[
            tuple[int, int, int, int]
        ] = []  # heap of (date, kind, machine or order, operation)
        for order in self.orders:
            heapq.heappush(self.agenda, (order.release_date, RELEASE, order.number, 0))
        self.deciding: int | None = None
        self._settle()
        self._ask()

    # ------------------------------------------------------------------ what the asked machine may

    def choices(self) -> list[Choice]:
        """Rows of the asked machine: jobs in queue order, detours, changeovers ahead, the wait."""
        assert self.deciding is not None
        cell = self.cells[self.deciding]
        return (
            self._job_rows(cell)
            + self._detour_rows(cell)
            + self._ahead_rows(cell)
            + [Choice("wait", self.factory.waiting)]
        )

    def decide(self, row: int) -> None:
        """Take a row of :meth:`choices` and run to the next decision, or to the end."""
        choice = self.choices()[row]
        assert self.deciding is not None
        assert choice.legal, f"row {row} of machine {self.deciding} is illegal: {choice}"
        cell = self.cells[self.deciding]
        if choice.kind == "wait":
            cell.waiting_since, cell.wait_until = (
                self.clock,
                self.clock + self.centres[cell.centre].longest_wait,
            )
            heapq.heappush(self.agenda, (cell.wait_until, WAKE, cell.number, 0))
        else:
            job = (choice.order, choice.operation) if choice.kind == "job" else None
            self._select(cell, choice.target, job)
        self._settle()
        self._ask()

    def _job_rows(self, cell: Cell) -> list[Choice]:
        rows = []
        for job in self._ready_jobs(cell):
            change = self.plant.changeover(cell.number, cell.mounted, self._wanted(job))
            legal = change is not None and self._crew_for(change)
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
            if self.plant.changeover(cell.number, cell.mounted, wanted) is None:
                target = self.plant.detour(cell.number, cell.mounted, wanted)
                self._offer_changeover(rows, cell, target, job)
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
            if change is not None and change.time > 0 and change.after not in listed:
                self._offer_changeover(rows, cell, change.after, job)
        return rows

    def _offer_changeover(self, rows: list[Choice], cell: Cell, target: Setup, lead: Job) -> None:
        change = self.plant.changeover(cell.number, cell.mounted, target)
        if (
            change is not None
            and self._crew_for(change)
            and target not in [row.target for row in rows]
        ):
            rows.append(Choice("changeover", True, *lead, target, change.time))

    def _has_something_to_choose(self, cell: Cell) -> bool:
        if cell.status != "idle" or cell.waiting_since is not None:
            return False
        if any(row.legal for row in self._job_rows(cell)) or self._detour_rows(cell):
            return True
        return self.factory.waiting and bool(self._ahead_rows(cell))

    def _ask(self) -> None:
        """Find the machine that is asked next, letting time pass while there is none."""
        while True:
            self.deciding = None
            if all(order.completion_date is not None for order in self.orders):
                return
            self.deciding = next(
                (cell.number for cell in self.cells if self._has_something_to_choose(cell)), None
            )
            if self.deciding is not None:
                return
            self._pass_time(self._next_date())
            self._settle()

    def _next_date(self) -> int:
        """When the next event is due; wake-up calls for waits that have ended already are
        dropped."""
        while self.agenda:
            date, kind, machine, _ = self.agenda[0]
            if kind != WAKE or (
                self.cells[machine].waiting_since is not None
                and self.cells[machine].wait_until == date
            ):
                return date
            heapq.heappop(self.agenda)
        raise RuntimeError(f"date {self.clock}: orders are open but nothing can happen any more")

    # ------------------------------------------------------------------ an instant

    def _settle(self) -> None:
        """Handle all that is due now, pass by pass (section 4)."""
        while self.agenda and self.agenda[0][0] <= self.clock:
            due = []
            while self.agenda and self.agenda[0][0] <= self.clock:
                due.append(heapq.heappop(self.agenda))
            for _, kind, number, _ in due:
                if kind == MACHINE:
                    self._advance_machine(self.cells[number])
            for _, kind, order, operation in due:
                if kind == TRAVEL:
                    self.travelling.remove((order, operation))
                    self._join((order, operation))
            for _, kind, number, _ in due:
                if kind == RELEASE:
                    self._release(self.orders[number])
        for cell in self.cells:
            if cell.waiting_since is not None and cell.wait_until <= self.clock:
                self._end_wait(cell)

    def _advance_machine(self, cell: Cell) -> None:
        if cell.status == "changing":
            self._finish_changeover(cell)
        elif cell.status == "down":
            self._repair(cell)
        else:
            worked = self.clock - cell.state_date
            cell.process_left -= worked
            cell.time_to_failure -= worked
            if cell.process_left == 0:
                self._complete(cell)
            else:
                self._fail(cell)

    def _select(self, cell: Cell, target: Setup, job: Job | None) -> None:
        """Start a changeover to the target and, if one is selected with it, the operation."""
        change = self.plant.changeover(cell.number, cell.mounted, target)
        assert change is not None
        self.costs["changeover"] += self.factory.costs.changeover * change.cost
        self.costs["waste"] += self.factory.costs.waste * change.waste
        self.waste_kg += change.waste
        cell.start_date, cell.job = self.clock, job
        cell.before, cell.mounted = cell.mounted, target
        if job is not None:
            self._leave_queue(job)
        if change.time > 0:
            cell.status, cell.state_date, cell.first_piece = "changing", self.clock, True
            self.crews_free -= 1
            heapq.heappush(self.agenda, (self.clock + change.time, MACHINE, cell.number, 0))
            return
        if cell.before != target:
            self._log_changeover(cell)
        if job is not None:
            self._start_processing(cell)

    def _finish_changeover(self, cell: Cell) -> None:
        self._log_changeover(cell)
        none_was_free = self.crews_free == 0
        self.crews_free += 1
        for centre in self.centres:
            if none_was_free or centre.number == cell.centre:
                self._stir(centre.number)
        cell.status = "idle"
        if cell.job is not None:
            self._start_processing(cell)

    def _start_processing(self, cell: Cell) -> None:
        assert cell.job is not None
        cell.process_start_date = self.clock
        cell.process_left = self._realised_process_time(cell.number, cell.job)
        self._process(cell)

    def _process(self, cell: Cell) -> None:
        """Run until the operation is complete or the machine fails, whichever comes first
        (completion, on a tie)."""
        cell.status, cell.state_date = "processing", self.clock
        stretch = int(min(cell.process_left, cell.time_to_failure))
        heapq.heappush(self.agenda, (self.clock + stretch, MACHINE, cell.number, 0))

    def _complete(self, cell: Cell) -> None:
        assert cell.job is not None
        order, operation = job = cell.job
        attempt = self.attempt.get(job, 0)
        self.events.append(
            (
                "operation",
                cell.number,
                order,
                operation,
                cell.start_date,
                cell.process_start_date,
                self.clock,
                attempt,
            )
        )
        task = self._task(job)
        probability = task.first_piece_rework if cell.first_piece else task.rework
        cell.status, cell.job, cell.first_piece = "idle", None, False
        self._stir(cell.centre)
        if (
            attempt < LAST_ATTEMPT
            and self.draws.uniform(REWORK, order, 64 * operation + attempt) < probability
        ):
            self.attempt[job] = attempt + 1
            self._join(job)
            return
        self.done[job] = self.clock
        for successor in task.successors:
            if all(
                (order, before) in self.done
                for before in self.orders[order].tasks[successor].predecessors
            ):
                self._send((order, successor))
        if all((order, task.number) in self.done for task in self.orders[order].tasks):
            self.orders[order].completion_date = self.clock

    def _fail(self, cell: Cell) -> None:
        machine = self.plant.machines[cell.number]
        assert machine.mean_time_to_repair is not None
        repair_time = self.draws.lifetime(
            machine.mean_time_to_repair, REPAIR, cell.number, cell.failures
        )
        cell.status, cell.state_date = "down", self.clock
        heapq.heappush(self.agenda, (self.clock + repair_time, MACHINE, cell.number, 0))
        self._stir(cell.centre)

    def _repair(self, cell: Cell) -> None:
        self.events.append(("failure", cell.number, cell.state_date, self.clock))
        cell.failures += 1
        cell.time_to_failure = self._next_failure(cell.number, cell.failures)
        self._stir(cell.centre)
        self._process(cell)

    def _release(self, order: TwinOrder) -> None:
        self.released += 1
        self.costs["tardiness"] += (
            self._tardiness_rate() * order.weight * max(0, self.clock - order.due_date)
        )
        for task in order.tasks:
            self.centres[task.centre].upcoming.append((order.number, task.number))
            if not task.predecessors:
                self._send((order.number, task.number))

    def _send(self, job: Job) -> None:
        """Every predecessor is done: the operation joins its queue, or it is in transport or awaits
        material until it can."""
        order, task = self.orders[job[0]], self._task(job)
        arrivals = [
            self.done[job[0], before]
            + self.plant.transport_time(order.tasks[before].centre, task.centre)
            for before in task.predecessors
        ]
        ready_date = max(
            [order.release_date, *arrivals, *([order.material_date] if task.needs_material else [])]
        )
        if ready_date > self.clock:
            self.travelling.add(job)
            heapq.heappush(self.agenda, (ready_date, TRAVEL, *job))
        else:
            self._join(job)

    def _join(self, job: Job) -> None:
        centre = self.centres[self._task(job).centre]
        if job in centre.upcoming:
            centre.upcoming.remove(job)
        centre.queue.append((self.clock, *job))
        centre.queue.sort()
        self._stir(centre.number)

    def _leave_queue(self, job: Job) -> None:
        centre = self.centres[self._task(job).centre]
        centre.queue = [entry for entry in centre.queue if entry[1:] != job]
        self._stir(centre.number)

    def _stir(self, centre: int) -> None:
        """Something changed for the work centre: the waits there end."""
        for cell in self.cells:
            if cell.centre == centre and cell.waiting_since is not None:
                self._end_wait(cell)

    def _end_wait(self, cell: Cell) -> None:
        self.events.append(("wait", cell.number, cell.waiting_since, self.clock))
        cell.waiting_since = None

    def _log_changeover(self, cell: Cell) -> None:
        order, operation = cell.job if cell.job is not None else (-1, -1)
        self.events.append(
            (
                "changeover",
                cell.number,
                order,
                operation,
                cell.start_date,
                self.clock,
                cell.before,
                cell.mounted,
            )
        )

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

    def _crew_for(self, change: Changeover) -> bool:
        return change.time == 0 or self.crews_free > 0

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
        return {"changing": machine.changeover_power, "processing": machine.processing_power}.get(
            cell.status, machine.idle_power
        )

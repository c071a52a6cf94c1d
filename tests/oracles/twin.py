"""The twin: a second simulator of the microfactory, in plain Python around a heap.

It is written from ``docs/model.md`` alone and shares no code with the kernel, so that the two agree
only where both follow the document. It is meant to be read, not to be fast.
"""

from __future__ import annotations

import heapq

from factory.model import Factory, OrderBook
from tests.oracles.twin_draws import REPAIR, REWORK
from tests.oracles.twin_floor import MACHINE, RELEASE, SHIFT, TRAVEL, WAKE, Cell, Job
from tests.oracles.twin_plant import Setup
from tests.oracles.twin_realisation import TwinOrder
from tests.oracles.twin_work import TwinWork

LAST_ATTEMPT = 3


class Twin(TwinWork):
    """Episode of a factory under one seed.

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
        super().__init__(factory, seed, book)
        self._settle()
        self._ask()

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
        elif choice.kind == "maintenance":
            self._maintain(cell, choice.operation)
        else:
            job = (choice.order, choice.operation) if choice.kind == "job" else None
            self._select(cell, choice.target, job)
        self._settle()
        self._ask()

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
            date, kind, machine, token = self.agenda[0]
            if kind == MACHINE:
                is_current = self.cells[machine].token == token
            elif kind == WAKE:
                is_current = (
                    self.cells[machine].waiting_since is not None
                    and self.cells[machine].wait_until == date
                )
            else:
                is_current = True
            if is_current:
                return date
            heapq.heappop(self.agenda)
        raise RuntimeError(f"date {self.clock}: orders are open but nothing can happen any more")

    # ------------------------------------------------------------------ an instant

    def _settle(self) -> None:
        """Handle all that is due now, pass by pass (section 4)."""
        resumed = False
        while resumed or (self.agenda and self.agenda[0][0] <= self.clock):
            due = []
            while self.agenda and self.agenda[0][0] <= self.clock:
                due.append(heapq.heappop(self.agenda))
            for _, kind, number, token in due:
                if kind == MACHINE and self.cells[number].token == token:
                    self._advance_machine(self.cells[number])
            if any(kind == SHIFT for _, kind, _, _ in due):
                self._change_shifts()
            resumed = self._resume_paused()
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
            self._count_work(cell)
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
        for i, (old, new) in enumerate(zip(cell.before, target, strict=True)):
            if old != new:
                cell.runs[i] = 0
        if change.time > 0:
            cell.first_piece, cell.change_left = True, change.time
            self._change(cell)
            return
        if cell.before != target:
            self._log_changeover(cell)
        if job is not None:
            self._start_processing(cell)

    def _finish_changeover(self, cell: Cell) -> None:
        self._let_go(cell)
        self._stir(cell.centre)
        if cell.maintenance is not None:
            self._finish_maintenance(cell)
        else:
            self._log_changeover(cell)
        cell.status = "idle"
        if cell.job is not None:
            self._start_processing(cell)

    def _start_processing(self, cell: Cell) -> None:
        assert cell.job is not None
        if not self._may_go_on(cell, "start"):
            self._pause(cell, "start")
            return
        task = self._task(cell.job)
        cell.process_start_date = self.clock
        cell.process_left = self._realised_process_time(cell.number, cell.job)
        self._hold(cell, task.need if task.holds else None)
        self._process(cell)

    def _process(self, cell: Cell) -> None:
        """Run until the operation is complete or the machine fails, whichever comes first
        (completion, on a tie)."""
        cell.status, cell.state_date = "processing", self.clock
        stretch = int(min(cell.process_left, cell.time_to_failure))
        self._expect(cell, stretch)

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
        self._let_go(cell)
        self._count_attempt(cell, job)
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
        self._expect(cell, repair_time)
        self._stir(cell.centre)

    def _repair(self, cell: Cell) -> None:
        self.events.append(("failure", cell.number, cell.state_date, self.clock))
        cell.failures += 1
        cell.time_to_failure = self._next_failure(cell.number, cell.failures)
        self._stir(cell.centre)
        self._go_on(cell)

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

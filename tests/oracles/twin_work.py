"""Work of the twin's machines that people do and closures interrupt, and their maintenance.

Written from ``docs/model.md``, sections 9 to 12, alone.
"""

from __future__ import annotations

import heapq
from abc import abstractmethod

from tests.oracles.twin_floor import MACHINE, SHIFT, Cell, Job, TwinFloor
from tests.oracles.twin_hours import Need


class TwinWork(TwinFloor):
    """A shop floor on which work pauses and goes on."""

    @abstractmethod
    def _stir(self, centre: int) -> None: ...

    @abstractmethod
    def _start_processing(self, cell: Cell) -> None: ...

    @abstractmethod
    def _process(self, cell: Cell) -> None: ...

    def _expect(self, cell: Cell, ticks: int) -> None:
        """Put the end of the machine's status on the agenda; earlier entries no longer count."""
        cell.token += 1
        heapq.heappush(self.agenda, (self.clock + ticks, MACHINE, cell.number, cell.token))

    # ------------------------------------------------------------------ people

    def _hold(self, cell: Cell, need: Need | None) -> None:
        cell.held, cell.assigned_date = self.people.take(need, self.clock), self.clock

    def _let_go(self, cell: Cell) -> None:
        held, cell.held = cell.held, {}
        for number, count in held.items():
            if cell.assigned_date < self.clock and self.factory.staff:
                self.events.append(
                    ("assignment", cell.number, number, count, cell.assigned_date, self.clock)
                )
            before = self.people.spare(number, self.clock)
            self.people.groups[number].free += count
            self._welcome(number, before)

    def _welcome(self, group: int, before: int) -> None:
        """All waits end where too few people of the group were there before."""
        if self.people.spare(group, self.clock) > before and before < self._largest_need():
            for centre in self.centres:
                self._stir(centre.number)

    def _largest_need(self) -> int:
        factory = self.factory
        numbers = [
            centre.changeover_staff.number
            for centre in factory.work_centres
            if centre.changeover_staff is not None
        ]
        numbers += [
            operation.staff.number
            for product in factory.products
            for operation in product.operations
            if operation.staff is not None
        ]
        return max(numbers, default=1)

    # ------------------------------------------------------------------ changeovers, maintenance

    def _change_need(self, cell: Cell) -> Need | None:
        if cell.maintenance is None:
            return self.plant.changeover_need(cell.number)
        skill = self._kinds(cell)[cell.maintenance].skill
        return None if skill is None else (skill, 1)

    def _change(self, cell: Cell) -> None:
        self._hold(cell, self._change_need(cell))
        cell.status, cell.state_date = "changing", self.clock
        self._expect(cell, cell.change_left)

    def _maintain(self, cell: Cell, number: int) -> None:
        kind = self._kinds(cell)[number]
        self.costs["maintenance"] += self.factory.costs.maintenance * kind.cost
        self.costs["waste"] += self.factory.costs.waste * kind.waste
        self.waste_kg += kind.waste
        cell.maintenance, cell.change_left, cell.start_date = number, kind.time, self.clock
        self._change(cell)

    def _finish_maintenance(self, cell: Cell) -> None:
        assert cell.maintenance is not None
        number, cell.maintenance = cell.maintenance, None
        kind = self._kinds(cell)[number]
        self.events.append(("maintenance", cell.number, number, cell.start_date, self.clock))
        cell.counters[number] = 0
        if kind.by == "clock":
            cell.counters[number] = self.clock
            self._announce(cell, number)
        mounted = list(cell.mounted)
        for i, attribute in enumerate(self.plant.attributes(cell.number)):
            if attribute.name in kind.mounts:
                mounted[i] = attribute.values.index(kind.mounts[attribute.name])
                cell.runs[i] = 0
        cell.mounted = tuple(mounted)

    def _announce(self, cell: Cell, number: int) -> None:
        """Put the dates on the agenda at which a maintenance by the clock is offered and due."""
        kind = self._kinds(cell)[number]
        for date in (
            cell.counters[number] + kind.every - kind.early,
            cell.counters[number] + kind.every,
        ):
            if date > self.clock:
                heapq.heappush(self.agenda, (date, SHIFT, cell.number, 0))

    def _count_work(self, cell: Cell) -> None:
        worked = self.clock - cell.state_date
        cell.process_left -= worked
        cell.time_to_failure -= worked
        assert cell.job is not None
        for i, attribute in enumerate(self.plant.attributes(cell.number)):
            if attribute.counts == "ticks" and self._wanted(cell.job)[i] is not None:
                cell.runs[i] += worked
        for number, kind in enumerate(self._kinds(cell)):
            cell.counters[number] += worked if kind.by == "use" else 0

    def _count_attempt(self, cell: Cell, job: Job) -> None:
        for i, attribute in enumerate(self.plant.attributes(cell.number)):
            if attribute.counts == "operations" and self._wanted(job)[i] is not None:
                cell.runs[i] += 1
        for number, kind in enumerate(self._kinds(cell)):
            cell.counters[number] += kind.by == "operations"

    # ------------------------------------------------------------------ pauses

    def _may_go_on(self, cell: Cell, work: str) -> bool:
        is_open = self.people.machine_hours[cell.number].is_open(self.clock)
        if not is_open and (work == "start" or self._pauses(cell, work)):
            return False
        if cell.held:
            return True
        if work == "changeover":
            need = self._change_need(cell)
        else:
            assert cell.job is not None
            task = self._task(cell.job)
            need = task.need if work == "start" or task.holds else None
        return self.people.are_free(need, self.clock)

    def _pauses(self, cell: Cell, work: str) -> bool:
        if work == "changeover":
            return self._across(cell) == "pause"
        assert cell.job is not None
        return self._task(cell.job).across == "pause"

    def _pause(self, cell: Cell, work: str) -> None:
        self._let_go(cell)
        cell.status, cell.state_date, cell.paused_work = "paused", self.clock, work
        cell.token += 1

    def _interrupt(self, cell: Cell) -> None:
        """Pause what pauses."""
        if cell.status == "changing" and self._pauses(cell, "changeover"):
            cell.change_left -= self.clock - cell.state_date
            self._pause(cell, "changeover")
        elif cell.status == "processing" and self._pauses(cell, "rest"):
            self._count_work(cell)
            self._pause(cell, "rest")

    def _go_on(self, cell: Cell) -> None:
        """Process the rest of an operation, or pause."""
        if not self._may_go_on(cell, "rest"):
            self._pause(cell, "rest")
            return
        assert cell.job is not None
        task = self._task(cell.job)
        if task.holds and not cell.held:
            self._hold(cell, task.need)
        self._process(cell)

    def _resume_paused(self) -> bool:
        any_resumed = False
        for cell in self.cells:
            if cell.status == "paused" and self._may_go_on(cell, cell.paused_work):
                any_resumed = True
                if cell.state_date < self.clock:
                    self.events.append(("pause", cell.number, cell.state_date, self.clock))
                if cell.paused_work == "changeover":
                    self._change(cell)
                elif cell.paused_work == "start":
                    self._start_processing(cell)
                else:
                    self._go_on(cell)
        return any_resumed

    # ------------------------------------------------------------------ shifts

    def _change_shifts(self) -> None:
        """Everything that closes now, people first, then everything that opens."""
        machine_hours = self.people.machine_hours
        for number, group in enumerate(self.people.groups):
            if self.clock in group.hours.edges and not group.hours.is_open(self.clock):
                for cell in self.cells:
                    if cell.held.get(number):
                        self._leave(cell)
        for cell in self.cells:
            hours = machine_hours[cell.number]
            if self.clock in hours.edges and not hours.is_open(self.clock):
                self._stir(cell.centre)
                self._interrupt(cell)
        for number, group in enumerate(self.people.groups):
            if self.clock in group.hours.edges and group.hours.is_open(self.clock):
                self._welcome(number, 0)
        for cell in self.cells:
            hours = machine_hours[cell.number]
            if self.clock in hours.edges and hours.is_open(self.clock):
                self._stir(cell.centre)
            for number, kind in enumerate(self._kinds(cell)):
                since = self.clock - cell.counters[number]
                if kind.by == "clock" and since in (kind.every, kind.every - kind.early):
                    self._stir(cell.centre)

    def _leave(self, cell: Cell) -> None:
        """People go off duty; they leave work that pauses, and machines under repair."""
        if cell.status != "down":
            self._interrupt(cell)
        elif self._pauses(cell, "rest"):
            self._let_go(cell)

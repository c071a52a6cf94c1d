"""What may start on the twin's shop floor: people, hours, runs, maintenance.

Written from ``docs/model.md``, sections 9 to 12, alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from factory.model import Maintenance
from tests.oracles.twin_hours import Hours, Need, People
from tests.oracles.twin_plant import Changeover, Plant, Setup, Wanted

if TYPE_CHECKING:
    from tests.oracles.twin_floor import Cell, Job


class TwinRules:
    """Rules over the state that :class:`tests.oracles.twin_floor.TwinFloor` holds."""

    plant: Plant
    people: People
    clock: int
    _task: Any
    _wanted: Any
    _ready_jobs: Any
    orders: Any

    # ------------------------------------------------------------------ jobs and changeovers

    def _may_start(self, cell: Cell, job: Job, change: Changeover) -> bool:
        task = self._task(job)
        need = self.plant.changeover_need(cell.number) if change.time > 0 else task.need
        if not self.people.are_free(need, self.clock):
            return False
        wanted = self._wanted(job)
        if self._full_values(cell, wanted) or not self._runs_allow(cell, change.after):
            return False
        return self._hours_allow(cell, job, change)

    def _may_change(self, cell: Cell, change: Changeover) -> bool:
        need = self.plant.changeover_need(cell.number)
        return (
            (change.time == 0 or self.people.are_free(need, self.clock))
            and self._runs_allow(cell, change.after)
            and self._change_fits(cell, need, change.time)
        )

    def _work_hours(self, cell: Cell, job: Job) -> Hours:
        task = self._task(job)
        return self.people.work_hours(cell.number, task.need if task.holds else None)

    def _change_fits(self, cell: Cell, need: Need | None, time: int) -> bool:
        if time == 0 or self._across(cell) != "fit":
            return True
        return self.clock + time <= self.people.work_hours(cell.number, need).closing(self.clock)

    def _across(self, cell: Cell) -> str:
        return self.plant.centres[cell.centre].changeover_across_closures

    def _hours_allow(self, cell: Cell, job: Job, change: Changeover) -> bool:
        need, task = self.plant.changeover_need(cell.number), self._task(job)
        if not self._change_fits(cell, need, change.time):
            return False
        hours = self._work_hours(cell, job)
        time = task.process_time(cell.number, self.orders[job[0]].chosen)
        before = self.people.work_hours(cell.number, need)
        if task.across == "fit":
            end = self.clock + change.time + time
            if change.time > 0 and end > before.closing(self.clock):
                return False
            return end <= hours.closing(self.clock)
        if task.across == "finish":
            return True
        start = self.clock + change.time
        if self._across(cell) == "pause":
            start = before.finish(self.clock, change.time)
        start = hours.opening(start)
        longest = 10**14 if task.longest_pause is None else task.longest_pause
        return hours.longest_closure(start, time) <= longest

    def _is_overtime(self, cell: Cell) -> bool:
        return (
            cell.status == "processing"
            and cell.job is not None
            and self._task(cell.job).across == "fit"
            and not self._work_hours(cell, cell.job).is_open(self.clock)
        )

    # ------------------------------------------------------------------ runs

    def _is_short(self, cell: Cell, i: int) -> bool:
        least = self.plant.attributes(cell.number)[i].min_run
        return least is not None and cell.runs[i] < least

    def _is_full(self, cell: Cell, i: int) -> bool:
        most = self.plant.attributes(cell.number)[i].max_run
        return most is not None and cell.runs[i] >= most

    def _full_values(self, cell: Cell, wanted: Wanted) -> list[int]:
        """Attributes whose mounted value is wanted, though its run has reached its maximum."""
        return [
            i
            for i, value in enumerate(wanted)
            if value == cell.mounted[i] and self._is_full(cell, i)
        ]

    def _runs_allow(self, cell: Cell, after: Setup) -> bool:
        """Whether no short run ends that a ready operation, which keeps all of them, wants."""
        short = [i for i in range(len(after)) if self._is_short(cell, i)]
        leaves = {i for i in short if after[i] != cell.mounted[i]}
        for job in self._ready_jobs(cell):
            wanted = self._wanted(job)
            if all(wanted[i] in (None, cell.mounted[i]) for i in short) and any(
                wanted[i] == cell.mounted[i] for i in leaves
            ):
                return False
        return True

    # ------------------------------------------------------------------ maintenance

    def _kinds(self, cell: Cell) -> tuple[Maintenance, ...]:
        return self.plant.machines[cell.number].maintenance

    def _state(self, cell: Cell, number: int) -> str:
        kind = self._kinds(cell)[number]
        count = cell.counters[number]
        if kind.by == "clock":
            count = self.clock - count
        if count >= kind.every:
            return "due"
        if any(
            attribute.name in kind.mounts and self._is_full(cell, i)
            for i, attribute in enumerate(self.plant.attributes(cell.number))
        ):
            return "needed"
        return "offered" if count >= kind.every - kind.early else ""

    def _urgency(self, cell: Cell) -> str:
        states = {self._state(cell, number) for number in range(len(cell.counters))}
        return next((state for state in ("due", "needed", "offered") if state in states), "")

    def _maintenance_rows(self, cell: Cell) -> list[Any]:
        from tests.oracles.twin_floor import Choice

        rows, urgency = [], self._urgency(cell)
        for number, kind in enumerate(self._kinds(cell)):
            state = self._state(cell, number)
            if not state or (urgency == "due" and state != "due"):
                continue
            need = None if kind.skill is None else (kind.skill, 1)
            legal = self.people.are_free(need, self.clock) and self._change_fits(
                cell, need, kind.time
            )
            target = tuple(
                attribute.values.index(kind.mounts[attribute.name])
                if attribute.name in kind.mounts
                else mounted
                for attribute, mounted in zip(
                    self.plant.attributes(cell.number), cell.mounted, strict=True
                )
            )
            rows.append(Choice("maintenance", legal, -1, number, target, kind.time))
        return rows

"""Plans read without the kernel: whether they can be carried out, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from factory.lookups import FactoryLookup, Setup
from factory.model import (
    Factory,
)
from factory.schedule.bill import bill
from factory.schedule.records import (
    ChangeoverRecord,
    FailureRecord,
    OperationRecord,
    OrderRecord,
    Schedule,
)
from scheduler.plans.schema import Plan, PlannedChangeover, PlannedOperation
from scheduler.snapshot.schema import Snapshot


class Reading:
    """A plan beside its snapshot, looked up in the factory independently of the kernel."""

    def __init__(self, plan: Plan, snapshot: Snapshot, factory: Factory) -> None:
        self.plan, self.snapshot, self.plant = plan, snapshot, FactoryLookup(factory)
        self.machines = {machine.name: number for number, machine in enumerate(self.plant.machines)}
        self.orders = {one.order_id: one for one in snapshot.orders}
        self.planned = {(one.order, one.operation): one for one in plan.operations}

    def steps(self, name: str) -> dict[str, int]:
        """Numbers of an order's operations."""
        return {
            step.operation.name: number
            for number, step in enumerate(self.plant.route(self.orders[name].product))
        }

    def check(self) -> None:
        open_ones = {
            (one.order_id, name)
            for one in self.snapshot.orders
            for name, state in one.operations.items()
            if state.status != "done"
        }
        assert len(self.plan.operations) == len(self.planned)
        assert self.planned.keys() == open_ones, "every open operation once"
        for one in self.plan.operations:
            self.check_operation(one)
        for name in self.machines:
            self.check_machine(name)
        self.check_stops()
        self.check_crews()
        for mine in self.plan.orders:
            assert mine.completion_date == max(
                one.end_date for one in self.plan.operations if one.order == mine.order
            )
            assert mine.lateness == mine.completion_date - mine.due_date
        assert self.plan.end_date == max(one.completion_date for one in self.plan.orders)
        assert self.plan.cost == pytest.approx(self.bill(), abs=1e-6)
        assert self.plan.total_cost == pytest.approx(sum(self.plan.cost.values()))

    def check_operation(self, one: PlannedOperation) -> None:
        """Expected time, on a machine that can do it, after what comes before it and is brought
        from there."""
        mine, machine, clock = (
            self.orders[one.order],
            self.machines[one.machine],
            self.snapshot.clock,
        )
        number, state = self.steps(one.order)[one.operation], mine.operations[one.operation]
        task, tasks = (
            self.plant.tasks(mine.product, mine.options)[number],
            self.plant.route(mine.product),
        )
        assert machine in task.step.base_times
        assert one.in_process == (state.status == "in_process")
        machine_state = self.snapshot.machines[one.machine]
        if one.in_process:
            assert (machine_state.order, machine_state.operation) == (
                one.order,
                one.operation,
            ), "it stays where it is"
            assert machine_state.expected_end is not None or machine_state.status == "down"
            assert one.end_date >= max(machine_state.expected_end or 0, clock + 1)
            return
        assert one.end_date - one.start_date == self.plant.process_time(task, machine)
        assert (
            one.start_date
            >= one.selected_date
            >= max(clock, machine_state.out_of_service_until or 0)
        )
        assert (
            mine.material_here
            or not task.step.operation.needs_material
            or one.selected_date > clock
        )
        assert one.selected_date >= (state.arrival_date or 0)
        for before in task.step.predecessors:
            if (one.order, tasks[before].operation.name) in self.planned:
                other = self.planned[one.order, tasks[before].operation.name]
                assert one.selected_date >= other.end_date + self.plant.transport_time(
                    tasks[before].centre, task.step.centre
                )

    def on(self, name: str) -> list[PlannedOperation | PlannedChangeover]:
        """Return the work of a machine in the order of its log: by start, then by end."""
        everything: tuple[PlannedOperation | PlannedChangeover, ...] = (
            *self.plan.changeovers,
            *self.plan.operations,
        )
        found = [one for one in everything if one.machine == name]
        return sorted(found, key=lambda one: (one.start_date, one.end_date))

    def setup_changes(
        self, name: str
    ) -> Iterator[tuple[PlannedOperation | PlannedChangeover, Setup, Setup]]:
        """Yield the work of a machine with its setup before and after.

        Changeovers under way have mounted theirs.
        """
        mounted = tuple(self.snapshot.machines[name].setup.values())
        for one in self.on(name):
            after = tuple(one.setup.values())
            yield one, mounted, after
            mounted = after

    def check_machine(self, name: str) -> None:
        """One thing at a time; with what it wants mounted, and a changeover of the right time
        before it."""
        last_date, prepared = 0, None
        for one, before, after in self.setup_changes(name):
            assert one.start_date >= last_date, "nothing overlaps"
            last_date = one.end_date
            changeover = self.plant.changeover(self.machines[name], before, after)
            assert changeover.forbidden is None
            if isinstance(one, PlannedOperation):
                mine = self.orders[one.order]
                wanted = self.plant.wanted_setup(
                    mine.product, self.steps(one.order)[one.operation], mine.options
                )
                assert all(want in (None, have) for want, have in zip(wanted, after, strict=True))
                assert changeover.time == 0, "a changeover that takes time is told"
                began = (
                    one.start_date
                    if prepared is None or prepared.order is None
                    else prepared.start_date
                )
                assert one.selected_date == began
                prepared = None
            else:
                assert prepared is None or prepared.order is None, (
                    "a changeover for an operation is followed by it"
                )
                assert (
                    one.start_date < self.snapshot.clock
                    or before == after
                    or one.end_date - one.start_date == changeover.time
                )
                prepared = one

    def check_stops(self) -> None:
        """Nothing is done for the orders on machines that are down, or do other work."""
        stopped = {name for name, state in self.snapshot.machines.items() if state.has_foreign_work}
        assert {stop.machine for stop in self.plan.stops} == stopped
        for stop in self.plan.stops:
            state = self.snapshot.machines[stop.machine]
            assert stop.start_date == state.since
            told = max(state.expected_end or 0, state.out_of_service_until or 0)
            assert stop.end_date >= max(self.snapshot.clock + 1, told)
            assert all(one.start_date >= stop.end_date for one in self.on(stop.machine))

    def check_crews(self) -> None:
        events = sorted(
            [(one.end_date, -1) for one in self.plan.changeovers]
            + [(one.start_date, 1) for one in self.plan.changeovers]
        )
        crews = self.plant.crews if self.snapshot.crews is None else self.snapshot.crews
        assert np.cumsum([change for _, change in events]).max(initial=0) <= crews

    def bill(self) -> dict[str, float]:
        """Bill what happens from the clock on, by ``factory/schedule/bill.py``."""
        until_now = self._terms(self.snapshot.clock, happened=False)
        at_the_end = self._terms(self.plan.end_date, happened=True)
        return {term: value - until_now[term] for term, value in at_the_end.items()}

    def _terms(self, end_date: int, *, happened: bool) -> dict[str, float]:
        """Return the cost terms of a schedule until a date, with or without the plan's work."""
        done = self._work() if happened else ((), (), ())
        names = tuple(self.machines)
        schedule = Schedule(
            "",
            self.plan.tick_minutes,
            self.plan.start_hour,
            None,
            names,
            names,
            self._orders(happened=happened),
            *done,
            end_date=end_date,
        )
        return bill(schedule, self.plant.factory).terms

    def _orders(self, *, happened: bool) -> tuple[OrderRecord, ...]:
        """Return the unfinished orders, with the plan's completion dates if it has happened."""
        completion = {order.order: order.completion_date for order in self.plan.orders}
        return tuple(
            OrderRecord(
                order.order_id,
                0,
                order.product,
                {},
                order.release_date,
                order.due_date,
                order.weight,
                0,
                completion[order.order_id] if happened else None,
            )
            for order in self.snapshot.orders
            if not order.is_finished
        )

    def _work(self) -> tuple[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]]:
        """Return operations, changeovers and failures from the clock on."""
        clock = self.snapshot.clock
        operations, changeovers, failures = [], [], []
        for name, machine in self.machines.items():
            for work, before, after in self.setup_changes(name):
                start = max(work.start_date, clock)
                if isinstance(work, PlannedOperation):
                    operations.append(_operation(machine, start, work.end_date))
                if before != after or isinstance(work, PlannedChangeover):
                    end = work.end_date if isinstance(work, PlannedChangeover) else start
                    changeover = ChangeoverRecord(machine, start, end, before, after, None, None)
                    changeovers.append(changeover)
            for stop in self.plan.stops:
                if stop.machine == name and stop.reason == "other work":
                    end = min(stop.end_date, self.plan.end_date)
                    operations.append(_operation(machine, clock, end))
            state = self.snapshot.machines[name]
            if state.status == "down" and state.order is not None:
                repair_time = self.plant.machines[machine].mean_time_to_repair or 0
                repaired = max(clock + 1, state.since + repair_time)
                failures.append(FailureRecord(machine, clock, repaired))
        return tuple(operations), tuple(changeovers), tuple(failures)


def _operation(machine: int, start_date: int, end_date: int) -> OperationRecord:
    """Return a record of work on a machine that matters for nothing but its power."""
    return OperationRecord(0, 0, "", machine, start_date, start_date, end_date, 0, 0)

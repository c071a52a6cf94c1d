"""Records of a plan, read from the simulated shop: operations, changeovers, stops and orders."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from factory.cost_terms import COST_TERMS
from factory.log_kinds import (
    LOGGED_ASSIGNMENT,
    LOGGED_CHANGEOVER,
    LOGGED_MAINTENANCE,
    LOGGED_OPERATION,
    LOGGED_PAUSE,
)
from factory.simulation.arrays import (
    CHANGEOVER_WORK,
    CHANGING,
    DOWN,
    IDLE,
    NEVER,
    PAUSED,
    ShopState,
    split_operation_id,
)
from factory.tick_dates import TickDates
from scheduler.floor.floor import ShopFloor
from scheduler.floor.locks import NOBODY
from scheduler.plans.plan_policy import FloorPolicy
from scheduler.plans.schema import (
    Plan,
    PlannedChangeover,
    PlannedClosure,
    PlannedMaintenance,
    PlannedOperation,
    PlannedOrder,
    PlannedPause,
    PlannedStop,
    PlannedWork,
)
from scheduler.snapshot.calendar import plan_epoch
from scheduler.snapshot.schema import Snapshot


class PlanRecords:
    """Records of a plan.

    Parameters
    ----------
    floor
        Shop floor from which the plan begins.
    shop
        Expected future of the floor, simulated to its end.
    """

    def __init__(self, floor: ShopFloor, shop: ShopState) -> None:
        self.floor, self.shop = floor, shop

    def operations(self) -> Iterator[PlannedOperation]:
        """Yield the operations, those in process too."""
        floor = self.floor
        ids = floor.shop.machines.operation_id[0, : len(floor.machine_names)].tolist()
        begun = {split_operation_id(operation_id) for operation_id in ids if operation_id >= 0}
        for kind, line, mounted in self._lines():
            if kind != LOGGED_OPERATION:
                continue
            _, machine, order, operation, selected, end, start, *_ = line
            names = floor.operation_names[int(floor.shop.orders.product[0, order])]
            yield PlannedOperation(
                machine=floor.machine_names[machine],
                order=floor.order_id(order) or "",
                operation=names[operation],
                selected_date=selected,
                start_date=start,
                end_date=end,
                setup=floor.setup_names(machine, np.array(mounted)),
                in_process=(order, operation) in begun,
                locked=bool(floor.locks.machine_of[order, operation] != NOBODY),
            )

    def changeovers(self) -> Iterator[PlannedChangeover]:
        """Yield the changeovers that take time, or are for no operation."""
        floor = self.floor
        yield from self._changeovers_under_way()
        for kind, line, mounted in self._lines():
            _, machine, order, _, start, end, *_ = line
            if kind == LOGGED_CHANGEOVER and (end > start or order < 0):
                yield PlannedChangeover(
                    machine=floor.machine_names[machine],
                    start_date=start,
                    end_date=end,
                    setup=floor.setup_names(machine, np.array(mounted)),
                    order=floor.order_id(order) if order >= 0 else None,
                )

    def stops(self) -> Iterator[PlannedStop]:
        """Yield the times in which machines are down, or do other work, without an operation."""
        clock = int(self.floor.shop.env.clock[0])
        for machine, name in enumerate(self.floor.machine_names):
            row = self.floor.shop.machines[0, machine]
            if row.operation_id < 0 and row.status not in (IDLE, CHANGING, PAUSED):
                yield PlannedStop(
                    machine=name,
                    start_date=int(row.state_date),
                    end_date=max(int(row.expected_end), clock + 1),
                    reason="down" if row.status == DOWN else "other work",
                )

    def maintenance(self) -> Iterator[PlannedMaintenance]:
        """Yield the maintenance of machines, that which is in work at the end too."""
        names, kinds = self.floor.machine_names, self.floor.kinds
        for line in self._spans(LOGGED_MAINTENANCE):
            yield PlannedMaintenance(
                machine=names[line[1]],
                name=kinds[line[1]][line[7]],
                start_date=line[4],
                end_date=line[5],
            )
        for machine, name in enumerate(names):
            row = self.shop.machines[0, machine]
            if row.status in (CHANGING, PAUSED) and row.maintenance >= 0:
                yield PlannedMaintenance(
                    machine=name,
                    name=kinds[machine][row.maintenance],
                    start_date=int(row.start_date),
                    end_date=self._end_of(machine),
                )

    def closures(self) -> Iterator[PlannedClosure]:
        """Yield the times between the clock and the end in which machines are closed."""
        span = (int(self.floor.shop.env.clock[0]), int(self.shop.env.clock[0]))
        for machine, name in enumerate(self.floor.machine_names):
            for begin, end in self.floor.hours.closures_between(machine, *span):
                yield PlannedClosure(machine=name, start_date=begin, end_date=end)

    def pauses(self) -> Iterator[PlannedPause]:
        """Yield the pauses of machines that are taken, those that last beyond the end too."""
        names = self.floor.machine_names
        for line in self._spans(LOGGED_PAUSE):
            yield PlannedPause(machine=names[line[1]], start_date=line[4], end_date=line[5])
        for machine, name in enumerate(names):
            row = self.shop.machines[0, machine]
            if row.status == PAUSED:
                yield PlannedPause(
                    machine=name, start_date=int(row.state_date), end_date=self._end_of(machine)
                )

    def people(self) -> Iterator[PlannedWork]:
        """Yield the work of people on machines, that which lasts beyond the end too."""
        names, groups = self.floor.machine_names, self.floor.hours.group_names
        for line in self._spans(LOGGED_ASSIGNMENT):
            yield PlannedWork(
                machine=names[line[1]],
                group=groups[line[8]],
                number=line[7],
                start_date=line[4],
                end_date=line[5],
            )
        for machine, name in enumerate(names):
            held = zip(groups, self.shop.held[0, machine].tolist(), strict=False)
            for group, number in held:
                if number > 0:
                    yield PlannedWork(
                        machine=name,
                        group=group,
                        number=number,
                        start_date=int(self.shop.machines.assigned_date[0, machine]),
                        end_date=self._end_of(machine),
                    )

    def _spans(self, kind: int) -> Iterator[list[int]]:
        """Yield the columns of the log's lines of a kind."""
        lines = self.shop.log[0, : int(self.shop.env.log_length[0])]
        yield from lines[lines[:, 0] == kind].tolist()

    def _end_of(self, machine: int) -> int:
        """Return the expected end of what a machine does at the end, which lies ahead."""
        return max(
            int(self.shop.machines.expected_end[0, machine]), int(self.shop.env.clock[0]) + 1
        )

    def orders(
        self, snapshot: Snapshot, sampled: NDArray[np.int64] | None
    ) -> Iterator[PlannedOrder]:
        """Yield the orders that are not finished.

        Parameters
        ----------
        sampled
            Completion dates ``[futures, O]``; None if no futures were sampled.
        """
        index_of = {self.floor.order_id(i): i for i in range(self.floor.num_known)}
        dates = self.shop.orders.completion_date[0].tolist()
        for order in snapshot.orders:
            if order.is_finished:
                continue
            index = index_of[order.order_id]
            distribution: dict[str, Any] = {}
            if sampled is not None:
                distribution = _summarise_dates(np.sort(sampled[:, index]), order.due_date)
            yield PlannedOrder(
                order=order.order_id,
                product=order.product,
                due_date=order.due_date,
                weight=order.weight,
                completion_date=dates[index],
                lateness=dates[index] - order.due_date,
                **distribution,
            )

    def _lines(self) -> Iterator[tuple[int, list[int], list[int]]]:
        """Yield kind and columns of the log's lines, and the setup mounted afterwards."""
        mounted = self.floor.shop.mounted[0].tolist()
        setups = self.shop.log_setup[0, :, 1]
        length = int(self.shop.env.log_length[0])
        for i, line in enumerate(self.shop.log[0, :length].tolist()):
            if line[0] == LOGGED_CHANGEOVER:
                mounted[line[1]] = setups[i].tolist()
            elif line[0] == LOGGED_MAINTENANCE:
                mounts = self.floor.arrays.maintenance_mounts[0, line[1], line[7]].tolist()
                pairs = zip(mounted[line[1]], mounts, strict=True)
                mounted[line[1]] = [old if new < 0 else new for old, new in pairs]
            yield line[0], line, mounted[line[1]]

    def _changeovers_under_way(self) -> Iterator[PlannedChangeover]:
        floor = self.floor
        clock = int(floor.shop.env.clock[0])
        for machine, name in enumerate(floor.machine_names):
            row = floor.shop.machines[0, machine]
            is_paused = row.status == PAUSED and row.paused_work == CHANGEOVER_WORK
            if not (row.status == CHANGING or is_paused) or row.maintenance >= 0:
                continue
            end, owner = max(int(row.expected_end), clock + 1), None
            if row.operation_id >= 0:
                order, operation = split_operation_id(row.operation_id)
                owner = floor.order_id(int(order))
                end = self._start_of(machine, int(order), int(operation), end)
            yield PlannedChangeover(
                machine=name,
                start_date=int(row.state_date),
                end_date=end,
                setup=floor.setup_names(machine, floor.shop.mounted[0, machine]),
                order=owner,
            )

    def _start_of(self, machine: int, order: int, operation: int, default: int) -> int:
        """Return the start of processing of an operation; a default if it is not in the log."""
        for kind, line, _ in self._lines():
            if kind == LOGGED_OPERATION and line[1:4] == [machine, order, operation]:
                return line[6]
        return default


def write_plan(
    floor: ShopFloor,
    shop: ShopState,
    snapshot: Snapshot,
    policy: FloorPolicy,
    sampled: NDArray[np.int64] | None,
) -> Plan:
    """Return the plan that a simulated shop shows.

    Parameters
    ----------
    floor
        Shop floor from which the plan begins, filled with ``snapshot``.
    shop
        Expected future of the floor, simulated to its end by ``policy``.
    sampled
        As for :meth:`PlanRecords.orders`.
    """
    records = PlanRecords(floor, shop)
    cost = dict(zip(COST_TERMS, shop.cost[0].tolist(), strict=True))
    plan = Plan(
        factory=floor.factory.name,
        clock=snapshot.clock,
        end_date=int(shop.env.clock[0]),
        tick_minutes=floor.factory.tick_minutes,
        start_hour=floor.factory.start_hour,
        made_by=policy.name,
        fallbacks=policy.fallbacks,
        faults=tuple(policy.faults),
        machines=tuple(floor.machine_names),
        work_centres=tuple(centre.name for centre in floor.centres),
        operations=tuple(records.operations()),
        changeovers=tuple(records.changeovers()),
        stops=tuple(records.stops()),
        maintenance=tuple(records.maintenance()),
        closures=tuple(records.closures()),
        pauses=tuple(records.pauses()),
        people=tuple(records.people()),
        orders=tuple(records.orders(snapshot, sampled)),
        cost=cost,
        total_cost=math.fsum(cost.values()),
        set_aside=snapshot.set_aside,
        epoch=plan_epoch(snapshot, floor.factory),
        time_zone=snapshot.time_zone or floor.factory.time_zone,
    )
    return plan if plan.epoch is None else _with_dates(plan, plan.dates)


_DATED = ("operations", "changeovers", "stops", "maintenance", "closures", "pauses", "people")
"""Fields of a plan whose records have a start and an end."""


def _with_dates(plan: Plan, dates: TickDates) -> Plan:
    """Return the plan with local dates beside its ticks."""
    update: dict[str, Any] = {
        name: tuple(
            record.model_copy(
                update={"start": dates.date(record.start_date), "end": dates.date(record.end_date)}
            )
            for record in getattr(plan, name)
        )
        for name in _DATED
    }
    update["orders"] = tuple(
        order.model_copy(
            update={
                "due": dates.date(order.due_date),
                "completion": dates.date(order.completion_date),
            }
        )
        for order in plan.orders
    )
    return plan.model_copy(update=update)


def _summarise_dates(dates: NDArray[np.int64], due_date: int) -> dict[str, Any]:
    """Return quantiles of sorted dates, and the share that is not late.

    Quantiles by Hyndman and Fan (1996), definition 1.
    """

    def quantile(share: float) -> int | None:
        date = int(dates[math.ceil(share * len(dates)) - 1])
        return None if date == NEVER else date

    return {
        "completion_p10": quantile(0.1),
        "completion_p50": quantile(0.5),
        "completion_p90": quantile(0.9),
        "on_time_probability": float((dates <= due_date).mean()),
    }

"""Plans as schedules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from factory.model import Factory
from factory.routes import operation_order
from factory.schedule.record_kinds import (
    AssignmentRecord,
    ChangeoverRecord,
    MaintenanceRecord,
    OperationRecord,
    OrderRecord,
    PauseRecord,
)
from factory.schedule.records import Schedule
from scheduler.plans.schema import Plan, PlannedOperation, PlannedPause
from scheduler.snapshot.calendar import with_extra_hours
from scheduler.snapshot.schema import OrderState, Snapshot


def plan_schedule(plan: Plan, snapshot: Snapshot, factory: Factory) -> Schedule:
    """Return a plan as a schedule, with what is in process at the snapshot.

    Parameters
    ----------
    plan, snapshot, factory
        The plan, the snapshot that it begins from, and the factory.
    """
    orders = [order for order in snapshot.orders if not order.is_finished]
    index_of = {order.order_id: i for i, order in enumerate(orders)}
    machine_of = {name: i for i, name in enumerate(plan.machines)}
    completion = {order.order: order.completion_date for order in plan.orders}
    operations = _operation_records(plan, orders, index_of, machine_of, factory)
    return Schedule(
        factory_name=plan.factory,
        tick_minutes=plan.tick_minutes,
        start_hour=plan.start_hour,
        seed=None,
        machine_names=plan.machines,
        machine_centres=plan.work_centres,
        orders=tuple(
            _order_record(i, order, completion[order.order_id]) for i, order in enumerate(orders)
        ),
        operations=operations,
        changeovers=_changeover_records(plan, snapshot, operations, index_of, factory),
        **_operating_records(plan, machine_of),
        end_date=plan.end_date,
        epoch=plan.dates.epoch,
        factory=with_extra_hours(factory, snapshot),
    )


def _order_record(index: int, order: OrderState, completion_date: int) -> OrderRecord:
    return OrderRecord(
        order_id=order.order_id,
        number=index,
        product=order.product,
        options=order.options,
        release_date=order.release_date,
        due_date=order.due_date,
        weight=order.weight,
        material_date=max(order.release_date, order.material_date or 0),
        completion_date=completion_date,
    )


def _operation_records(
    plan: Plan,
    orders: Sequence[OrderState],
    index_of: dict[str, int],
    machine_of: dict[str, int],
    factory: Factory,
) -> tuple[OperationRecord, ...]:
    numbers = {
        product.name: {
            product.operations[listed].name: i for i, listed in enumerate(operation_order(product))
        }
        for product in factory.products
    }
    pauses: dict[str, list[PlannedPause]] = {}
    for pause in plan.pauses:
        pauses.setdefault(pause.machine, []).append(pause)
    return tuple(
        OperationRecord(
            order=index_of[planned.order],
            operation=numbers[orders[index_of[planned.order]].product][planned.operation],
            name=planned.operation,
            machine=machine_of[planned.machine],
            selected_date=planned.selected_date,
            start_date=planned.start_date,
            end_date=planned.end_date,
            process_time=_worked(planned, pauses.get(planned.machine, ())),
            attempt=0,
        )
        for planned in sorted(plan.operations, key=_by_end)
    )


def _worked(planned: PlannedOperation, pauses: Sequence[PlannedPause]) -> int:
    """Return the ticks of processing between start and end, without pauses."""
    start, end = planned.start_date, planned.end_date
    spans = ((max(start, pause.start_date), min(end, pause.end_date)) for pause in pauses)
    return end - start - sum(max(0, last - first) for first, last in spans)


def _operating_records(plan: Plan, machine_of: dict[str, int]) -> dict[str, Any]:
    """Return maintenance, pauses and work of people; what lasts beyond the end is open."""
    end = plan.end_date
    maintenance = [
        MaintenanceRecord(machine_of[each.machine], each.start_date, each.end_date, each.name)
        for each in plan.maintenance
    ]
    pauses = [
        (each.end_date > end, machine_of[each.machine], each.start_date, min(end, each.end_date))
        for each in plan.pauses
    ]
    people = [
        (
            each.end_date > end,
            AssignmentRecord(
                machine_of[each.machine],
                each.start_date,
                min(end, each.end_date),
                each.group,
                each.number,
            ),
        )
        for each in plan.people
    ]
    return {
        "maintenance": tuple(each for each in maintenance if each.end_date <= end),
        "open_maintenance": tuple(each for each in maintenance if each.end_date > end),
        "pauses": tuple(PauseRecord(*span) for is_open, *span in pauses if not is_open),
        "open_pauses": tuple(PauseRecord(*span) for is_open, *span in pauses if is_open),
        "assignments": tuple(record for is_open, record in people if not is_open),
        "open_assignments": tuple(record for is_open, record in people if is_open),
    }


def _by_end(planned: PlannedOperation) -> tuple[int, int]:
    return planned.end_date, planned.start_date


def _changeover_records(
    plan: Plan,
    snapshot: Snapshot,
    operations: Sequence[OperationRecord],
    index_of: dict[str, int],
    factory: Factory,
) -> tuple[ChangeoverRecord, ...]:
    """Return the changeovers, each from the setup that the one before left.

    Plans leave out changeovers that take no time; they are found by the setups of the operations.
    """
    attributes = {
        machine.name: [attribute.name for attribute in centre.attributes]
        for centre in factory.work_centres
        for machine in centre.machines
    }
    machine_of = {name: i for i, name in enumerate(plan.machines)}
    selected = {
        (record.machine, record.order, record.selected_date): record.operation
        for record in operations
    }
    mounted = {name: dict(state.setup) for name, state in snapshot.machines.items()}
    records = []
    for event in _setup_events(plan, factory):
        before, after = mounted[event.machine], event.setup
        if event.rank == _MAINTENANCE:
            after = before | event.setup
        elif event.rank == _CHANGEOVER or before != after:
            machine, order = machine_of[event.machine], index_of.get(event.order or "")
            names = attributes[event.machine]
            operation = None
            if order is not None:
                operation = selected.get((machine, order, event.start_date))
            records.append(
                ChangeoverRecord(
                    machine=machine,
                    start_date=event.start_date,
                    end_date=event.end_date,
                    from_setup=tuple(before[name] for name in names),
                    to_setup=tuple(after[name] for name in names),
                    order=order if operation is not None else None,
                    operation=operation,
                )
            )
        mounted[event.machine] = dict(after)
    return tuple(records)


_MAINTENANCE, _CHANGEOVER, _OPERATION = range(3)


class _SetupEvent(NamedTuple):
    """The end of a maintenance, a changeover, or an operation that may have had a short one."""

    start_date: int
    rank: int
    end_date: int
    machine: str
    setup: dict[str, str]  # mounted afterwards; by a maintenance: the values that it mounts
    order: str | None


def _setup_events(plan: Plan, factory: Factory) -> list[_SetupEvent]:
    """Return all events by date, a changeover before its operation."""
    mounts = {
        (machine.name, item.name): item.mounts
        for centre in factory.work_centres
        for machine in centre.machines
        for item in machine.maintenance
    }
    events = [
        _SetupEvent(
            planned.end_date,
            _MAINTENANCE,
            planned.end_date,
            planned.machine,
            mounts[planned.machine, planned.name],
            None,
        )
        for planned in plan.maintenance
    ]
    events += [
        _SetupEvent(
            planned.start_date,
            _CHANGEOVER,
            planned.end_date,
            planned.machine,
            planned.setup,
            planned.order,
        )
        for planned in plan.changeovers
    ]
    events += [
        _SetupEvent(
            planned.selected_date,
            _OPERATION,
            planned.selected_date,
            planned.machine,
            planned.setup,
            planned.order,
        )
        for planned in plan.operations
    ]
    return sorted(events, key=lambda event: (event.start_date, event.rank))

"""Snapshots made from an order list: an empty shop floor, and the orders that it lacks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from factory.model import Factory, Machine, Order, OrderBook, Product, WorkCentre
from factory.routes import operation_order, predecessors
from scheduler.snapshot.schema import MachineState, OperationState, OrderState, Snapshot


def empty_snapshot(
    factory: Factory,
    clock: int = 0,
    *,
    epoch: datetime | None = None,
    time_zone: str | None = None,
) -> Snapshot:
    """Return a shop floor without orders: all machines idle, in their initial setups.

    Parameters
    ----------
    clock
        The date, in ticks.
    epoch, time_zone
        Date of tick 0 and name of the zone that dates are shown in, if they are known.
    """
    return Snapshot(
        factory=factory.name,
        clock=clock,
        machines={
            machine.name: MachineState(
                status="idle", setup=_initial_setup(centre, machine), since=clock
            )
            for centre in factory.work_centres
            for machine in centre.machines
        },
        orders=(),
        more_orders=False,
        epoch=epoch,
        time_zone=time_zone,
    )


def add_order_book(snapshot: Snapshot, book: OrderBook, factory: Factory) -> Snapshot:
    """Add the orders of a book that the snapshot does not have; none of them has begun."""
    known = {order.order_id for order in snapshot.orders}
    products = {product.name: product for product in factory.products}
    added = [
        _order_state(order, products[order.product], snapshot.clock)
        for order in book.orders
        if order.order_id not in known
    ]
    orders = sorted((*snapshot.orders, *added), key=lambda order: order.release_date)
    releases = _recent_releases(snapshot, orders)
    return snapshot.model_copy(update={"orders": tuple(orders), "recent_releases": releases})


def initial_operations(product: Product, ready_date: int | None) -> dict[str, OperationState]:
    """Return the states of the operations of an order that has not begun.

    Parameters
    ----------
    ready_date
        Date at which operations without predecessors joined their queues; None: the order is not
        released yet.
    """
    names = [product.operations[i].name for i in operation_order(product)]
    upcoming = OperationState(status="upcoming")
    first = upcoming
    if ready_date is not None:
        first = OperationState(status="ready", ready_date=ready_date)
    return {
        name: upcoming if before else first
        for name, before in zip(names, predecessors(product), strict=True)
    }


def _initial_setup(centre: WorkCentre, machine: Machine) -> dict[str, str]:
    return {
        attribute.name: machine.initial_setup.get(attribute.name, attribute.values[0])
        for attribute in centre.attributes
    }


def _order_state(order: Order, product: Product, clock: int) -> OrderState:
    is_released = order.release_date <= clock
    return OrderState(
        order_id=order.order_id,
        product=order.product,
        options=dict(order.options),
        release_date=order.release_date,
        due_date=order.due_date,
        weight=order.weight,
        operations=initial_operations(product, order.release_date if is_released else None),
    )


def _recent_releases(snapshot: Snapshot, orders: Iterable[OrderState]) -> tuple[int, ...]:
    """Return the newest eight release dates up to the clock."""
    released = [order.release_date for order in orders if order.release_date <= snapshot.clock]
    known = {order.release_date for order in snapshot.orders}
    before = [date for date in snapshot.recent_releases if date not in known]
    return tuple(sorted((*before, *released))[-8:])

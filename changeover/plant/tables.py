"""Tables of a plan: operations, orders and alternatives, with names and dates."""

from __future__ import annotations

from typing import Any

from changeover.plant.data import PlanData, money, relative_cost

TableRow = tuple[Any, ...]


def operation_rows(plant: PlanData, *, machine: str | None = None) -> list[TableRow]:
    """Return a head and a row for each operation, by start and machine.

    Dates are ``datetime`` where the date of tick 0 is known, and texts such as ``day 2 06:30``
    otherwise; ticks stand beside them.

    Parameters
    ----------
    machine
        Only the operations on this machine.
    """
    plan, dates = plant.plan, plant.dates
    products = {order.order: order.product for order in plan.orders}
    head = (
        "order_id",
        "operation",
        "machine",
        "start",
        "end",
        "changeover_start",
        "setup",
        "product",
        "status",
        "start_tick",
        "end_tick",
    )
    planned = [item for item in plan.operations if machine in (None, item.machine)]
    planned.sort(key=lambda item: (item.start_date, item.machine))
    rows: list[TableRow] = [head]
    for item in planned:
        changes = item.start_date > item.selected_date
        rows.append(
            (
                item.order,
                item.operation,
                item.machine,
                show_date(plant, item.start_date),
                show_date(plant, item.end_date),
                show_date(plant, item.selected_date) if changes else "",
                ", ".join(f"{name} {value}" for name, value in item.setup.items()),
                products.get(item.order, ""),
                "in process" if item.in_process else "locked" if item.locked else "planned",
                item.start_date,
                item.end_date,
            )
        )
    assert dates is not None
    return rows


def order_rows(plant: PlanData) -> list[TableRow]:
    """Return a head and a row for each order, by completion, with further columns of its list."""
    plan, dates = plant.plan, plant.dates
    more = list(dict.fromkeys(name for cells in plant.extra.values() for name in cells))
    quantiles = ("completion_p10", "completion_p50", "completion_p90", "on_time_probability")
    head = ("order_id", "product", "due", "completion", "late_by", "weight")
    sampled = quantiles if plan.futures else ()
    rows: list[TableRow] = [(*head, *sampled, "due_tick", "completion_tick", *more)]
    for order in sorted(plan.orders, key=lambda order: (order.completion_date, order.order)):
        distribution: TableRow = ()
        if plan.futures:
            shown = [
                "later" if date is None else show_date(plant, date)
                for date in (order.completion_p10, order.completion_p50, order.completion_p90)
            ]
            distribution = (*shown, order.on_time_probability)
        own = plant.extra.get(order.order, {})
        rows.append(
            (
                order.order,
                order.product,
                show_date(plant, order.due_date),
                show_date(plant, order.completion_date),
                dates.duration(order.lateness) if order.lateness > 0 else "",
                order.weight,
                *distribution,
                order.due_date,
                order.completion_date,
                *(own.get(name, "") for name in more),
            )
        )
    return rows


def alternative_rows(plant: PlanData) -> list[TableRow]:
    """Return a head and a row for each plan that was compared, the cheapest first."""
    best = plant.plan.total_cost
    rows: list[TableRow] = [("made by", "cost", "against this plan", "late orders")]
    for item in plant.plan.alternatives:
        if item.total_cost is None:
            rows.append((item.made_by, "no plan", item.fault or "", ""))
            continue
        change = (
            "" if item.made_by == plant.plan.made_by else f"{relative_cost(item.total_cost, best)}"
        )
        rows.append((item.made_by, money(item.total_cost), change, item.late_orders))
    return rows


def show_date(plant: PlanData, tick: int) -> Any:
    """Return the local date of a tick, without its zone; a text where no date is known."""
    date = plant.dates.date(tick)
    return plant.dates.text(tick) if date is None else date.replace(tzinfo=None)


def cell_text(value: Any) -> str:
    """Return a cell of a table as text."""
    if hasattr(value, "isoformat"):
        return str(value.isoformat(" ", timespec="seconds" if value.second else "minutes"))
    return f"{value:.12g}" if isinstance(value, float) else str(value)

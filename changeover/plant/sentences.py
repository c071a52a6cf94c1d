"""Plans and their comparison in sentences and tables of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from changeover.plant.data import (
    PlanData,
    count_orders,
    describe_late,
    money,
    relative_cost,
    shorten_list,
)
from scheduler.plans.what_if import MovedOrder, PlanComparison

_SHOWN_ORDERS = 10


def describe_plan(plant: PlanData) -> list[str]:
    """Return what a planner must know of a plan, in sentences."""
    plan, dates = plant.plan, plant.plan.dates
    terms = ", ".join(f"{name} {money(amount)}" for name, amount in plan.cost.items() if amount)
    size = f"{len(plan.operations)} operations on {len(plan.machines)} machines"
    span = f"from {dates.text(plan.clock)} to {dates.text(plan.end_date)}"
    lines = [
        f"{count_orders(len(plan.orders))}, {size}, {span}.",
        f"Expected cost {money(plan.total_cost)}{f' ({terms})' if terms else ''}.",
        _describe_late(plant),
        _describe_winner(plant),
    ]
    if plant.verified:
        lines.append("The independent verifier accepts the plan.")
    elif plant.verified is None:
        lines.append(
            "Work is in progress or a machine is out of service at the start, so the verifier"
            " cannot check the plan."
        )
    return [*lines, *(f"Note: {note}" for note in plant.notes)]


def format_comparison(before: PlanData, comparison: PlanComparison) -> str:
    """Return a comparison of plans in words and as a table of the orders that moved."""
    return "\n".join(_comparison_lines(before, comparison))


def format_table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return rows with columns of equal width."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _describe_late(plant: PlanData) -> str:
    late = sorted(
        (order for order in plant.plan.orders if order.lateness > 0),
        key=lambda order: (-order.lateness, order.order),
    )
    if not late:
        return "No order is late."
    duration = plant.plan.dates.duration
    shown = [f"{order.order} by {duration(order.lateness)}" for order in late]
    return f"{describe_late(len(late), len(plant.plan.orders))}: {shorten_list(shown)}."


def _describe_winner(plant: PlanData) -> str:
    plan = plant.plan
    others = [
        item
        for item in plan.alternatives
        if item.made_by != plan.made_by and item.total_cost is not None
    ]
    if not others:
        return f"Made by {plan.made_by}."
    second = others[0]
    assert second.total_cost is not None  # chosen so
    return (
        f"Made by {plan.made_by}, the cheapest of {len(plan.alternatives)} plans; the next,"
        f" {second.made_by}, costs {money(second.total_cost)}."
    )


def moved_orders(
    before: PlanData, comparison: PlanComparison
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return head and rows of the table of orders whose completion moves."""
    moved = [order for order in comparison.orders if order.moved != 0]
    return _MOVED_HEAD, list(_moved_rows(before, moved))


def _comparison_lines(before: PlanData, comparison: PlanComparison) -> Iterator[str]:
    yield from describe_comparison(before, comparison)
    head, rows = moved_orders(before, comparison)
    if rows:
        yield ""
        yield from format_table([head, *rows[:_SHOWN_ORDERS]])
        if len(rows) > _SHOWN_ORDERS:
            yield f"and {len(rows) - _SHOWN_ORDERS} more orders that move less"


def describe_comparison(before: PlanData, comparison: PlanComparison) -> Iterator[str]:
    """Yield what a planner must know of a comparison, in sentences."""
    old, new, nervousness = comparison.before, comparison.after, comparison.nervousness
    difference = comparison.cost_difference
    verb = "rises" if difference > 0 else "falls"
    change = "The expected cost stays the same"
    relative = relative_cost(new.total_cost, old.total_cost)
    if relative != "equal":
        change = f"The expected cost {verb} by {money(abs(difference))} ({relative})"
    yield f"{change}: {money(old.total_cost)} before, {money(new.total_cost)} after."
    yield (
        f"Late orders: {old.late_orders} before, {new.late_orders} after."
        f" {_describe_new_late(before, comparison.orders)}".rstrip()
    )
    yield (
        f"Of {nervousness.operations} operations that had not begun, {nervousness.moved:.0%} move"
        f" and {nervousness.changed_machine:.0%} change machine."
    )
    yield f"Made by {old.made_by} before, by {new.made_by} after."


_MOVED_HEAD = ("order", "completed before", "completed after", "moved", "late before", "late after")


def _moved_rows(before: PlanData, orders: Sequence[MovedOrder]) -> Iterator[tuple[str, ...]]:
    dates = before.plan.dates
    for order in orders:
        moved = "" if order.moved is None else dates.duration(abs(order.moved))
        sign = "" if order.moved is None else "later" if order.moved > 0 else "earlier"
        yield (
            order.order,
            dates.text(order.before) or "not in the plan",
            dates.text(order.after) or "not in the plan",
            f"{moved} {sign}".strip(),
            *(
                dates.duration(lateness) if lateness is not None and lateness > 0 else ""
                for lateness in (order.lateness_before, order.lateness_after)
            ),
        )


def _describe_new_late(before: PlanData, orders: Sequence[MovedOrder]) -> str:
    duration = before.plan.dates.duration
    is_new = [
        order
        for order in orders
        if (order.lateness_after or 0) > 0 and (order.lateness_before or 0) <= 0
    ]
    if not is_new:
        return ""
    shown = [f"{order.order} by {duration(order.lateness_after or 0)}" for order in is_new]
    return f"Late only after the change: {shorten_list(shown)}."

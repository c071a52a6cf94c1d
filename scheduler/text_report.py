"""Plans and reports as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scheduler.decisions.decider import Choice
from scheduler.log.replay import Replay, ShadowReport
from scheduler.plans.schema import Plan

_CHART_WIDTH = 100


def format_plan(plan: Plan) -> str:
    """Cost, orders, and a chart of the machines."""
    terms = ", ".join(f"{name} {amount:,.0f}" for name, amount in plan.cost.items())
    head = (
        f"{plan.factory} from date {plan.clock} to {plan.end_date}, by {plan.made_by}: expected"
        f" cost {plan.total_cost:,.0f} ({terms})"
    )
    lines = [head, *(f"the rule stood in for the policy: {fault}" for fault in plan.faults)]
    if plan.nervousness is not None:
        moved = plan.nervousness
        lines.append(
            f"of the previous plan's {moved.operations} operations to come {moved.moved:.0%} moved,"
            f" by {moved.mean_shift:.0f} ticks on average"
        )
    spread = ("10 %", "50 %", "90 %", "on time") if plan.futures else ()
    rows = [("order", "product", "due", "completed", "late by", *spread)]
    for order in plan.orders:
        dates = (order.completion_p10, order.completion_p50, order.completion_p90)
        known = (
            (
                *("later" if date is None else f"{date}" for date in dates),
                f"{order.on_time_probability or 0:.0%}",
            )
            if plan.futures
            else ()
        )
        rows.append(
            (
                order.order,
                order.product,
                f"{order.due_date}",
                f"{order.completion_date}",
                f"{max(0, order.lateness)}",
                *known,
            )
        )
    return "\n".join([*lines, "", *_align(rows), "", *_chart(plan)])


def _chart(plan: Plan) -> Iterable[str]:
    """One line a machine: ``[`` and the order's id where it is processed, ``/`` changeovers.

    ``x`` is a stop, ``.`` idle time.
    """
    span = max(1, plan.end_date - plan.clock)
    margin = max(len(machine) for machine in plan.machines)
    lanes = {machine: ["."] * _CHART_WIDTH for machine in plan.machines}

    def paint(machine: str, start: int, end: int, text: str, fill: str) -> None:
        first = max(0, (start - plan.clock) * _CHART_WIDTH // span)
        last = min(_CHART_WIDTH, max(first + 1, -(-(end - plan.clock) * _CHART_WIDTH // span)))
        lanes[machine][first:last] = f"{text[: last - first]:{fill}<{last - first}}"

    for stop in plan.stops:
        paint(stop.machine, stop.start_date, stop.end_date, "", "x")
    for changeover in plan.changeovers:
        paint(changeover.machine, changeover.start_date, changeover.end_date, "", "/")
    for operation in plan.operations:
        paint(
            operation.machine, operation.start_date, operation.end_date, f"[{operation.order}", "="
        )
    yield from (f"{machine:<{margin}} {''.join(lane)}" for machine, lane in lanes.items())
    yield f"{span / _CHART_WIDTH:.3g} ticks a column, from date {plan.clock}"


def format_replay(found: Replay) -> str:
    """Whether a log's decisions come out as they did."""
    lines = [
        f"{found.entries} entries, {found.decisions} decisions taken again ({found.by_fallback} by"
        f" the fallback rule); {found.skipped} entries skipped"
    ]
    lines += [
        f"entry {one.entry} ({one.date}), {one.machine}: {format_choice(one.logged)} then,"
        f" {format_choice(one.replayed)} now"
        for one in found.deviations
    ]
    return "\n".join(
        [
            *lines,
            (
                "every decision is as it was"
                if not found.deviations
                else f"{len(found.deviations)} decisions differ"
            ),
        ]
    )


def format_shadow(found: ShadowReport) -> str:
    """Policy against rule."""
    differing = found.decisions - found.agreed - found.undecided
    lines = [
        f"{found.decisions} decisions by the rule; the policy agreed in {found.agreed}, differed in"
        f" {differing}, failed in {found.undecided}"
    ]
    if found.mean_difference is not None:
        spread = f" +- {found.standard_error:,.1f}" if found.standard_error is not None else ""
        judged = f"{len(found.disputes)} differences judged in {found.futures} futures each"
        lines.append(
            f"{judged}: the policy's choice costs {found.mean_difference:+,.1f}{spread} (standard"
            " error) more on average; negative is cheaper"
        )
    rows = [("entry", "machine", "rule", "policy", "cost of policy - rule")]
    rows += [
        (
            f"{one.entry}",
            one.machine,
            format_choice(one.rule),
            format_choice(one.policy),
            f"{one.difference:+,.1f} +- {one.standard_error:,.1f}",
        )
        for one in found.disputes
    ]
    return "\n".join([*lines, *([] if len(rows) == 1 else ["", *_align(rows)])])


def format_choice(choice: Choice | None) -> str:
    """A choice in words."""
    if choice is None:
        return "nothing"
    setup = ", ".join(f"{attribute} {value}" for attribute, value in choice.setup.items())
    what = f"{choice.action} {choice.order} {choice.operation}" if choice.order else choice.action
    return f"{what} ({setup})" if setup else what


def _align(rows: Sequence[tuple[str, ...]]) -> Iterable[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]

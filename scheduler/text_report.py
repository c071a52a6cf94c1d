"""Plans and reports as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scheduler.decisions.decision import Choice
from scheduler.log.replay import Replay, ShadowReport
from scheduler.plans.schema import Plan

_CHART_WIDTH = 100


def format_plan(plan: Plan) -> str:
    """Format cost, orders, and a chart of the machines."""
    dates = plan.dates
    terms = ", ".join(f"{name} {amount:,.0f}" for name, amount in plan.cost.items())
    head = (
        f"{plan.factory} from {dates.text(plan.clock)} to {dates.text(plan.end_date)} (ticks"
        f" {plan.clock} to {plan.end_date}), by {plan.made_by}: expected"
        f" cost {plan.total_cost:,.0f} ({terms})"
    )
    lines = [head, *(f"the rule decided instead of the policy: {fault}" for fault in plan.faults)]
    lines += [f"put aside: {part.place} = {part.problem}" for part in plan.set_aside]
    if plan.nervousness is not None:
        moved = plan.nervousness
        lines.append(
            f"of the previous plan's {moved.operations} operations to come {moved.moved:.0%} moved,"
            f" by {dates.duration(round(moved.mean_shift))} on average"
        )
    spread = ("10 %", "50 %", "90 %", "on time") if plan.futures else ()
    rows = [("order", "product", "due", "completed", "late by", *spread)]
    for order in plan.orders:
        sampled_dates = (order.completion_p10, order.completion_p50, order.completion_p90)
        sampled: tuple[str, ...] = ()
        if plan.futures:
            quantiles = ("later" if date is None else dates.text(date) for date in sampled_dates)
            sampled = (*quantiles, f"{order.on_time_probability or 0:.0%}")
        rows.append(
            (
                order.order,
                order.product,
                dates.text(order.due_date),
                dates.text(order.completion_date),
                dates.duration(order.lateness) if order.lateness > 0 else "",
                *sampled,
            )
        )
    return "\n".join([*lines, "", *_align(rows), "", *_chart(plan)])


def _chart(plan: Plan) -> Iterable[str]:
    """Yield a line for each machine.

    ``[`` and the order's id: processing; ``/``: changeover; ``#``: maintenance; ``-``: pause;
    ``x``: stop; ``_``: closed; ``.``: idle.
    """
    span = max(1, plan.end_date - plan.clock)
    margin = max(len(machine) for machine in plan.machines)
    lanes = {machine: ["."] * _CHART_WIDTH for machine in plan.machines}

    def paint(machine: str, start: int, end: int, text: str, fill: str) -> None:
        first = max(0, (start - plan.clock) * _CHART_WIDTH // span)
        last = min(_CHART_WIDTH, max(first + 1, -(-(end - plan.clock) * _CHART_WIDTH // span)))
        lanes[machine][first:last] = f"{text[: last - first]:{fill}<{last - first}}"

    for closure in plan.closures:
        paint(closure.machine, closure.start_date, closure.end_date, "", "_")
    for stop in plan.stops:
        paint(stop.machine, stop.start_date, stop.end_date, "", "x")
    for item in plan.maintenance:
        paint(item.machine, item.start_date, item.end_date, "", "#")
    for changeover in plan.changeovers:
        paint(changeover.machine, changeover.start_date, changeover.end_date, "", "/")
    for operation in plan.operations:
        paint(
            operation.machine, operation.start_date, operation.end_date, f"[{operation.order}", "="
        )
    for pause in plan.pauses:
        paint(pause.machine, pause.start_date, pause.end_date, "", "-")
    yield from (f"{machine:<{margin}} {''.join(lane)}" for machine, lane in lanes.items())
    column = plan.dates.duration(span / _CHART_WIDTH)
    yield f"{column} a column, from {plan.dates.text(plan.clock)}"


def format_replay(result: Replay) -> str:
    """Format the result of replaying a log."""
    lines = [
        f"{result.entries} entries, {result.decisions} decisions repeated ({result.by_fallback} by"
        f" the fallback rule); {result.skipped} entries skipped"
    ]
    for deviation in result.deviations:
        logged, replayed = format_choice(deviation.logged), format_choice(deviation.replayed)
        lines.append(
            f"entry {deviation.entry} ({deviation.date}), {deviation.machine}: {logged} in the log,"
            f" {replayed} in the replay"
        )
    differing = len(result.deviations)
    lines.append(f"{differing} decisions differ" if differing else "no decision differs")
    return "\n".join(lines)


def format_shadow(report: ShadowReport) -> str:
    """Format the comparison of policy and rule."""
    differing = report.decisions - report.agreed - report.undecided
    lines = [
        f"{report.decisions} decisions by the rule; the policy agreed in {report.agreed}, differed"
        f" in {differing}, failed in {report.undecided}"
    ]
    if report.mean_difference is not None:
        error = report.standard_error
        spread = "" if error is None else f" +- {error:,.1f} (standard error)"
        lines.append(
            f"{len(report.disputes)} differences simulated in {report.futures} futures each: the"
            f" policy's choice costs {report.mean_difference:+,.1f}{spread} more on average;"
            " negative is cheaper"
        )
    rows = [("entry", "machine", "rule", "policy", "cost of policy - rule")]
    rows += [
        (
            f"{dispute.entry}",
            dispute.machine,
            format_choice(dispute.rule),
            format_choice(dispute.policy),
            f"{dispute.difference:+,.1f} +- {dispute.standard_error:,.1f}",
        )
        for dispute in report.disputes
    ]
    return "\n".join([*lines, *([] if len(rows) == 1 else ["", *_align(rows)])])


def format_choice(choice: Choice | None) -> str:
    """Format a choice."""
    if choice is None:
        return "nothing"
    setup = ", ".join(f"{attribute} {value}" for attribute, value in choice.setup.items())
    if choice.maintenance:
        return f"maintenance {choice.maintenance}"
    what = f"{choice.action} {choice.order} {choice.operation}" if choice.order else choice.action
    return f"{what} ({setup})" if setup else what


def _align(rows: Sequence[tuple[str, ...]]) -> Iterable[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]

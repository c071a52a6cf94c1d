"""Page of a plan: cost, alternatives, interactive Gantt chart, orders. It opens from disk."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from changeover.plant.data import PlanData
from changeover.plant.sentences import describe_plan
from changeover.plant.tables import TableRow, alternative_rows, cell_text, order_rows
from evaluation.reporting.style_sheet import STYLE
from factory.schedule.gantt_html import GanttBar, gantt_html, gantt_html_assets, schedule_bars
from factory.validation.names import printable
from scheduler.portfolio.plan_schedule import plan_schedule

_SHOWN_ALTERNATIVES = 8
_SHORT = 28
"""Letters of a cell that stay on one line."""
_STYLE = """
td.short{white-space:nowrap}
td.long,td.long:first-child{min-width:28ch;overflow-wrap:anywhere}
"""


def plan_page(plant: PlanData) -> str:
    """Return a plan as one self-contained page."""
    title = f"{plant.factory.name}: plan"
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(title)}</title><style>{STYLE}{_STYLE}</style>{gantt_html_assets()}</head>"
        f"<body><main><h1>{_text(title)}</h1>{_body(plant)}</main></body></html>\n"
    )


def plan_fragment(plant: PlanData) -> str:
    """Return a plan as a fragment of HTML, for notebooks."""
    return f"{gantt_html_assets()}{_summary(plant)}{_chart(plant)}"


def _body(plant: PlanData) -> str:
    orders = order_rows(plant)
    late = [row for row in orders[1:] if row[4]]
    rows = alternative_rows(plant)
    parts = [
        _summary(plant),
        "<h2>Schedule</h2>",
        _chart(plant),
        f"<h2>Late orders ({len(late)})</h2>",
        _table([orders[0], *late]) if late else "<p>No order is late.</p>",
        "<h2>Plans that were compared</h2>",
        "<p>Each policy or rule made a plan; the cheapest is shown.</p>",
        _table(rows[: _SHOWN_ALTERNATIVES + 1]),
        _more("All plans", rows) if len(rows) > _SHOWN_ALTERNATIVES + 1 else "",
        f"<h2>Orders ({len(orders) - 1})</h2>",
        _table(orders),
    ]
    return "".join(parts)


def _summary(plant: PlanData) -> str:
    return "".join(f"<p>{_text(line)}</p>" for line in describe_plan(plant))


def _chart(plant: PlanData) -> str:
    plan = plant.plan
    bars = schedule_bars(plan_schedule(plan, plant.snapshot, plant.factory), plant.factory)
    bars += [
        GanttBar(
            stop.machine,
            stop.start_date,
            stop.end_date,
            "down" if stop.reason == "down" else "other work",
            None,
            stop.reason,
            {},
            False,
        )
        for stop in plant.stops
    ]
    return gantt_html(
        plan.machines,
        bars,
        start=plan.dates.epoch,
        tick_minutes=plan.tick_minutes,
        start_hour=plan.start_hour,
        since=plant.first_date,
    )


def _more(summary: str, rows: list[TableRow]) -> str:
    return f"<details><summary>{_text(summary)}</summary>{_table(rows)}</details>"


def _table(rows: Iterable[TableRow]) -> str:
    head, *body = rows
    heads = "".join(f"<th>{_text(str(name).replace('_', ' '))}</th>" for name in head)
    lines = "".join(f"<tr>{''.join(_cell(cell_text(cell)) for cell in row)}</tr>" for row in body)
    return (
        f'<div class="scroll"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )


def _cell(text: str) -> str:
    """Return a cell; short texts, such as dates, are never broken, and long ones stay narrow."""
    kind = "short" if len(text) <= _SHORT else "long"
    return f'<td class="{kind}">{_text(text)}</td>'


def _text(text: str) -> str:
    return escape(printable(text))

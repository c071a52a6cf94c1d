"""Interactive Gantt charts as HTML: zoom, pan, tooltips, and an order's operations highlighted.

A chart is a fragment of HTML with its data inside. It needs no network: script and style stand in
the page once (:func:`gantt_html_assets`), before or after the charts.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from html import escape
from importlib.resources import files
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from factory.model import Factory
from factory.schedule.bill import tardiness
from factory.schedule.operating_times import MachineClosure, closures_of_machines
from factory.schedule.record_kinds import (
    ChangeoverRecord,
    FailureRecord,
    MaintenanceRecord,
    OperationRecord,
    PauseRecord,
    ScheduleRecords,
    WaitRecord,
)
from factory.tick_dates import TickDates

BarKind = Literal[
    "closed", "operation", "changeover", "wait", "maintenance", "pause", "down", "other work"
]

_SCRIPTS = (
    "building.js",
    "calendar.js",
    "colours.js",
    "chart_input.js",
    "chart.js",
    "mounting.js",
)
"""Modules of the chart's script, each after those that it imports."""

_MINUTE = timedelta(minutes=1)


class GanttBar(NamedTuple):
    """A bar of an interactive Gantt chart.

    Parameters
    ----------
    lane
        Name of the machine.
    start, end
        Dates in ticks.
    kind
        Look of the bar.
    order
        Id of its order, by which bars are highlighted together; None: of no order.
    label
        Text on the bar, shown where it fits.
    details
        More lines of the tooltip, by name. Operations can be coloured by ``setup`` and ``product``;
        parts of a setup are separated by `` · ``: the first gives the colour, the others its shade.
    late
        True for operations of a late order.
    """

    lane: str
    start: float
    end: float
    kind: BarKind
    order: str | None
    label: str
    details: dict[str, str]
    late: bool


def gantt_html(
    lanes: Sequence[str],
    bars: Sequence[GanttBar],
    *,
    start: datetime | None,
    tick_minutes: float,
    title: str = "",
    start_hour: int = 0,
    since: float = 0.0,
    until: float | None = None,
) -> str:
    """Return an interactive Gantt chart as a fragment of HTML.

    The page must hold :func:`gantt_html_assets` once.

    Parameters
    ----------
    lanes
        Names of the machines, from the top.
    bars
        Bars on these lanes, in any order; later ones are drawn over earlier ones.
    start
        Date of tick 0, with or without a time zone; None: dates are shown as ``day 2 06:30``.
    tick_minutes
        Minutes of a tick.
    title
        Text above the chart; it also names the chart for screen readers.
    start_hour
        Hour of the day at tick 0, where ``start`` is None.
    since, until
        First and last tick shown; None: the end of the last bar. Charts with the same ones have the
        same axis.

    Raises
    ------
    ValueError
        If a bar is on a lane that is not listed, or a lane is listed twice.
    """
    data = {
        "start": None if start is None else (start.replace(tzinfo=None) - _UNIX) / _MINUTE,
        "start_hour": start_hour,
        "tick_minutes": tick_minutes,
        "shifts": list(_find_shifts(start, tick_minutes, bars)),
        "since": since,
        "until": until,
        "lanes": list(lanes),
        **_encode_bars(lanes, bars),
    }
    operations = sum(bar.kind == "operation" for bar in bars)
    heading = f'<p class="gantt-title">{escape(title)}</p>' if title else ""
    return (
        f'<div class="gantt-chart" role="group" aria-label="{escape(title or "Gantt chart")}">'
        f'{heading}<p class="gantt-plain">{operations} operations on {len(lanes)} machines. The'
        " chart is drawn by JavaScript: allow it, or trust the notebook.</p>"
        f'<script type="application/json">{_as_script(data)}</script></div>'
    )


@cache
def gantt_html_assets() -> str:
    """Return script and style of interactive Gantt charts, for the head or the end of a page."""
    folder = files("factory.schedule") / "gantt_page"
    sources = [(folder / name).read_text(encoding="utf-8") for name in _SCRIPTS]
    # the modules become one: a page that is opened from disk may import none
    script = "\n".join(re.sub(r"^import .*\n|^export ", "", s, flags=re.MULTILINE) for s in sources)
    style = (folder / "style.css").read_text(encoding="utf-8")
    return f'<style>{style}</style><script type="module">{script}</script>'


_UNIX = datetime(1970, 1, 1)


def _as_script(data: Any) -> str:
    """Return data as JSON in which nothing ends a script element or begins a comment."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _encode_bars(lanes: Sequence[str], bars: Iterable[GanttBar]) -> dict[str, Any]:
    """Return the rows of the bars, ``[lane, start, end, kind, order, label, late, name, value,
    ...]``, in which texts are indices.
    """
    index_of = {lane: index for index, lane in enumerate(lanes)}
    if len(index_of) < len(lanes):
        twice = next(lane for index, lane in enumerate(lanes) if index_of[lane] != index)
        raise ValueError(
            f"gantt_html: lane {twice!r} is listed twice. Give each lane its own name."
        )
    texts: dict[str, int] = {}

    def text(value: str) -> int:
        return texts.setdefault(str(value), len(texts))

    rows = []
    for bar in bars:
        if bar.lane not in index_of:
            known = ", ".join(lanes)
            raise ValueError(
                f"gantt_html: a bar is on lane {bar.lane!r}; the lanes are {known}. Add the lane."
            )
        order = -1 if bar.order is None else text(bar.order)
        details = [text(part) for pair in bar.details.items() for part in pair]
        row = [index_of[bar.lane], bar.start, bar.end, text(bar.kind), order, text(bar.label)]
        rows.append([*row, int(bar.late), *details])
    return {"texts": list(texts), "bars": rows}


def _find_shifts(
    start: datetime | None, tick_minutes: float, bars: Sequence[GanttBar]
) -> Iterator[tuple[float, float]]:
    """Yield the ticks at which the clock is put forward or back, with the minutes by which it then
    differs from the clock at tick 0.
    """
    if start is None or start.tzinfo is None or not bars:
        return
    dates = TickDates(tick_minutes, epoch=start)
    day = 24 * 60 / tick_minutes
    last = max(bar.end for bar in bars)
    days = [day * number for number in range(int(last // day) + 3)]

    def offset(tick: float) -> float:
        date = dates.date(tick)
        return 0.0 if date is None else ((date.utcoffset() or timedelta()) - base) / _MINUTE

    base = start.astimezone(start.tzinfo).utcoffset() or timedelta()
    for low, high in pairwise(days):
        if offset(low) != offset(high):
            while (high - low) * tick_minutes > 1 / 60:
                middle = (low + high) / 2
                low, high = (middle, high) if offset(middle) == offset(low) else (low, middle)
            yield round(high * tick_minutes) / tick_minutes, offset(high)


# --- bars of a schedule ---------------------------------------------------------------------------


def schedule_bars(schedule: ScheduleRecords, factory: Factory | None) -> list[GanttBar]:
    """Return the bars of a schedule: closures, waits, changeovers, operations, maintenance, pauses
    and repairs.

    Operations in work are drawn up to their expected ends.

    Parameters
    ----------
    schedule, factory
        Schedule, complete or so far, and its factory; without it, first setups are not known.
    """
    painter = _BarPainter(schedule)
    known = schedule if factory is None else replace(schedule, factory=factory)
    setups = iter(known.setups)
    closures = [] if factory is None else closures_of_machines(factory, painter.last_date())
    return [
        *(painter.span("closed", closure) for closure in closures),
        *(painter.span("wait", wait) for wait in schedule.waits),
        *map(painter.changeover, schedule.changeovers),
        *(painter.operation(operation, next(setups), "") for operation in schedule.operations),
        *(painter.operation(o, next(setups), "in work") for o in schedule.open_operations),
        *map(painter.maintenance, (*schedule.maintenance, *schedule.open_maintenance)),
        *(painter.span("pause", pause) for pause in schedule.pauses),
        *(painter.span("pause", pause) for pause in schedule.open_pauses),
        *(painter.span("down", failure) for failure in schedule.failures),
        *(painter.span("down", failure) for failure in schedule.open_failures),
    ]


class _BarPainter:
    """Makes bars of the records of a schedule."""

    def __init__(self, schedule: ScheduleRecords) -> None:
        self.schedule = schedule
        self._assignments: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
        for each in (*schedule.assignments, *schedule.open_assignments):
            own = self._assignments[each.machine]
            own.append((each.start_date, f"{each.number} {each.group}"))
        for own in self._assignments.values():
            own.sort()

    def operation(
        self, record: OperationRecord, setup: tuple[str, ...] | None, state: str
    ) -> GanttBar:
        """Return the bar of an operation; ``state`` is shown in its tooltip if it has any."""
        order, dates = self.schedule.orders[record.order], self.schedule.dates
        late = tardiness(order, self.schedule.end_date)
        details = {
            "operation": record.name,
            "setup": " · ".join(setup or ()),
            "product": order.product,
            **order.options,
            "released": dates.text(order.release_date),
            "due": dates.text(order.due_date),
            "late by": dates.duration(late) if late else "",
            "attempt": f"{record.attempt + 1}" if record.attempt else "",
            "people": self._people(record),
            "state": state,
        }
        return GanttBar(
            self.schedule.machine_names[record.machine],
            record.start_date,
            record.end_date,
            "operation",
            order.order_id,
            order.order_id,
            {name: text for name, text in details.items() if text},
            late > 0,
        )

    def changeover(self, record: ChangeoverRecord) -> GanttBar:
        """Return the bar of a changeover."""
        order = None if record.order is None else self.schedule.orders[record.order].order_id
        return GanttBar(
            self.schedule.machine_names[record.machine],
            record.start_date,
            record.end_date,
            "changeover",
            order,
            "",
            self._change_details(record),
            False,
        )

    def _change_details(self, record: ChangeoverRecord) -> dict[str, str]:
        people = self._people(record)
        return {
            "from": " · ".join(record.from_setup),
            "to": " · ".join(record.to_setup),
            **({"people": people} if people else {}),
        }

    def maintenance(self, record: MaintenanceRecord) -> GanttBar:
        """Return the bar of a maintenance."""
        machine = self.schedule.machine_names[record.machine]
        details = {"maintenance": record.name, "people": self._people(record)}
        return GanttBar(
            machine,
            record.start_date,
            record.end_date,
            "maintenance",
            None,
            record.name,
            {name: text for name, text in details.items() if text},
            False,
        )

    def last_date(self) -> int:
        """Return the last date that is shown."""
        operations, maintenance = self.schedule.open_operations, self.schedule.open_maintenance
        ends = [*(each.end_date for each in operations), *(each.end_date for each in maintenance)]
        return max([self.schedule.end_date, *ends])

    def _people(self, work: OperationRecord | ChangeoverRecord | MaintenanceRecord) -> str:
        """Return who works on a piece of work, such as ``2 fitters, 1 setters``."""
        own = self._assignments.get(work.machine, [])
        first = bisect_left(own, (work.start_date, ""))
        last = bisect_left(own, (max(work.end_date, work.start_date + 1), ""))
        return ", ".join(dict.fromkeys(text for _, text in own[first:last]))

    def span(
        self, kind: BarKind, record: FailureRecord | WaitRecord | PauseRecord | MachineClosure
    ) -> GanttBar:
        """Return the bar of a repair, a wait, a pause or a closure."""
        machine = self.schedule.machine_names[record.machine]
        return GanttBar(machine, record.start_date, record.end_date, kind, None, "", {}, False)

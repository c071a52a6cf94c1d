"""Pictures of a schedule that a planner can read: a Gantt chart as figure, as pixels and as text.

matplotlib is loaded only when a picture is drawn, and only its object interface is used: no global
state, no window.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from factory.model import Factory
from factory.schedule.bill import tardiness
from factory.schedule.gantt_painter import GanttPainter
from factory.schedule.gantt_style import PLAIN, LegendLine, any_letters, shorten
from factory.schedule.kpis import Kpis, kpis
from factory.schedule.operating_times import MachineClosure, closures_of_machines
from factory.schedule.record_kinds import (
    ChangeoverRecord,
    FailureRecord,
    MaintenanceRecord,
    PauseRecord,
    ScheduleRecords,
    WaitRecord,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_Span = (
    ChangeoverRecord | FailureRecord | WaitRecord | MaintenanceRecord | PauseRecord | MachineClosure
)

_LANE = 0.36
"""Inches a machine."""
_MARGIN_LEFT, _MARGIN_RIGHT, _MARGIN_TOP, _MARGIN_BOTTOM, _STRIP = 1.5, 0.2, 0.75, 0.5, 0.42
"""Inches around the lanes, and of the strip of due dates."""
_LEGEND_LINE = 0.21
"""Inches a line of the legend."""
_LONGEST_HEADING, _LONGEST_LABEL = 60, 40
"""Letters of a name that there is room for in the legend before and beside the swatches."""
_LETTER, _SWATCH = 0.085, 0.42
"""Inches a letter of the legend is given, and a swatch with its gaps."""


def draw_gantt(
    schedule: ScheduleRecords,
    factory: Factory,
    path: Path | str | None = None,
    *,
    since: int = 0,
    until: int | None = None,
    title: str | None = None,
    width: float = 18.0,
) -> Figure:
    """Draw one lane a machine, grouped by work centre.

    Bars are operations, coloured by the setup they want (first attribute: hue, others: shade; work
    centres without attributes: by product), with the order's id where it fits. Changeovers are
    hatched, failures dark, chosen waits pale, maintenance violet. Closures of machines are shaded,
    and work that pauses is striped. Operations of late orders have a red edge, and a red triangle
    marks where a late order is completed. The strip above the lanes has a stroke at every
    order's due date, red if it was missed.

    Parameters
    ----------
    schedule, factory
        What to draw; partial schedules are drawn so far, with operations in work faded.
    path
        Where to save the picture too (format by its ending).
    since, until
        First and last tick shown; None: the end of the schedule.
    title
        First line; None: factory and seed. The second line has the key figures.
    width
        Inches. The height follows from the number of machines.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    painter = GanttPainter(schedule, factory, until, since)
    legend = painter.legend()
    below = _MARGIN_BOTTOM + _LEGEND_LINE * len(legend) + 0.15
    lanes = _LANE * painter.lanes
    height = _MARGIN_TOP + _STRIP + lanes + below
    figure = _figure_class()(figsize=(width, height), dpi=110, facecolor="white")
    FigureCanvasAgg(figure)
    inner = (width - _MARGIN_LEFT - _MARGIN_RIGHT) / width
    axes = figure.add_axes((_MARGIN_LEFT / width, below / height, inner, lanes / height))
    strip = figure.add_axes(
        (_MARGIN_LEFT / width, (below + lanes) / height, inner, _STRIP / height), sharex=axes
    )
    painter.paint_lanes(axes, width * inner)
    painter.paint_due_dates(strip)
    _write_title(figure, title or _default_title(schedule), kpis(schedule, factory), height)
    _write_legend(figure, legend, width, height)
    if path is not None:
        with any_letters():
            figure.savefig(path, dpi=150)
    return figure


@cache
def _figure_class() -> type[Figure]:
    """Return a figure's class that notebooks show without pyplot."""
    from matplotlib.figure import Figure

    class GanttFigure(Figure):
        def _repr_png_(self) -> bytes:
            content = BytesIO()
            with any_letters():
                self.savefig(content, format="png")
            return content.getvalue()

    return GanttFigure


def gantt_rgb(
    schedule: ScheduleRecords,
    factory: Factory,
    *,
    until: int | None = None,
    title: str | None = None,
    width: float = 12.0,
) -> NDArray[np.uint8]:
    """Return the picture of :func:`draw_gantt` as pixels, ``[height, width, 3]``."""
    figure = draw_gantt(schedule, factory, until=until, title=title, width=width)
    with any_letters():
        figure.canvas.draw()
    pixels: NDArray[np.uint8] = np.array(figure.canvas.buffer_rgba(), np.uint8)[..., :3]  # type: ignore[attr-defined]
    return np.ascontiguousarray(pixels)


def _default_title(schedule: ScheduleRecords) -> str:
    world = "" if schedule.seed is None else f", seed {schedule.seed}"
    return f"{schedule.factory_name}{world}"


def _write_title(figure: Figure, title: str, figures: Kpis, height: float) -> None:
    line = (
        f"{figures.completed} of {figures.orders} orders done ({figures.on_time_share:.0%} on"
        f" time), mean tardiness {figures.mean_tardiness_hours:.1f} h, mean flow"
        f" {figures.mean_flow_hours:.1f} h, {figures.changeovers} changeovers"
        f" ({figures.changeovers_per_order:.2f} an order, {figures.changeover_hours:.1f} h),"
        f" machines {figures.use.processing:.0%} processing, {figures.use.changeover:.0%} changing"
        f" over, {figures.use.down:.0%} down, cost {figures.total_cost:,.0f}"
    )
    figure.text(
        0.012, 1 - 0.24 / height, title, fontsize=12, weight="bold", ha="left", va="center", **PLAIN
    )
    figure.text(
        0.012, 1 - 0.5 / height, line, fontsize=8.5, ha="left", va="center", color="#333333"
    )


def _write_legend(figure: Figure, lines: list[LegendLine], width: float, height: float) -> None:
    """Write lines at the foot of the picture, with as many swatches as the width holds."""
    headings = [shorten(heading, _LONGEST_HEADING) for heading, _ in lines]
    left = 0.5 + _LETTER * max(map(len, headings))
    for index, (heading, (_, entries)) in enumerate(zip(headings, lines, strict=True)):
        middle = _LEGEND_LINE * (len(lines) - index - 0.4)
        figure.text(
            0.012,
            middle / height,
            heading,
            fontsize=8,
            ha="left",
            va="center",
            weight="bold",
            **PLAIN,
        )
        x = left
        for shown, (label, look) in enumerate(entries):
            label = shorten(label, _LONGEST_LABEL)
            if x + _SWATCH + _LETTER * max(len(label), 12) > width and shown < len(entries) - 1:
                rest = f"and {len(entries) - shown} more"
                figure.text(x / width, middle / height, rest, fontsize=8, ha="left", va="center")
                break
            _write_swatch(figure, x, middle, label, look)
            x += _SWATCH + _LETTER * len(label)


def _write_swatch(
    figure: Figure, x: float, middle: float, label: str, look: dict[str, Any]
) -> None:
    """Write a swatch with its label; ``x`` and ``middle`` are inches from the bottom left."""
    from matplotlib.patches import Rectangle

    width, height = figure.get_size_inches()
    swatch = {"edgecolor": "#333333", "linewidth": 0.5, **look}
    figure.add_artist(
        Rectangle(
            (x / width, (middle - 0.06) / height),
            0.22 / width,
            0.12 / height,
            transform=figure.transFigure,
            **swatch,
        )
    )
    figure.text(
        (x + 0.28) / width,
        middle / height,
        label,
        fontsize=8,
        ha="left",
        va="center",
        **PLAIN,
    )


# --- text -----------------------------------------------------------------------------------------


def gantt_text(schedule: ScheduleRecords, width: int = 100) -> str:
    """Return the chart in characters: one line a machine, ``width`` columns over the time so far.

    An operation is its order's id between ``[`` and ``=``; ``/`` is a changeover, ``x`` a failure,
    ``~`` a chosen wait, ``m`` maintenance, ``-`` a pause of work, ``.`` idle time, blank a closed
    machine. A late order's id carries a ``!`` where it fits.
    """
    ends = [operation.end_date for operation in schedule.open_operations]
    until = max(1, schedule.end_date, *ends)
    names = [
        f"{centre} {name}" if centre != name else name
        for centre, name in zip(schedule.machine_centres, schedule.machine_names, strict=True)
    ]
    margin = max((len(name) for name in names), default=0)
    closures = [] if schedule.factory is None else closures_of_machines(schedule.factory, until)
    lines = [
        f"{name:<{margin}} {_text_lane(schedule, closures, machine, width, until)}"
        for machine, name in enumerate(names)
    ]
    done = sum(order.completion_date is not None for order in schedule.orders)
    late = sum(tardiness(order, schedule.end_date) > 0 for order in schedule.orders)
    foot = (
        f"{schedule.dates.text(schedule.end_date)} (tick {schedule.end_date}): {done} of"
        f" {len(schedule.orders)} orders done, {late} late; a column is"
        f" {schedule.dates.duration(until / width)}"
    )
    return "\n".join([*lines, foot])


def _text_lane(
    schedule: ScheduleRecords, closures: list[MachineClosure], machine: int, width: int, until: int
) -> str:
    lane = ["."] * width

    def columns(start: int, end: int) -> range:
        first = min(width - 1, start * width // until)
        return (
            range(first, max(first + 1, min(width, -(-end * width // until))))
            if end > start
            else range(0)
        )

    def fill(records: Iterable[_Span], mark: str) -> None:
        for record in records:
            if record.machine == machine:
                for column in columns(record.start_date, record.end_date):
                    lane[column] = mark

    fill(closures, " ")
    fill(schedule.waits, "~")
    fill(schedule.changeovers, "/")
    for operation in (*schedule.operations, *schedule.open_operations):
        if operation.machine == machine:
            order = schedule.orders[operation.order]
            room = columns(operation.start_date, operation.end_date)
            late = "!" if tardiness(order, schedule.end_date) else ""
            bar = f"[{order.order_id}{late}"[: len(room)].ljust(len(room), "=")
            for column, character in zip(room, bar, strict=True):
                lane[column] = character
    fill((*schedule.maintenance, *schedule.open_maintenance), "m")
    fill((*schedule.pauses, *schedule.open_pauses), "-")
    fill((*schedule.failures, *schedule.open_failures), "x")
    return "".join(lane)

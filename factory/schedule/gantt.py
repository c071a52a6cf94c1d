"""Pictures of a schedule that a planner can read: a Gantt chart as figure, as pixels and as text.

matplotlib is loaded only when a picture is drawn, and only its object interface is used: no global
state, no window.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from factory.lookups import FactoryLookup
from factory.model import Factory
from factory.schedule.bill import tardiness
from factory.schedule.gantt_style import (
    PLAIN,
    Clock,
    Colours,
    LegendLine,
    any_letters,
    readable_on,
    shorten,
)
from factory.schedule.kpis import Kpis, kpis
from factory.schedule.records import (
    ChangeoverRecord,
    FailureRecord,
    OperationRecord,
    OrderRecord,
    Schedule,
    WaitRecord,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LATE, _ON_TIME, _OPEN = "#e00000", "#2e8b57", "#9a9a9a"
_CHANGEOVER_FACE, _CHANGEOVER_EDGE = "#f2f2f2", "#555555"
_FAILURE, _WAIT = "#3a0d12", "#e3ecf7"
_LANE = 0.36
"""Inches a machine."""
_BAR = 0.76
"""Share of the lane that a bar fills."""
_LABEL_POINTS = 6.5
"""Size of order ids in bars."""
_MARGIN_LEFT, _MARGIN_RIGHT, _MARGIN_TOP, _MARGIN_BOTTOM, _STRIP = 1.5, 0.2, 0.75, 0.5, 0.42
"""Inches around the lanes, and of the strip of due dates."""
_LEGEND_LINE = 0.21
"""Inches a line of the legend."""
_LONGEST_MACHINE, _LONGEST_HEADING, _LONGEST_LABEL = 24, 60, 40
"""Letters of a name that there is room for beside the lanes, and in the legend before and beside
the swatches."""
_LETTER, _SWATCH = 0.085, 0.42
"""Inches a letter of the legend is given, and a swatch with its gaps."""


def draw_gantt(
    schedule: Schedule,
    factory: Factory,
    path: Path | str | None = None,
    *,
    until: int | None = None,
    title: str | None = None,
    width: float = 18.0,
) -> Figure:
    """Draw one lane a machine, grouped by work centre.

    Bars are operations, coloured by the setup they want (first attribute: hue, others: shade; work
    centres without attributes: by product), with the order's id where it fits. Changeovers are
    hatched, failures dark, chosen waits pale. Operations of late orders have a red edge, and a red
    triangle marks where a late order is completed. The strip above the lanes has a stroke at every
    order's due date, red if it was missed.

    Parameters
    ----------
    schedule, factory
        What to draw; partial schedules are drawn so far, with operations in work faded.
    path
        Where to save the picture too (format by its ending).
    until
        Last tick shown; None: the end of the schedule.
    title
        First line; None: factory and seed. The second line has the key figures.
    width
        Inches. The height follows from the number of machines.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    painter = _Painter(schedule, factory, until)
    legend = painter.legend()
    below = _MARGIN_BOTTOM + _LEGEND_LINE * len(legend) + 0.15
    lanes = _LANE * painter.lanes
    height = _MARGIN_TOP + _STRIP + lanes + below
    figure = Figure(figsize=(width, height), dpi=110, facecolor="white")
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


def gantt_rgb(
    schedule: Schedule,
    factory: Factory,
    *,
    until: int | None = None,
    title: str | None = None,
    width: float = 12.0,
) -> NDArray[np.uint8]:
    """The picture of :func:`draw_gantt` as pixels, ``[height, width, 3]``."""
    figure = draw_gantt(schedule, factory, until=until, title=title, width=width)
    with any_letters():
        figure.canvas.draw()
    pixels: NDArray[np.uint8] = np.array(figure.canvas.buffer_rgba(), np.uint8)[..., :3]  # type: ignore[attr-defined]
    return np.ascontiguousarray(pixels)


# --- painting -------------------------------------------------------------------------------------


class _Painter:
    """Puts records into axes."""

    def __init__(self, schedule: Schedule, factory: Factory, until: int | None) -> None:
        self.schedule, self.plant = schedule, FactoryLookup(factory)
        ends = (operation.end_date for operation in schedule.open_operations)
        self.until = (
            max(1, max(ends, default=0), schedule.end_date) if until is None else max(1, until)
        )
        self.late = [tardiness(order, schedule.end_date) > 0 for order in schedule.orders]
        self.height_of = _lane_heights(schedule.machine_centres)
        self.lanes = self.height_of[-1] + 1 if self.height_of else 1.0
        self.colours = Colours(self.plant)

    def paint_lanes(self, axes: Axes, inches: float) -> None:
        """Bars, marks, ids and the clock; ``inches`` is the width of the lanes."""
        axes.set_xlim(0, self.until)
        axes.set_ylim(self.lanes - 0.5, -0.5)
        self._paint_grid(axes, inches)
        self._paint_machines(axes)
        self._paint_spans(axes, self.schedule.waits, _WAIT, share=1.0, zorder=1.5)
        self._paint_changeovers(axes)
        self._paint_operations(axes, self.schedule.operations, alpha=1.0)
        self._paint_operations(axes, self.schedule.open_operations, alpha=0.45)
        self._paint_spans(
            axes,
            (*self.schedule.failures, *self.schedule.open_failures),
            _FAILURE,
            share=0.36,
            zorder=4,
        )
        self._write_ids(axes, inches)
        self._mark_late_orders(axes)
        if self.until > self.schedule.end_date:
            axes.axvline(self.schedule.end_date, color="black", linewidth=1, zorder=6)

    def _box(
        self, machine: int, start: float, end: float, share: float = 1.0
    ) -> list[tuple[float, float]]:
        """Corners of a bar; ``share`` of its height, from the bottom."""
        bottom = self.height_of[machine] + _BAR / 2
        top = bottom - share * _BAR
        return [(start, top), (end, top), (end, bottom), (start, bottom)]

    def _paint_machines(self, axes: Axes) -> None:
        names = [shorten(name, _LONGEST_MACHINE) for name in self.schedule.machine_names]
        axes.set_yticks(self.height_of, names, fontsize=8, **PLAIN)
        axes.tick_params(axis="y", length=0)
        for spine in ("top", "right", "left"):
            axes.spines[spine].set_visible(False)
        for centre in dict.fromkeys(self.schedule.machine_centres):
            lanes = [
                self.height_of[m]
                for m, other in enumerate(self.schedule.machine_centres)
                if other == centre
            ]
            axes.axhspan(
                min(lanes) - 0.5, max(lanes) + 0.5, facecolor="#f8f8f8", edgecolor="none", zorder=0
            )
            look = {
                "rotation": 90,
                "ha": "center",
                "va": "center",
                "fontsize": 8,
                "weight": "bold",
                **PLAIN,
            }
            axes.text(
                -1.36,
                (min(lanes) + max(lanes)) / 2,
                centre,
                transform=_inches_left_of(axes),
                **look,
            )

    def _paint_grid(self, axes: Axes, inches: float) -> None:
        clock = Clock(self.plant.factory, self.until, strokes=round(1.6 * inches))
        axes.set_xticks(clock.ticks(), clock.labels(), fontsize=8)
        axes.grid(axis="x", color="#dddddd", linewidth=0.6, zorder=0.5)
        for midnight in clock.midnights():
            axes.axvline(midnight, color="#9a9a9a", linewidth=1.2, zorder=0.6)

    def _paint_spans(
        self,
        axes: Axes,
        records: Iterable[FailureRecord | WaitRecord],
        colour: str,
        share: float,
        zorder: float,
    ) -> None:
        from matplotlib.collections import PolyCollection

        boxes = [
            self._box(r.machine, r.start_date, r.end_date, share)
            for r in records
            if r.start_date < min(r.end_date, self.until)
        ]
        axes.add_collection(
            PolyCollection(
                boxes, facecolors=colour, edgecolors=colour, linewidths=0.8, zorder=zorder
            ),
            autolim=False,
        )

    def _paint_changeovers(self, axes: Axes) -> None:
        from matplotlib.collections import PolyCollection

        boxes = [
            self._box(c.machine, c.start_date, c.end_date)
            for c in self.schedule.changeovers
            if c.start_date < min(c.end_date, self.until)
        ]
        bars = PolyCollection(
            boxes,
            facecolors=_CHANGEOVER_FACE,
            edgecolors=_CHANGEOVER_EDGE,
            hatch="//////",
            linewidths=0.4,
            zorder=2,
        )
        axes.add_collection(bars, autolim=False)

    def _paint_operations(
        self, axes: Axes, operations: Sequence[OperationRecord], alpha: float
    ) -> None:
        """On-time bars first, so that the red edges of the late stay whole."""
        from matplotlib.collections import PolyCollection

        for late, edge, linewidth, zorder in (
            (False, "#333333", 0.4, 3.0),
            (True, _LATE, 1.3, 3.5),
        ):
            shown = [
                o for o in operations if self.late[o.order] == late and o.start_date <= self.until
            ]
            boxes = [self._box(o.machine, o.start_date, o.end_date) for o in shown]
            faces = [self.colours.of_operation(self.schedule.orders[o.order], o) for o in shown]
            bars = PolyCollection(
                boxes,
                facecolors=faces,
                edgecolors=edge,
                linewidths=linewidth,
                alpha=alpha,
                zorder=zorder,
            )
            axes.add_collection(bars, autolim=False)

    def _write_ids(self, axes: Axes, inches: float) -> None:
        points_per_tick = 72 * inches / self.until
        for o in (*self.schedule.operations, *self.schedule.open_operations):
            order = self.schedule.orders[o.order]
            room = (min(o.end_date, self.until) - o.start_date) * points_per_tick
            if room > 0.62 * _LABEL_POINTS * len(order.order_id) + 2:
                colour = readable_on(self.colours.of_operation(order, o))
                middle = (o.start_date + min(o.end_date, self.until)) / 2
                axes.text(
                    middle,
                    self.height_of[o.machine],
                    order.order_id,
                    ha="center",
                    va="center",
                    fontsize=_LABEL_POINTS,
                    color=colour,
                    zorder=5,
                    **PLAIN,
                )

    def _mark_late_orders(self, axes: Axes) -> None:
        """A triangle at the bar that completes a late order."""
        last = [
            o
            for o in self.schedule.operations
            if self.late[o.order]
            and o.end_date == self.schedule.orders[o.order].completion_date
            and o.end_date <= self.until
        ]
        heights = [self.height_of[o.machine] - _BAR / 2 for o in last]
        axes.plot(
            [o.end_date for o in last],
            heights,
            "v",
            color=_LATE,
            markersize=5,
            markeredgecolor="white",
            markeredgewidth=0.5,
            zorder=6,
            clip_on=False,
        )

    def paint_due_dates(self, axes: Axes) -> None:
        """One stroke an order at its due date: red if missed, green if met, grey if still open."""
        axes.set_ylim(0, 1)
        axes.axis("off")
        axes.text(
            -0.08,
            0.35,
            "due dates",
            transform=_inches_left_of(axes),
            ha="right",
            va="center",
            fontsize=8,
            color="#555555",
        )
        shown = [order for order in self.schedule.orders if 0 <= order.due_date <= self.until]
        axes.vlines(
            [order.due_date for order in shown],
            0.1,
            0.6,
            colors=[self._fate(order) for order in shown],
            linewidth=1.1,
        )

    def _fate(self, order: OrderRecord) -> str:
        """Colour of a due date: missed, met, or still open."""
        return (
            _LATE
            if self.late[order.number]
            else _OPEN
            if order.completion_date is None
            else _ON_TIME
        )

    def legend(self) -> list[LegendLine]:
        """Lines of the legend: what the colours mean, then the marks."""
        marks: list[tuple[str, dict[str, Any]]] = [
            (
                "changeover",
                {"facecolor": _CHANGEOVER_FACE, "edgecolor": _CHANGEOVER_EDGE, "hatch": "//////"},
            ),
            ("failure", {"facecolor": _FAILURE}),
            ("wait by choice", {"facecolor": _WAIT, "edgecolor": "#9fb6d3"}),
            ("late order", {"facecolor": "white", "edgecolor": _LATE, "linewidth": 1.5}),
        ]
        used = {
            (self.schedule.machine_centres[o.machine], self.schedule.orders[o.order].product)
            for o in self.schedule.operations
        }
        return [*self.colours.legend({product for _, product in used}), ("marks", marks)]


def _lane_heights(machine_centres: Sequence[str]) -> list[float]:
    """Where each machine's lane lies, downwards; a gap between work centres."""
    heights: list[float] = []
    for m, centre in enumerate(machine_centres):
        gap = 0.35 if m > 0 and centre != machine_centres[m - 1] else 0.0
        heights.append(heights[-1] + 1 + gap if heights else 0.0)
    return heights


def _inches_left_of(axes: Axes) -> Any:
    """Transform: x in inches from the left edge of the axes, y in data."""
    from matplotlib.transforms import ScaledTranslation, blended_transform_factory

    figure = axes.get_figure(root=True)
    assert figure is not None  # the axes stand in one
    origin = axes.get_position().x0 * figure.get_figwidth()
    across = figure.dpi_scale_trans + ScaledTranslation(origin, 0, figure.dpi_scale_trans)
    return blended_transform_factory(across, axes.transData)


def _default_title(schedule: Schedule) -> str:
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
    """Swatches in lines at the foot of the picture, as many as the width holds."""
    from matplotlib.patches import Rectangle

    lines = [
        (
            shorten(heading, _LONGEST_HEADING),
            [(shorten(label, _LONGEST_LABEL), look) for label, look in entries],
        )
        for heading, entries in lines
    ]
    left = 0.5 + _LETTER * max(len(heading) for heading, _ in lines)
    for number, (heading, entries) in enumerate(lines):
        middle = _LEGEND_LINE * (len(lines) - number - 0.4)
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
        for place, (label, look) in enumerate(entries):
            if x + _SWATCH + _LETTER * max(len(label), 12) > width and place < len(entries) - 1:
                figure.text(
                    x / width,
                    middle / height,
                    f"and {len(entries) - place} more",
                    fontsize=8,
                    ha="left",
                    va="center",
                )
                break
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
            x += _SWATCH + _LETTER * len(label)


# --- text -----------------------------------------------------------------------------------------


def gantt_text(schedule: Schedule, width: int = 100) -> str:
    """The chart in characters: one line a machine, ``width`` columns over the time so far.

    An operation is its order's id between ``[`` and ``=``; ``/`` is a changeover, ``x`` a failure,
    ``~`` a chosen wait, ``.`` idle time. A late order's id carries a ``!`` where it fits.
    """
    ends = [operation.end_date for operation in schedule.open_operations]
    until = max(1, schedule.end_date, *ends)
    names = [
        f"{centre} {name}" if centre != name else name
        for centre, name in zip(schedule.machine_centres, schedule.machine_names, strict=True)
    ]
    margin = max((len(name) for name in names), default=0)
    lines = [
        f"{name:<{margin}} {_text_lane(schedule, machine, width, until)}"
        for machine, name in enumerate(names)
    ]
    done = sum(order.completion_date is not None for order in schedule.orders)
    late = sum(tardiness(order, schedule.end_date) > 0 for order in schedule.orders)
    foot = (
        f"date {schedule.end_date}: {done} of {len(schedule.orders)} orders done, {late} late;"
        f" {until / width:.3g} ticks a column"
    )
    return "\n".join([*lines, foot])


def _text_lane(schedule: Schedule, machine: int, width: int, until: int) -> str:
    lane = ["."] * width

    def columns(start: int, end: int) -> range:
        first = min(width - 1, start * width // until)
        return (
            range(first, max(first + 1, min(width, -(-end * width // until))))
            if end > start
            else range(0)
        )

    def fill(records: Iterable[ChangeoverRecord | FailureRecord | WaitRecord], mark: str) -> None:
        for record in records:
            if record.machine == machine:
                for column in columns(record.start_date, record.end_date):
                    lane[column] = mark

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
    fill((*schedule.failures, *schedule.open_failures), "x")
    return "".join(lane)

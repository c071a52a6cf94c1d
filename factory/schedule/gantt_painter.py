"""Bars, marks and due dates of a Gantt chart, painted into axes of matplotlib."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from factory.lookups import FactoryLookup
from factory.model import Factory
from factory.schedule.bill import tardiness
from factory.schedule.gantt_style import (
    MARK_COLOURS,
    PLAIN,
    Clock,
    Colours,
    LegendLine,
    readable_on,
    shorten,
)
from factory.schedule.operating_times import MachineClosure, closures_of_machines
from factory.schedule.record_kinds import (
    FailureRecord,
    MaintenanceRecord,
    OperationRecord,
    OrderRecord,
    ScheduleRecords,
    WaitRecord,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LATE, _ON_TIME, _OPEN, _CHANGEOVER_FACE, _CHANGEOVER_EDGE = list(MARK_COLOURS.values())[:5]
_FAILURE, _WAIT, _CLOSED, _MAINTENANCE, _PAUSE = list(MARK_COLOURS.values())[5:]
_BAR = 0.76
"""Share of the lane that a bar fills."""
_LABEL_POINTS = 6.5
"""Size of order ids in bars."""
_LONGEST_MACHINE = 24
"""Letters of a machine's name that there is room for beside the lanes."""


class GanttPainter:
    """Paints the records of a schedule into axes.

    Parameters
    ----------
    schedule, factory
        Schedule and its factory.
    until, since
        Last tick shown (None: the end of the schedule), and the first.
    """

    def __init__(
        self, schedule: ScheduleRecords, factory: Factory, until: int | None, since: int = 0
    ) -> None:
        self.schedule, self.lookup = schedule, FactoryLookup(factory)
        ends = [operation.end_date for operation in schedule.open_operations]
        ends += [maintenance.end_date for maintenance in schedule.open_maintenance]
        self.since = since
        self.until = (
            max(since + 1, max(ends, default=0), schedule.end_date)
            if until is None
            else max(since + 1, until)
        )
        self.late = [tardiness(order, schedule.end_date) > 0 for order in schedule.orders]
        self.height_of = _lane_heights(schedule.machine_centres)
        self.lanes = self.height_of[-1] + 1 if self.height_of else 1.0
        self.colours = Colours(self.lookup)
        self.closures = closures_of_machines(factory, self.until)
        self.maintenance = (*schedule.maintenance, *schedule.open_maintenance)
        self.pauses = (*schedule.pauses, *schedule.open_pauses)

    def paint_lanes(self, axes: Axes, inches: float) -> None:
        """Paint bars, marks, ids and the clock; ``inches`` is the width of the lanes."""
        axes.set_xlim(self.since, self.until)
        axes.set_ylim(self.lanes - 0.5, -0.5)
        self._paint_grid(axes, inches)
        self._paint_machines(axes)
        self._paint_spans(axes, self.closures, _CLOSED, share=1.0, zorder=1.2)
        self._paint_spans(axes, self.schedule.waits, _WAIT, share=1.0, zorder=1.5)
        self._paint_changeovers(axes)
        self._paint_operations(axes, self.schedule.operations, alpha=1.0)
        self._paint_operations(axes, self.schedule.open_operations, alpha=0.45)
        self._paint_spans(axes, self.maintenance, _MAINTENANCE, share=1.0, zorder=3.6)
        self._paint_pauses(axes)
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
        """Return the corners of a bar; ``share`` of its height, from the bottom."""
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
        clock = Clock(self.schedule.dates, self.since, self.until, strokes=round(1.6 * inches))
        axes.set_xticks(clock.ticks(), clock.labels(), fontsize=8)
        axes.grid(axis="x", color="#dddddd", linewidth=0.6, zorder=0.5)
        for midnight in clock.midnights():
            axes.axvline(midnight, color="#9a9a9a", linewidth=1.2, zorder=0.6)

    def _paint_spans(
        self,
        axes: Axes,
        records: Iterable[FailureRecord | WaitRecord | MaintenanceRecord | MachineClosure],
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

    def _paint_pauses(self, axes: Axes) -> None:
        """Paint stripes over the stretches of bars in which their work pauses."""
        from matplotlib.collections import PolyCollection

        boxes = [
            self._box(pause.machine, pause.start_date, pause.end_date)
            for pause in self.pauses
            if pause.start_date < min(pause.end_date, self.until)
        ]
        if not boxes:
            return
        bars = PolyCollection(
            boxes,
            facecolors=(1.0, 1.0, 1.0, 0.7),
            edgecolors="#777777",
            hatch="|||",
            linewidths=0.0,
            zorder=3.8,
        )
        axes.add_collection(bars, autolim=False)

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
        """Paint operations in time first, so that the red edges of late ones stay whole."""
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
        points_per_tick = 72 * inches / (self.until - self.since)
        for o in (*self.schedule.operations, *self.schedule.open_operations):
            order = self.schedule.orders[o.order]
            first, last = max(o.start_date, self.since), min(o.end_date, self.until)
            room = (last - first) * points_per_tick
            if room > 0.62 * _LABEL_POINTS * len(order.order_id) + 2:
                colour = readable_on(self.colours.of_operation(order, o))
                middle = (first + last) / 2
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
        """Mark the bars that complete late orders by triangles."""
        last = [
            o
            for o in self.schedule.operations
            if self.late[o.order]
            and o.end_date == self.schedule.orders[o.order].completion_date
            and self.since <= o.end_date <= self.until
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
        """Paint a stroke at each due date: red if missed, green if met, grey if still open."""
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
        shown = [
            order for order in self.schedule.orders if self.since <= order.due_date <= self.until
        ]
        axes.vlines(
            [order.due_date for order in shown],
            0.1,
            0.6,
            colors=[self._fate(order) for order in shown],
            linewidth=1.1,
        )

    def _fate(self, order: OrderRecord) -> str:
        """Return the colour of a due date: missed, still open, or met."""
        if self.late[order.number]:
            return _LATE
        return _OPEN if order.completion_date is None else _ON_TIME

    def legend(self) -> list[LegendLine]:
        """Return the lines of the legend: meanings of the colours, then the marks."""
        marks: list[tuple[str, dict[str, Any]]] = [
            (
                "changeover",
                {"facecolor": _CHANGEOVER_FACE, "edgecolor": _CHANGEOVER_EDGE, "hatch": "//////"},
            ),
            ("failure", {"facecolor": _FAILURE}),
            ("wait by choice", {"facecolor": _WAIT, "edgecolor": "#9fb6d3"}),
            ("late order", {"facecolor": "white", "edgecolor": _LATE, "linewidth": 1.5}),
        ]
        if self.closures:
            marks.append(("closed", {"facecolor": _CLOSED, "edgecolor": _CLOSED}))
        if self.pauses:
            marks.append(("paused", {"facecolor": _PAUSE, "edgecolor": "#777777", "hatch": "|||"}))
        if self.maintenance:
            marks.append(("maintenance", {"facecolor": _MAINTENANCE}))
        used = {
            (self.schedule.machine_centres[o.machine], self.schedule.orders[o.order].product)
            for o in self.schedule.operations
        }
        return [*self.colours.legend({product for _, product in used}), ("marks", marks)]


def _lane_heights(machine_centres: Sequence[str]) -> list[float]:
    """Return the height of each machine's lane, downwards; with a gap between work centres."""
    heights: list[float] = []
    for m, centre in enumerate(machine_centres):
        gap = 0.35 if m > 0 and centre != machine_centres[m - 1] else 0.0
        heights.append(heights[-1] + 1 + gap if heights else 0.0)
    return heights


def _inches_left_of(axes: Axes) -> Any:
    """Return a transform with x in inches from the left edge of the axes, and y in data."""
    from matplotlib.transforms import ScaledTranslation, blended_transform_factory

    figure = axes.get_figure(root=True)
    assert figure is not None  # the axes stand in one
    origin = axes.get_position().x0 * figure.get_figwidth()
    across = figure.dpi_scale_trans + ScaledTranslation(origin, 0, figure.dpi_scale_trans)
    return blended_transform_factory(across, axes.transData)

"""Gantt charts for video: the last hours of an episode, a picture in milliseconds.

:func:`factory.schedule.gantt.draw_gantt` draws whole schedules for reports, with the same colours.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from factory.lookups import FactoryLookup
from factory.model import Factory, OrderBook
from factory.schedule.columns import OperationColumns, ScheduleColumns
from factory.schedule.gantt_style import MARK_COLOURS, Colours, readable_on, shorten
from factory.schedule.pixel_canvas import (
    PixelCanvas,
    Pixels,
    Rgb,
    rasterise,
    rgb_of,
    striped,
    triangle_mask,
)
from factory.schedule.record_kinds import OperationRecord, OrderRecord

_WIDTH = 1280
_LEFT, _RIGHT = 170, 20
"""Pixels beside the lanes."""
_TITLE, _STRIP, _CLOCK, _LEGEND_LINE = 54, 34, 40, 22
"""Pixels of the heading, the due dates, the labels of the clock, and a line of the legend."""
_LANE, _BAR, _GAP = 32, 24, 10
"""Pixels of a lane, of the bar in it, and between work centres."""
_NOW = 0.88
"""Share of the window that has passed; the rest shows operations in process."""
_STROKES = 14
"""Maximum number of labels of the clock."""
_GRID, _MIDNIGHT, _CENTRE = (221, 221, 221), (154, 154, 154), (248, 248, 248)
_INK, _GREY = (51, 51, 51), (85, 85, 85)
_BLACK: Rgb = (0, 0, 0)

Swatch = tuple[str, dict[str, Any]]


class OperationLook(NamedTuple):
    """Colours of a bar and of the text in it."""

    face: Rgb
    faded: Rgb  # of an operation in process
    text: Rgb


class OperationLooks:
    """Colours of the operations of orders, worked out once for each product and choice of options.

    Parameters
    ----------
    colours
        Colours of the factory.
    """

    def __init__(self, colours: Colours) -> None:
        self._colours, self._factory = colours, colours.lookup.factory
        self._looks: dict[tuple[int, bytes], list[OperationLook]] = {}

    def of_order(self, schedule: ScheduleColumns, order: int) -> list[OperationLook]:
        """Return the colours of an order's operations."""
        options = schedule.orders.options[order]
        key = int(schedule.orders.product[order]), options.tobytes()
        if key not in self._looks:
            product = self._factory.products[key[0]].name
            self._looks[key] = self._make_looks(product, options.tolist())
        return self._looks[key]

    def _make_looks(self, product: str, options: list[int]) -> list[OperationLook]:
        chosen = {
            option.name: option.values[value].name
            for option, value in zip(self._factory.options, options, strict=False)
            if value >= 0
        }
        order = OrderRecord("", 0, product, chosen, 0, 0, 0.0, 0, None)
        looks = []
        for number in range(len(self._colours.lookup.route(product))):
            operation = OperationRecord(0, number, "", 0, 0, 0, 0, 0, 0)
            colour = self._colours.of_operation(order, operation)
            face = rgb_of(colour)
            faded = tuple(round(0.45 * part + 0.55 * 248) for part in face)
            text = rgb_of(readable_on(colour))
            looks.append(OperationLook(face, faded, text))  # type: ignore[arg-type]
        return looks


class GanttVideo:
    """Painter of the last hours of a factory's Gantt chart.

    All pictures have the same size. Machines, legend and margins are drawn once.

    Parameters
    ----------
    factory
        Factory of the schedules.
    hours
        Hours that a picture shows.

    Attributes
    ----------
    span
        Ticks that a picture shows.
    left, inner
        First column and number of columns of the lanes.
    bar_tops
        First row of each machine's bar.
    """

    def __init__(self, factory: Factory, hours: float = 24.0) -> None:
        self.factory, self.lookup = factory, FactoryLookup(factory)
        self._colours = Colours(self.lookup)
        self._looks = OperationLooks(self._colours)
        self._marks = {name: rgb_of(colour) for name, colour in MARK_COLOURS.items()}
        self.span = max(1.0, hours * 60 / factory.tick_minutes)  # ticks
        self.left, self.inner = _LEFT, _WIDTH - _LEFT - _RIGHT
        self.bar_tops, self._end_of_lanes = self._place_lanes()
        legend = self._legend()
        height = self._end_of_lanes + _CLOCK + _LEGEND_LINE * len(legend) + 12
        self._background = np.full((height + height % 2, _WIDTH, 3), 255, np.uint8)
        shape = self._background.shape[:2]
        self._stripes = striped(*shape, self._marks["changeover"], self._marks["changeover_edge"])
        self._paint_background(PixelCanvas(self._background), legend)
        self._triangle = triangle_mask(6)

    # --- background -------------------------------------------------------------------------------

    def _place_lanes(self) -> tuple[list[int], int]:
        """Return the top of each machine's bar, and the bottom of the lowest lane."""
        tops, y = list[int](), _TITLE + _STRIP
        for m, centre in enumerate(self.lookup.centre_of):
            y += _GAP if m > 0 and centre != self.lookup.centre_of[m - 1] else 0
            tops.append(y + (_LANE - _BAR) // 2)
            y += _LANE
        return tops, y

    def _paint_background(
        self, canvas: PixelCanvas, legend: list[tuple[str, list[Swatch]]]
    ) -> None:
        for number, centre in enumerate(self.lookup.centres):
            lanes = [
                top
                for top, c in zip(self.bar_tops, self.lookup.centre_of, strict=True)
                if c == number
            ]
            margin = (_LANE - _BAR) // 2
            top, bottom = lanes[0] - margin, lanes[-1] + _BAR + margin
            canvas.fill(_LEFT, top, _WIDTH - _RIGHT, bottom, _CENTRE)
            if len(lanes) > 1:
                room = max(3, (bottom - top) // 7)
                name = shorten(centre.name, room)
                canvas.write_upwards(name, 14, (top + bottom) / 2, weight="bold")
        for machine, top in zip(self.lookup.machines, self.bar_tops, strict=True):
            name = shorten(machine.name, 17)
            canvas.write(name, _LEFT - 8, top + _BAR / 2, anchor=1.0)
        canvas.write("due dates", _LEFT - 8, _TITLE + _STRIP / 2, _GREY, anchor=1.0)
        for line, (heading, swatches) in enumerate(legend):
            y = self._end_of_lanes + _CLOCK + _LEGEND_LINE * (line + 0.5)
            self._paint_legend_line(canvas, y, heading, swatches)

    def _legend(self) -> list[tuple[str, list[Swatch]]]:
        named: list[Swatch] = [
            ("changeover", {"facecolor": None}),
            ("failure", {"facecolor": MARK_COLOURS["failure"]}),
            ("wait by choice", {"facecolor": MARK_COLOURS["wait"]}),
            ("late order", {"facecolor": "white", "edgecolor": MARK_COLOURS["late"]}),
        ]
        lines = self._colours.legend(set(self.lookup.products))
        return [*lines, ("marks", named)]

    def _paint_legend_line(
        self, canvas: PixelCanvas, y: float, heading: str, swatches: list[Swatch]
    ) -> None:
        """Paint a heading and as many swatches as there is room for."""
        canvas.write(shorten(heading, 34), 12, y, weight="bold")
        x, top = 300, round(y) - 6
        for shown, (label, look) in enumerate(swatches):
            label = shorten(label, 40)
            room = 30 + rasterise(label, 8).shape[1]
            is_last = shown == len(swatches) - 1
            if x + room + (0 if is_last else 80) > _WIDTH:
                canvas.write(f"and {len(swatches) - shown} more", x, y)
                return
            self._paint_swatch(canvas, x, top, look)
            canvas.write(label, x + 30, y)
            x += room + 16

    def _paint_swatch(self, canvas: PixelCanvas, x: int, top: int, look: dict[str, Any]) -> None:
        face, edge = look["facecolor"], look.get("edgecolor")
        colour = self._stripes if face is None else rgb_of(face)
        frame = (_INK, 1) if edge is None else (rgb_of(edge), 2)
        canvas.frame(x, top, x + 24, top + 12, colour, *frame)

    # --- pictures ---------------------------------------------------------------------------------

    def draw(
        self, schedule: ScheduleColumns, book: OrderBook | None = None, cost: float | None = None
    ) -> Pixels:
        """Return the picture of a schedule so far, ``[height, width, 3]``.

        Parameters
        ----------
        schedule
            Schedule up to its ``end_date``.
        book
            Order book with the ids of the orders; None: they are counted from 1.
        cost
            Cost so far, for the heading.
        """
        canvas = PixelCanvas(self._background.copy())
        begin = max(0.0, schedule.end_date - _NOW * self.span)
        orders = schedule.orders
        reached = np.where(orders.completion_date < 0, schedule.end_date, orders.completion_date)
        is_late = reached > orders.due_date
        self._paint_clock(canvas, begin)
        self._paint_spans(canvas, begin, schedule.waits, self._marks["wait"], 0, _BAR)
        self._paint_changeovers(canvas, begin, schedule)
        for operations, is_open in ((schedule.operations, False), (schedule.open_operations, True)):
            self._paint_operations(canvas, begin, schedule, operations, is_late, book, is_open)
        for failures in (schedule.failures, schedule.open_failures):
            self._paint_spans(canvas, begin, failures, self._marks["failure"], _BAR - 8, _BAR)
        self._paint_ends_of_late_orders(canvas, begin, schedule, is_late)
        self._paint_due_dates(canvas, begin, schedule, is_late)
        (now,) = self._columns(begin, [schedule.end_date])
        canvas.fill(now, _TITLE + _STRIP, now + 1, self._end_of_lanes, _BLACK)
        self._write_heading(canvas, schedule, is_late, cost)
        return canvas.pixels

    def _columns(self, begin: float, dates: Any) -> list[int]:
        """Return the columns of dates, within the lanes."""
        shares = np.clip((np.asarray(dates) - begin) / self.span, 0.0, 1.0)
        columns: list[int] = np.rint(_LEFT + shares * self.inner).astype(np.int64).tolist()
        return columns

    def _boxes(self, begin: float, records: Any) -> Iterator[tuple[int, int, int, int]]:
        """Yield index, left, top and right of the bars of records inside the window."""
        start_date, end_date = records.start_date, records.end_date
        shown = (end_date > begin) & (start_date < begin + self.span) & (end_date > start_date)
        indices = np.flatnonzero(shown)
        lefts = self._columns(begin, start_date[indices])
        rights = self._columns(begin, end_date[indices])
        machines = records.machine[indices].tolist()
        for i, left, right, machine in zip(indices.tolist(), lefts, rights, machines, strict=True):
            yield i, left, self.bar_tops[machine], max(left + 1, right)

    def _paint_clock(self, canvas: PixelCanvas, begin: float) -> None:
        an_hour = 60 / self.factory.tick_minutes
        steps = (1 / 12, 1 / 6, 1 / 4, 1 / 2, 1, 2, 3, 4, 6, 12, 24, 48, 120, 240)
        hours = self.span / an_hour
        step = next((step for step in steps if hours / step <= _STROKES), hours / _STROKES)
        first = self.factory.start_hour + begin / an_hour
        for number in range(math.ceil(first / step), math.floor((first + hours) / step) + 1):
            hour = number * step
            (x,) = self._columns(begin, [(hour - self.factory.start_hour) * an_hour])
            day, minutes = divmod(round(hour * 60), 24 * 60)
            colour = _MIDNIGHT if minutes == 0 else _GRID
            canvas.fill(x, _TITLE + _STRIP, x + 1, self._end_of_lanes, colour)
            label = f"{minutes // 60:02d}:{minutes % 60:02d}"
            canvas.write(label, x, self._end_of_lanes + 12, anchor=0.5)
            if minutes < step * 60:
                canvas.write(f"day {day + 1}", x, self._end_of_lanes + 28, anchor=0.5)

    def _paint_spans(
        self, canvas: PixelCanvas, begin: float, spans: Any, colour: Rgb, top: int, bottom: int
    ) -> None:
        """Paint waits or failures, from ``top`` to ``bottom`` of the bar."""
        for _, left, y, right in self._boxes(begin, spans):
            canvas.fill(left, y + top, right, y + bottom, colour)

    def _paint_changeovers(
        self, canvas: PixelCanvas, begin: float, schedule: ScheduleColumns
    ) -> None:
        for _, left, top, right in self._boxes(begin, schedule.changeovers):
            edge = self._marks["changeover_edge"]
            canvas.frame(left, top, right, top + _BAR, self._stripes, edge)

    def _paint_operations(
        self,
        canvas: PixelCanvas,
        begin: float,
        schedule: ScheduleColumns,
        operations: OperationColumns,
        is_late: NDArray[np.bool_],
        book: OrderBook | None,
        is_open: bool,
    ) -> None:
        for i, left, top, right in self._boxes(begin, operations):
            order, operation = int(operations.order[i]), int(operations.operation[i])
            look = self._looks.of_order(schedule, order)[operation]
            face = look.faded if is_open else look.face
            edge, width = (self._marks["late"], 2) if is_late[order] else (_INK, 1)
            canvas.frame(left, top, right, top + _BAR, face, edge, width)
            name = book.orders[order].order_id if book is not None else str(order + 1)
            if right - left > 7 * len(name) + 4 and name:
                ink = _BLACK if is_open else look.text
                canvas.write(name, (left + right) / 2, top + _BAR / 2, ink, points=7, anchor=0.5)

    def _paint_ends_of_late_orders(
        self,
        canvas: PixelCanvas,
        begin: float,
        schedule: ScheduleColumns,
        is_late: NDArray[np.bool_],
    ) -> None:
        """Mark the bars that complete late orders by triangles."""
        operations = schedule.operations
        completed = schedule.orders.completion_date[operations.order]
        is_end = is_late[operations.order] & (operations.end_date == completed)
        for i, _, top, right in self._boxes(begin, operations):
            if is_end[i]:
                canvas.stamp(self._triangle, right, top - 1, self._marks["late"])

    def _paint_due_dates(
        self,
        canvas: PixelCanvas,
        begin: float,
        schedule: ScheduleColumns,
        is_late: NDArray[np.bool_],
    ) -> None:
        orders = schedule.orders
        shown = (orders.due_date >= begin) & (orders.due_date <= begin + self.span)
        indices = np.flatnonzero(shown)
        columns = self._columns(begin, orders.due_date[indices])
        for j, x in zip(indices.tolist(), columns, strict=True):
            fate = "on_time" if orders.completion_date[j] >= 0 else "open"
            colour = self._marks["late" if is_late[j] else fate]
            canvas.fill(x, _TITLE + 8, x + 2, _TITLE + _STRIP - 6, colour)

    def _write_heading(
        self,
        canvas: PixelCanvas,
        schedule: ScheduleColumns,
        is_late: NDArray[np.bool_],
        cost: float | None,
    ) -> None:
        seed = "" if schedule.seed is None else f", seed {schedule.seed}"
        an_hour = 60 / self.factory.tick_minutes
        minutes = round((self.factory.start_hour + schedule.end_date / an_hour) * 60)
        day, minutes = divmod(minutes, 24 * 60)
        date = f"day {day + 1}, {minutes // 60:02d}:{minutes % 60:02d}"
        title = f"{shorten(self.factory.name, 60)}{seed}: {date}"
        is_done = schedule.orders.completion_date >= 0
        parts: Iterable[str] = (
            f"{int(is_done.sum())} of {schedule.num_orders} orders done",
            f"{int((~is_done).sum())} in progress",
            f"{int(is_late.sum())} late",
            f"{len(schedule.changeovers.machine)} changeovers",
            *(() if cost is None else (f"cost {cost:,.0f}",)),
        )
        canvas.write(title, 12, 18, points=11, weight="bold")
        canvas.write(", ".join(parts), 12, 40, _INK)

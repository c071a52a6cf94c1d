"""Pictures of the shop floor at an instant, drawn in milliseconds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from factory.lookups import FactoryLookup
from factory.model import Factory
from factory.schedule.columns import ScheduleColumns
from factory.schedule.gantt_style import MARK_COLOURS, Colours, shorten
from factory.schedule.pixel_canvas import PixelCanvas, Pixels, Rgb, rgb_of, striped
from factory.schedule.shop_floor.floor_labels import (
    chip_text,
    counter_text,
    fit_chips,
    machine_lines,
)
from factory.schedule.shop_floor.floor_layout import (
    BOX_HEIGHT,
    CHIP_HEIGHT,
    CHIP_WIDTH,
    CHIPS_A_ROW,
    HEADING,
    MACHINE_NAME,
    MARGIN,
    PANEL_NAME,
    PANEL_PADDING,
    PANEL_WIDTH,
    QUEUE_ROWS,
    FloorLayout,
    Panel,
)
from factory.schedule.shop_floor.floor_legend import BLOCKED_EDGE, FloorLegend, stamp_arrow
from factory.schedule.shop_floor.floor_state import FloorMachine, FloorState, WaitingOperation
from factory.schedule.shop_floor.gantt_video import OperationLook, OperationLooks
from factory.tick_dates import TickDates

_BAR = 4
"""Height of the bar that shows how much of an operation or changeover has passed."""
_TOOL = 8
"""Width of the strip in the colour of the mounted setup."""
_SWATCH = 20
"""Width of the colours before and after a changeover."""
_PANEL, _EDGE, _SLOT = (243, 243, 243), (200, 200, 200), (233, 233, 233)
_INK, _GREY, _WHITE = (51, 51, 51), (110, 110, 110), (255, 255, 255)


class ShopFloorPainter:
    """Painter of one factory's shop floor; all pictures have the same size.

    Work centres stand in the order of flow. Orders in front of a centre and operations in process
    have the colours of the setups they want, as in Gantt charts; a machine's left edge has the
    colour of its mounted setup.

    Parameters
    ----------
    factory
        Factory of the schedules.

    Attributes
    ----------
    layout
        Positions of work centres and machines.
    """

    def __init__(self, factory: Factory) -> None:
        self.factory, self.lookup = factory, FactoryLookup(factory)
        self.layout = FloorLayout(self.lookup)
        self._colours = Colours(self.lookup)
        self._looks = OperationLooks(self._colours)
        self._marks = {name: rgb_of(colour) for name, colour in MARK_COLOURS.items()}
        self._blocked_edge = rgb_of(BLOCKED_EDGE)
        legend = FloorLegend(self._colours, self.layout.width)
        height = self.layout.bottom + legend.height
        self._background = np.full((height + height % 2, self.layout.width, 3), 255, np.uint8)
        shape = self._background.shape[:2]
        self._stripes = striped(*shape, self._marks["changeover"], self._marks["changeover_edge"])
        canvas = PixelCanvas(self._background)
        for panel in self.layout.panels:
            self._paint_panel(canvas, panel)
        legend.paint(canvas, self.layout.bottom)

    def _paint_panel(self, canvas: PixelCanvas, panel: Panel) -> None:
        centre = self.lookup.centres[panel.centre]
        right = panel.left + PANEL_WIDTH
        canvas.frame(panel.left, panel.top, right, panel.bottom, _PANEL, _EDGE)
        name = shorten(centre.name, 17)
        canvas.write(name, panel.left + PANEL_PADDING, panel.top + PANEL_NAME / 2, weight="bold")
        for slot in range(CHIPS_A_ROW * QUEUE_ROWS):
            left, top = panel.chip(slot)
            canvas.fill(left, top + CHIP_HEIGHT - 1, left + CHIP_WIDTH, top + CHIP_HEIGHT, _SLOT)
        for index, machine in enumerate(panel.machines):
            y = panel.box_top(index) + MACHINE_NAME / 2
            name = shorten(self.lookup.machines[machine].name, 20)
            canvas.write(name, panel.left + PANEL_PADDING, y, _INK)
        hidden = len(centre.machines) - len(panel.machines)
        if hidden:
            y = panel.box_top(len(panel.machines)) + MACHINE_NAME / 2
            canvas.write(f"and {hidden} more", panel.left + PANEL_PADDING, y, _GREY)

    # --- pictures ---------------------------------------------------------------------------------

    def draw(
        self,
        state: FloorState,
        schedule: ScheduleColumns,
        *,
        order_ids: Sequence[str] | None = None,
        dates: TickDates | None = None,
        title: str | None = None,
    ) -> Pixels:
        """Return the picture of a state, ``[height, width, 3]``.

        Parameters
        ----------
        state
            State of the shop floor.
        schedule
            Schedule that it was read from.
        order_ids
            Ids of the orders; None: they are counted from 1.
        dates
            Dates of the ticks; None: days and hours from the factory's first hour on.
        title
            First line; None: factory and seed.
        """
        canvas = PixelCanvas(self._background.copy())
        if order_ids is None:
            order_ids = [str(n + 1) for n in range(len(schedule.orders.product))]
        if dates is None:
            dates = TickDates(self.factory.tick_minutes, self.factory.start_hour)
        self._write_heading(canvas, state, schedule, dates, title)
        for panel in self.layout.panels:
            self._paint_waiting(canvas, panel, state, schedule, order_ids)
            for index, machine in enumerate(panel.machines):
                own = state.machines[machine]
                order_id, product, look = "", "", None
                if own.order is not None and own.operation is not None:
                    order_id = order_ids[own.order]
                    product = self.factory.products[int(schedule.orders.product[own.order])].name
                    look = self._looks.of_order(schedule, own.order)[own.operation]
                lines = machine_lines(own, order_id, product, dates)
                is_late = own.order in state.late_orders
                place = panel.left + PANEL_PADDING, panel.box_top(index) + MACHINE_NAME
                self._paint_box(canvas, place, panel.centre, own, look, lines, is_late)
        return canvas.pixels

    def _write_heading(
        self,
        canvas: PixelCanvas,
        state: FloorState,
        schedule: ScheduleColumns,
        dates: TickDates,
        title: str | None,
    ) -> None:
        seed = "" if schedule.seed is None else f", seed {schedule.seed}"
        line = title or f"{self.factory.name}{seed}"
        right = self.layout.width - MARGIN
        canvas.write(shorten(line, 58), MARGIN, 16, points=10, weight="bold")
        canvas.write(dates.text(state.date), right, 38, points=9, weight="bold", anchor=1.0)
        canvas.write(counter_text(state, schedule.num_orders), MARGIN, 38, _INK)
        passed = min(1.0, max(0.0, state.date / max(1, schedule.end_date)))
        top = HEADING - 12
        canvas.fill(MARGIN, top, right, top + 3, _SLOT)
        canvas.fill(MARGIN, top, MARGIN + round(passed * (right - MARGIN)), top + 3, _GREY)

    # --- orders -----------------------------------------------------------------------------------

    def _paint_waiting(
        self,
        canvas: PixelCanvas,
        panel: Panel,
        state: FloorState,
        schedule: ScheduleColumns,
        order_ids: Sequence[str],
    ) -> None:
        waiting = state.waiting[panel.centre]
        in_transit = [operation for operation in waiting if operation.status == "in_transit"]
        queued = [operation for operation in waiting if operation.status != "in_transit"]
        ready = sum(operation.status == "ready" for operation in queued)
        right = panel.left + PANEL_WIDTH - PANEL_PADDING
        canvas.write(f"{ready} ready", right, panel.top + PANEL_NAME / 2, _GREY, anchor=1.0)
        rows = (
            (queued, CHIPS_A_ROW * QUEUE_ROWS, panel.chip),
            (in_transit, CHIPS_A_ROW, panel.transit_chip),
        )
        for operations, slots, place in rows:
            shown, hidden = fit_chips(operations, slots)
            for slot, operation in enumerate(shown):
                look = self._looks.of_order(schedule, operation.order)[operation.operation]
                is_late = operation.order in state.late_orders
                text = order_ids[operation.order]
                self._paint_chip(canvas, place(slot), operation, text, look, is_late)
            if hidden:
                left, top = place(slots - 1)
                middle = left + CHIP_WIDTH / 2
                canvas.write(f"+{hidden}", middle, top + CHIP_HEIGHT / 2, _INK, anchor=0.5)

    def _paint_chip(
        self,
        canvas: PixelCanvas,
        place: tuple[int, int],
        operation: WaitingOperation,
        text: str,
        look: OperationLook,
        is_late: bool,
    ) -> None:
        left, top = place
        is_blocked = operation.status == "blocked"
        face, ink = (look.faded, _INK) if is_blocked else (look.face, look.text)
        edge = self._blocked_edge if is_blocked else _INK
        edge, width = (self._marks["late"], 2) if is_late else (edge, 1)
        canvas.frame(left, top, left + CHIP_WIDTH, top + CHIP_HEIGHT, face, edge, width)
        middle, y = left + CHIP_WIDTH / 2, top + CHIP_HEIGHT / 2
        if operation.status == "in_transit":
            stamp_arrow(canvas, left + CHIP_WIDTH - 6, y, ink)
            middle -= 4
        canvas.write(chip_text(text), middle, y, ink, points=7, anchor=0.5)

    # --- machines ---------------------------------------------------------------------------------

    def _paint_box(
        self,
        canvas: PixelCanvas,
        place: tuple[int, int],
        centre: int,
        state: FloorMachine,
        look: OperationLook | None,
        lines: tuple[str, str],
        is_late: bool,
    ) -> None:
        left, top = place
        right, bottom = left + PANEL_WIDTH - 2 * PANEL_PADDING, top + BOX_HEIGHT
        face, ink = self._face_of(state, look)
        edge, width = (self._marks["late"], 2) if is_late else (_INK, 1)
        canvas.frame(left, top, right, bottom, face, edge, width)
        inner = left + width, top + width, right - width, bottom - width
        text = left + self._paint_setup(canvas, inner, centre, state)
        if state.elapsed_share > 0:
            end = text + round(state.elapsed_share * (inner[2] - text))
            colour = self._stripes if state.status == "changeover" else ink
            canvas.fill(text, inner[3] - _BAR, end, inner[3], colour)
        y = top + (BOX_HEIGHT - _BAR) / 2
        if not lines[1]:
            canvas.write(lines[0], text + 5, y, _GREY)
            return
        points = 7 if state.status == "changeover" else 8
        canvas.write(lines[0], text + 5, y - 7, ink, points=points)
        canvas.write(lines[1], text + 5, y + 7, ink, points=7)

    def _face_of(self, state: FloorMachine, look: OperationLook | None) -> tuple[Rgb, Rgb]:
        """Return the colours of a box and of the text in it."""
        if state.status == "processing" and look is not None:
            return look.face, look.text
        if state.status == "down":
            return self._marks["failure"], _WHITE
        if state.status == "reserved" and look is not None:
            return look.faded, _INK
        plain = {"changeover": self._marks["changeover"], "waiting": self._marks["wait"]}
        return plain.get(state.status, _WHITE), _INK

    def _paint_setup(
        self,
        canvas: PixelCanvas,
        inner: tuple[int, int, int, int],
        centre: int,
        state: FloorMachine,
    ) -> int:
        """Paint the colours of the mounted setup, and of the next one during a changeover; return
        their width.
        """
        left, top, _, bottom = inner
        setups = [state.setup] if state.next_setup is None else [state.setup, state.next_setup]
        width = _TOOL if len(setups) == 1 else _SWATCH
        x = left
        for setup in setups:
            colour = self._colours.of_setup(centre, setup)
            if colour is not None:
                canvas.fill(x, top, x + width, bottom, rgb_of(colour))
                canvas.fill(x + width, top, x + width + 1, bottom, _INK)
                x += width + 1
        return x - left + 1

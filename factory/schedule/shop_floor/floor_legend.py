"""Legend below a picture of the shop floor, in as many rows as its entries need."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from factory.schedule.gantt_style import MARK_COLOURS, Colours, shorten
from factory.schedule.pixel_canvas import PixelCanvas, Rgb, rasterise, rgb_of, triangle_mask

_ROW = 19
_SWATCH_WIDTH, _SWATCH_HEIGHT, _GAP = 20, 11, 14
_LONGEST_HEADING, _LONGEST_LABEL = 44, 18
"""Letters of a heading and of a label."""
_MAX_ROWS = 4
"""Maximum number of rows of a heading."""
_INK = (51, 51, 51)

BLOCKED_EDGE = "#b9b9b9"
"""Edge of an order that waits for further parts, or for material."""


def stamp_arrow(canvas: PixelCanvas, x: float, y: float, colour: Rgb = (0, 0, 0)) -> None:
    """Paint the mark of orders in transit, an arrow to the right."""
    canvas.stamp(np.rot90(triangle_mask(4)), x, y, colour)


class _Entry(NamedTuple):
    x: int
    row: int
    label: str
    look: dict[str, Any] | None  # None: no swatch


class FloorLegend:
    """Rows of a legend.

    Parameters
    ----------
    colours
        Colours of the factory.
    width
        Width of the picture.

    Attributes
    ----------
    height
        Pixels that the legend needs.
    """

    def __init__(self, colours: Colours, width: int) -> None:
        self._width = width
        self._headings: list[tuple[int, str]] = []
        self._entries: list[_Entry] = []
        rows = 0
        lines = [*colours.legend(set(colours.lookup.products)), ("machines, orders", _MARKS)]
        headings = [shorten(heading, _LONGEST_HEADING) for heading, _ in lines]
        widths = [rasterise(heading, 8, "bold").shape[1] for heading in headings]
        self._left = 10 + max(widths) + _GAP
        for heading, (_, swatches) in zip(headings, lines, strict=True):
            self._headings.append((rows, heading))
            rows = self._place(rows, swatches)
        self.height = rows * _ROW + _GAP

    def _place(self, first: int, swatches: list[tuple[str, dict[str, Any]]]) -> int:
        """Place the entries of a heading; return the row after them."""
        x, row = self._left, first
        for shown, (name, look) in enumerate(swatches):
            label = shorten(name, _LONGEST_LABEL)
            room = _SWATCH_WIDTH + 5 + rasterise(label, 8).shape[1] + _GAP
            if x > self._left and x + room - _GAP > self._width - 10:
                x, row = self._left, row + 1
                if row - first == _MAX_ROWS:
                    rest = f"and {len(swatches) - shown} more"
                    self._entries.append(_Entry(x, row, rest, None))
                    break
            self._entries.append(_Entry(x, row, label, look))
            x += room
        return row + 1

    def paint(self, canvas: PixelCanvas, top: int) -> None:
        """Paint the legend with its upper end at ``top``."""
        for row, heading in self._headings:
            canvas.write(heading, 10, top + (row + 0.5) * _ROW, weight="bold")
        for entry in self._entries:
            y = top + round((entry.row + 0.5) * _ROW)
            left = entry.x
            if entry.look is not None:
                face, edge = rgb_of(entry.look["facecolor"]), entry.look.get("edgecolor")
                box = left, y - _SWATCH_HEIGHT // 2, left + _SWATCH_WIDTH, y + _SWATCH_HEIGHT // 2
                canvas.frame(*box, face, _INK if edge is None else rgb_of(edge), 1 + bool(edge))
                if "arrow" in entry.look:
                    stamp_arrow(canvas, box[2] - 6, y)
                left += _SWATCH_WIDTH + 5
            canvas.write(entry.label, left, y)


_MARKS: list[tuple[str, dict[str, Any]]] = [
    ("changing over", {"facecolor": MARK_COLOURS["changeover"]}),
    ("down", {"facecolor": MARK_COLOURS["failure"]}),
    ("waits by choice", {"facecolor": MARK_COLOURS["wait"]}),
    ("late order", {"facecolor": "white", "edgecolor": MARK_COLOURS["late"]}),
    ("in transit", {"facecolor": "#c8c8c8", "arrow": True}),
    ("waits for parts", {"facecolor": "#f0f0f0", "edgecolor": BLOCKED_EDGE}),
]

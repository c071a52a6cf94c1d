"""Positions on a picture of the shop floor: a panel for each work centre, in the order of flow.

A panel has its name, the orders in transit to it, its queue, and its machines, from top to bottom.
"""

from __future__ import annotations

from typing import NamedTuple

from factory.lookups import FactoryLookup

MARGIN = 10
"""Pixels around panels, and between them."""
HEADING = 64
"""Pixels of the lines above the panels."""
PANEL_NAME, TRANSIT_ROW = 22, 22
"""Pixels of a panel's name, and of the orders in transit to it."""
CHIP_WIDTH, CHIP_HEIGHT, CHIP_GAP = 35, 16, 3
CHIPS_A_ROW, QUEUE_ROWS = 4, 6
MACHINE_NAME, BOX_HEIGHT, BOX_GAP = 15, 38, 5
MAX_BOXES = 12
"""Maximum number of machines that a panel shows; the others are counted."""
PANEL_PADDING = 6
PANEL_WIDTH = 2 * PANEL_PADDING + CHIPS_A_ROW * (CHIP_WIDTH + CHIP_GAP) - CHIP_GAP
PANELS_A_ROW = 7
MIN_WIDTH = 4 * (PANEL_WIDTH + MARGIN) + MARGIN
"""Minimum width of the picture, which heading and legend need."""


class Panel(NamedTuple):
    """Position of a work centre."""

    centre: int
    left: int
    top: int
    bottom: int
    machines: tuple[int, ...]  # those that have a box

    @property
    def queue_top(self) -> int:
        return self.top + PANEL_NAME + TRANSIT_ROW

    @property
    def queue_bottom(self) -> int:
        return self.queue_top + QUEUE_ROWS * (CHIP_HEIGHT + CHIP_GAP)

    def box_top(self, index: int) -> int:
        """Return the top of the name above a machine's box."""
        pitch = MACHINE_NAME + BOX_HEIGHT + BOX_GAP
        return self.queue_bottom + PANEL_PADDING + index * pitch

    def chip(self, slot: int) -> tuple[int, int]:
        """Return left and top of a slot of the queue; slots fill up from the machines upwards."""
        row, column = divmod(slot, CHIPS_A_ROW)
        left = self.left + PANEL_PADDING + column * (CHIP_WIDTH + CHIP_GAP)
        return left, self.queue_bottom - (row + 1) * (CHIP_HEIGHT + CHIP_GAP)

    def transit_chip(self, slot: int) -> tuple[int, int]:
        """Return left and top of a place in the row of orders in transit."""
        left = self.left + PANEL_PADDING + slot * (CHIP_WIDTH + CHIP_GAP)
        return left, self.top + PANEL_NAME


class FloorLayout:
    """Panels of a factory.

    Parameters
    ----------
    lookup
        Look-ups of the factory.

    Attributes
    ----------
    panels
        Panels in the order of flow.
    width
        Width of the picture.
    bottom
        Lower end of the panels.
    """

    def __init__(self, lookup: FactoryLookup) -> None:
        centres = flow_order(lookup)
        machines = [
            [m for m, own in enumerate(lookup.centre_of) if own == centre] for centre in centres
        ]
        self.panels: list[Panel] = []
        top = HEADING
        for first in range(0, len(centres), PANELS_A_ROW):
            row = range(first, min(first + PANELS_A_ROW, len(centres)))
            bottom = top + _panel_height(max(len(machines[i]) for i in row))
            for i in row:
                left = MARGIN + (i - first) * (PANEL_WIDTH + MARGIN)
                shown = tuple(machines[i][:MAX_BOXES])
                self.panels.append(Panel(centres[i], left, top, bottom, shown))
            top = bottom + MARGIN
        columns = min(len(centres), PANELS_A_ROW)
        self.width = max(MIN_WIDTH, MARGIN + columns * (PANEL_WIDTH + MARGIN))
        self.bottom = top


def _panel_height(machines: int) -> int:
    boxes = min(machines, MAX_BOXES) * (MACHINE_NAME + BOX_HEIGHT + BOX_GAP)
    queue = QUEUE_ROWS * (CHIP_HEIGHT + CHIP_GAP)
    rest = MACHINE_NAME if machines > MAX_BOXES else 0
    return PANEL_NAME + TRANSIT_ROW + queue + 2 * PANEL_PADDING + boxes + rest


def flow_order(lookup: FactoryLookup) -> list[int]:
    """Return the work centres in the order in which products pass them: by the mean depth of their
    operations in the routes, then as listed; centres without operations come last.
    """
    depths: dict[int, list[int]] = {centre: [] for centre in range(len(lookup.centres))}
    for product in lookup.products:
        depth_of = list[int]()
        for step in lookup.route(product):
            depth = 1 + max((depth_of[p] for p in step.predecessors), default=-1)
            depth_of.append(depth)
            depths[step.centre].append(depth)
    last = 1 + max((depth for own in depths.values() for depth in own), default=0)
    means = {c: sum(own) / len(own) if own else float(last) for c, own in depths.items()}
    return sorted(depths, key=lambda centre: (means[centre], centre))

"""Pictures of the shop floor: what is drawn where."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from factory.lookups import FactoryLookup
from factory.schedule.conversion import columns_of
from factory.schedule.gantt_style import MARK_COLOURS, Colours
from factory.schedule.pixel_canvas import Pixels, Rgb, rgb_of
from factory.schedule.records import FailureRecord, Schedule
from factory.schedule.shop_floor.floor_history import FloorHistory
from factory.schedule.shop_floor.floor_layout import (
    BOX_HEIGHT,
    CHIP_HEIGHT,
    CHIP_WIDTH,
    CHIPS_A_ROW,
    MACHINE_NAME,
    PANEL_PADDING,
    PANEL_WIDTH,
    QUEUE_ROWS,
    Panel,
)
from factory.schedule.shop_floor.floor_painter import ShopFloorPainter
from tests.builders.hand_made_schedule import (
    BUILD_2,
    PAINT_1,
    PAINT_2,
    hand_factory,
    hand_schedule,
)
from tests.builders.hostile_names import NASTY

PAINTER = ShopFloorPainter(hand_factory())
LATE, FAILURE, CHANGEOVER = (rgb_of(MARK_COLOURS[n]) for n in ("late", "failure", "changeover"))


def picture(date: int, schedule: Schedule | None = None, title: str | None = None) -> Pixels:
    columns = columns_of(schedule or hand_schedule(), PAINTER.lookup)
    state = FloorHistory(columns, PAINTER.lookup).state_at(date)
    return PAINTER.draw(state, columns, order_ids=["A", "B"], title=title)


def panel_of(machine: int) -> Panel:
    centre = PAINTER.lookup.centre_of[machine]
    (panel,) = [panel for panel in PAINTER.layout.panels if panel.centre == centre]
    return panel


def box(pixels: Pixels, machine: int) -> Pixels:
    """Return the pixels of a machine's box."""
    panel = panel_of(machine)
    top = panel.box_top(panel.machines.index(machine)) + MACHINE_NAME
    left, right = panel.left + PANEL_PADDING, panel.left + PANEL_WIDTH - PANEL_PADDING
    return pixels[top : top + BOX_HEIGHT, left:right]


def colours_in(pixels: Pixels) -> set[Rgb]:
    return {(int(r), int(g), int(b)) for r, g, b in np.unique(pixels.reshape(-1, 3), axis=0)}


def colour_of(machine: int, *setup: str) -> Rgb:
    lookup = FactoryLookup(hand_factory())
    colour = Colours(lookup).of_setup(lookup.centre_of[machine], setup)
    assert colour is not None
    return rgb_of(colour)


def test_a_machine_in_process_has_the_colour_of_the_setup() -> None:
    face = tuple(box(picture(7), PAINT_1)[4, -6])
    assert face == colour_of(PAINT_1, "red")


def test_a_changeover_shows_the_colours_before_and_after() -> None:
    shown = colours_in(box(picture(6), PAINT_2))
    assert {colour_of(PAINT_2, "white"), colour_of(PAINT_2, "black"), CHANGEOVER} <= shown
    assert colour_of(PAINT_2, "red") not in shown


def test_a_machine_under_repair_is_dark() -> None:
    repair = FailureRecord(machine=PAINT_1, start_date=4, end_date=8)
    drawn = box(picture(5, replace(hand_schedule(), failures=(repair,))), PAINT_1)
    assert tuple(drawn[4, -6]) == FAILURE


def test_the_mounted_setup_of_an_idle_machine_is_at_its_edge() -> None:
    before, after = box(picture(9), BUILD_2), box(picture(15), BUILD_2)
    assert tuple(before[10, 3]) == colour_of(BUILD_2, "small", "plain")
    assert tuple(after[10, 3]) == colour_of(BUILD_2, "big", "plain")


def test_late_orders_have_a_red_edge_on_machines_and_in_queues() -> None:
    """B is due at 24, and in process on build-2 until 28."""
    assert tuple(box(picture(24), BUILD_2)[0, 40]) != LATE
    assert tuple(box(picture(25), BUILD_2)[0, 40]) == LATE
    orders = tuple(replace(order, completion_date=None) for order in hand_schedule().orders)
    idle = replace(hand_schedule(), orders=orders, operations=(), changeovers=(), waits=())
    edges = []
    for date in (24, 25):
        left, top = panel_of(PAINT_1).chip(1)
        edges.append(tuple(picture(date, idle)[top, left + 4]))
    assert edges[0] != LATE
    assert edges[1] == LATE


def test_a_long_queue_fills_its_slots_and_no_more() -> None:
    order = hand_schedule().orders[0]
    orders = tuple(replace(order, number=n, due_date=999, completion_date=None) for n in range(60))
    crowd = replace(
        hand_schedule(), orders=orders, operations=(), changeovers=(), waits=(), num_orders=60
    )
    columns = columns_of(crowd, PAINTER.lookup)
    state = FloorHistory(columns, PAINTER.lookup).state_at(1)
    drawn = PAINTER.draw(state, columns)
    panel, red = panel_of(PAINT_1), colour_of(PAINT_1, "red")
    slots = [panel.chip(slot) for slot in range(CHIPS_A_ROW * QUEUE_ROWS)]
    filled = [red in colours_in(drawn[y : y + CHIP_HEIGHT, x : x + CHIP_WIDTH]) for x, y in slots]
    assert filled == [True] * (len(slots) - 1) + [False]


def test_all_pictures_have_one_size_and_equal_states_equal_pictures() -> None:
    pictures = [picture(date) for date in range(29)]
    assert len({drawn.shape for drawn in pictures}) == 1
    assert all(size % 2 == 0 for size in pictures[0].shape[:1])
    np.testing.assert_array_equal(pictures[7], picture(7))
    assert (pictures[7] != pictures[8]).any()


@pytest.mark.parametrize("name", NASTY)
def test_any_name_can_be_drawn(name: str) -> None:
    schedule = hand_schedule()
    centres = hand_factory().work_centres
    renamed = centres[2].model_copy(
        update={"machines": (centres[2].machines[0].model_copy(update={"name": name}),)}
    )
    painter = ShopFloorPainter(hand_factory(name=name, work_centres=(*centres[:2], renamed)))
    columns = columns_of(schedule, painter.lookup)
    state = FloorHistory(columns, painter.lookup).state_at(7)
    drawn = painter.draw(state, columns, order_ids=[name, name], title=name)
    assert drawn.shape == picture(7).shape
    assert (drawn != picture(7)).any()

"""Pictures for videos: what is drawn where, in pixels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import matplotlib.figure
import numpy as np
import pytest

from factory.io.catalogue import find_single_factory
from factory.lookups import FactoryLookup
from factory.model import Factory
from factory.schedule.columns import ScheduleColumns
from factory.schedule.conversion import columns_of
from factory.schedule.gantt_style import MARK_COLOURS
from factory.schedule.pixel_canvas import PixelCanvas, Pixels, Rgb, rasterise, rgb_of
from factory.schedule.records import FailureRecord, Schedule
from factory.schedule.shop_floor.gantt_video import GanttVideo
from tests.builders.hand_made_schedule import PAINT_1, hand_book, hand_factory, hand_schedule
from tests.builders.hostile_names import NASTY

HOURS = 4.0
"""40 ticks, of which 88 % have passed at most; the hand-made schedule ends at tick 28."""
LATE, WAIT, FAILURE = (rgb_of(MARK_COLOURS[name]) for name in ("late", "wait", "failure"))


def columns(schedule: Schedule | None = None) -> ScheduleColumns:
    return columns_of(schedule or hand_schedule(), FactoryLookup(hand_factory()))


def picture(schedule: Schedule | None = None, **settings: Any) -> Pixels:
    return GanttVideo(hand_factory(), HOURS).draw(columns(schedule), **settings)


def lane(pixels: Pixels, machine: int) -> Pixels:
    """Return the rows of a machine's bar, in the columns of the lanes."""
    video = GanttVideo(hand_factory(), HOURS)
    top = video.bar_tops[machine]
    return pixels[top : top + 24, video.left : video.left + video.inner]


def at(pixels: Pixels, machine: int, date: float, height: int = 3) -> Rgb:
    """Return the colour of a machine's bar at a date."""
    video = GanttVideo(hand_factory(), HOURS)
    red, green, blue = lane(pixels, machine)[height, round(date / video.span * video.inner)]
    return int(red), int(green), int(blue)


def test_bars_are_where_the_operations_are() -> None:
    drawn, empty = picture(), picture(replace(hand_schedule(), operations=()))
    for operation in hand_schedule().operations:
        middle = (operation.start_date + operation.end_date) / 2
        assert at(drawn, operation.machine, middle) != at(empty, operation.machine, middle)
    lanes = range(len(hand_schedule().machine_names))
    assert all(at(drawn, machine, 39) == at(empty, machine, 39) for machine in lanes)


def test_operations_of_late_orders_have_a_red_edge() -> None:
    """Order B is late."""
    drawn = picture()
    for operation in hand_schedule().operations:
        middle = (operation.start_date + operation.end_date) / 2
        is_red = at(drawn, operation.machine, middle, height=0) == LATE
        assert is_red == (operation.order == 1)


def test_changeovers_are_striped_and_waits_and_failures_have_their_colours() -> None:
    schedule = replace(
        hand_schedule(), failures=(FailureRecord(machine=PAINT_1, start_date=16, end_date=20),)
    )
    drawn = picture(schedule)
    changeover = schedule.changeovers[0]
    middle = (changeover.start_date + changeover.end_date) / 2
    video = GanttVideo(hand_factory(), HOURS)
    column = round(middle / video.span * video.inner)
    stripes = lane(drawn, changeover.machine)[1:-1, column]
    colours = {tuple(pixel) for pixel in stripes.tolist()}
    assert colours == {
        rgb_of(MARK_COLOURS["changeover"]),
        rgb_of(MARK_COLOURS["changeover_edge"]),
    }
    assert at(drawn, PAINT_1, 18, height=20) == FAILURE
    for wait in schedule.waits:
        assert at(drawn, wait.machine, (wait.start_date + wait.end_date) / 2, height=12) == WAIT


def test_operations_in_process_are_pale() -> None:
    (last,) = [o for o in hand_schedule().operations if o.end_date == 28]
    date = last.end_date - 2
    others = tuple(o for o in hand_schedule().operations if o is not last)
    half = replace(hand_schedule(), operations=others, open_operations=(last,), end_date=date)
    whole = np.mean(at(picture(), last.machine, last.start_date + 1))
    assert np.mean(at(picture(half), last.machine, last.start_date + 1)) > whole + 20


def test_what_is_older_than_the_window_is_left_out() -> None:
    late = replace(hand_schedule(), end_date=1000)
    empty = replace(late, operations=(), changeovers=(), waits=())
    for machine in range(len(late.machine_names)):
        np.testing.assert_array_equal(lane(picture(late), machine), lane(picture(empty), machine))


def test_order_ids_stand_in_bars_that_are_long_enough() -> None:
    book = hand_book()
    renamed = book.model_copy(
        update={"orders": tuple(o.model_copy(update={"order_id": "x" * 99}) for o in book.orders)}
    )
    named, bare = picture(book=book), picture(book=renamed)
    assert not (lane(named, PAINT_1) == lane(bare, PAINT_1)).all()
    nameless = {name.tobytes() for name in lane(bare, PAINT_1).reshape(-1, 3)}
    assert len(nameless) < 12, "letters have shades"


def is_written(pixels: Pixels, text: str, x: int, y: int, points: float, weight: str) -> bool:
    """Return whether a text is written in dark letters at this place."""
    mask = rasterise(text, points, weight)[:, :, 0]
    top = round(y - mask.shape[0] / 2)
    part = pixels[top : top + mask.shape[0], x : x + mask.shape[1]]
    return bool((part[mask > 0.9] < 120).all()) and mask.max() > 0.9


def test_the_heading_has_factory_date_and_figures() -> None:
    """The schedule begins at 22:00 and has lasted 28 ticks of six minutes."""
    schedule = columns()
    drawn = picture(cost=1234.4)
    title = f"hand made, seed {schedule.seed}: day 2, 00:48"
    title = title if schedule.seed is not None else "hand made: day 2, 00:48"
    assert is_written(drawn, title, 12, 18, 11, "bold")
    assert not is_written(drawn, title.replace("48", "49"), 12, 18, 11, "bold")
    figures = "2 of 2 orders done, 0 in progress, 1 late, 3 changeovers, cost 1,234"
    assert is_written(drawn, figures, 12, 40, 8, "normal")


def test_due_dates_are_red_green_or_grey() -> None:
    video = GanttVideo(hand_factory(), HOURS)
    open_order = replace(hand_schedule().orders[0], due_date=35, completion_date=None)
    orders = (open_order, *hand_schedule().orders[1:])
    schedule = replace(hand_schedule(), orders=orders, operations=())
    strip = picture(schedule)[54 + 15]
    fates = {"late": schedule.orders[1].due_date, "open": 35}
    for name, date in fates.items():
        column = video.left + round(date / video.span * video.inner)
        assert tuple(strip[column].tolist()) == rgb_of(MARK_COLOURS[name])


@pytest.mark.parametrize("name", ["microfactory", "large", "tiny"])
def test_pictures_of_a_factory_have_one_even_size(name: str) -> None:
    """Encoders of videos take nothing else."""
    factory = find_single_factory(name)
    video = GanttVideo(factory)
    none = np.zeros(0, np.int64)
    span = {"machine": none, "start_date": none, "end_date": none}
    empty = columns(replace(hand_schedule(), operations=(), changeovers=(), waits=()))
    shapes = set()
    for end_date in (0, 10**6):
        orders = type(empty.orders)(*(part[:0] for part in empty.orders))
        failures = type(empty.failures)(**span)
        schedule = empty._replace(orders=orders, failures=failures, end_date=end_date)
        shapes.add(video.draw(schedule).shape)
    assert len(shapes) == 1
    height, width, colours = shapes.pop()
    assert (height % 2, width % 2, colours) == (0, 0, 3)


def test_a_picture_needs_no_figure_of_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures take a second, and pictures are for videos."""
    made = []
    monkeypatch.setattr(matplotlib.figure.Figure, "__init__", lambda *_, **__: made.append(1))
    assert picture().std() > 10
    assert not made


def test_any_name_can_be_drawn() -> None:
    for name in NASTY:
        renamed: Factory = hand_factory(name=name)
        assert GanttVideo(renamed, HOURS).draw(columns()).std() > 10
        book = hand_book()
        orders = tuple(o.model_copy(update={"order_id": name[:6]}) for o in book.orders)
        picture(book=book.model_copy(update={"orders": orders}))


def test_whatever_lies_outside_a_canvas_is_left_out() -> None:
    pixels = np.zeros((10, 20, 3), np.uint8)
    canvas = PixelCanvas(pixels)
    canvas.fill(-5, -5, 3, 2, (9, 9, 9))
    canvas.frame(15, 5, 90, 90, (7, 7, 7), (8, 8, 8))
    assert pixels[:2, :3].min() == 9
    assert pixels[2:, :3].max() == 0
    assert pixels[9, 19].tolist() == [7, 7, 7]
    for x, y in ((-3, 5), (18, 5), (5, -4), (5, 12), (-900, 5), (900, 5), (5, 900)):
        canvas.write("word", x, y, (255, 0, 0))
    assert pixels[:, :, 0].max() > 100

"""Gantt pictures: what is drawn where, in which look, and that it can be drawn at all for every
kind of schedule."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from factory.schedule.gantt import draw_gantt, gantt_rgb, gantt_text
from factory.schedule.gantt_style import Clock
from factory.schedule.records import FailureRecord
from factory.tick_dates import TickDates
from tests.builders.hand_made_schedule import PAINT_1, hand_book, hand_factory, hand_schedule, play


def bars(figure: Figure) -> list[PolyCollection]:
    return [
        collection
        for collection in figure.axes[0].collections
        if isinstance(collection, PolyCollection)
    ]


def spans(collection: PolyCollection) -> set[tuple[float, float]]:
    """Start and end of each bar."""
    return {
        (path.vertices[:, 0].min(), path.vertices[:, 0].max()) for path in collection.get_paths()
    }


def words(figure: Figure) -> set[str]:
    return {text.get_text() for axes in figure.axes for text in axes.texts} | {
        text.get_text() for text in figure.texts
    }


def with_red_edge(figure: Figure) -> set[tuple[float, float]]:
    red = [
        c
        for c in bars(figure)
        if len(c.get_edgecolor()) and tuple(c.get_edgecolor()[0][:3]) == to_rgb("#e00000")
    ]
    return set().union(*(spans(collection) for collection in red))


def test_a_notebook_shows_the_picture_without_pyplot() -> None:
    figure = draw_gantt(hand_schedule(), hand_factory())
    picture = figure._repr_png_()  # type: ignore[attr-defined]
    assert picture.startswith(b"\x89PNG")


def test_one_lane_a_machine_grouped_by_work_centre() -> None:
    figure = draw_gantt(hand_schedule(), hand_factory())
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    heights = figure.axes[0].get_yticks()
    assert labels == ["paint-1", "paint-2", "build-1", "build-2", "test-1"]
    gaps = np.diff(heights)
    assert gaps[1] > gaps[0] == gaps[2]
    assert {"paint", "build", "test"} <= words(figure)


def test_bars_are_where_the_operations_are() -> None:
    figure = draw_gantt(hand_schedule(), hand_factory())
    drawn = set().union(
        *(spans(collection) for collection in bars(figure) if not collection.get_hatch())
    )
    assert {(o.start_date, o.end_date) for o in hand_schedule().operations} <= drawn


def test_changeovers_are_hatched() -> None:
    hatched = [
        collection
        for collection in bars(draw_gantt(hand_schedule(), hand_factory()))
        if collection.get_hatch()
    ]
    assert [spans(collection) for collection in hatched] == [{(0, 2), (5, 9), (10, 14)}]


def test_operations_of_late_orders_have_a_red_edge() -> None:
    """Order B is late."""
    expected = {(o.start_date, o.end_date) for o in hand_schedule().operations if o.order == 1}
    assert with_red_edge(draw_gantt(hand_schedule(), hand_factory())) == expected


def test_a_late_order_is_marked_where_it_is_completed() -> None:
    figure = draw_gantt(hand_schedule(), hand_factory())
    marks = [line for line in figure.axes[0].lines if line.get_marker() == "v"]
    assert [list(line.get_xdata()) for line in marks] == [[28]]


def test_equal_setups_have_equal_colours_and_others_not() -> None:
    """Order A is painted red, order B black; as the values are names of colours, the bars look like
    them."""
    figure = draw_gantt(hand_schedule(), hand_factory())
    face = {}
    for collection in bars(figure):
        for path, colour in zip(
            collection.get_paths(),
            np.resize(collection.get_facecolor(), (len(collection.get_paths()), 4)),
            strict=True,
        ):
            face[path.vertices[:, 0].min(), path.vertices[:, 0].max()] = colour[:3]
    red, black = face[2, 12], face[9, 15]
    assert red[0] > red[1] + 0.3
    assert max(black) < 0.35


def test_order_ids_stand_in_bars_that_are_long_enough() -> None:
    assert {"A", "B"} <= words(draw_gantt(hand_schedule(), hand_factory()))
    renamed = replace(
        hand_schedule(),
        orders=tuple(replace(order, order_id="long" * 60) for order in hand_schedule().orders),
    )
    assert "long" * 60 not in words(draw_gantt(renamed, hand_factory()))


def test_title_and_figures_head_the_picture() -> None:
    shown = words(draw_gantt(hand_schedule(), hand_factory(), title="Monday"))
    assert "Monday" in shown
    assert any(
        "2 of 2 orders done (50% on time)" in text
        and "3 changeovers (1.50 an order, 1.0 h)" in text
        and "cost 31" in text
        for text in shown
    )


def test_the_clock_starts_at_the_start_hour() -> None:
    """The first tick is at 22:00; midnight begins day 2."""
    labels = [
        label.get_text()
        for label in draw_gantt(hand_schedule(), hand_factory()).axes[0].get_xticklabels()
    ]
    assert labels[0] == "22:00\nday 1"
    assert "00:00\nday 2" in labels


def test_until_cuts_the_time_axis() -> None:
    assert draw_gantt(hand_schedule(), hand_factory(), until=10).axes[0].get_xlim() == (0, 10)


def test_failures_are_drawn() -> None:
    schedule = replace(hand_schedule(), failures=(FailureRecord(PAINT_1, 4, 6),))
    dark = [
        c
        for c in bars(draw_gantt(schedule, hand_factory()))
        if len(c.get_facecolor()) and tuple(c.get_facecolor()[0][:3]) == to_rgb("#3a0d12")
    ]
    assert [spans(collection) for collection in dark] == [{(4, 6)}]


def test_the_picture_is_saved(tmp_path: Path) -> None:
    draw_gantt(hand_schedule(), hand_factory(), tmp_path / "gantt.png")
    assert (tmp_path / "gantt.png").read_bytes().startswith(b"\x89PNG")


def test_pixels_have_three_channels_and_more_than_white() -> None:
    pixels = gantt_rgb(hand_schedule(), hand_factory(), width=8)
    assert (pixels.dtype, pixels.ndim, pixels.shape[2]) == (np.uint8, 3, 3)
    assert pixels.shape[1] == 880
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20


def test_frames_of_one_episode_have_one_size() -> None:
    """So that they make a film."""
    frames = [
        gantt_rgb(play(hand_factory(), hand_book(), 1, decisions).schedule(), hand_factory())
        for decisions in (1, 6, 50)
    ]
    assert len({frame.shape for frame in frames}) == 1


@pytest.mark.parametrize("decisions", [0, 3, 8, 1000])
def test_every_stage_of_an_episode_can_be_drawn(decisions: int) -> None:
    schedule = play(hand_factory(), hand_book(), 2, decisions).schedule()
    assert bars(draw_gantt(schedule, hand_factory()))
    assert len(gantt_text(schedule).splitlines()) == 6


def test_text_shows_the_same_in_characters() -> None:
    assert gantt_text(hand_schedule(), width=28).splitlines() == [
        "paint paint-1 //[A========................",
        "paint paint-2 .....////[B!===.............",
        "build build-1 .............[A==========...",
        "build build-2 ........~~////..[B!=========",
        "test test-1   [A=..[B!....................",
        "day 2 00:48 (tick 28): 2 of 2 orders done, 1 late; a column is 6 min",
    ]


def test_text_shows_failures_above_operations() -> None:
    schedule = replace(hand_schedule(), failures=(FailureRecord(PAINT_1, 6, 8),))
    assert (
        gantt_text(schedule, width=28).splitlines()[0]
        == "paint paint-1 //[A==xx====................"
    )


def test_matplotlib_is_loaded_only_for_a_picture() -> None:
    program = (
        "import sys, factory.schedule.gantt; assert not any(name.startswith('matplotlib') for name"
        " in sys.modules), 'loaded'"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_no_global_state_of_matplotlib_is_touched() -> None:
    program = (
        "import sys; from tests.builders.hand_made_schedule import hand_factory, hand_schedule;"
        " from factory.schedule.gantt import gantt_rgb;gantt_rgb(hand_schedule(), hand_factory());"
        " assert 'matplotlib.pyplot' not in sys.modules, 'loaded'"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_axis_shows_dates_where_an_epoch_is_known() -> None:
    """Tick 0 is 22 o'clock, and the hand-made schedule crosses midnight."""
    known = replace(hand_schedule(), epoch=datetime(2026, 3, 1, 22))
    for schedule, days in (
        (known, ["2026-03-01", "2026-03-02"]),
        (hand_schedule(), ["day 1", "day 2"]),
    ):
        axes = draw_gantt(schedule, hand_factory()).axes[0]
        labels = [label.get_text() for label in axes.get_xticklabels()]
        assert [label.partition("\n")[2] for label in labels if "\n" in label] == days


@pytest.mark.parametrize(
    ("month", "day", "labels", "ticks"),
    [
        (3, 28, ["23:00", "00:00", "01:00", "03:00", "04:00"], [60, 120, 180, 240, 300]),
        (10, 24, ["23:00", "00:00", "01:00", "02:00", "03:00"], [60, 120, 180, 240, 360]),
    ],
)
def test_the_axis_follows_the_clock_when_it_is_changed(
    month: int, day: int, labels: list[str], ticks: list[int]
) -> None:
    """Tick 0 is 22 o'clock on the eve; in spring 02:00 is skipped, in autumn it comes twice."""
    epoch = datetime(2026, month, day, 22, tzinfo=ZoneInfo("Europe/Berlin"))
    clock = Clock(TickDates(1.0, epoch=epoch), 1, 361 if month == 10 else 301, 6)
    assert [label.partition("\n")[0] for label in clock.labels()] == labels
    assert clock.ticks() == ticks
    assert clock.midnights() == [120]


@pytest.mark.parametrize(("since", "until", "marks"), [(0, 28, 1), (20, 40, 1), (0, 27, 0)])
def test_bug_late_orders_outside_the_window_were_marked_beside_it(
    since: int, until: int, marks: int
) -> None:
    """Order B is late, and completed at 28."""
    longer = replace(hand_schedule(), end_date=60)
    for window, expected in (((since, until), marks), ((30, 60), 0)):
        figure = draw_gantt(longer, hand_factory(), since=window[0], until=window[1])
        triangles = [line for line in figure.axes[0].lines if line.get_marker() == "v"]
        assert sum(len(line.get_xdata()) for line in triangles) == expected

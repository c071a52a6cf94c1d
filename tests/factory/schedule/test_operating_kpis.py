"""Key figures of closures, people and maintenance, worked by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from factory.schedule.gantt import draw_gantt, gantt_text
from factory.schedule.gantt_html import schedule_bars
from factory.schedule.kpis import kpis
from factory.schedule.operating_times import OperatingKpis, closures_of_machines
from factory.schedule.record_kinds import MaintenanceRecord
from factory.schedule.records import Schedule
from tests.builders.hand_made_schedule import hand_factory, hand_schedule
from tests.builders.shift_schedule import CUT, WASH, shift_factory, shift_schedule


def figures_of(schedule: Schedule) -> OperatingKpis:
    figures = kpis(schedule, shift_factory()).operating
    assert figures is not None
    return figures


def test_figures_are_those_worked_by_hand() -> None:
    """Four machines are open for 19 of 51 hours, the washer always; they work 45 hours."""
    figures = figures_of(shift_schedule())
    assert figures.open_utilisation == pytest.approx(45 / (4 * 19 + 51))
    assert figures.paused_hours == 3 * 16
    assert figures.staff_hours_of_group == {"helpers": 0, "millers": 4, "setters": 8}
    assert figures.staff_hours == 12
    assert figures.staff_utilisation == pytest.approx(12 / (51 + 19 + 19))
    assert figures.overtime_hours == 0
    assert (figures.maintenance_done, figures.maintenance_late) == (1, 0)


def test_hours_in_changeovers_leave_out_the_night() -> None:
    """Two changeovers of 3 hours each stop from 8 to 24 and from 32 to 48."""
    assert kpis(shift_schedule(), shift_factory()).changeover_hours == 6


def test_maintenance_is_late_by_a_share_of_its_interval() -> None:
    """Due after two operations, it begins after three."""
    late = replace(shift_schedule(), maintenance=(MaintenanceRecord(WASH, 11, 13, "clean"),))
    figures = figures_of(late)
    assert (figures.maintenance_done, figures.maintenance_late) == (1, 1)
    assert figures.mean_maintenance_lateness == pytest.approx(0.5)


def test_an_overrun_is_overtime() -> None:
    """The oven must fit, and runs from 5 to 11 while it closes at 8."""
    schedule = shift_schedule()
    operations = tuple(
        replace(o, selected_date=5, start_date=5, end_date=11) if o.name == "oven" else o
        for o in schedule.operations
    )
    assert figures_of(replace(schedule, operations=operations)).overtime_hours == 3


def test_plants_without_hours_have_no_such_figures() -> None:
    figures = kpis(hand_schedule(), hand_factory())
    assert figures.operating is None
    assert "operating" not in figures.to_dict()


# --- charts ---------------------------------------------------------------------------------------


def test_closures_are_those_of_each_machine() -> None:
    closures = closures_of_machines(shift_factory(), 51)
    assert [(c.start_date, c.end_date) for c in closures if c.machine == CUT] == [(8, 24), (32, 48)]
    assert not [c for c in closures if c.machine == WASH]
    assert closures_of_machines(hand_factory(), 51) == []


def test_text_shows_closures_pauses_and_maintenance() -> None:
    """A column is an hour: a closed machine is blank, a pause ``-``, maintenance ``m``."""
    text = gantt_text(replace(shift_schedule(), factory=shift_factory()), width=51)
    cut, mill, _, _, wash, _ = (line[6:] for line in text.splitlines())
    assert cut == "[0======----------------==......" + 16 * " " + "..."
    assert mill == "[1==...." + 16 * " " + "........" + 16 * " " + "..."
    assert wash.startswith("[6=mm[7=[8=.")


def test_bars_of_the_page_name_maintenance_and_people() -> None:
    bars = schedule_bars(shift_schedule(), shift_factory())
    kinds = [bar.kind for bar in bars]
    assert (kinds.count("closed"), kinds.count("pause"), kinds.count("maintenance")) == (8, 3, 1)
    (cleaning,) = (bar for bar in bars if bar.kind == "maintenance")
    assert cleaning.details == {"maintenance": "clean", "people": "1 setters"}
    (milling,) = (bar for bar in bars if bar.lane == "mill" and bar.kind == "operation")
    assert milling.details["people"] == "1 millers"


def test_a_chart_reaches_to_the_end_of_maintenance_in_work() -> None:
    begun = MaintenanceRecord(WASH, 50, 80, "clean")
    schedule = replace(shift_schedule(), open_maintenance=(begun,))
    closed = [bar for bar in schedule_bars(schedule, shift_factory()) if bar.kind == "closed"]
    assert max(bar.end for bar in closed) == 72
    assert draw_gantt(schedule, shift_factory()).axes[0].get_xlim()[1] == 80


def test_legend_of_the_picture_names_what_is_shown() -> None:
    texts = {text.get_text() for text in draw_gantt(shift_schedule(), shift_factory()).texts}
    assert {"closed", "paused", "maintenance"} <= texts
    plain = {text.get_text() for text in draw_gantt(hand_schedule(), hand_factory()).texts}
    assert not {"closed", "paused", "maintenance"} & plain

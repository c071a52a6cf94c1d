"""Schedules: what the simulator hands out, so far and in the end, and what is written to files."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from factory.schedule.kpis import kpis
from factory.schedule.record_kinds import FailureRecord
from factory.schedule.records import Schedule, unload
from factory.simulator import Simulator
from factory.verification.verifier import verify
from tests.builders.hand_made_schedule import (
    BUILD,
    KIT,
    PAINT,
    PAINT_1,
    PAINT_2,
    TEST_1,
    hand_book,
    hand_factory,
    hand_schedule,
    play,
)


def decide(simulator: Simulator, kind: str, order: int = -1) -> None:
    """Carry out the asked machine's first legal choice of this kind (for this order)."""
    row = next(
        c.row
        for c in simulator.choices()
        if c.legal and c.kind == kind and (order < 0 or c.order == order)
    )
    simulator.decide(row)


def begin() -> Simulator:
    simulator = Simulator(hand_factory(), hand_book())
    simulator.reset(3)
    return simulator


def test_unloaded_schedule_has_every_record_in_the_words_of_the_factory() -> None:
    """Order A is painted red on paint-1 from 2 to 12 and its kit made from 0 to 3; order B then
    comes at 5."""
    simulator = begin()
    assert simulator.deciding == PAINT_1
    decide(simulator, "job", 0)
    while simulator.deciding is not None and simulator.deciding != TEST_1:
        decide(simulator, "wait")
    decide(simulator, "job", 0)
    while simulator.clock < 5:
        decide(simulator, "wait")
    schedule = simulator.schedule()
    assert [
        (o.order_id, o.product, o.options, o.release_date, o.due_date, o.weight)
        for o in schedule.orders
    ] == [
        ("A", "car", {"colour": "red"}, 0, 40, 2.0),
        ("B", "van", {"colour": "black"}, 5, 24, 1.0),
    ]
    assert [
        (o.order, o.name, o.machine, o.selected_date, o.start_date, o.end_date, o.process_time)
        for o in schedule.operations
    ] == [(0, KIT, TEST_1, 0, 0, 3, 3)]
    assert [
        (c.machine, c.start_date, c.end_date, c.from_setup, c.to_setup, c.order)
        for c in schedule.changeovers
    ] == [(PAINT_1, 0, 2, ("white",), ("red",), 0)]
    assert (schedule.seed, schedule.end_date, schedule.factory_name) == (3, 5, "hand made")


def test_operations_in_work_are_open_with_their_expected_ends() -> None:
    simulator = begin()
    decide(simulator, "job", 0)
    assert simulator.clock == 0
    (painting,) = simulator.schedule().open_operations
    assert (painting.order, painting.name, painting.machine) == (0, PAINT, PAINT_1)
    assert (
        painting.selected_date,
        painting.start_date,
        painting.end_date,
        painting.process_time,
    ) == (0, 2, 12, 10)


def test_a_schedule_is_complete_only_when_no_order_is_to_come() -> None:
    """Order A alone is released and done; order B is still to come."""
    book = hand_book().model_copy(
        update={
            "orders": (
                hand_book().orders[0],
                hand_book().orders[1].model_copy(update={"release_date": 1000, "due_date": 1100}),
            )
        }
    )
    simulator = Simulator(hand_factory(waiting=False), book)
    simulator.reset()
    while simulator.clock < 1000:
        decide(simulator, "job")
    schedule = replace(simulator.schedule(), orders=simulator.schedule().orders[:1])
    assert schedule.orders[0].completion_date is not None
    assert not schedule.complete
    assert replace(schedule, num_orders=1).complete


def test_a_finished_episode_is_complete_and_right() -> None:
    simulator = play(hand_factory(), hand_book(), seed=5)
    schedule = simulator.schedule()
    assert schedule.complete
    assert not schedule.open_operations
    assert verify(schedule, hand_factory(), hand_book()).terms == pytest.approx(simulator.costs)


def test_a_repair_in_progress_is_an_open_failure() -> None:
    """With a mean of one tick of processing between failures every operation breaks down."""
    paint, build, test = hand_factory().work_centres
    frail = test.model_copy(
        update={
            "machines": (
                test.machines[0].model_copy(
                    update={"mean_time_to_failure": 1, "mean_time_to_repair": 50}
                ),
            )
        }
    )
    simulator = Simulator(hand_factory(work_centres=(paint, build, frail)), hand_book())
    simulator.reset(1)
    while not simulator.schedule().open_failures:
        decide(
            simulator,
            "job" if any(c.kind == "job" and c.legal for c in simulator.choices()) else "wait",
        )
    schedule = simulator.schedule()
    (failure,) = schedule.open_failures
    assert failure.machine == TEST_1
    assert failure.start_date <= failure.end_date == simulator.clock
    assert not schedule.complete


def test_a_log_that_was_too_short_is_an_error_not_a_gap() -> None:
    simulator = begin()
    decide(simulator, "job", 0)
    simulator.shop.env.log_length[0] = simulator.shop.log.shape[1] + 1
    with pytest.raises(
        RuntimeError,
        match=r"unload: the log has \d+ lines but \d+ were written; allocate a longer one\.",
    ):
        unload(simulator.factory, simulator.book, simulator.arrays, simulator.shop, 0)


def full_schedule() -> Schedule:
    """The hand-made schedule with something of every kind in it."""
    schedule = hand_schedule()
    return replace(
        schedule,
        seed=2**64 - 1,
        failures=(FailureRecord(PAINT_2, 20, 22),),
        open_operations=schedule.operations[-1:],
        num_orders=4,
    )


def test_json_gives_the_same_schedule_back() -> None:
    assert Schedule.from_json(full_schedule().to_json()) == full_schedule()


def test_json_of_another_layout_is_refused() -> None:
    old = json.dumps({**json.loads(hand_schedule().to_json()), "schema": 0})
    with pytest.raises(
        ValueError,
        match=r"schedule: schema = 0; must be 1\. Write the schedule anew with this version\.",
    ):
        Schedule.from_json(old)


def written(**changes: object) -> str:
    """The JSON of the full schedule with other fields."""
    return json.dumps(json.loads(full_schedule().to_json()) | changes)


def first_operation(**changes: object) -> dict[str, object]:
    """The first operation as written, with other fields."""
    operation: dict[str, object] = json.loads(full_schedule().to_json())["operations"][0]
    return operation | changes


def test_json_with_a_missing_field_is_refused_by_place_and_field() -> None:
    operation = first_operation()
    del operation["end_date"]
    with pytest.raises(
        ValueError, match=r"^schedule: operations\[0\]: field end_date is missing\. Add it\.$"
    ):
        Schedule.from_json(written(operations=[operation]))
    data = json.loads(full_schedule().to_json())
    del data["orders"]
    with pytest.raises(ValueError, match=r"^schedule: field orders is missing\. Add it\.$"):
        Schedule.from_json(json.dumps(data))


def test_json_with_an_unknown_field_is_refused_by_place_and_field() -> None:
    with pytest.raises(
        ValueError, match=r"^schedule: operations\[0\]: field colour is unknown; the fields are ord"
    ):
        Schedule.from_json(written(operations=[first_operation(colour="red")]))


@pytest.mark.parametrize(
    ("operations", "message"),
    [
        (7, r"^schedule: operations = 7; must be a list\. Write a list of objects\.$"),
        ([[1, 2]], r"^schedule: operations\[0\] = \[1, 2\]; must be an object with fields\. "),
    ],
)
def test_json_whose_records_are_no_objects_is_refused(operations: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Schedule.from_json(written(operations=operations))


def test_json_that_leaves_out_lists_that_may_be_empty_is_read() -> None:
    data = json.loads(hand_schedule().to_json())
    for name in ("failures", "open_operations", "open_failures"):
        del data[name]
    assert Schedule.from_json(json.dumps(data)) == hand_schedule()


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_csv_has_a_file_for_each_kind_of_record(tmp_path: Path) -> None:
    full_schedule().to_csv(tmp_path / "run")
    files = {path.stem: read(path) for path in (tmp_path / "run").iterdir()}
    assert {name: len(rows) for name, rows in files.items()} == {
        "orders": 2,
        "operations": 6,
        "changeovers": 3,
        "failures": 1,
        "waits": 1,
        "open_operations": 1,
        "open_failures": 0,
    }
    assert files["orders"][0]["options"] == "colour=red"
    assert files["operations"][5] == {
        "order_id": "B",
        "operation": BUILD,
        "machine": "build-2",
        "work_centre": "build",
        "setup": "big+plain",
        "selected_date": "day 1 23:36",
        "start_date": "day 1 23:36",
        "end_date": "day 2 00:48",
        "process_minutes": "72.0",
        "attempt": "0",
        "selected_tick": "16",
        "start_tick": "16",
        "end_tick": "28",
    }
    assert files["changeovers"][2] == {
        "machine": "build-2",
        "work_centre": "build",
        "start_date": "day 1 23:00",
        "end_date": "day 1 23:24",
        "from_setup": "small+plain",
        "to_setup": "big+plain",
        "order_id": "",
        "operation": "",
        "start_tick": "10",
        "end_tick": "14",
    }


MORNING = datetime(2026, 3, 28, 22, tzinfo=ZoneInfo("Europe/Berlin"))


def test_csv_has_local_dates_where_an_epoch_is_known(tmp_path: Path) -> None:
    """The night before summer time: tick 45 is 4.5 hours after 22:00, and the clock shows 03:30."""
    order = replace(hand_schedule().orders[0], due_date=45)
    orders = (order, *hand_schedule().orders[1:])
    replace(hand_schedule(), orders=orders, epoch=MORNING).to_csv(tmp_path)
    row = read(tmp_path / "orders.csv")[0]
    assert (row["due_date"], row["due_tick"]) == ("2026-03-29 03:30+02:00", "45")
    assert row["release_date"] == "2026-03-28 22:00+01:00"


def test_json_keeps_the_epoch() -> None:
    schedule = replace(full_schedule(), epoch=datetime(2026, 3, 1, 22))
    assert Schedule.from_json(schedule.to_json()) == schedule
    with pytest.raises(
        ValueError, match=r"^schedule: epoch = 'soon'; must be a date in ISO 8601, or null\. Write"
    ):
        Schedule.from_json(written(epoch="soon"))


def test_a_played_schedule_knows_the_epoch_of_its_order_book() -> None:
    book = hand_book().model_copy(update={"epoch": datetime(2026, 3, 1, 22)})
    simulator = Simulator(hand_factory(), book)
    simulator.reset(3)
    assert simulator.schedule().epoch == datetime(2026, 3, 1, 22)


# --- pandas and notebooks -------------------------------------------------------------------------


def test_a_frame_has_ids_names_and_dates() -> None:
    frame = replace(hand_schedule(), epoch=datetime(2026, 3, 1, 22)).to_frame()
    assert len(frame) == len(hand_schedule().operations)
    last = frame.iloc[-1]
    assert list(last[["order_id", "operation", "machine", "work_centre", "setup"]]) == [
        *("B", BUILD, "build-2", "build", "big+plain")
    ]
    assert (last.start, last.end) == (datetime(2026, 3, 1, 23, 36), datetime(2026, 3, 2, 0, 48))
    assert (last.start_tick, last.end_tick, last.is_open) == (16, 28, False)


def test_a_frame_without_an_epoch_has_times_since_tick_0() -> None:
    """A tick takes six minutes."""
    frame = full_schedule().to_frame()
    assert frame.start.iloc[-1] == timedelta(minutes=6 * 16)
    assert frame.is_open.sum() == 1


def test_a_frame_of_nothing_has_the_same_columns() -> None:
    empty = replace(hand_schedule(), operations=())
    for epoch in (None, datetime(2026, 3, 1, 22), MORNING):
        frame = replace(empty, epoch=epoch).to_frame()
        assert list(frame.columns) == list(hand_schedule().to_frame().columns)
        assert len(frame) == 0


def test_the_setup_of_an_operation_is_what_its_machine_was_last_changed_to() -> None:
    """Machine test-1 has no attributes, paint-2 and build-2 are changed over; what was mounted on a
    machine at first, only the factory says."""
    plain = hand_schedule()
    known = replace(plain, factory=hand_factory())
    by_machine = {
        plain.machine_names[operation.machine]: setup
        for operation, setup in zip(plain.operations, known.setups, strict=True)
    }
    assert by_machine["build-2"] == ("big", "plain")
    assert by_machine["build-1"] == ("small", "plain")
    assert by_machine["test-1"] == ()
    for operation, without, with_factory in zip(
        plain.operations, plain.setups, known.setups, strict=True
    ):
        changed = any(record.machine == operation.machine for record in plain.changeovers)
        assert without == (with_factory if changed else None)


def test_a_notebook_shows_key_figures_and_a_chart() -> None:
    page = replace(hand_schedule(), factory=hand_factory())._repr_html_()
    figures = kpis(hand_schedule(), hand_factory())
    assert f"{figures.total_cost:,.0f}" in page
    assert "2 of 2" in page
    assert page.count('class="gantt-chart"') == 1
    bare = hand_schedule()._repr_html_()
    assert "2 of 2" in bare
    assert ">cost<" in page
    assert ">cost<" not in bare

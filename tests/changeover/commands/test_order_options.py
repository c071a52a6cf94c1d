"""Order lists of commands: layouts that were given stay, and the present is that of the dates."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

import pytest

from changeover.commands.order_options import (
    add_order_options,
    parse_moment,
    read_further_orders,
    read_given_orders,
)
from factory.io.order_list.layout import layout_path, load_layout
from scheduler.snapshot.from_orders import empty_snapshot
from scheduler.snapshot.schema import Snapshot
from tests.builders.joinery import joinery

HEAD = "order_id,product,colour,release_date,due_date\n"
NOON = datetime(2026, 3, 2, 12)


def given(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--now", type=parse_moment)
    add_order_options(parser)
    return parser.parse_args(arguments)


def write(folder: Path, *lines: str, head: str = HEAD) -> Path:
    path = folder / "orders.csv"
    path.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def joining(epoch: datetime | None = NOON, time_zone: str | None = None) -> Snapshot:
    return empty_snapshot(joinery(), 60, epoch=epoch, time_zone=time_zone)


def test_options_are_added_to_what_is_remembered(tmp_path: Path) -> None:
    path = write(tmp_path, "A,door,oak,1,600", head="Nr,Teil,Lack,Start,Ende\n")
    columns = "Nr=order_id, Teil=product, Lack=colour, Start=release_date, Ende=due_date"
    read_given_orders(path, joinery(), given("--columns", columns))
    read_given_orders(path, joinery(), given("--date-format", "ticks"))
    orders, _ = read_given_orders(path, joinery(), given("--delimiter", ","))
    assert [order.order_id for order in orders.book.orders] == ["A"]
    layout = load_layout(layout_path(path))
    assert (layout.date_format, layout.delimiter, len(layout.columns)) == ("ticks", ",", 5)


def test_a_column_that_is_given_anew_replaces_the_remembered_one(tmp_path: Path) -> None:
    head = "order_id,product,colour,release_date,promised,wished\n"
    path = write(tmp_path, "A,door,oak,1,600,500", head=head)
    read_given_orders(path, joinery(), given("--columns", "promised=due_date"))
    orders, _ = read_given_orders(path, joinery(), given("--columns", "wished=due_date"))
    assert orders.book.orders[0].due_date == 500


def test_a_layout_that_cannot_be_written_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("changeover.commands.order_options.save_layout", refuse)
    path = write(tmp_path, "A,door,oak,1,600")
    orders, _ = read_given_orders(path, joinery(), given("--delimiter", ","))
    assert len(orders.book.orders) == 1
    assert "cannot be written (Permission denied), so nothing is remembered" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize("zone", ["", "+01:00"])
def test_now_has_a_zone_where_the_dates_have_one(tmp_path: Path, zone: str) -> None:
    path = write(tmp_path, f"A,door,oak,2026-03-02T06:00{zone},2026-03-02T18:00{zone}")
    orders, now = read_given_orders(path, joinery(), given("--now", "now"))
    assert isinstance(now, datetime)
    assert orders.epoch is not None
    assert now.utcoffset() == orders.epoch.utcoffset()


def test_now_needs_dates(tmp_path: Path) -> None:
    path = write(tmp_path, "A,door,oak,1,600")
    with pytest.raises(ValueError, match="the dates of the list are ticks"):
        read_given_orders(path, joinery(), given("--now", "now"))


def test_orders_without_a_release_are_released_now(tmp_path: Path) -> None:
    path = write(tmp_path, "A,door,oak,,600")
    orders, now = read_given_orders(path, joinery(), given("--now", "90"))
    assert (orders.book.orders[0].release_date, now) == (90, 90)


@pytest.mark.parametrize("due", ["2026-03-02T20:00", "700"])
def test_orders_that_join_a_snapshot_are_released_at_its_clock(tmp_path: Path, due: str) -> None:
    path = write(tmp_path, f"A,door,oak,,{due}")
    for snapshot in (joining(), joining(time_zone="Europe/Berlin")):
        orders = read_further_orders(path, joinery(), given(), snapshot)
        assert orders.book.orders[0].release_date == 60


def test_dates_that_join_a_snapshot_are_in_its_zone(tmp_path: Path) -> None:
    path = write(tmp_path, "A,door,oak,2026-03-02T14:00,2026-03-02T20:00")
    epoch = datetime(2026, 3, 2, 11, tzinfo=UTC)  # noon in Berlin
    orders = read_further_orders(path, joinery(), given(), joining(epoch, "Europe/Berlin"))
    assert orders.book.orders[0].release_date == 120
    assert not layout_path(path).exists(), "nothing was given, so nothing is remembered"


def test_bug_dates_do_not_join_a_snapshot_in_ticks(tmp_path: Path) -> None:
    """They counted from a date of their own, and the plan mixed both."""
    path = write(tmp_path, "A,door,oak,2026-03-02T14:00,2026-03-02T20:00")
    with pytest.raises(ValueError, match="does not say when its tick 0 is"):
        read_further_orders(path, joinery(), given(), joining(None))

"""A recorded morning of a planner, from the plant's own files to a plan and a what-if."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import openpyxl
import pytest

from changeover.__main__ import main
from changeover.plant.files import read_plan_folder
from scheduler.portfolio.plan_verification import verify_plan
from tests.builders.joinery import joinery, order_lines, write_joinery

pytestmark = pytest.mark.slow
MACHINES = ("saw-1", "booth-1", "booth-2", "bench")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the files of the plant and the plan of one command."""
    folder = tmp_path_factory.mktemp("morning")
    factory, orders = write_joinery(folder)
    out = ["--out", str(folder / "plan"), "--seconds", "2"]
    columns = ["--columns", "Farbe=colour, Artikel=product"]
    assert main(["plan", str(factory), str(orders), *columns, *out]) == 0
    return folder


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_operation_has_names_and_dates(folder: Path) -> None:
    rows = rows_of(folder / "plan" / "plan.csv")
    assert {row["order_id"] for row in rows} == {f"T-{100 + i}" for i in range(16)}
    assert {row["machine"] for row in rows} == set(MACHINES)
    for row in rows:
        start, end = (datetime.fromisoformat(row[name]) for name in ("start", "end"))
        assert start < end
        assert start.date() == datetime(2026, 3, 2).date()
        assert (end - start).total_seconds() / 60 == int(row["end_tick"]) - int(row["start_tick"])


def test_machines_do_one_thing_at_a_time(folder: Path) -> None:
    spans = defaultdict(list)
    for row in rows_of(folder / "plan" / "plan.csv"):
        spans[row["machine"]].append((row["start"], row["end"]))
    for listed in spans.values():
        listed.sort()
        assert all(before[1] <= after[0] for before, after in pairwise(listed))


def test_the_verifier_accepts_the_plan_at_its_cost(folder: Path) -> None:
    plant = read_plan_folder(folder / "plan")
    bill = verify_plan(plant.plan, plant.snapshot, plant.factory)
    assert bill.total == pytest.approx(plant.plan.total_cost)
    assert plant.factory == joinery()


def test_the_plan_is_the_cheapest_that_was_found(folder: Path) -> None:
    plan = read_plan_folder(folder / "plan").plan
    costs = [item.total_cost for item in plan.alternatives if item.total_cost is not None]
    assert len(costs) > 10
    assert plan.total_cost == min(costs)
    assert plan.alternatives[0].made_by == plan.made_by


def test_orders_keep_further_columns_and_their_due_dates(folder: Path) -> None:
    rows = {row["order_id"]: row for row in rows_of(folder / "plan" / "orders.csv")}
    assert rows["T-101"]["Kunde"] == "Müller & Söhne"
    assert rows["T-101"]["due"] == "2026-03-02 08:30"
    assert rows["T-100"]["due"] == "2026-03-04 00:00", "a day without a time lasts to its end"
    assert float(rows["T-100"]["weight"]) == 2.5


def test_the_workbook_has_a_sheet_for_each_machine(folder: Path) -> None:
    book = openpyxl.load_workbook(folder / "plan" / "plan.xlsx")
    assert book.sheetnames == ["Orders", *MACHINES, "Alternatives"]
    sheet = book["booth-1"]
    head = [cell.value for cell in sheet[1]]
    first = dict(zip(head, (cell.value for cell in sheet[2]), strict=True))
    assert isinstance(first["start"], datetime)
    assert first["operation"] == "paint"


def test_picture_and_page_are_written(folder: Path) -> None:
    assert (folder / "plan" / "gantt.png").read_bytes().startswith(b"\x89PNG")
    page = (folder / "plan" / "plan.html").read_text(encoding="utf-8")
    assert "T-115" in page
    assert "Müller &amp; Söhne" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_the_layout_is_remembered_for_the_next_command(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(folder / "joinery.toml"), str(folder / "auftraege.csv")]) == 0
    told = capsys.readouterr()
    assert "layout: as remembered in auftraege.layout.toml" in told.err
    assert "values of colour that nobody orders: grey" in told.out
    assert "setups of lacquer that no order needs: colour grey" in told.out
    assert "booth-1" in told.out


def test_a_machine_down_and_a_rush_order_are_compared_in_words(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rush = folder / "rush.csv"
    head = "order_id,product,colour,due_date,weight\n"
    rush.write_text(f"{head}R-1,door,oak,2026-03-02T08:00,5\n", encoding="utf-8")
    out = folder / "after"
    changes = ["--machine-down", "booth-1", "4h", "--rush", str(rush), "--out", str(out)]
    assert main(["what-if", str(folder / "plan"), *changes, "--seconds", "1"]) == 0
    told = capsys.readouterr().out
    assert "The expected cost rises by" in told
    assert "R-1" in told
    after = {row["order_id"]: row for row in rows_of(out / "plan.csv")}
    assert after["R-1"]["machine"]
    booth = [row for row in rows_of(out / "plan.csv") if row["machine"] == "booth-1"]
    assert all(row["start"] >= "2026-03-02 10:00" for row in booth)


def test_a_due_date_is_moved(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changes = ["--due", "T-101", "2026-03-02T06:30", "--cancel", "T-115"]
    assert main(["what-if", str(folder / "plan"), *changes, "--seconds", "1"]) == 0
    told = capsys.readouterr().out
    assert "T-101 by" in told
    assert "not in the plan" in told


def test_plan_json_has_dates_beside_ticks(folder: Path) -> None:
    plan = json.loads((folder / "plan" / "plan.json").read_text(encoding="utf-8"))
    assert plan["epoch"] == "2026-03-02T06:00:00"
    assert plan["operations"][0]["start"].startswith("2026-03-02T")
    assert all(order["completion"].startswith("2026-03-0") for order in plan["orders"])


def test_the_orders_are_those_of_the_list(folder: Path) -> None:
    plan = read_plan_folder(folder / "plan").plan
    assert [order.order for order in plan.orders] == [
        line.partition(";")[0] for line in order_lines()
    ]

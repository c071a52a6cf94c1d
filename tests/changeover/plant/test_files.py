"""Files of a plan: hostile names stay what they are, and a damaged folder is refused."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import openpyxl
import pytest

from changeover.plant.data import PlanData
from changeover.plant.files import (
    PlanFolderError,
    csv_text,
    read_plan_folder,
    workbook,
    write_plan_files,
)
from changeover.plant.plant_plan import PlantPlan
from changeover.plant.tables import alternative_rows, cell_text, operation_rows
from tests.builders.joinery import plan_of_joinery


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> PlanData:
    return plan_of_joinery(tmp_path_factory.mktemp("files"))


def renamed(plant: PlanData, machine: str, name: str) -> PlanData:
    """The plan with a machine under another name."""
    plan = plant.plan
    machines = tuple(name if item == machine else item for item in plan.machines)
    operations = tuple(
        item.model_copy(update={"machine": name}) if item.machine == machine else item
        for item in plan.operations
    )
    update = {"machines": machines, "operations": operations}
    return replace(plant, plan=plan.model_copy(update=update))


@pytest.mark.parametrize(
    ("name", "sheet"),
    [
        ("booth: [1]/2", "booth_ _1__2"),
        ("a" * 40, "a" * 31),
        ("Orders", "Orders (2)"),
        ("ORDERS", "ORDERS (2)"),
        ("History", "History (2)"),
        ("😀" * 20, "😀" * 15),
        ("a" * 30 + "'s", "a" * 30),
        ("'quoted'", "quoted"),
    ],
)
def test_any_machine_has_a_sheet(plant: PlanData, name: str, sheet: str) -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook(renamed(plant, "booth-1", name))))
    assert sheet in book.sheetnames


def test_texts_are_no_formulas_in_the_workbook(plant: PlanData) -> None:
    hostile = replace(plant, extra={plant.plan.orders[0].order: {"note": "=1+1"}})
    book = openpyxl.load_workbook(io.BytesIO(workbook(hostile)))
    cells = [cell for row in book["Orders"].iter_rows() for cell in row if cell.value == "=1+1"]
    assert [cell.data_type for cell in cells] == ["s"]


def test_characters_that_a_workbook_cannot_hold_are_replaced(plant: PlanData) -> None:
    hostile = replace(plant, extra={plant.plan.orders[0].order: {"note\x00": "a\x01\x0bb\uffff\n"}})
    book = openpyxl.load_workbook(io.BytesIO(workbook(hostile)))
    values = {cell.value for row in book["Orders"].iter_rows() for cell in row}
    assert {"note\ufffd", "a\ufffd\ufffdb\ufffd\n"} <= values


def test_numbers_keep_their_digits() -> None:
    assert [cell_text(number) for number in (1234567.25, 2.0, 0.1)] == ["1234567.25", "2", "0.1"]


def test_a_folder_is_read_back(plant: PlanData, tmp_path: Path) -> None:
    files = write_plan_files(plant, tmp_path)
    assert all(path.is_file() for path in files)
    again = read_plan_folder(tmp_path)
    assert (again.plan, again.snapshot, again.factory) == (
        plant.plan,
        plant.snapshot,
        plant.factory,
    )
    assert again.settings == plant.settings
    assert again.extra == plant.extra


@pytest.mark.parametrize("name", ["plan.json", "inputs/snapshot.json", "inputs/settings.json"])
def test_a_damaged_folder_is_refused(plant: PlanData, tmp_path: Path, name: str) -> None:
    write_plan_files(plant, tmp_path)
    (tmp_path / name).write_text("{")
    with pytest.raises(PlanFolderError, match="holds no plan"):
        read_plan_folder(tmp_path)
    with pytest.raises(PlanFolderError, match="Give a folder that changeover plan wrote"):
        read_plan_folder(tmp_path / "none")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("inputs/settings.json", "[]"),
        ("inputs/settings.json", '{"policies": 5}'),
        ("inputs/settings.json", '{"seconds": -1}'),
        ("inputs/settings.json", '{"tuned": 7}'),
        ("inputs/columns.json", "[1]"),
        ("inputs/columns.json", '{"T-100": "x"}'),
        ("inputs/columns.json", "[" * 100_000),
        ("inputs/columns.json", "\ud800"),
        ("plan.json", "{}"),
    ],
)
def test_a_folder_that_was_edited_names_the_file(
    plant: PlanData, tmp_path: Path, name: str, text: str
) -> None:
    write_plan_files(plant, tmp_path)
    (tmp_path / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(PlanFolderError, match=rf"holds no plan \({name.rpartition('/')[2]}: "):
        read_plan_folder(tmp_path)


def test_files_of_different_plans_are_refused(plant: PlanData, tmp_path: Path) -> None:
    other = plant.plan.model_copy(update={"orders": plant.plan.orders[1:]})
    write_plan_files(plant, tmp_path)
    (tmp_path / "plan.json").write_text(other.model_dump_json(), encoding="utf-8")
    with pytest.raises(PlanFolderError, match="belong to different plans"):
        read_plan_folder(tmp_path)


def test_a_folder_that_was_written_in_part_holds_no_plan(
    plant: PlanData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older plan was there, and Ctrl-C came while the picture was drawn."""
    write_plan_files(plant, tmp_path)
    monkeypatch.setattr("changeover.plant.files.draw_gantt", Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write_plan_files(plant, tmp_path)
    with pytest.raises(PlanFolderError, match="holds no plan"):
        read_plan_folder(tmp_path)


def test_a_file_is_no_folder_for_a_plan(plant: PlanData, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(PlanFolderError, match="cannot be written there"):
            write_plan_files(plant, folder)
    assert (tmp_path / "file").read_text() == "kept"


def test_an_idle_machine_out_of_service_is_shown(plant: PlanData) -> None:
    machines = dict(plant.snapshot.machines)
    until = plant.plan.clock + 240
    machines["saw-1"] = machines["saw-1"].model_copy(update={"out_of_service_until": until})
    snapshot = plant.snapshot.model_copy(update={"machines": machines})
    (stop,) = replace(plant, snapshot=snapshot).stops
    assert (stop.machine, stop.start_date, stop.end_date, stop.reason) == (
        "saw-1",
        plant.plan.clock,
        until,
        "down",
    )
    assert plant.stops == ()


def test_a_plan_shows_itself(plant: PlanData) -> None:
    shown = PlantPlan(**vars(plant))
    frame = shown.to_frame()
    assert len(frame) == len(plant.plan.operations)
    assert frame["start"].dtype.kind == "M"
    assert frame["changeover_start"].dtype.kind == "M"
    assert 0 < frame["changeover_start"].count() < len(frame)
    assert "gantt-chart" in shown._repr_html_()
    assert repr(shown).startswith("16 orders, ")
    assert len(repr(shown)) < 2000


def test_alternatives_without_a_plan_say_why(plant: PlanData) -> None:
    failed = plant.plan.alternatives[-1].model_copy(
        update={"total_cost": None, "late_orders": None, "fault": "it stands still"}
    )
    plan = plant.plan.model_copy(update={"alternatives": (plant.plan.alternatives[0], failed)})
    assert alternative_rows(replace(plant, plan=plan))[-1][1:3] == ("no plan", "it stands still")


def test_rows_are_sorted_by_start(plant: PlanData) -> None:
    head, *rows = operation_rows(plant)
    starts = [row[head.index("start_tick")] for row in rows]
    assert starts == sorted(starts)
    assert csv_text([head]).startswith("order_id,operation,machine,start,end")

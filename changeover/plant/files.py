"""Files of a plan: tables as CSV and as a workbook, a picture, a page, and its inputs."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from pydantic import TypeAdapter, ValidationError

from changeover.plant.data import PlanData, PlanSettings
from changeover.plant.page import plan_page
from changeover.plant.tables import (
    TableRow,
    alternative_rows,
    cell_text,
    operation_rows,
    order_rows,
)
from factory.io.atomic_write import is_writable, write_atomically
from factory.model import Factory
from factory.progress import say
from factory.schedule.gantt import draw_gantt
from factory.schedule.record_kinds import FailureRecord
from factory.schedule.records import Schedule
from scheduler.plans.schema import Plan
from scheduler.portfolio.plan_schedule import plan_schedule
from scheduler.snapshot.read import read_snapshot

_SETTINGS = TypeAdapter(PlanSettings)
_COLUMNS = TypeAdapter(dict[str, dict[str, str]])
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""Characters that XML, and so a workbook, cannot hold."""
_MAX_SHEET_NAME = 31
_WIDEST_COLUMN = 60


class PlanFolderError(ValueError):
    """Folder that holds no plan of this version."""


def write_plan_files(plant: PlanData, folder: Path) -> list[Path]:
    """Write all files of a plan; return the paths of those that people open.

    ``plan.json`` comes last, and that of an older plan goes first, so that a folder written in part
    does not look whole.

    Raises
    ------
    PlanFolderError
        If the folder cannot be written.
    """
    check_plan_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {
        name: folder / name
        for name in ("plan.csv", "orders.csv", "plan.xlsx", "gantt.png", "plan.html", "plan.json")
    }
    if find_spec("matplotlib") is None:
        say("gantt.png is left out: it needs pip install 'changeover-optimiser[charts]'")
        paths.pop("gantt.png").unlink(missing_ok=True)
    paths["plan.json"].unlink(missing_ok=True)
    write_atomically(paths["plan.csv"], csv_text(operation_rows(plant)))
    write_atomically(paths["orders.csv"], csv_text(order_rows(plant)))
    write_atomically(paths["plan.xlsx"], workbook(plant))
    if "gantt.png" in paths:
        draw_gantt(
            _drawn_schedule(plant),
            plant.factory,
            paths["gantt.png"],
            since=plant.first_date,
            title=_title(plant),
        )
    write_atomically(paths["plan.html"], plan_page(plant))
    inputs = folder / "inputs"
    inputs.mkdir(exist_ok=True)
    snapshot = plant.snapshot.model_dump_json(indent=1, exclude_defaults=True)
    write_atomically(inputs / "factory.json", plant.factory.model_dump_json(indent=1) + "\n")
    write_atomically(inputs / "snapshot.json", snapshot + "\n")
    write_atomically(inputs / "settings.json", json.dumps(asdict(plant.settings), indent=1) + "\n")
    write_atomically(inputs / "columns.json", json.dumps(plant.extra, indent=1) + "\n")
    write_atomically(paths["plan.json"], plant.plan.model_dump_json(indent=1) + "\n")
    return list(paths.values())


def check_plan_folder(folder: Path) -> None:
    """Refuse a folder that a plan cannot be written to, before the plan is made.

    Raises
    ------
    PlanFolderError
        If it is a file, or nothing may be written there.
    """
    if not is_writable(folder):
        rule = "a plan cannot be written there, as it is a file or must not be changed"
        raise PlanFolderError(f"out = {str(folder)!r}; {rule}. Give another folder.")


def _drawn_schedule(plant: PlanData) -> Schedule:
    """Return the schedule of a plan, with machines that are down."""
    schedule = plan_schedule(plant.plan, plant.snapshot, plant.factory)
    machine_of = {name: i for i, name in enumerate(plant.plan.machines)}
    failures = tuple(
        FailureRecord(machine_of[stop.machine], stop.start_date, stop.end_date)
        for stop in plant.stops
        if stop.reason == "down"
    )
    return replace(schedule, failures=failures)


def read_plan_folder(folder: Path) -> PlanData:
    """Read the plan that :func:`write_plan_files` wrote.

    Raises
    ------
    PlanFolderError
        If a file is missing or damaged, or files belong to different plans.
    """
    inputs = folder / "inputs"
    path = folder / "plan.json"
    try:
        plan = Plan.model_validate_json(path.read_bytes())
        path = inputs / "factory.json"
        factory = Factory.model_validate_json(path.read_bytes())
        path = inputs / "snapshot.json"
        snapshot = read_snapshot(path.read_bytes(), factory)
        path = inputs / "settings.json"
        settings = _SETTINGS.validate_json(path.read_bytes())
        path = inputs / "columns.json"
        extra = _COLUMNS.validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise _no_plan(folder, f"{path.name}: {_describe(error)}") from None
    if _contents(plan) != (
        factory.name,
        snapshot.clock,
        frozenset(snapshot.machines),
        frozenset(order.order_id for order in snapshot.orders if not order.is_finished),
    ):
        raise _no_plan(folder, "plan.json and inputs belong to different plans")
    return PlanData(plan, factory, snapshot, settings, (), extra)


def _contents(plan: Plan) -> tuple[str, int, frozenset[str], frozenset[str]]:
    """Return factory, clock, machines and orders of a plan."""
    orders = frozenset(order.order for order in plan.orders)
    return plan.factory, plan.clock, frozenset(plan.machines), orders


def _no_plan(folder: Path, reason: str) -> PlanFolderError:
    return PlanFolderError(
        f"{folder}: holds no plan ({reason}). Give a folder that changeover plan wrote."
    )


def _describe(error: Exception) -> str:
    """Return an error in a line."""
    if isinstance(error, OSError):
        return error.strerror or "cannot be read"
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        return f"{place}: {first['msg']}" if place else str(first["msg"])
    return str(error).splitlines()[0]


def csv_text(rows: Iterable[TableRow]) -> str:
    """Return rows as CSV."""
    text = io.StringIO()
    csv.writer(text).writerows([cell_text(cell) for cell in row] for row in rows)
    return text.getvalue()


def workbook(plant: PlanData) -> bytes:
    """Return an Excel workbook: a sheet of orders, one of alternatives, one for each machine."""
    book = Workbook()
    book.remove(book.active)
    taken = set[str]()
    _add_sheet(book, "Orders", order_rows(plant), taken)
    for machine in plant.plan.machines:
        _add_sheet(book, machine, operation_rows(plant, machine=machine), taken)
    _add_sheet(book, "Alternatives", alternative_rows(plant), taken)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def _add_sheet(book: Any, name: str, rows: list[TableRow], taken: set[str]) -> None:
    """Add a sheet; texts stay texts, also those that a spreadsheet takes for formulas.

    Characters that a workbook cannot hold are shown as a replacement character.
    """
    sheet = book.create_sheet(_sheet_name(name, taken))
    for number, row in enumerate(rows, start=1):
        for column, value in enumerate(row, start=1):
            cell = sheet.cell(number, column)
            is_text = isinstance(value, str)
            cell.value = _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", value) if is_text else value
            if is_text:
                cell.data_type = "s"
            elif hasattr(value, "isoformat"):
                cell.number_format = "yyyy-mm-dd hh:mm"
            if number == 1:
                cell.font = Font(bold=True)
    sheet.freeze_panes = "A2"
    for column in range(1, len(rows[0]) + 1):
        widest = max(len(cell_text(row[column - 1])) for row in rows)
        sheet.column_dimensions[get_column_letter(column)].width = min(_WIDEST_COLUMN, widest + 2)


def _sheet_name(name: str, taken: set[str]) -> str:
    """Return a name that a workbook allows and does not have yet; Excel keeps ``History``."""
    allowed = re.sub(r"[\[\]:*?/\\]", "_", name)
    unique, number = _cut_sheet_name(allowed), 1
    while unique.casefold() in {*taken, "history"}:
        number += 1
        unique = _cut_sheet_name(allowed, f" ({number})")
    taken.add(unique.casefold())
    return unique


def _cut_sheet_name(name: str, mark: str = "") -> str:
    """Return a name with a mark, within 31 units of UTF-16 and without an apostrophe around it."""
    while len(f"{name}{mark}".encode("utf-16-le")) > 2 * _MAX_SHEET_NAME:
        name = name[:-1]
    return (name.strip("'") or "_") + mark


def _title(plant: PlanData) -> str:
    first, last = plant.dates.text(plant.plan.clock), plant.dates.text(plant.plan.end_date)
    return f"{plant.factory.name}, plan from {first} to {last}, by {plant.plan.made_by}"

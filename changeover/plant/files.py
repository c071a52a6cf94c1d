"""Files of a plan: tables as CSV and as a workbook, a picture, a page, and its inputs."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from pydantic import ValidationError

from changeover.plant.data import PlanData, PlanSettings
from changeover.plant.page import plan_page
from changeover.plant.tables import (
    TableRow,
    alternative_rows,
    cell_text,
    operation_rows,
    order_rows,
)
from factory.io.atomic_write import write_atomically
from factory.model import Factory
from factory.schedule.gantt import draw_gantt
from scheduler.plans.schema import Plan
from scheduler.portfolio.plan_schedule import plan_schedule
from scheduler.snapshot.read import read_snapshot

_MAX_SHEET_NAME = 31
_WIDEST_COLUMN = 60


class PlanFolderError(ValueError):
    """Folder that holds no plan of this version."""


def write_plan_files(plant: PlanData, folder: Path) -> list[Path]:
    """Write all files of a plan; return the paths of those that people open.

    ``plan.json`` comes last, so that a folder written in part does not look whole.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = {
        name: folder / name
        for name in ("plan.csv", "orders.csv", "plan.xlsx", "gantt.png", "plan.html", "plan.json")
    }
    write_atomically(paths["plan.csv"], csv_text(operation_rows(plant)))
    write_atomically(paths["orders.csv"], csv_text(order_rows(plant)))
    write_atomically(paths["plan.xlsx"], workbook(plant))
    draw_gantt(
        plan_schedule(plant.plan, plant.snapshot, plant.factory),
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


def read_plan_folder(folder: Path) -> PlanData:
    """Read the plan that :func:`write_plan_files` wrote.

    Raises
    ------
    PlanFolderError
        If a file is missing or damaged.
    """
    inputs = folder / "inputs"
    try:
        factory = Factory.model_validate_json((inputs / "factory.json").read_bytes())
        snapshot = read_snapshot((inputs / "snapshot.json").read_bytes(), factory)
        settings = json.loads((inputs / "settings.json").read_text(encoding="utf-8"))
        extra = json.loads((inputs / "columns.json").read_text(encoding="utf-8"))
        plan = Plan.model_validate_json((folder / "plan.json").read_bytes())
        settings["policies"] = tuple(settings["policies"])
        return PlanData(plan, factory, snapshot, PlanSettings(**settings), (), extra)
    except (OSError, ValidationError, ValueError, TypeError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise PlanFolderError(
            f"{folder}: holds no plan ({reason}). Give a folder that changeover plan wrote."
        ) from None


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
    """Add a sheet; texts stay texts, also those that a spreadsheet takes for formulas."""
    sheet = book.create_sheet(_sheet_name(name, taken))
    for number, row in enumerate(rows, start=1):
        for column, value in enumerate(row, start=1):
            cell = sheet.cell(number, column)
            cell.value = value
            if isinstance(value, str):
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
    """Return a name that a workbook allows and does not have yet."""
    allowed = re.sub(r"[\[\]:*?/\\]", "_", name).strip("'")[:_MAX_SHEET_NAME] or "_"
    unique, number = allowed, 1
    while unique.casefold() in taken:
        number += 1
        mark = f" ({number})"
        unique = allowed[: _MAX_SHEET_NAME - len(mark)] + mark
    taken.add(unique.casefold())
    return unique


def _title(plant: PlanData) -> str:
    first, last = plant.dates.text(plant.plan.clock), plant.dates.text(plant.plan.end_date)
    return f"{plant.factory.name}, plan from {first} to {last}, by {plant.plan.made_by}"

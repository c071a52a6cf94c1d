"""Published objective values of public instances: a reader for each kind of file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from factory.instances.common import ReferenceKind, refuse_text_line
from factory.validation.text_files import CsvRow, read_rows, read_text

References = dict[str, tuple[float, ReferenceKind]]
"""Name of an instance -> published objective value and its kind."""


@dataclass(frozen=True)
class ReferenceFile:
    """A file of a suite with published values, and its reader."""

    name: str
    read: Callable[[Path], References]


def read_references(folder: Path, files: Iterable[ReferenceFile]) -> References:
    """Return the published values in a suite's folder; missing files are skipped."""
    references: References = {}
    for file in files:
        path = folder / file.name
        if path.is_file():
            references |= file.read(path)
    return references


def _read_optima(path: Path) -> References:
    rows = read_rows(path, ("instance", "optimum"))
    return {row.text("instance"): (row.number("optimum"), "optimum") for row in rows}


def _read_bounds_csv(path: Path) -> References:
    """Read upper and lower bounds; equal bounds are optima."""
    rows = read_rows(path, ("instance", "ub", "lb"))
    return {row.text("instance"): _from_bounds(row.number("ub"), row.number("lb")) for row in rows}


def _read_best_known(path: Path) -> References:
    rows = read_rows(path, ("instance", "bks"))
    return {Path(row.text("instance")).stem: (row.number("bks"), "best_known") for row in rows}


def _read_bounds_json(path: Path) -> References:
    """Read a list of objects with name, upper and lower bound (format of ScheduleOpt)."""
    try:
        entries = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        place = f"{path}:{error.lineno}"
        message = f"{error.msg} at column {error.colno}; the file must be JSON. Correct it."
        raise ValueError(f"{place}: {message}") from error
    if not isinstance(entries, list):
        refuse_text_line(
            f"{path}",
            type(entries).__name__,
            "must be a list of instances",
            "Put it in [brackets].",
        )
    return dict(_read_bounds(entry, f"{path}: [{index}]") for index, entry in enumerate(entries))


def _read_bounds(entry: Any, place: str) -> tuple[str, tuple[float, ReferenceKind]]:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("instance"), str):
        remedy = 'Write {"instance": "ft06", "upper_bound": 55, "lower_bound": 55}.'
        refuse_text_line(place, entry, "must name its instance", remedy)
    bounds: list[Any] = [entry.get(key) for key in ("upper_bound", "lower_bound")]
    for key, bound in zip(("upper_bound", "lower_bound"), bounds, strict=True):
        is_number = isinstance(bound, int | float) and not isinstance(bound, bool)
        if not is_number or not 0 <= bound < float("inf"):
            refuse_text_line(
                f"{place}.{key}", bound, "must be a number, 0 or more", "Write the bound."
            )
    return entry["instance"], _from_bounds(*bounds)


def _read_solver_runs(path: Path) -> References:
    """Read lines of instance, status, upper and lower bound."""
    references: References = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        place = f"{path}:{number}"
        if len(words) != 4:
            remedy = "Write instance, status, upper and lower bound."
            refuse_text_line(f"{place}: line", f"{len(words)} words", "must have 4", remedy)
        cells = dict(zip(("instance", "status", "upper bound", "lower bound"), words, strict=True))
        row = CsvRow(place, cells)
        bounds = row.number("upper bound"), row.number("lower bound")
        references[words[0]] = _from_bounds(*bounds)
    return references


def _from_bounds(upper: float, lower: float) -> tuple[float, ReferenceKind]:
    return float(upper), "optimum" if upper == lower else "best_known"


WTSDS_OPTIMA = ReferenceFile("optima.csv", _read_optima)
SCHEDULEOPT_BOUNDS = ReferenceFile("bks_scheduleopt.json", _read_bounds_json)
CPSAT_BOUNDS = ReferenceFile("cpsat_bounds.csv", _read_bounds_csv)
SOLVER_RUNS = ReferenceFile("cpsat_our_runs.txt", _read_solver_runs)
BEST_KNOWN = ReferenceFile("bks.csv", _read_best_known)

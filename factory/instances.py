"""Public benchmark instances: a reader for each format, and whole suites with their published objective values."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from factory.instances_common import Instance, ReferenceKind, refuse
from factory.instances_setups import read_fjsp_sdst, read_optimal_sequences, read_sdst_jsp, read_sdst_pfsp, read_wtsds
from factory.instances_shop import read_fjsp, read_jsp
from factory.instances_streams import draw_dynamic_shop, read_expected_completions, read_replay

__all__ = [
    "SUITES",
    "Instance",
    "draw_dynamic_shop",
    "read_expected_completions",
    "read_fjsp",
    "read_fjsp_sdst",
    "read_jsp",
    "read_optimal_sequences",
    "read_replay",
    "read_sdst_jsp",
    "read_sdst_pfsp",
    "read_suite",
    "read_wtsds",
]

References = dict[str, tuple[float, ReferenceKind]]
"""Name of an instance -> published objective value and what it is."""

BEHNKE = tuple(f"{size}{group:02d}_{number}" for size in ("sm", "med", "lar") for group in range(1, 5) for number in range(1, 6))
"""The flexible job shops of Behnke and Geiger (2012) in the order in which the bounds number them."""


def _no_test(name: str) -> bool:
    return False


def _wtsds_test(name: str) -> bool:
    return name[-1] in "7890"


def _t2ps_test(name: str) -> bool:
    return int(name.removeprefix("t2-ps")) >= 11


def _no_references(folder: Path) -> References:
    return {}


def _read_wtsds_optima(folder: Path) -> References:
    with (folder / "optima.csv").open(newline="", encoding="utf-8") as file:
        return {row["instance"]: (float(row["optimum"]), "optimum") for row in csv.DictReader(file)}


def _read_bounds_json(folder: Path) -> References:
    """Upper bounds of ScheduleOpt; proven where the lower bound is the same."""
    entries = json.loads((folder / "bks_scheduleopt.json").read_text(encoding="utf-8"))
    return {entry["instance"]: _from_bounds(entry["upper_bound"], entry["lower_bound"]) for entry in entries}


def _read_bounds_csv(folder: Path) -> References:
    with (folder / "cpsat_bounds.csv").open(newline="", encoding="utf-8") as file:
        return {row["instance"]: _from_bounds(row["ub"], row["lb"]) for row in csv.DictReader(file)}


def _read_solver_runs(folder: Path) -> References:
    """Lines of instance, status, upper and lower bound."""
    lines = (folder / "cpsat_our_runs.txt").read_text(encoding="utf-8").splitlines()
    return {name: _from_bounds(upper, lower) for name, _, upper, lower in (line.split() for line in lines if line.strip())}


def _read_best_known(folder: Path) -> References:
    with (folder / "bks.csv").open(newline="", encoding="utf-8") as file:
        return {Path(row["instance"]).stem: (float(row["bks"]), "best_known") for row in csv.DictReader(file)}


def _from_bounds(upper: str | float, lower: str | float) -> tuple[float, ReferenceKind]:
    return float(upper), "optimum" if float(upper) == float(lower) else "best_known"


def _name_fjsp(path: Path) -> str:
    """Name under which the bounds list a flexible job shop: Hurink's sets and others share file names, some are numbered through."""
    name, suite = path.stem, path.parent.name
    if suite in ("edata", "rdata", "vdata"):
        return f"{name.replace('mt', 'ft')}_{suite}"
    if suite == "dauzere":
        return f"dpp{name}"
    if suite == "kacem":
        return name.replace("k", "kacem")
    if suite == "fattahi":
        number = int(name[-2:]) + (10 if name.startswith("m") else 0)
        return f"fattahi{number}"
    if suite == "behnke":
        return f"behnke{BEHNKE.index(name) + 1}"
    return name


def _name_by_file(path: Path) -> str:
    return path.stem


@dataclass(frozen=True)
class Suite:
    """Where a suite lies below the benchmark folder, and how to read it."""

    folder: str
    pattern: str  # of its files, below the folder
    read: Callable[[Path], Instance]
    references: Callable[[Path], References]
    name: Callable[[Path], str] = _name_by_file
    is_test: Callable[[str], bool] = _no_test


SUITES = {
    "replay": Suite("replay", "*.json", read_replay, _no_references),
    "wtsds": Suite("wtsds", "*.instance", read_wtsds, _read_wtsds_optima, is_test=_wtsds_test),
    "jsp": Suite("jsp", "instances/*.txt", read_jsp, _read_bounds_json),
    "fjsp": Suite("fjsp", "**/*.txt", read_fjsp, _read_bounds_json, name=_name_fjsp),
    "fjsp_sdst": Suite("fjsp_sdst", "*.fjs", read_fjsp_sdst, _read_bounds_csv),
    "sdst_jsp": Suite("sdst_jsp", "*.dat", read_sdst_jsp, _read_solver_runs, is_test=_t2ps_test),
    "sdst_pfsp": Suite("sdst_pfsp", "[0-9]*.txt", read_sdst_pfsp, _read_best_known),
}


def read_suite(suite_name: str, folder: Path | str) -> Iterator[Instance]:
    """Read all instances of a suite below the benchmark ``folder``, in natural order of their files, one at a time.

    Each has its published objective value (``reference``) and ``is_test``, where the suite has them; names are those under which values are published.

    Raises
    ------
    ValueError
        If there is no such suite, no file of it, or a file breaks its format.
    """
    if suite_name not in SUITES:
        refuse("read_suite: suite_name", repr(suite_name), "must be a known suite", f"Choose one of {', '.join(SUITES)}.")
    suite = SUITES[suite_name]
    paths = sorted((Path(folder) / suite.folder).glob(suite.pattern), key=_natural_order)
    if not paths:
        refuse(f"read_suite: {suite_name}", str(folder), f"must contain {suite.folder}/{suite.pattern}", "Give the folder of the public benchmarks.")
    references = suite.references(Path(folder) / suite.folder)
    for path in paths:
        instance, name = suite.read(path), suite.name(path)
        factory = instance.factory.model_copy(update={"name": name})
        reference, kind = references.get(name, (None, None))
        yield replace(instance, name=name, factory=factory, reference=reference, reference_kind=kind, is_test=suite.is_test(name))


def _natural_order(path: Path) -> tuple[str, list[tuple[int, str]]]:
    """Numbers by value, so that 2 comes before 10."""
    return str(path.parent), [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.name) if part]

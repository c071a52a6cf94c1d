"""Public benchmark instances: readers of all formats, and suites with published values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from factory.instances.common import Instance, refuse_text_line
from factory.instances.files import TEXT_SUFFIXES, find_instances, name_instances
from factory.instances.job_shops import read_fjsp, read_jsp
from factory.instances.job_streams import draw_dynamic_shop, read_expected_completions, read_replay
from factory.instances.published_values import (
    BEST_KNOWN,
    CPSAT_BOUNDS,
    SCHEDULEOPT_BOUNDS,
    SOLVER_RUNS,
    WTSDS_OPTIMA,
    ReferenceFile,
    read_references,
)
from factory.instances.setup_shops import (
    read_fjsp_sdst,
    read_optimal_sequences,
    read_sdst_jsp,
    read_sdst_pfsp,
    read_wtsds,
)

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
    "suite_folder",
]

BEHNKE = tuple(
    f"{size}{group:02d}_{number}"
    for size in ("sm", "med", "lar")
    for group in range(1, 5)
    for number in range(1, 6)
)
"""Flexible job shops of Behnke and Geiger (2012), in the order of the published bounds."""


def _no_test(name: str) -> bool:
    return False


def _wtsds_test(name: str) -> bool:
    return re.fullmatch("wt_sds_[0-9]*[7890]", name) is not None


def _t2ps_test(name: str) -> bool:
    return re.fullmatch("t2-ps1[1-5]", name) is not None


def _name_fjsp(path: Path) -> str:
    """Return the name of a flexible job shop in the list of published bounds.

    Hurink's sets and others share file names, and some sets are numbered.
    """
    name, suite = path.stem, path.parent.name
    if suite in ("edata", "rdata", "vdata"):
        return f"{name.replace('mt', 'ft')}_{suite}"
    if suite == "dauzere" and re.fullmatch("[0-9]{2}a", name):
        return f"dpp{name}"
    if suite == "kacem" and re.fullmatch("k[0-9]", name):
        return name.replace("k", "kacem")
    if suite == "fattahi" and re.fullmatch("[ms]fjs[0-9]{2}", name):
        return f"fattahi{int(name[-2:]) + (10 if name.startswith('m') else 0)}"
    if suite == "behnke" and name in BEHNKE:
        return f"behnke{BEHNKE.index(name) + 1}"
    return name


def _name_by_file(path: Path) -> str:
    return path.stem


Reader = Callable[..., Instance]
"""Reader of a file; if the format numbers machines, it also takes ``first_machine``."""


@dataclass(frozen=True)
class Suite:
    """Files of a suite and their reader."""

    folder: str  # below the benchmark folder
    read: Reader
    references: tuple[ReferenceFile, ...] = ()
    suffixes: tuple[str, ...] = TEXT_SUFFIXES
    numbers_machines: bool = False
    name: Callable[[Path], str] = _name_by_file
    is_test: Callable[[str], bool] = _no_test


SUITES = {
    "replay": Suite("replay", read_replay, suffixes=(".json",)),
    "wtsds": Suite("wtsds", read_wtsds, (WTSDS_OPTIMA,), is_test=_wtsds_test),
    "jsp": Suite("jsp", read_jsp, (SCHEDULEOPT_BOUNDS,), numbers_machines=True),
    "fjsp": Suite("fjsp", read_fjsp, (SCHEDULEOPT_BOUNDS,), numbers_machines=True, name=_name_fjsp),
    "fjsp_sdst": Suite("fjsp_sdst", read_fjsp_sdst, (CPSAT_BOUNDS,), numbers_machines=True),
    "sdst_jsp": Suite(
        "sdst_jsp", read_sdst_jsp, (SOLVER_RUNS,), numbers_machines=True, is_test=_t2ps_test
    ),
    "sdst_pfsp": Suite("sdst_pfsp", read_sdst_pfsp, (BEST_KNOWN,)),
}


def suite_folder(suite_name: str, folder: Path | str) -> Path:
    """Return the folder of a suite: its folder inside ``folder``, or else ``folder`` itself."""
    own = Path(folder) / SUITES[suite_name].folder
    return own if own.is_dir() else Path(folder)


def read_suite(
    suite_name: str, folder: Path | str, first_machine: int | None = None
) -> Iterator[Instance]:
    """Yield all instances of a suite, in natural order of their files.

    They have their published objective value (``reference``) and ``is_test``, if the suite has
    these. Names are the published names if these are unique, else paths.

    Parameters
    ----------
    suite_name
        Name of a suite in ``SUITES``.
    folder
        Folder of the public benchmarks, or a folder with files of the suite.
    first_machine
        Number of the first machine in the files, 0 or 1, if their content is ambiguous.

    Raises
    ------
    ValueError
        If there is no such suite, no file of it, or a file breaks its format.
    """
    if suite_name not in SUITES:
        refuse_text_line(
            "read_suite: suite_name",
            repr(suite_name),
            "must be a known suite",
            f"Choose one of {', '.join(SUITES)}.",
        )
    suite, own = SUITES[suite_name], suite_folder(suite_name, folder)
    if first_machine is not None and not suite.numbers_machines:
        numbered = ", ".join(name for name, each in SUITES.items() if each.numbers_machines)
        refuse_text_line(
            f"read_suite: {suite_name}: first_machine",
            first_machine,
            f"only files of {numbered} number machines",
            "Leave it out.",
        )
    paths = sorted(find_instances(own, suite.suffixes), key=_natural_order)
    if not paths:
        suffixes = ", ".join(suffix or "none" for suffix in suite.suffixes)
        rule = f"must contain instances in {suite.folder}/ or itself (suffixes: {suffixes})"
        refuse_text_line(
            f"read_suite: {suite_name}",
            str(folder),
            rule,
            "Give the folder of the public benchmarks, or of your own instances.",
        )
    references = read_references(own, suite.references)
    settings = {} if first_machine is None else {"first_machine": first_machine}
    for path, name in zip(paths, name_instances(paths, own, suite.name), strict=True):
        instance = suite.read(path, **settings)
        factory = instance.factory.model_copy(update={"name": name})
        reference, kind = references.get(name, (None, None))
        yield replace(
            instance,
            name=name,
            factory=factory,
            reference=reference,
            reference_kind=kind,
            is_test=suite.is_test(name),
        )


def _natural_order(path: Path) -> tuple[str, list[tuple[int, str]]]:
    """Return a sort key with numbers by value, so that 2 comes before 10."""
    return str(path.parent), [
        (int(part), "") if part.isdecimal() else (-1, part)
        for part in re.split(r"(\d+)", path.name)
        if part
    ]

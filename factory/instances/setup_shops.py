"""Readers of shops with sequence-dependent setups: single machine, flexible job shop, job shop and
permutation flow shop."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from factory.instances.common import (
    LARGEST,
    LONGEST_TIME,
    Instance,
    Matrix,
    TextLine,
    TextLines,
    family_attributes,
    job,
    make_machine,
    makespan_instance,
    refuse_text_line,
    single_machine_centres,
    tardiness_instance,
    with_bare,
)
from factory.instances.job_shops import flexible_job, read_flexible_jobs
from factory.instances.machine_numbers import Mention, find_first_number, read_mention
from factory.model import Order, WorkCentre
from factory.validation.text_files import read_text

NEVER_FOLLOWS = 1_000_000
"""How a flexible job shop with setups marks that two operations cannot follow each other on a
machine."""


def read_wtsds(path: Path | str) -> Instance:
    """1 | s_ij | sum w_j T_j of Cicirello (2003), with an initial setup for each job and weights
    that may be 0.

    Job j wants the setup ``F<j>`` of its own. Setups start at selection.

    Raises
    ------
    ValueError
        If the file breaks the format; the message names file, line, value, rule and remedy.
    """
    lines = TextLines(path)
    size = _find_number(lines, "Problem Size:")
    _find(lines, "Process Times:")
    times = _read_column(lines, size, "process time", LONGEST_TIME)
    weights, due_dates = (
        _read_section(lines, "Weights:", size),
        _read_section(lines, "Duedates:", size),
    )
    _find(lines, "Setup Times:")
    matrix = _read_setup_list(lines, size)
    _find(lines, "End Problem Specification")
    lines.finish()
    name = lines.path.stem
    products = tuple(job(j, [(0, time, j)]) for j, time in enumerate(times))
    orders = [
        Order(
            order_id=f"{j}",
            release_date=0,
            due_date=due_dates[j],
            weight=float(weights[j]),
            product=f"J{j}",
        )
        for j in range(size)
    ]
    return tardiness_instance(name, single_machine_centres([matrix]), products, orders)


def _find(lines: TextLines, heading: str) -> TextLine:
    """Skip lines up to the one that starts with ``heading``."""
    line = lines.take(heading)
    while not " ".join(line.words).startswith(heading):
        line = lines.take(heading)
    return line


def _find_number(lines: TextLines, heading: str) -> int:
    line = _find(lines, heading)
    return line.whole(len(heading.split()), heading, low=1)


def _read_column(lines: TextLines, size: int, meaning: str, high: int = LARGEST) -> tuple[int, ...]:
    return tuple(lines.take(meaning).wholes(1, meaning, high)[0] for _ in range(size))


def _read_section(lines: TextLines, heading: str, size: int) -> tuple[int, ...]:
    line = lines.take(heading)
    if " ".join(line.words) != heading:
        refuse_text_line(
            f"{line.place}: heading",
            repr(" ".join(line.words[:8])),
            f"must be {heading!r} after {size} numbers",
            "Correct the number of values before it.",
        )
    return _read_column(lines, size, heading)


def _read_setup_list(lines: TextLines, size: int) -> Matrix:
    """Triples of from, to and setup time for each ordered pair of jobs; from -1 is the initial
    setup."""
    table = [[-1] * size for _ in range(size + 1)]
    for _ in range(size * size):  # size initial setups, size * (size - 1) between jobs
        line = lines.take("setup time")
        line.end_after(3, "setup time (from, to, time)")
        origin, destination = (
            line.whole(0, "from job", low=-1, high=size - 1),
            line.whole(1, "to job", high=size - 1),
        )
        if origin == destination or table[origin + 1][destination] >= 0:
            refuse_text_line(
                f"{line.place}: setup",
                f"from {origin} to {destination}",
                "each pair of different jobs comes once",
                "Delete the line or correct its jobs.",
            )
        table[origin + 1][destination] = line.whole(2, "setup time", high=LONGEST_TIME)
    return with_bare(table[0], table[1:])


def read_fjsp_sdst(path: Path | str, first_machine: int | None = None) -> Instance:
    """A flexible job shop as in :func:`factory.instances.job_shops.read_fjsp`, then for each
    machine setup times [from operation][to operation].

    Operations are counted job by job. Each operation wants a setup of its own; the first setup of a
    machine takes no time. A machine may be set up before the job has arrived. The diagonal is never
    used, as no operation follows itself.

    Parameters
    ----------
    path
        The file.
    first_machine
        Number of the first machine in the file, 0 or 1; needed where neither 0 nor the number of
        machines occurs.

    Raises
    ------
    ValueError
        If the file breaks the format; the message names file, line, value, rule and remedy.
    """
    lines = TextLines(path)
    num_machines, first, jobs = read_flexible_jobs(lines, first_machine)
    operations = [times for steps in jobs for times in steps]
    matrices = [
        _read_machine_setups(lines, number, number + first, operations)
        for number in range(num_machines)
    ]
    lines.finish()
    names = [f"J{number}.O{i}" for number, steps in enumerate(jobs) for i in range(len(steps))]
    machines = tuple(make_machine(number, matrix) for number, matrix in enumerate(matrices))
    centre = WorkCentre(
        name="C0", machines=machines, attributes=family_attributes(matrices[0], names)
    )
    products = tuple(
        flexible_job(number, steps, wants_setup=True) for number, steps in enumerate(jobs)
    )
    return replace(
        makespan_instance(lines.path, (centre,), products, anticipatory=True), first_machine=first
    )


def _read_machine_setups(
    lines: TextLines, number: int, called: int, operations: list[dict[int, int]]
) -> Matrix:
    """Setup times of one machine (``called`` so in the file), value 0 bare; 0 for pairs that are
    not both eligible there, as they never occur."""
    rows = []
    for origin, from_times in enumerate(operations):
        meaning = f"setup time of machine {called} after operation {origin + 1}"
        line = lines.take(meaning)
        row = list(line.wholes(len(operations), meaning))
        for destination, to_times in enumerate(operations):
            if number not in from_times or number not in to_times:
                row[destination] = 0
            elif row[destination] >= NEVER_FOLLOWS and origin != destination:
                place = f"{line.place}: {meaning} (word {destination + 1})"
                refuse_text_line(
                    place,
                    row[destination],
                    f"must be below {NEVER_FOLLOWS}, as the machine can do both operations",
                    "Give a time.",
                )
        rows.append(row)
    return with_bare([0] * len(operations), rows)


def read_sdst_jsp(path: Path | str, first_machine: int | None = None) -> Instance:
    """A job shop with setups between families, as Brucker and Thiele's t2-ps (1996).

    Machines, jobs and families; for each job its number of operations and triples of process time,
    machine and family; the initial setup time of each family; the matrix [from family][to family],
    the same for all machines. A machine may be set up before the job has arrived. Machines and
    families are both counted from 0 or both from 1, as the numbers show.

    Parameters
    ----------
    path
        The file.
    first_machine
        Number of the first machine, and of the first family, in the file, 0 or 1; needed where none
        is 0 and none is the highest.

    Raises
    ------
    ValueError
        If the file breaks the format; the message names file, line, value, rule and remedy.
    """
    lines = TextLines(path)
    line = lines.take("numbers of machines, jobs and families")
    line.end_after(3, "numbers of machines, jobs and families")
    num_machines, num_jobs, num_families = (
        line.whole(k, f"number of {what}", low=1)
        for k, what in enumerate(("machines", "jobs", "families"))
    )
    jobs = [
        _read_family_job(lines.take(f"job {number}"), number, num_machines, num_families)
        for number in range(num_jobs)
    ]
    initial = lines.take("initial setup times").wholes(
        num_families, "initial setup times", LONGEST_TIME
    )
    matrix = with_bare(initial, _with_zero_diagonal(lines, num_families, "setup times"))
    lines.finish()
    first = find_first_number(
        [mention for steps in jobs for _, *two in steps for mention in two],
        lines.path,
        first_machine,
    )
    products = tuple(
        job(
            number, [(on.number - first, time, family.number - first) for time, on, family in steps]
        )
        for number, steps in enumerate(jobs)
    )
    centres = single_machine_centres([matrix] * num_machines)
    return replace(
        makespan_instance(lines.path, centres, products, anticipatory=True), first_machine=first
    )


def _read_family_job(
    line: TextLine, number: int, num_machines: int, num_families: int
) -> list[tuple[int, Mention, Mention]]:
    """Process time, machine and family of each operation."""
    count = line.whole(0, "number of operations", low=1)
    line.end_after(1 + 3 * count, f"job {number} with {count} operations")
    return [
        (
            line.whole(word, "process time", high=LONGEST_TIME),
            read_mention(line, word + 1, "machine", num_machines),
            read_mention(line, word + 2, "family", num_families),
        )
        for word in range(1, 1 + 3 * count, 3)
    ]


def read_sdst_pfsp(path: Path | str) -> Instance:
    """A permutation flow shop with setups, as Ruiz and Stuetzle (2008).

    Number of jobs; number of machines; for each job its process time on each machine; for each
    machine setup times [from job][to job]. Job j wants the setup ``F<j>`` of its own. There is no
    setup before the first job, and a machine may be set up before the job has arrived.

    Raises
    ------
    ValueError
        If the file breaks the format; the message names file, line, value, rule and remedy.
    """
    lines = TextLines(path)
    num_jobs, num_machines = (
        _read_count(lines, "number of jobs"),
        _read_count(lines, "number of machines"),
    )
    times = lines.take_matrix(num_jobs, num_machines, "process times")
    first = [0] * num_jobs
    matrices = [
        with_bare(first, _with_zero_diagonal(lines, num_jobs, f"setup times of machine {m}"))
        for m in range(num_machines)
    ]
    lines.finish()
    products = tuple(
        job(j, [(m, time, j) for m, time in enumerate(row)]) for j, row in enumerate(times)
    )
    return makespan_instance(
        lines.path, single_machine_centres(matrices), products, anticipatory=True, permutation=True
    )


def _read_count(lines: TextLines, meaning: str) -> int:
    line = lines.take(meaning)
    line.end_after(1, meaning)
    return line.whole(0, meaning, low=1)


def _with_zero_diagonal(lines: TextLines, size: int, meaning: str) -> Matrix:
    """A square matrix in which staying takes no time."""
    matrix = lines.take_matrix(size, size, meaning)
    for k in range(size):
        if matrix[k][k] != 0:
            refuse_text_line(
                f"{lines.path}: {meaning}[{k}][{k}]",
                matrix[k][k],
                "staying in a setup must take 0",
                "Set it to 0.",
            )
    return matrix


def read_optimal_sequences(path: Path | str) -> dict[str, tuple[int, tuple[int, ...]]]:
    """Proven optima of the wt_sds instances with a sequence that attains each (Tanaka and Araki
    2013).

    Parameters
    ----------
    path
        A CSV file of lines ``number of the instance, optimum, job, job, ...``, jobs counted from 0.

    Returns
    -------
    dict
        Name of the instance -> (optimum, jobs in processing order).

    Raises
    ------
    ValueError
        If a line is no such list.
    """
    sequences = {}
    for number, text in enumerate(read_text(path).splitlines(), start=1):
        line = TextLine(f"{path}:{number}", tuple(re.split(r"\s*,\s*", text.strip())))
        jobs = tuple(line.whole(k, "job") for k in range(2, len(line.words)))
        if sorted(jobs) != list(range(len(jobs))):
            refuse_text_line(
                f"{line.place}: sequence",
                jobs,
                "each job must come once, counted from 0",
                "Correct the sequence.",
            )
        sequences[f"wt_sds_{line.whole(0, 'instance', low=1)}"] = (line.whole(1, "optimum"), jobs)
    return sequences

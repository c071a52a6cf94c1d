"""Readers of shops with sequence-dependent setups.

They are single machines, flexible job shops, job shops and permutation flow shops.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from factory.instances.common import (
    LARGEST,
    LONGEST_TIME,
    Instance,
    TextLine,
    TextLines,
    TimeMatrix,
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
"""Mark of pairs of operations that cannot follow each other on a machine."""


def read_wtsds(path: Path | str) -> Instance:
    """Read an instance of 1 | s_ij | sum w_j T_j by Cicirello (2003).

    Each job has an initial setup time, and weights may be 0. Job j wants the setup ``F<j>`` of its
    own. Setups start at selection.

    Raises
    ------
    ValueError
        If the file breaks the format; the message names file, line, value, rule and remedy.
    """
    lines = TextLines(path)
    size = _find_number(lines, "Problem Size:")
    _find(lines, "Process Times:")
    times = _read_column(lines, size, "process time", LONGEST_TIME)
    weights = _read_section(lines, "Weights:", size)
    due_dates = _read_section(lines, "Duedates:", size)
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
    """Skip lines up to the line that starts with ``heading``, and return it."""
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


def _read_setup_list(lines: TextLines, size: int) -> TimeMatrix:
    """Read triples of from, to and setup time for each ordered pair of jobs.

    The initial setup is from -1.
    """
    table = [[-1] * size for _ in range(size + 1)]
    for _ in range(size * size):  # size initial setups, size * (size - 1) between jobs
        line = lines.take("setup time")
        line.end_after(3, "setup time (from, to, time)")
        origin = line.whole(0, "from job", low=-1, high=size - 1)
        destination = line.whole(1, "to job", high=size - 1)
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
    """Read a flexible job shop with setup times.

    The file begins as in :func:`factory.instances.job_shops.read_fjsp`; setup times
    [from operation][to operation] of each machine follow. Operations are counted job by job. Each
    operation wants a setup of its own; the first setup of a machine takes no time. A machine may be
    set up before the job has arrived. The diagonal is never used, as no operation follows itself.

    Parameters
    ----------
    path
        The file.
    first_machine
        Number of the first machine in the file, 0 or 1; needed if neither 0 nor the number of
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
    instance = makespan_instance(lines.path, (centre,), products, anticipatory=True)
    return replace(instance, first_machine=first)


def _read_machine_setups(
    lines: TextLines, machine: int, number_in_file: int, operations: list[dict[int, int]]
) -> TimeMatrix:
    """Return the setup times of a machine, with value 0 bare.

    Pairs of operations that are not both eligible there never occur and take 0.
    """
    rows = []
    for origin, from_times in enumerate(operations):
        meaning = f"setup time of machine {number_in_file} after operation {origin + 1}"
        line = lines.take(meaning)
        row = list(line.wholes(len(operations), meaning))
        for destination, to_times in enumerate(operations):
            if machine not in from_times or machine not in to_times:
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
    """Read a job shop with setups between families, such as Brucker and Thiele's t2-ps (1996).

    The file has the numbers of machines, jobs and families; for each job its number of operations
    and triples of process time, machine and family; the initial setup time of each family; the
    matrix [from family][to family] of all machines. A machine may be set up before the job has
    arrived. Machines and families are both counted from 0 or both from 1.

    Parameters
    ----------
    path
        The file.
    first_machine
        Number of the first machine and the first family in the file, 0 or 1; needed if no number
        is 0 and none is the highest.

    Raises
    ------
    ValueError
        If the file breaks the format; the message names file, line, value, rule and remedy.
    """
    lines = TextLines(path)
    line = lines.take("numbers of machines, jobs and families")
    line.end_after(3, "numbers of machines, jobs and families")
    num_machines = line.whole(0, "number of machines", low=1)
    num_jobs = line.whole(1, "number of jobs", low=1)
    num_families = line.whole(2, "number of families", low=1)
    jobs = [
        _read_family_job(lines.take(f"job {number}"), number, num_machines, num_families)
        for number in range(num_jobs)
    ]
    line = lines.take("initial setup times")
    initial = line.wholes(num_families, "initial setup times", LONGEST_TIME)
    matrix = with_bare(initial, _with_zero_diagonal(lines, num_families, "setup times"))
    lines.finish()
    mentions = [mention for steps in jobs for _, *pair in steps for mention in pair]
    first = find_first_number(mentions, lines.path, first_machine)
    products = []
    for number, steps in enumerate(jobs):
        route = [
            (machine.number - first, time, family.number - first) for time, machine, family in steps
        ]
        products.append(job(number, route))
    centres = single_machine_centres([matrix] * num_machines)
    instance = makespan_instance(lines.path, centres, tuple(products), anticipatory=True)
    return replace(instance, first_machine=first)


def _read_family_job(
    line: TextLine, number: int, num_machines: int, num_families: int
) -> list[tuple[int, Mention, Mention]]:
    """Return process time, machine and family of each operation."""
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
    """Read a permutation flow shop with setups by Ruiz and Stuetzle (2008).

    The file has the number of jobs; the number of machines; the process times of each job on each
    machine; for each machine setup times [from job][to job]. Job j wants the setup ``F<j>`` of its
    own. There is no setup before the first job, and a machine may be set up before the job has
    arrived.

    Raises
    ------
    ValueError
        If the file breaks the format; the message names file, line, value, rule and remedy.
    """
    lines = TextLines(path)
    num_jobs = _read_count(lines, "number of jobs")
    num_machines = _read_count(lines, "number of machines")
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


def _with_zero_diagonal(lines: TextLines, size: int, meaning: str) -> TimeMatrix:
    """Read a square matrix with zeros on the diagonal."""
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
    """Read proven optima of the wt_sds instances, with optimal sequences (Tanaka and Araki 2013).

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

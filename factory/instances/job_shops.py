"""Readers of shops without setups: job shops and flexible job shops, objective C_max."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from factory.instances.common import (
    LONGEST_TIME,
    Instance,
    TextLine,
    TextLines,
    job,
    make_machine,
    makespan_instance,
    refuse_text_line,
    single_machine_centres,
)
from factory.instances.machine_numbers import Mention, find_first_number, read_mention
from factory.model import Operation, Product, WorkCentre

Choices = list[tuple[Mention, int]]
"""Eligible machines of an operation, each with its process time."""


def read_jsp(path: Path | str, first_machine: int | None = None) -> Instance:
    """Read a job shop in the standard format.

    The file has the numbers of jobs and machines, then for each job pairs of machine and process
    time in technological order. Machines are counted from 0 or from 1, see
    :func:`factory.instances.machine_numbers.find_first_number`.

    Parameters
    ----------
    path
        The file.
    first_machine
        Number of the first machine in the file, 0 or 1; by default found from the content.

    Raises
    ------
    ValueError
        If the file breaks the format; the message names file, line, value, rule and remedy.
    """
    lines = TextLines(path)
    num_jobs, num_machines = read_sizes(lines)
    jobs = [
        _read_job(lines.take(f"job {number}"), number, num_machines) for number in range(num_jobs)
    ]
    lines.finish()
    mentions = [mention for steps in jobs for mention, _ in steps]
    first = find_first_number(mentions, lines.path, first_machine)
    products = []
    for number, steps in enumerate(jobs):
        _check_visits(number, steps)
        route = [(mention.number - first, time, None) for mention, time in steps]
        products.append(job(number, route))
    centres = single_machine_centres([None] * num_machines)
    instance = makespan_instance(lines.path, centres, tuple(products), anticipatory=False)
    return replace(instance, first_machine=first)


def _read_job(line: TextLine, number: int, num_machines: int) -> Choices:
    line.end_after(
        2 * num_machines,
        f"job {number}: a machine and a process time for each of {num_machines} machines",
    )
    return [
        (
            read_mention(line, 2 * i, "machine", num_machines),
            line.whole(2 * i + 1, "process time", high=LONGEST_TIME),
        )
        for i in range(num_machines)
    ]


def _check_visits(number: int, steps: Choices) -> None:
    """Check that a job visits each machine once."""
    seen: dict[int, Mention] = {}
    for mention, _ in steps:
        before = seen.setdefault(mention.number, mention)
        if before is not mention:
            rule = (
                f"job {number} has been there (word {before.word + 1}), but visits each of the"
                f" {mention.count} machines once"
            )
            remedy = (
                "Correct the number; where jobs return to machines, write a flexible job shop"
                " (read_fjsp)."
            )
            refuse_text_line(mention.place, mention.number, rule, remedy)


def read_fjsp(path: Path | str, first_machine: int | None = None) -> Instance:
    """Read a flexible job shop.

    The file has the numbers of jobs and machines, then for each job its operations, each with its
    eligible machines and their process times. All machines form one work centre ``C0``. They are
    counted from 0 or from 1, see :func:`factory.instances.machine_numbers.find_first_number`.

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
    lines.finish()
    centre = WorkCentre(name="C0", machines=tuple(make_machine(m) for m in range(num_machines)))
    products = tuple(flexible_job(number, steps) for number, steps in enumerate(jobs))
    instance = makespan_instance(lines.path, (centre,), products, anticipatory=False)
    return replace(instance, first_machine=first)


def read_sizes(lines: TextLines) -> tuple[int, int]:
    """Return the numbers of jobs and machines from the first line.

    Further numbers there, such as the mean flexibility, can be derived and are skipped.
    """
    line = lines.take("numbers of jobs and machines")
    return line.whole(0, "number of jobs", low=1), line.whole(1, "number of machines", low=1)


def read_flexible_jobs(
    lines: TextLines, first_machine: int | None
) -> tuple[int, int, list[list[dict[int, int]]]]:
    """Return the number of machines, the number of the first machine in the file, and the jobs.

    A job is a list of operations: process times by eligible machine, counted from 0.
    """
    num_jobs, num_machines = read_sizes(lines)
    jobs = [
        _read_flexible_job(lines.take(f"job {number}"), num_machines) for number in range(num_jobs)
    ]
    mentions = [mention for steps in jobs for choices in steps for mention, _ in choices]
    first = find_first_number(mentions, lines.path, first_machine)
    times = [
        [{mention.number - first: time for mention, time in choices} for choices in steps]
        for steps in jobs
    ]
    return num_machines, first, times


def _read_flexible_job(line: TextLine, num_machines: int) -> list[Choices]:
    steps = []
    start = 1  # word at which the operation begins
    for _ in range(line.whole(0, "number of operations", low=1)):
        choices: Choices = []
        count = line.whole(start, "number of eligible machines", low=1, high=num_machines)
        for pair in range(count):
            word = start + 1 + 2 * pair
            mention = read_mention(line, word, "machine", num_machines)
            if any(other.number == mention.number for other, _ in choices):
                refuse_text_line(
                    mention.place,
                    mention.number,
                    "is named twice for one operation",
                    "Name each machine once.",
                )
            choices.append((mention, line.whole(word + 1, "process time", high=LONGEST_TIME)))
        steps.append(choices)
        start += 1 + 2 * len(choices)
    line.end_after(start, f"job with {len(steps)} operations")
    return steps


def flexible_job(number: int, steps: list[dict[int, int]], wants_setup: bool = False) -> Product:
    """Return the product of job ``number``.

    With ``wants_setup`` each operation wants a setup of its own, with the name of the operation.
    """
    operations = tuple(
        Operation(
            name=f"J{number}.O{i}",
            work_centre="C0",
            machine_times={f"M{m}": time for m, time in sorted(times.items())},
            setup={"family": f"J{number}.O{i}"} if wants_setup else {},
        )
        for i, times in enumerate(steps)
    )
    return Product(name=f"J{number}", operations=operations)

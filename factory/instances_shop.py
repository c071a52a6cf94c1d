"""Readers of shops without setups: job shops and flexible job shops, objective C_max."""

from __future__ import annotations

from pathlib import Path

from factory.instances_common import Instance, Line, Lines, job, machine, makespan_instance, refuse, single_machine_centres
from factory.model import Operation, Product, WorkCentre


def read_jsp(path: Path | str) -> Instance:
    """A job shop in the standard format: jobs and machines, then for each job pairs of machine (from 0) and process time in technological order.

    Raises
    ------
    ValueError
        If the file breaks the format; the message names file, line, value, rule and remedy.
    """
    lines = Lines(path)
    num_jobs, num_machines = read_sizes(lines)
    products = []
    for number in range(num_jobs):
        line = lines.take(f"job {number}")
        line.end_after(2 * num_machines, f"job {number}: a machine and a process time for each of {num_machines} machines")
        steps = [(line.whole(2 * i, "machine", high=num_machines - 1), line.whole(2 * i + 1, "process time"), None) for i in range(num_machines)]
        products.append(job(number, steps))
    lines.finish()
    return makespan_instance(lines.path, single_machine_centres([None] * num_machines), tuple(products), anticipatory=False)


def read_fjsp(path: Path | str) -> Instance:
    """A flexible job shop: jobs and machines, then for each job its operations, each with the machines (from 0) that can do it and their times.

    All machines form one work centre ``C0``; each operation names its eligible machines.

    Raises
    ------
    ValueError
        If the file breaks the format; the message names file, line, value, rule and remedy.
    """
    lines = Lines(path)
    num_jobs, num_machines = read_sizes(lines)
    jobs = [read_flexible_job(lines.take(f"job {number}"), num_machines, first_machine=0) for number in range(num_jobs)]
    lines.finish()
    centre = WorkCentre(name="C0", machines=tuple(machine(m) for m in range(num_machines)))
    return makespan_instance(lines.path, (centre,), tuple(flexible_job(number, steps) for number, steps in enumerate(jobs)), anticipatory=False)


def read_sizes(lines: Lines) -> tuple[int, int]:
    """Numbers of jobs and machines from the first line (what may follow them there, e.g. the mean flexibility, is derived)."""
    line = lines.take("numbers of jobs and machines")
    return line.whole(0, "number of jobs", low=1), line.whole(1, "number of machines", low=1)


def read_flexible_job(line: Line, num_machines: int, first_machine: int) -> list[dict[int, int]]:
    """For each operation of a job its process time by eligible machine (counted from 0, ``first_machine`` being the first one's number in the file)."""
    steps = []
    place = 1
    for _ in range(line.whole(0, "number of operations", low=1)):
        choices = line.whole(place, "number of eligible machines", low=1, high=num_machines)
        times: dict[int, int] = {}
        for pair in range(choices):
            where = place + 1 + 2 * pair
            number = line.whole(where, "machine", low=first_machine, high=first_machine + num_machines - 1) - first_machine
            if number in times:
                refuse(f"{line.place}: machine (word {where + 1})", line.words[where], "is named twice for one operation", "Name each machine once.")
            times[number] = line.whole(where + 1, "process time")
        steps.append(times)
        place += 1 + 2 * choices
    line.end_after(place, f"job with {len(steps)} operations")
    return steps


def flexible_job(number: int, steps: list[dict[int, int]], wants_setup: bool = False) -> Product:
    """The product that is job ``number``; with ``wants_setup`` each operation wants a setup of its own, called like the operation."""
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

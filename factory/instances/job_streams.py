"""Streams of jobs that arrive over time: recorded ones (JSON) and the drawn dynamic shop of
Rajendran and Holthaus (1999)."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from factory.instances.common import (
    LARGEST,
    LONGEST_TIME,
    Instance,
    Matrix,
    family_attributes,
    job,
    make_machine,
    refuse_text_line,
    single_machine_centres,
    tardiness_instance,
)
from factory.model import Order, WorkCentre
from factory.simulation import random_numbers
from factory.validation.arguments import check_count, check_integers, check_number, check_seed
from factory.validation.text_files import CsvRow, read_number, read_rows, read_text

REPLAY_TICKS = 1000
"""Ticks in a time unit of the recorded streams, which have three decimals."""

DYNAMIC_MACHINES = 10
SHORTEST, LONGEST = 1, 49
"""Process times of the dynamic shop are drawn from these to those, in time units."""

WEIGHT_SHARES = ((1.0, 0.2), (2.0, 0.8), (4.0, 1.0))
"""Weights of the dynamic shop with their cumulated shares."""


def read_replay(path: Path | str) -> Instance:
    """A recorded stream: work centres of identical machines, jobs with release, due date, weight
    and route, setups by family at selection, non-delay.

    In a setup matrix state 0 is "nothing mounted" and state f + 1 family f. Times have at most
    three decimals; a tick is 0.001.

    Raises
    ------
    ValueError
        If the file breaks the format; the message names file, place, value, rule and remedy.
    """
    path = Path(path)
    stream = _read_json(path)
    groups = _member(stream, "group", f"{path}")
    count = _whole(_member(stream, "machines", f"{path}"), f"{path}: machines", low=1)
    if not isinstance(groups, list) or len(groups) != count:
        refuse_text_line(
            f"{path}: group",
            groups,
            f"must list the number of machines of each of {count} work centres",
            "Correct the list.",
        )
    matrices = _read_setups(_member(stream, "setup", f"{path}"), count, f"{path}: setup")
    jobs = _member(stream, "jobs", f"{path}")
    if not isinstance(jobs, list) or not jobs:
        refuse_text_line(f"{path}: jobs", jobs, "must be a list with at least one job", "Add jobs.")
    products = tuple(
        job(j, _read_route(entry, matrices, f"{path}: jobs[{j}]")) for j, entry in enumerate(jobs)
    )
    orders = [_read_order(entry, j, f"{path}: jobs[{j}]") for j, entry in enumerate(jobs)]
    return tardiness_instance(
        path.stem,
        _grouped_centres(groups, matrices, f"{path}: group"),
        products,
        orders,
        REPLAY_TICKS,
    )


def _read_json(path: Path) -> Any:
    """Read the file with exact decimals."""
    try:
        return json.loads(read_text(path), parse_float=Decimal)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{path}:{error.lineno}: {error.msg} at column {error.colno}; the file must be JSON."
            " Correct it."
        ) from error


def _member(entry: Any, key: str, place: str) -> Any:
    if not isinstance(entry, dict) or key not in entry:
        refuse_text_line(f"{place}: {key}", "nothing", "must be given", f"Add {key!r}.")
    return entry[key]


def _whole(value: Any, place: str, low: int = 0, high: int = LARGEST) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        refuse_text_line(place, value, f"must be a whole number in {low}..{high}", "Correct it.")
    return value


def _ticks(value: Any, place: str, high: int = LARGEST) -> int:
    """A time in ticks of 0.001, exactly, ``high`` of them at most."""
    if (
        not isinstance(value, int | Decimal)
        or isinstance(value, bool)
        or not 0 <= value * REPLAY_TICKS <= high
    ):
        refuse_text_line(
            place, value, f"must be a number in 0..{high // REPLAY_TICKS}", "Correct it."
        )
    ticks = value * REPLAY_TICKS
    if ticks != int(ticks):
        refuse_text_line(place, value, "must have at most three decimals", "Round it.")
    return int(ticks)


def _read_setups(setups: Any, count: int, place: str) -> Sequence[Matrix | None]:
    """The setup matrix of each work centre; None where there are no setups."""
    if setups is None:
        return [None] * count
    if not isinstance(setups, list) or len(setups) != count:
        refuse_text_line(
            place,
            type(setups).__name__,
            f"must be null or a list of {count} matrices, one a work centre",
            "Correct the list.",
        )
    return [_read_setup(setup, f"{place}[{c}]") for c, setup in enumerate(setups)]


def _read_setup(rows: Any, place: str) -> Matrix:
    if not isinstance(rows, list) or any(
        not isinstance(row, list) or len(row) != len(rows) for row in rows
    ):
        refuse_text_line(
            place,
            f"{len(rows) if isinstance(rows, list) else rows} rows",
            "must be a square matrix [from][to]",
            "Complete the rows.",
        )
    matrix = tuple(
        tuple(_ticks(time, f"{place}[{i}][{k}]", LONGEST_TIME) for k, time in enumerate(row))
        for i, row in enumerate(rows)
    )
    for k, row in enumerate(matrix):
        if row[k] != 0:
            refuse_text_line(
                f"{place}[{k}][{k}]", rows[k][k], "staying in a setup must take 0", "Set it to 0."
            )
    return matrix


def _grouped_centres(
    groups: list[Any], matrices: Sequence[Matrix | None], place: str
) -> tuple[WorkCentre, ...]:
    """Work centres of identical machines, numbered through the factory."""
    sizes = [_whole(size, f"{place}[{c}]", low=1) for c, size in enumerate(groups)]
    ends = list(accumulate(sizes))
    return tuple(
        WorkCentre(
            name=f"C{c}",
            machines=tuple(make_machine(number) for number in range(ends[c] - sizes[c], ends[c])),
            attributes=family_attributes(matrix),
        )
        for c, matrix in enumerate(matrices)
    )


def _read_route(
    entry: Any, matrices: Sequence[Matrix | None], place: str
) -> list[tuple[int, int, int | None]]:
    """Work centre, process time and family of each operation."""
    operations = _member(entry, "ops", place)
    if not isinstance(operations, list) or not operations:
        refuse_text_line(
            f"{place}.ops",
            operations,
            "must be a list with at least one operation",
            "Add an operation.",
        )
    route = []
    for i, operation in enumerate(operations):
        where = f"{place}.ops[{i}]"
        if not isinstance(operation, list) or len(operation) != 3:
            refuse_text_line(
                where,
                operation,
                "must be [work centre, process time, family]",
                "Give all three; family may be null.",
            )
        centre = _whole(operation[0], f"{where}: work centre", high=len(matrices) - 1)
        matrix = matrices[centre]
        family = (
            None
            if matrix is None or operation[2] is None
            else _whole(operation[2], f"{where}: family", high=len(matrix) - 2)
        )
        route.append((centre, _ticks(operation[1], f"{where}: process time", LONGEST_TIME), family))
    return route


def _read_order(entry: Any, number: int, place: str) -> Order:
    weight = _member(entry, "w", place)
    if (
        not isinstance(weight, int | Decimal)
        or isinstance(weight, bool)
        or not 0 <= weight <= LARGEST
    ):
        refuse_text_line(f"{place}.w", weight, f"must be a number in 0..{LARGEST}", "Correct it.")
    release_date, due_date = (
        _ticks(_member(entry, key, place), f"{place}.{key}") for key in ("rel", "due")
    )
    return Order(
        order_id=f"{number}",
        release_date=release_date,
        due_date=due_date,
        weight=float(weight),
        product=f"J{number}",
    )


def read_expected_completions(path: Path | str) -> dict[tuple[str, str], tuple[int, ...]]:
    """Reference completion dates of the recorded streams.

    Parameters
    ----------
    path
        A CSV file with the columns ``instance``, ``rule`` and ``completions`` (one time a job,
        separated by blanks).

    Returns
    -------
    dict
        (stream, rule) -> completion date of each job in ticks of 0.001, by number of the job.

    Raises
    ------
    ValueError
        If a column is missing, or a time is no number.
    """
    rows = read_rows(path, ("instance", "rule", "completions"))
    return {(row.text("instance"), row.text("rule")): _read_completions(row) for row in rows}


def _read_completions(row: CsvRow) -> tuple[int, ...]:
    """Return completion dates in ticks.

    Further decimals are noise of the other simulator and cut off.
    """
    dates = []
    for time in row.text("completions").split():
        try:
            read_number(time)
        except ValueError as error:
            raise ValueError(f"{row.place}: completions: {error}.") from None
        dates.append(int(Decimal(time) * REPLAY_TICKS))
    return tuple(dates)


def draw_dynamic_shop(
    seed: int,
    utilisation: float,
    due_date_factor: float,
    operations: tuple[int, int] = (10, 10),
    num_jobs: int = 3000,
    ticks_per_unit: int = 1000,
) -> Instance:
    """A stream of the dynamic job shop with 10 machines (Rajendran and Holthaus 1999, section 4).

    Arrivals are Poisson. A job has a number of operations drawn evenly from ``operations`` on
    different machines in random order, each taking a whole number of 1..49 time units (all equally
    likely). Its due date is its release plus ``due_date_factor`` times its total process time. Its
    weight is 1, 2 or 4 at 20, 60 and 20 %. Draws are keyed
    (:mod:`factory.simulation.random_numbers`): two streams with one seed have the same jobs,
    whatever the utilisation.

    The usual measurement is the mean over jobs 500 to 2499 (of 0, 1, ...), with jobs arriving until
    the last of these is done: 3000 jobs suffice for that up to a load of about 0.85, at 0.95 it
    takes some 5000.

    Parameters
    ----------
    seed
        Of all draws, 0 or more.
    utilisation
        Long-run share of time a machine is processing, in (0, 1).
    due_date_factor
        Allowance over total process time.
    operations
        Least and largest number of operations of a job, in 1..10.
    num_jobs
        Length of the stream.
    ticks_per_unit
        Ticks in one time unit; arrivals are rounded to ticks.

    Raises
    ------
    ValueError
        If an argument lies outside its range.
    """
    num_jobs = check_count("draw_dynamic_shop: num_jobs", num_jobs)
    ticks_per_unit = check_count("draw_dynamic_shop: ticks_per_unit", ticks_per_unit)
    seed = check_seed("draw_dynamic_shop: seed", seed)
    low, high = check_integers("draw_dynamic_shop: operations", operations, (2,)).tolist()
    due_date_factor = check_number("draw_dynamic_shop: due_date_factor", due_date_factor, 0.0)
    utilisation = check_number("draw_dynamic_shop: utilisation", utilisation)
    if not 0 < utilisation < 1:
        refuse_text_line(
            "draw_dynamic_shop: utilisation",
            utilisation,
            "must lie in (0, 1), or the queues grow for ever",
            "Give a share such as 0.8.",
        )
    if not 1 <= low <= high <= DYNAMIC_MACHINES:
        refuse_text_line(
            "draw_dynamic_shop: operations",
            operations,
            f"must be (least, largest) in 1..{DYNAMIC_MACHINES}",
            "Give (10, 10) or (2, 10).",
        )
    key = np.uint64(seed)
    mean_work = (low + high) / 2 * (SHORTEST + LONGEST) / 2
    interarrival_time = mean_work / (DYNAMIC_MACHINES * utilisation)
    gaps = (
        -interarrival_time * math.log(random_numbers.uniform(key, random_numbers.ARRIVAL, j, 0))
        for j in range(num_jobs)
    )
    products, orders = [], []
    for j, epoch in enumerate(accumulate(gaps)):
        route = _draw_route(key, j, low, high)
        products.append(job(j, [(centre, time * ticks_per_unit, None) for centre, time in route]))
        release_date, work = (
            math.floor(epoch * ticks_per_unit + 0.5),
            sum(time for _, time in route) * ticks_per_unit,
        )
        due_date = release_date + math.floor(due_date_factor * work + 0.5)
        u = random_numbers.uniform(key, random_numbers.CUSTOMER, j, 0)
        weight = next(weight for weight, share in WEIGHT_SHARES if u < share)
        orders.append(
            Order(
                order_id=f"{j}",
                release_date=release_date,
                due_date=due_date,
                weight=weight,
                product=f"J{j}",
            )
        )
    name = f"dynamic_{utilisation:g}_{due_date_factor:g}_{low}-{high}_{seed}"
    centres = single_machine_centres([None] * DYNAMIC_MACHINES)
    return tardiness_instance(name, centres, tuple(products), orders, ticks_per_unit)


def _draw_route(key: np.uint64, number: int, low: int, high: int) -> list[tuple[int, int]]:
    """Different machines in random order, with a process time each."""
    length = low + math.floor(
        random_numbers.uniform(key, random_numbers.PRODUCT, number, 0) * (high - low + 1)
    )
    machines = sorted(
        range(DYNAMIC_MACHINES),
        key=lambda m: random_numbers.uniform(key, random_numbers.OPTION, number, m),
    )[:length]
    return [
        (
            m,
            SHORTEST
            + math.floor(
                random_numbers.uniform(key, random_numbers.PROCESS, number, i)
                * (LONGEST - SHORTEST + 1)
            ),
        )
        for i, m in enumerate(machines)
    ]

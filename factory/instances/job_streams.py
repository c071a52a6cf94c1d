"""Streams of jobs that arrive over time.

They are recorded (JSON) or drawn, as the dynamic shop of Rajendran and Holthaus (1999).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from factory.instances.common import (
    LARGEST,
    LONGEST_TIME,
    Instance,
    TimeMatrix,
    family_attributes,
    job,
    make_machine,
    refuse_text_line,
    single_machine_centres,
    tardiness_instance,
)
from factory.model import Order, WorkCentre
from factory.realisation import random_numbers
from factory.validation.arguments import check_count, check_integers, check_number, check_seed
from factory.validation.text_files import CsvRow, read_number, read_rows, read_text

REPLAY_TICKS = 1000
"""Ticks in a time unit of the recorded streams, which have three decimals."""

DYNAMIC_MACHINES = 10
SHORTEST, LONGEST = 1, 49
"""Shortest and longest process time of the dynamic shop, in time units."""

WEIGHT_SHARES = ((1.0, 0.2), (2.0, 0.8), (4.0, 1.0))
"""Weights of the dynamic shop with their cumulated shares."""


def read_replay(path: Path | str) -> Instance:
    """Read a recorded stream.

    It has work centres of identical machines, and jobs with release, due date, weight and route.
    Setups are by family and start at selection; schedules are non-delay. In a setup matrix, state 0
    is "nothing mounted" and state f + 1 is family f. Times have at most three decimals; a tick is
    0.001.

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
    centres = _grouped_centres(groups, matrices, f"{path}: group")
    return tardiness_instance(path.stem, centres, products, orders, REPLAY_TICKS)


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
    """Return a time in ticks of 0.001, exactly; at most ``high``."""
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


def _read_setups(setups: Any, count: int, place: str) -> Sequence[TimeMatrix | None]:
    """Return the setup matrix of each work centre; None without setups."""
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


def _read_setup(rows: Any, place: str) -> TimeMatrix:
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
    groups: list[Any], matrices: Sequence[TimeMatrix | None], place: str
) -> tuple[WorkCentre, ...]:
    """Return work centres of identical machines, which are numbered over the factory."""
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
    entry: Any, matrices: Sequence[TimeMatrix | None], place: str
) -> list[tuple[int, int, int | None]]:
    """Return work centre, process time and family of each operation."""
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
        family = None
        if matrix is not None and operation[2] is not None:
            family = _whole(operation[2], f"{where}: family", high=len(matrix) - 2)
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
    return Order(
        order_id=f"{number}",
        release_date=_ticks(_member(entry, "rel", place), f"{place}.rel"),
        due_date=_ticks(_member(entry, "due", place), f"{place}.due"),
        weight=float(weight),
        product=f"J{number}",
    )


def read_expected_completions(path: Path | str) -> dict[tuple[str, str], tuple[int, ...]]:
    """Read reference completion dates of the recorded streams.

    Parameters
    ----------
    path
        A CSV file with the columns ``instance``, ``rule`` and ``completions`` (times of all jobs,
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

    Further decimals are noise of the other simulator and are cut off.
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
    """Draw a stream of the dynamic job shop with 10 machines.

    Arrivals are Poisson. The number of operations of a job is uniform over ``operations``; they are
    on different machines in random order, with process times uniform over 1..49 time units. The due
    date is the release plus ``due_date_factor`` times the total process time. The weight is 1, 2 or
    4 with probabilities 0.2, 0.6 and 0.2. Draws are keyed
    (:mod:`factory.realisation.random_numbers`): streams with the same seed have the same jobs,
    whatever the utilisation. Source: Rajendran and Holthaus (1999), section 4.

    The usual measurement is the mean over jobs 500 to 2499 (counted from 0), with arrivals until
    the last of these is done: 3000 jobs suffice up to a load of about 0.85, and about 5000 at 0.95.

    Parameters
    ----------
    seed
        Seed of all draws, 0 or more.
    utilisation
        Long-run share of time that a machine is processing, in (0, 1).
    due_date_factor
        Allowance over total process time.
    operations
        Minimum and maximum number of operations of a job, in 1..10.
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
            f"must be (minimum, maximum) in 1..{DYNAMIC_MACHINES}",
            "Give (10, 10) or (2, 10).",
        )
    key = np.uint64(seed)
    products, orders = [], []
    for j, arrival in enumerate(_draw_arrivals(key, num_jobs, (low + high) / 2, utilisation)):
        route = _draw_route(key, j, low, high)
        products.append(job(j, [(centre, time * ticks_per_unit, None) for centre, time in route]))
        release_date = math.floor(arrival * ticks_per_unit + 0.5)
        work = sum(time for _, time in route) * ticks_per_unit
        due_date = release_date + math.floor(due_date_factor * work + 0.5)
        orders.append(_draw_order(key, j, release_date, due_date))
    name = f"dynamic_{utilisation:g}_{due_date_factor:g}_{low}-{high}_{seed}"
    centres = single_machine_centres([None] * DYNAMIC_MACHINES)
    return tardiness_instance(name, centres, tuple(products), orders, ticks_per_unit)


def _draw_arrivals(
    key: np.uint64, num_jobs: int, mean_operations: float, utilisation: float
) -> Iterator[float]:
    """Return the dates of Poisson arrivals, in time units."""
    mean_work = mean_operations * (SHORTEST + LONGEST) / 2
    interarrival_time = mean_work / (DYNAMIC_MACHINES * utilisation)
    gaps = (
        -interarrival_time * math.log(random_numbers.uniform(key, random_numbers.ARRIVAL, j, 0))
        for j in range(num_jobs)
    )
    return accumulate(gaps)


def _draw_order(key: np.uint64, number: int, release_date: int, due_date: int) -> Order:
    u = random_numbers.uniform(key, random_numbers.CUSTOMER, number, 0)
    return Order(
        order_id=f"{number}",
        release_date=release_date,
        due_date=due_date,
        weight=next(weight for weight, share in WEIGHT_SHARES if u < share),
        product=f"J{number}",
    )


def _draw_route(key: np.uint64, number: int, low: int, high: int) -> list[tuple[int, int]]:
    """Return different machines in random order, each with a process time."""
    u = random_numbers.uniform(key, random_numbers.PRODUCT, number, 0)
    length = low + math.floor(u * (high - low + 1))
    machines = sorted(
        range(DYNAMIC_MACHINES),
        key=lambda m: random_numbers.uniform(key, random_numbers.OPTION, number, m),
    )[:length]
    route = []
    for i, machine in enumerate(machines):
        u = random_numbers.uniform(key, random_numbers.PROCESS, number, i)
        route.append((machine, SHORTEST + math.floor(u * (LONGEST - SHORTEST + 1))))
    return route

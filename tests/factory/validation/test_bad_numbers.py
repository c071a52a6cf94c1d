"""Numbers and matrices that break rules: refused in one line."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from factory.model import Factory
from factory.validation.errors import FactoryError
from tests.builders.kart_factory import FACTORY

Read = Callable[[str], Factory]

MATRICES = [
    (
        "[12, 10, 0]]",
        "[12, 10, 12]]",
        "work_centre.paint.colour.time[2][2] = 12",
        "staying in a setup must take 0",
        "Set it to 0",
    ),
    (
        "cost = [[0, 5], [4, 0]]",
        "cost = [[0, 5], [4, 1.5]]",
        "work_centre.cell.tool.cost[1][1] = 1.5",
        "staying in a setup must cost 0",
        "Set it to 0",
    ),
    (
        "[4, 2, 0]]",
        "[4, 2, 1]]",
        "work_centre.paint.colour.waste[2][2] = 1.0",
        "staying in a setup must waste 0",
        "Set it to 0",
    ),
    (
        "[[0, 4], [5, 0]]",
        "[[0, 4], [5, 6]]",
        "machine.cell-2.setup_time.tool[1][1] = 6",
        "staying in a setup must take 0",
        "Set it to 0",
    ),
    (
        "time = [[0, 3], [2, 0]]",
        "time = [[0, 3]]",
        "work_centre.cell.tool.time = 1 rows",
        "must be a square matrix [from][to] over the 2 values",
        "Give 2 rows of 2 numbers",
    ),
    (
        "[9, 0, 7]",
        "[9, 0]",
        "work_centre.paint.colour.time[1] = 2 numbers",
        "must be a square matrix [from][to] over the 3 values",
        "Give 3 numbers",
    ),
    (
        "time = [[0, 3], [2, 0]]",
        "time = [[0, -3], [2, 0]]",
        "work_centre.cell.tool.time[0][1] = -3",
        "must not be negative",
        "Write 0 or more",
    ),
    (
        "[[0, 4], [5, 0]]",
        "[[0, 4], [-5, 0]]",
        "machine.cell-2.setup_time.tool[1][0] = -5",
        "must not be negative",
        "Write 0 or more",
    ),
    (
        "cost = [[0, 5], [4, 0]]",
        "cost = [[0, nan], [4, 0]]",
        "work_centre.cell.tool.cost[0][1] = nan",
        "must be a finite number",
        "Write the number",
    ),
    (
        '[["black", "white"]]',
        '[["black", "black"]]',
        "work_centre.paint.colour.forbidden = 'black'",
        "staying in a setup cannot be forbidden",
        "Remove the pair",
    ),
    (
        '[["black", "white"]]',
        '[["black", "white"], ["black", "red"]]',
        "work_centre.paint.colour.forbidden = 'black' -> 'white'",
        "a forbidden pair makes operation coat of kart with colour snow unreachable on machine"
        " booth, as no way leads round it",
        "Allow this changeover, or those of a way round it",
    ),
]

NUMBERS = [
    (
        "process_time = 6",
        "process_time = -6",
        "product.kart.coat.process_time = -6",
        "must not be negative",
        "Write 0 or more",
    ),
    (
        "process_time = 6",
        "process_time = 10000001",
        "product.kart.coat.process_time = 10000001",
        "must be at most 10000000",
        "Use a coarser tick (tick_minutes) or a smaller number",
    ),
    (
        "process_time = 6",
        f"process_time = 1{'0' * 30}",
        f"product.kart.coat.process_time = 1{'0' * 30}",
        "must be at most 10000000",
        "Use a coarser tick (tick_minutes) or a smaller number",
    ),
    (
        "launch_date = 600",
        "launch_date = 1099511627777",
        "product.trailer.launch_date = 1099511627777",
        "must be at most 1099511627776",
        "Use a coarser tick (tick_minutes) or a smaller number",
    ),
    (
        "weight = 4",
        "weight = 4e12",
        "demand.customer.racer.weight = 4000000000000.0",
        "must be at most 1000000000000.0",
        "Use a larger unit",
    ),
    (
        "time = 3, ",
        "time = -3, ",
        "option.colour.coal.effects[0].time = -3",
        "must not be negative",
        "Write 0 or more",
    ),
    (
        "cell-2 = 5 }",
        "cell-2 = -5 }",
        "product.kart.weld.machine_times.cell-2 = -5",
        "must not be negative",
        "Write 0 or more",
    ),
    (
        "tick_minutes = 1.0",
        "tick_minutes = nan",
        "tick_minutes = nan",
        "must be a finite number",
        "Write the number",
    ),
    (
        "tick_minutes = 1.0",
        "tick_minutes = 0",
        "tick_minutes = 0.0",
        "must be from 1e-06 to 60",
        "Write the minutes of one tick, such as 1.0",
    ),
    (
        "start_hour = 6",
        "start_hour = 24",
        "start_hour = 24",
        "must be from 0 to 23",
        "Write the hour of the day at tick 0",
    ),
    (
        "crews = 1",
        "crews = 0",
        "crews = 0",
        "must be from 1 to 10000000",
        "Write at least 1, or leave it out for one a machine",
    ),
    (
        "longest_wait = 20",
        "longest_wait = 0",
        "work_centre.cell.longest_wait = 0",
        "must be from 1 to 10000000",
        "Write at least 1 tick, or leave it out",
    ),
    (
        "speed = 1.0",
        "speed = 0.0",
        "machine.cell-1.speed = 0.0",
        "must be from 0.001 to 1000",
        "Write a factor such as 1.0",
    ),
    (
        "speed = 1.0",
        "speed = inf",
        "machine.cell-1.speed = inf",
        "must be a finite number",
        "Write the number",
    ),
    (
        "idle_power = 0.5",
        "idle_power = -0.5",
        "machine.cell-1.idle_power = -0.5",
        "must not be negative",
        "Write 0 or more",
    ),
    (
        "  mean_time_to_repair = 30\n",
        "",
        "machine.cell-1.mean_time_to_repair = nothing",
        "failures need both mean_time_to_failure and mean_time_to_repair",
        "Give both or neither",
    ),
    (
        "mean_time_to_failure = 500",
        "mean_time_to_failure = 0",
        "machine.cell-1.mean_time_to_failure = 0",
        "must be from 1 to 10000000",
        "Leave it out for a machine that never fails",
    ),
    (
        "process_time = 6",
        "process_time = 6\n  machine_times = { booth = 6 }",
        "product.kart.coat.process_time = both",
        "either process_time or machine_times must be given",
        "Write exactly one of them",
    ),
    (
        "  process_time = 6\n",
        "",
        "product.kart.coat.process_time = neither",
        "either process_time or machine_times must be given",
        "Write exactly one of them",
    ),
    (
        "cv = 0.2",
        "cv = 3.5",
        "product.kart.weld.cv = 3.5",
        "must be from 0 to 3",
        "Write standard deviation over mean, such as 0.2",
    ),
    (
        "rework_probability = 0.02",
        "rework_probability = 1.2",
        "uncertainty.rework_probability = 1.2",
        "must be from 0 to 1",
        "Write a probability, such as 0.05",
    ),
    (
        "late_probability = 0.05",
        "late_probability = 5",
        "material.steady.late_probability = 5.0",
        "must be from 0 to 1",
        "Write a probability, such as 0.1",
    ),
    (
        "mean_lateness = 60",
        "mean_lateness = 0",
        "material.steady.mean_lateness = 0",
        "must be from 1 to 10000000",
        "Write the mean ticks by which late material is late",
    ),
    (
        "0.2, 0.2,\n",
        "0.2,\n",
        "tariff.price = 23 numbers",
        "must have one for each hour of the day",
        "Give 24",
    ),
    (
        '["cell", "paint", 5]',
        '["cell", "cell", 5]',
        "transport.times = 'cell' -> 'cell'",
        "transport within a work centre takes no time",
        "Remove the entry",
    ),
    (
        '["cell", "paint", 5]',
        '["cell", "paint", 5], ["cell", "paint", 6]',
        "transport.times = 'cell' -> 'paint'",
        "is given twice",
        "Keep one of the entries",
    ),
    (
        '["cell", "paint", 5]',
        '["cell", "paint", -5]',
        "transport.times[0][2] = -5",
        "must not be negative",
        "Write 0 or more",
    ),
    (
        "tardiness = 60.0",
        "tardiness = -60.0",
        "costs.tardiness = -60.0",
        "must not be negative",
        "Write 0 or more",
    ),
    (
        "scale = 100.0",
        "scale = 0.0",
        "costs.scale = 0.0",
        "must be above 0 and at most 1000000000000.0",
        "Write what an episode usually costs, or leave it out to have it measured",
    ),
]

CASES = [*MATRICES, *NUMBERS]


@pytest.mark.parametrize(
    ("old", "new", "value", "rule", "remedy"),
    CASES,
    ids=[f"{case[2]}; {case[3]}"[:80] for case in CASES],
)
def test_a_malformed_factory_is_refused_in_one_line(
    read: Read, old: str, new: str, value: str, rule: str, remedy: str
) -> None:
    assert old in FACTORY
    with pytest.raises(FactoryError) as refusal:
        read(FACTORY.replace(old, new, 1))
    assert str(refusal.value) == f"karts.toml: {value}; {rule}. {remedy}."

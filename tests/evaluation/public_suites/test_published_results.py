"""Published results are attained: wt_sds optima, Lawrence's instances under SPT, a dynamic shop."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from agents.policy import play
from agents.rules.registry import RULES, make_rule
from envs.batch import Batch
from envs.observation.columns import SHOP_INDEX
from factory.instances.read import draw_dynamic_shop, read_jsp, read_optimal_sequences, read_wtsds
from factory.simulation.arrays import OPERATION_BITS
from tests.builders.repository import benchmark_files

REPLICATIONS = 6
SCORED = slice(500, 2500)
TICKS = 1000  # a unit of time of the dynamic shop
STUDENT = 2.571  # 95 %, 5 degrees of freedom
DYNAMIC_RULES = {"FIFO": "FCFS", "SPT": "SPT", "EDD": "EDD", "MOD": "MOD", "PT+WINQ": "PT+WINQ"}


class Sequence:
    """A policy that starts the jobs of a single machine in a given order."""

    def __init__(self, batch: Batch, jobs: tuple[int, ...]) -> None:
        self.batch, self.jobs = batch, iter(jobs)

    def decide(self, observation: Any) -> NDArray[np.int64]:
        shop = self.batch.shop
        jobs = shop.job_row[0, : int(shop.env.num_job_rows[0])] >> OPERATION_BITS
        return np.flatnonzero(jobs == next(self.jobs))


def _single(instance: Any, job_rows: int = 0) -> Batch:
    return Batch(
        [instance.factory],
        [instance.book],
        num_envs=1,
        job_rows=job_rows,
        changeover_rows=1,
        dtype=np.float64,
    )


def test_the_98_optimal_sequences_give_the_optima(benchmarks_folder: Path) -> None:
    sequences = read_optimal_sequences(benchmarks_folder / "wtsds" / "optimal_sequences.csv")
    assert len(sequences) == 98
    for name, (optimum, jobs) in sequences.items():
        batch = _single(read_wtsds(benchmarks_folder / "wtsds" / f"{name}.instance"))
        play(batch, Sequence(batch, jobs), np.zeros(1, np.uint64))
        assert batch.shop.cost[0].sum() == optimum, name


@pytest.mark.parametrize("number", [41, 42, 43, 44, 45, 46, 51, 66, 82, 95, 111])
def test_no_rule_beats_an_optimum(benchmarks_folder: Path, number: int) -> None:
    name = f"wt_sds_{number}"
    optimum, _ = read_optimal_sequences(benchmarks_folder / "wtsds" / "optimal_sequences.csv")[name]
    batch = _single(read_wtsds(benchmarks_folder / "wtsds" / f"{name}.instance"))
    for rule in RULES:
        play(batch, make_rule(rule), np.zeros(1, np.uint64))
        assert batch.shop.cost[0].sum() >= optimum, rule


def _published_spt(folder: Path) -> dict[str, int]:
    with (folder / "slim_Lawrence.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {row["instance"]: int(row["GREEDY PDRs|SPT"]) for row in rows}


@pytest.mark.parametrize("path", benchmark_files("jsp/instances/**/la[0-9][0-9]*"))
def test_lawrence_under_spt(path: Path, benchmarks_folder: Path) -> None:
    """The published makespans of the rule, instance by instance."""
    instance = read_jsp(path)
    batch = _single(instance)
    play(batch, make_rule("SPT"), np.zeros(1, np.uint64))
    assert int(batch.shop.env.clock[0]) == _published_spt(benchmarks_folder)[path.stem.lower()]


def test_all_forty_lawrence_instances_exist(benchmarks_folder: Path) -> None:
    names = {f"la{number:02d}" for number in range(1, 41)}
    files = (benchmarks_folder / "jsp" / "instances").glob("**/la[0-9][0-9]*")
    assert {path.stem.lower() for path in files} == names
    assert set(_published_spt(benchmarks_folder)) == names


def _reference(folder: Path, rule: str) -> dict[str, float]:
    with (folder / "dynamic_ref" / "jasima_holthaus_200reps.csv").open(newline="") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if (row["util"], row["ops"], row["rule"]) == ("0.80", "10-10", rule)
        ]
    return {key: float(rows[0][key]) for key in ("meanF", "ciF", "meanT", "ciT")}


class HiddenOperations:
    """A rule that records the largest number of operations without a row."""

    def __init__(self, name: str) -> None:
        self.rule, self.max_hidden = make_rule(name), 0.0

    def decide(self, observation: Any) -> NDArray[np.int64]:
        self.max_hidden = max(
            self.max_hidden, float(observation["shop"][:, SHOP_INDEX["hidden_operations"]].max())
        )
        return self.rule.decide(observation)


@pytest.mark.slow
def test_dynamic_shop_agrees_with_the_reference(benchmarks_folder: Path) -> None:
    """Mean flow time and tardiness lie within the combined 95 % interval, for each rule.

    Jobs 500 to 2499 at load 0.80 are scored; all rules play the same shops.
    """
    shops = [
        draw_dynamic_shop(seed, 0.80, 4.0, num_jobs=2700, ticks_per_unit=TICKS)
        for seed in range(REPLICATIONS)
    ]
    batch = Batch(
        [shop.factory for shop in shops],
        [shop.book for shop in shops],
        num_envs=REPLICATIONS,
        job_rows=128,
        changeover_rows=1,
        dtype=np.float64,
    )
    orders = batch.shop.orders
    outside = []
    for rule, reference in DYNAMIC_RULES.items():
        policy = HiddenOperations(rule)
        play(batch, policy, np.zeros(REPLICATIONS, np.uint64))
        assert policy.max_hidden == 0
        flow = (orders.completion_date - orders.release_date)[:, SCORED].mean(axis=1) / TICKS
        late = (
            np.maximum(orders.completion_date - orders.due_date, 0)[:, SCORED].mean(axis=1) / TICKS
        )
        expected = _reference(benchmarks_folder, reference)
        for measure, values, mean, half in (
            ("flow", flow, expected["meanF"], expected["ciF"]),
            ("tardiness", late, expected["meanT"], expected["ciT"]),
        ):
            own = STUDENT * values.std(ddof=1) / np.sqrt(REPLICATIONS)
            line = f"{rule}, {measure}: {values.mean():.2f} +- {own:.2f} against {mean} +- {half}"
            print(line)
            if abs(values.mean() - mean) > np.hypot(own, half):
                outside.append(line)
    assert not outside

"""Rollout dispatching: compiled rules choose as the rules do, and simulation lowers the cost."""

from __future__ import annotations

import random

import numpy as np
import pytest

from agents.policy import play
from agents.rules.compiled import choose_row, compile_nearest, compile_rule
from agents.rules.registry import Rule, make_rule
from agents.search.rollout import RolloutPolicy, mean_work_content
from agents.search.simulate_rule import run_until, total_cost
from envs.batch import Batch
from envs.observation.tables import as_observation
from envs.seed_splits import episode_seeds
from factory.cost_terms import COST_TERMS
from factory.futures.cost_to_go import cost_to_go, expected_tardiness
from factory.io.catalogue import find_single_factory
from factory.simulation.arrays import NEVER
from tests.builders.hidden_futures import moment
from tests.builders.random_factories import random_factory

FAMILY = (
    make_rule("ATC", k=1.7),
    make_rule("ATCS", k1=1.3, k2=0.4),
    make_rule("ATCSR", k1=1.5, k2=0.7, k3=0.5),
    make_rule("ATCS+HOLD", k1=1.5, k2=0.7, hold=0.2),
)
SEEDS = episode_seeds("tune", 3)


def disagreements(batch: Batch, rule: Rule, seeds: np.ndarray) -> tuple[int, int]:
    """Count the decisions of whole episodes, and those where the compiled rule differs."""
    tables, inner = batch.reset(seeds), compile_rule(rule)
    decisions = different = 0
    while not batch.over.all():
        actions = np.asarray(rule.decide(as_observation(tables)), np.int64)
        for e in np.flatnonzero(~batch.over):
            decisions += 1
            different += int(choose_row(batch.arrays, batch.shop, e, inner) != actions[e])
        tables = batch.step(actions, autoreset=False)
    return decisions, different


@pytest.mark.parametrize("rule", FAMILY, ids=str)
@pytest.mark.parametrize("name", ["microfactory", "scarce_crew", "one_of_a_kind"])
def test_a_compiled_rule_chooses_as_the_rule(name: str, rule: Rule) -> None:
    decisions, different = disagreements(
        Batch([find_single_factory(name)], num_envs=2, dtype=np.float64), rule, SEEDS[:2]
    )
    assert decisions > 800
    assert different == 0


@pytest.mark.parametrize("rule", FAMILY, ids=str)
def test_a_compiled_rule_chooses_as_the_rule_in_random_factories(rule: Rule) -> None:
    """With forbidden changeovers, detours, too few rows, no waits and order books."""
    decisions = 0
    for seed in range(25):
        factory, book = random_factory(random.Random(seed))
        made, different = disagreements(
            Batch([factory], [book], num_envs=1, job_rows=6, changeover_rows=4, dtype=np.float64),
            rule,
            SEEDS[:1],
        )
        decisions += made
        assert different == 0, f"random factory {seed}"
    assert decisions > 300


def test_a_rule_of_another_family_is_simulated_as_atcs() -> None:
    assert compile_rule(make_rule("EDD")) is None
    assert compile_nearest(make_rule("EDD")) == compile_rule(make_rule("ATCS"))


@pytest.mark.parametrize("rule", FAMILY, ids=str)
def test_a_simulation_to_the_end_costs_as_much_as_the_episode(rule: Rule) -> None:
    batch = Batch([find_single_factory("microfactory")], num_envs=1, dtype=np.float64)
    play(batch, rule, SEEDS[:1])
    expected = batch.shop.cost[0].copy()
    batch.reset(SEEDS[:1])
    run_until(batch.arrays, batch.shop, 0, compile_rule(rule), NEVER - 1)
    assert batch.shop.cost[0] == pytest.approx(expected, rel=1e-12)
    assert total_cost(batch.shop, 0) == pytest.approx(expected.sum(), rel=1e-12)
    assert len(expected) == len(COST_TERMS)
    assert cost_to_go(batch.arrays, batch.shop, 0) == 0.0


def test_an_order_that_is_due_sooner_or_heavier_costs_more_to_go() -> None:
    batch = moment("microfactory", 133)
    shop = batch.shop
    before = cost_to_go(batch.arrays, shop, 0)
    order = int(shop.active[0, int(shop.env.num_active[0]) - 1])
    shop.orders.due_date[0, order] = shop.env.clock[0] + 1
    sooner = cost_to_go(batch.arrays, shop, 0)
    shop.orders.weight[0, order] += 1.0
    assert 0 < before < sooner < cost_to_go(batch.arrays, shop, 0)


def test_expected_tardiness_is_that_of_a_logistic_lateness() -> None:
    drawn = np.random.default_rng(1).logistic(-20.0, 15.0, 400_000)
    assert expected_tardiness(-20.0, 15.0) == pytest.approx(np.maximum(0, drawn).mean(), rel=0.02)
    assert expected_tardiness(12.0, 0.0) == 12.0
    assert expected_tardiness(-12.0, 0.0) == 0.0


@pytest.mark.parametrize(("name", "rule"), [("microfactory", "ATCS"), ("scarce_crew", "ATCSR")])
def test_rollout_dispatching_costs_less_than_its_rule(name: str, rule: str) -> None:
    batch = Batch([find_single_factory(name)], num_envs=len(SEEDS), dtype=np.float64)
    play(batch, make_rule(rule), SEEDS)
    plain = batch.shop.cost.sum(axis=1)
    play(batch, RolloutPolicy(make_rule(rule), candidates=2, futures=8, horizon=0.75), SEEDS)
    assert batch.shop.cost.sum(axis=1).mean() < 0.95 * plain.mean()


def test_an_unreachable_confidence_leaves_the_rule_itself() -> None:
    batch = Batch([find_single_factory("microfactory")], num_envs=1, dtype=np.float64)
    play(batch, make_rule("ATCS"), SEEDS[:1])
    plain = batch.shop.cost.tobytes()
    play(
        batch,
        RolloutPolicy(make_rule("ATCS"), candidates=2, futures=8, horizon=0.5, confidence=1e9),
        SEEDS[:1],
    )
    assert batch.shop.cost.tobytes() == plain


def test_decisions_depend_neither_on_other_environments_nor_on_earlier_episodes() -> None:
    """In one batch and one after the other, costs are the same to the last bit."""
    batch = Batch([find_single_factory("demand_swing")], num_envs=2, dtype=np.float64)
    single = Batch([find_single_factory("demand_swing")], num_envs=1, dtype=np.float64)
    policy = RolloutPolicy(make_rule("ATCS"), candidates=2, futures=8, horizon=0.5)
    play(batch, policy, SEEDS[:2])
    for env, seed in enumerate(SEEDS[:2]):
        play(single, policy, np.array([seed]))
        assert single.shop.cost[0].tobytes() == batch.shop.cost[env].tobytes()


def test_the_horizon_is_counted_in_work_contents_of_an_order() -> None:
    arrays = Batch([find_single_factory("tiny")], num_envs=1).arrays
    assert mean_work_content(arrays).tolist() == [4.0 + 6.0 + 5.0]


def test_it_refuses_to_decide_without_a_shop() -> None:
    batch = Batch([find_single_factory("tiny")], num_envs=1)
    with pytest.raises(RuntimeError, match=r"Call bind\(batch\) first"):
        RolloutPolicy(make_rule("ATCS")).decide(as_observation(batch.reset(SEEDS[:1])))


@pytest.mark.parametrize(
    "setting",
    [{"candidates": 0}, {"futures": 1}, {"horizon": 0.0}, {"confidence": -1.0}, {"seed": -1}],
    ids=lambda setting: next(iter(setting)),
)
def test_settings_out_of_bounds_are_refused_by_name_and_value(setting: dict[str, float]) -> None:
    (name, value), *_ = setting.items()
    with pytest.raises(ValueError, match=f"rollout: {name} = {value}"):
        RolloutPolicy(make_rule("ATCS"), **setting)  # type: ignore[arg-type]

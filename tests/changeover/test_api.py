"""The public face: each function does what its name says."""

from __future__ import annotations

from pathlib import Path

import pytest

import changeover
from tests.builders.joinery import joinery, write_joinery

pytestmark = pytest.mark.slow
COLUMNS = {"Farbe": "colour", "Artikel": "product"}


def test_an_environment_is_made() -> None:
    env = changeover.make("tiny")
    observation, _ = env.reset(seed=1)
    assert observation["action_mask"].any()


def test_factory_orders_and_plan_come_from_files(tmp_path: Path) -> None:
    factory_file, order_file = write_joinery(tmp_path)
    factory = changeover.load_factory(factory_file)
    assert factory == joinery()
    orders = changeover.read_orders(order_file, factory, columns=COLUMNS)
    plan = changeover.plan(factory, orders, seconds=0.3, policies=())
    assert len(plan.to_frame()) == len(plan.plan.operations) > 16
    assert plan.verified
    assert {path.name for path in plan.write(tmp_path / "plan")} >= {"plan.csv", "plan.html"}


def test_a_policy_is_loaded() -> None:
    policy = changeover.load_policy("policies/mixture")
    env = changeover.make("tiny")
    observation, _ = env.reset(seed=1)
    rows = policy.decide({name: table[None] for name, table in observation.items()})
    assert observation["action_mask"][rows[0]]


def test_policies_are_evaluated() -> None:
    results = changeover.evaluate("tiny", "EDD,SPT", episodes=2, processes=1)
    assert {"EDD", "SPT"} <= set(results.scenarios["tiny"].policies)

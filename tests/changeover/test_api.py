"""The public face: each function does what its name says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import changeover
from agents.rules.registry import make_rule
from envs.observation.columns import CANDIDATE_INDEX
from evaluation.tuned_parameters import read_tuned
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


def test_a_trained_policy_decides_for_one_environment_as_for_many() -> None:
    policy = changeover.load_policy("policies/mixture")
    observation, _ = changeover.make("tiny").reset(seed=1)
    rows = policy.decide({name: table[None] for name, table in observation.items()})
    row = policy.decide(observation)
    assert np.ndim(row) == 0
    assert row == rows[0]


@pytest.mark.parametrize("name", ["ATCS", "ATCS(k1=2, k2=0.5)", "index"])
def test_policies_are_loaded_by_name(name: str) -> None:
    schedule = changeover.play(name, "tiny", seed=4)
    assert schedule.complete
    assert schedule.seed == 4


def test_rules_have_the_parameters_that_were_tuned_for_the_factory() -> None:
    tuned = read_tuned("microfactory")
    assert tuned is not None
    assert str(changeover.load_policy("ATCS", "microfactory")) == str(tuned.rule("ATCS"))


def test_several_policies_are_not_one() -> None:
    with pytest.raises(ValueError, match="Name one"):
        changeover.load_policy("rules")


def test_an_episode_is_that_of_the_environment() -> None:
    rule = make_rule("EDD")
    env = changeover.make("tiny")
    observation, _ = env.reset(seed=3)
    over = False
    while not over:
        observation, _, terminated, truncated, _ = env.step(rule.decide(observation))
        over = terminated or truncated
    assert changeover.play(rule, "tiny", seed=3) == env.unwrapped.schedule()


def test_choices_are_the_legal_rows_with_names() -> None:
    env = changeover.make("tiny")
    observation, _ = env.reset(seed=1)
    shop = env.unwrapped
    rule = make_rule("ATCS")
    for _ in range(12):
        table = changeover.choices(env)
        assert list(table.index) == np.flatnonzero(observation["action_mask"]).tolist()
        jobs = table[table.action == "start"]
        known = {order.order_id for order in shop.schedule().orders}
        assert set(jobs.order) <= known
        column = CANDIDATE_INDEX["process_time"]
        assert list(table.process_time) == observation["candidates"][table.index, column].tolist()
        assert table.action.iloc[-1] == "wait" or len(jobs) == len(table)
        observation, *_ = env.step(rule.decide(observation))
    with pytest.raises(TypeError, match="choices: env"):
        changeover.choices("tiny")


class FirstRow:
    """Policy of a test, as a notebook defines one."""

    def __init__(self, offset: int = 0) -> None:
        self.offset = offset

    def decide(self, observation: dict[str, Any]) -> Any:
        return observation["action_mask"].argmax(axis=1) + self.offset


def test_classes_and_objects_are_evaluated(tmp_path: Path) -> None:
    entries = {"class": FirstRow, "object": FirstRow(0), "rule": "EDD"}
    results = changeover.evaluate(
        "tiny", entries, episodes=2, versus="ATCS", processes=1, out=tmp_path / "out"
    )
    frame = results.to_frame().set_index("policy")
    assert not frame.failed.notna().any()
    assert frame.total_cost["class"] == frame.total_cost["object"]
    assert set(frame.index) == {"class", "object", "rule", "ATCS"}
    assert (tmp_path / "out" / "report.html").is_file()


def test_two_policies_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two different ones"):
        changeover.evaluate("tiny", [FirstRow, FirstRow(1)], episodes=1)


def test_a_run_is_trained_and_continued(tmp_path: Path) -> None:
    settings = {"scenario.factories": ["tiny"], "learning.total_timesteps": 1024, "seed": 3}
    run = changeover.train(
        "configs/training/smoke.toml", out=tmp_path / "run", settings=settings, compare=False
    )
    assert run.results() is None
    before = run.to_frame()
    longer = changeover.resume(
        tmp_path / "run", settings={"learning.total_timesteps": 3072}, compare=False
    )
    assert longer.to_frame().step.iloc[-1] > before.step.iloc[-1]
    assert "data:image/png" in longer._repr_html_()
    assert str(tmp_path) not in longer._repr_html_()
    assert longer.policy().decide(changeover.make("tiny").reset(seed=1)[0]) >= 0


def test_a_bundle_is_exported(tmp_path: Path) -> None:
    bundle = changeover.export("policies/mixture", tmp_path / "bundle")
    assert bundle.manifest["format"]
    assert (tmp_path / "bundle" / "policy.onnx").is_file()


def test_a_plant_is_checked(tmp_path: Path) -> None:
    factory_file, order_file = write_joinery(tmp_path)
    factory = changeover.load_factory(factory_file)
    orders = changeover.read_orders(order_file, factory, columns=COLUMNS)
    assert "joinery: 16 orders" in repr(changeover.check(factory, orders))


def test_policies_are_evaluated() -> None:
    results = changeover.evaluate("tiny", "EDD,SPT", episodes=2, processes=1)
    assert {"EDD", "SPT"} <= set(results.scenarios["tiny"].policies)

"""The policies that ship with the project: whole, for the present feature tables, and better than
the best rules where they were trained."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from agents.index.policy import IndexPolicy
from agents.network.trained_policy import load_policy
from agents.training.config import read_config
from agents.training.validation import ValidationSuite
from envs.batch import Batch
from envs.observation.tables import as_observation
from evaluation.tuned_parameters import read_tuned
from factory.io.catalogue import find_single_factory
from tests.builders.repository import ROOT

POLICIES = sorted(path.parent for path in (ROOT / "policies").glob("*/manifest.json"))
FACTORIES = ("microfactory", "large", "new_model", "tiny", "one_of_a_kind", "scarce_crew")


@pytest.mark.parametrize("folder", POLICIES, ids=lambda path: path.name)
@pytest.mark.parametrize("factory", FACTORIES)
def test_a_shipped_policy_decides_in_any_factory(folder: Path, factory: str) -> None:
    policy, batch = load_policy(folder), Batch([find_single_factory(factory)], num_envs=3)
    batch.reset(np.arange(3, dtype=np.uint64))
    for _ in range(10):
        rows = policy.decide(as_observation(batch.tables))
        assert batch.tables.action_mask[np.arange(3), rows].all()
        batch.step(rows)


@pytest.mark.parametrize("folder", POLICIES, ids=lambda path: path.name)
def test_a_shipped_policy_says_what_it_is(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    config = read_config(folder / "config.toml")
    assert manifest["factories"] == list(config.scenario.factories)
    assert manifest["seed"] == config.seed
    assert len(manifest["source_hash"]) == 16
    evaluation = json.loads((folder / "evaluation.json").read_text())
    results = evaluation.get("factories", {"": evaluation}).values()
    assert all(result["seed_block"] == "test" and result["verified"] for result in results)


@pytest.mark.parametrize("folder", POLICIES, ids=lambda path: path.name)
def test_a_shipped_policy_beats_the_evolved_index_on_the_default_factory(folder: Path) -> None:
    validation_suite, tuned = ValidationSuite(["microfactory"], 32), read_tuned("microfactory")
    assert tuned is not None
    assert tuned.index is not None
    index = validation_suite.evaluate("microfactory", IndexPolicy(tuned.index.weights))
    policy = validation_suite.evaluate("microfactory", load_policy(folder))
    assert policy.total_cost < index.total_cost


def test_there_are_policies_to_look_at() -> None:
    assert {path.name for path in POLICIES} >= {"microfactory", "mixture"}

"""A policy decides for a factory that it was not trained on only where it beats the rule there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from agents.network.onnx_export import main as export
from agents.rules.registry import make_rule
from factory.io.catalogue import find_single_factory
from scheduler.decisions.bundle_files import BundleError
from scheduler.decisions.loaded_policy import (
    BundleAdmission,
    load_scheduler_policy,
    reload_scheduler_policy,
)
from scheduler.decisions.policy_fit import (
    PolicyFit,
    compare_with_rule,
    describe_fit,
    trained_factories,
)

MICROFACTORY, TINY = find_single_factory("microfactory"), find_single_factory("tiny")
GREEN = find_single_factory("green")
ATCS = make_rule("ATCS")


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bundle of the shipped policy of the default factory."""
    folder = tmp_path_factory.mktemp("fit") / "bundle"
    assert export(["policies/microfactory", str(folder)]) == 0
    return folder


class LastLegal:
    """A policy that takes the last legal row: it waits wherever it can."""

    def decide(self, observation: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
        mask = observation["action_mask"]
        rows = np.arange(mask.shape[1])
        job = observation["candidates"][..., 0] > 0
        legal = np.where(mask & job, rows, -1).max(axis=1)
        return np.where(legal >= 0, legal, np.where(mask, rows, -1).max(axis=1))


def test_the_dearer_one_of_policy_and_rule_is_found() -> None:
    fit = compare_with_rule(LastLegal(), ATCS, MICROFACTORY)
    assert fit.prefers_rule
    turned = compare_with_rule(ATCS, make_rule("LPT"), MICROFACTORY)
    assert not turned.prefers_rule
    assert turned.policy_cost == fit.rule_cost, "the same episodes"


def test_without_demand_nothing_is_compared() -> None:
    lone = MICROFACTORY.model_copy(update={"demand": None})
    fit = compare_with_rule(LastLegal(), ATCS, lone)
    assert fit == PolicyFit(None, None)
    assert not fit.prefers_rule
    assert "without [demand] it cannot be compared" in describe_fit(fit, {}, ATCS, lone)


@pytest.mark.parametrize(
    ("cost", "decides"), [(80.0, "the policy decides"), (120.0, "ATCS decides")]
)
def test_the_note_names_cost_and_decider(cost: float, decides: str) -> None:
    manifest = {"training": {"factories": ["green"]}}
    note = describe_fit(PolicyFit(cost, 100.0), manifest, ATCS, MICROFACTORY)
    assert "was not trained on microfactory, but on green" in note
    assert f"{cost - 100:+.1f}%" in note
    assert note.endswith(f"so {decides}.")


def test_a_policy_decides_for_its_own_factory_without_a_comparison(bundle: Path) -> None:
    loaded = load_scheduler_policy(bundle, MICROFACTORY)
    assert loaded.bundle is not None
    assert loaded.note is None
    assert "microfactory" in trained_factories(loaded.bundle.manifest)


def test_a_foreign_policy_that_is_dearer_gives_way_to_the_rule(bundle: Path) -> None:
    """On ``tiny`` the policy waits where it should start."""
    loaded = load_scheduler_policy(bundle, TINY)
    assert loaded.bundle is None
    assert "was not trained on tiny" in (loaded.fault or "")
    with pytest.raises(BundleError, match="was not trained on tiny"):
        reload_scheduler_policy(bundle, TINY)


def test_a_foreign_policy_that_is_cheaper_decides_and_says_so(bundle: Path) -> None:
    loaded = load_scheduler_policy(bundle, GREEN)
    assert loaded.bundle is not None
    assert "so the policy decides" in (loaded.note or "")


def test_a_log_is_replayed_by_the_policy_that_wrote_it(bundle: Path) -> None:
    assert load_scheduler_policy(bundle, TINY, BundleAdmission(foreign="accept")).bundle is not None


def test_manifests_without_training_name_no_factory() -> None:
    assert trained_factories({}) == trained_factories({"training": 3}) == ()

"""The prior ``atcs``: an untrained network decides exactly like the rule ATCS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agents.index.feature_table import FEATURES
from agents.index.policy import RULE_FALLBACKS, IndexPolicy, atcs_weights
from agents.network.features_compiled import settle_prior
from agents.network.inference import allocate_network_scratch, arrange_weights, greedy_rows
from agents.network.onnx_export import DenseNetwork
from agents.network.packed_tables import PackedTables, decide_greedily, pack_tensors
from agents.network.pointer_network import PointerNetwork
from agents.policy import as_observation
from agents.rules.registry import make_rule
from agents.training.trainer import Trainer
from envs.batch import Batch
from envs.observation.columns import CANDIDATE_INDEX
from envs.seed_splits import episode_seeds
from evaluation.tuned_parameters import tuned_index
from factory.generation.generator import draw_factory
from factory.io.catalogue import find_single_factory
from factory.model import Factory
from tests.builders.loose_factories import with_loose_due_dates
from tests.builders.training_runs import trainer

SHIPPED = ("microfactory", "green", "one_of_a_kind", "unreliable", "scarce_crew", "tiny")
FORBIDDING = (0, 2, 6)
"""Seeds of generated factories; the first and the last meet detours."""


def ten_factories() -> list[Factory]:
    shipped = [find_single_factory(name) for name in SHIPPED]
    generated = [draw_factory(seed) for seed in FORBIDDING]
    return [*shipped, *generated, with_loose_due_dates(shipped[0], 20)]


def start(prior: str) -> PointerNetwork:
    """Return the network that a run with this prior begins with."""
    run = trainer_with(prior)
    settings = run._initial_network()
    return PointerNetwork(
        torch.tensor(settings["prior"]),
        settings["prior_scale"],
        settings["hidden_size"],
        None if settings["fallbacks"] is None else torch.tensor(settings["fallbacks"]),
    )


def trainer_with(prior: str) -> Trainer:
    network: dict[str, Any] = {"network": {"prior": prior}}
    run = trainer(Path("unused"), network)
    if prior == "index":
        index = tuned_index("microfactory")
        assert index is not None
        run._prior = index.weights
    return run


def test_an_untrained_network_with_prior_atcs_decides_like_atcs_in_every_decision() -> None:
    network, rule = start("atcs"), make_rule("ATCS", k1=2, k2=0.5)
    batch = Batch(ten_factories(), num_envs=10)
    tables = batch.reset(episode_seeds("validate", 10))
    wrong, kinds = np.zeros(10, int), set[str]()
    while not batch.over.all():
        observation = as_observation(tables)
        actions = np.asarray(rule.decide(observation))
        wrong += (decide_greedily(network, observation) != actions) & ~batch.over
        kinds |= kinds_of(observation, actions, ~batch.over)
        tables = batch.step(actions, autoreset=False)
    assert not wrong.any(), dict(zip([f.name for f in batch.factories], wrong, strict=True))
    assert kinds == {"job", "detour", "wait"}


def kinds_of(observation: Any, actions: Any, running: Any) -> set[str]:
    rows = observation["candidates"][np.arange(len(actions)), actions][running]
    changes, waits, ready = (
        rows[:, CANDIDATE_INDEX[name]] > 0 for name in ("is_changeover", "is_wait", "family_ready")
    )
    present = {"job": ~changes & ~waits, "wait": waits, "detour": changes & ready}
    return {name for name, rows_of in present.items() if rows_of.any()}


def test_an_untrained_network_with_prior_index_decides_like_the_index() -> None:
    network, index = start("index"), tuned_index("microfactory")
    assert index is not None
    batch = Batch([find_single_factory(name) for name in SHIPPED], num_envs=6)
    tables = batch.reset(episode_seeds("validate", 6))
    while not batch.over.all():
        observation = as_observation(tables)
        actions = np.asarray(index.decide(observation))
        running = ~batch.over
        assert (decide_greedily(network, observation) == actions)[running].all()
        tables = batch.step(actions, autoreset=False)


def some_tables() -> list[Any]:
    """Return observations of ATCS episodes of factories with detours and changeovers ahead."""
    batch = Batch([draw_factory(seed) for seed in FORBIDDING], num_envs=6)
    tables, seen = batch.reset(episode_seeds("tune", 6)), []
    for step in range(200):
        if step % 10 == 0:
            seen.append({name: np.array(part) for name, part in as_observation(tables).items()})
        tables = batch.step(np.asarray(make_rule("ATCS").decide(as_observation(tables))))
    return seen


def test_compiled_torch_and_exported_network_have_the_same_prior() -> None:
    network = start("atcs")
    weights = arrange_weights({n: v.numpy() for n, v in network.state_dict().items()})
    for seen in some_tables():
        tables = [seen[name] for name in ("candidates", "machines", "shop", "action_mask")]
        packed = PackedTables(*tables, network.weights).network_input.prior
        tensors = {name: torch.from_numpy(np.ascontiguousarray(v)) for name, v in seen.items()}
        encoded = network.encode(pack_tensors(tensors)).prior
        torch.testing.assert_close(packed, encoded, rtol=2e-5, atol=2e-4)
        with torch.inference_mode():
            dense, _ = DenseNetwork(network)(*(tensors[name] for name in _NAMES))
        torch.testing.assert_close(dense[tensors["action_mask"] > 0], packed, rtol=1e-6, atol=1e-6)
        scratch = allocate_network_scratch(weights, tables[0].shape[1])
        rows = np.zeros(len(tables[0]), np.int64)
        greedy_rows(weights, scratch, *tables, rows)
        assert rows.tolist() == decide_greedily(network, seen).tolist()


_NAMES = ("candidates", "machines", "shop", "action_mask")


def test_without_fallbacks_the_prior_is_the_index() -> None:
    candidates, mask = np.zeros((2, len(CANDIDATE_INDEX)), np.float32), np.ones(2, np.bool_)
    candidates[1, CANDIDATE_INDEX["is_wait"]] = 1
    prior = np.array([-7.0, -3.0])
    settle_prior(candidates, mask, np.zeros(len(FEATURES) + 3), prior)
    assert prior.tolist() == [-7.0, -3.0]
    weights = np.zeros(len(FEATURES) + 3)
    weights[-3:] = RULE_FALLBACKS
    settle_prior(candidates, mask, weights, prior)
    assert prior.tolist() == [0.0, RULE_FALLBACKS[1]]


def test_a_state_of_a_former_version_has_no_fallbacks() -> None:
    network = start("none")
    state = {name: value for name, value in network.state_dict().items() if name != "fallbacks"}
    other = start("atcs")
    other.load_state_dict(state)
    assert not other.fallbacks.any()


@pytest.mark.parametrize("factor", [1, 1000])
def test_bug_the_index_with_the_weights_of_atcs_starts_jobs_however_loose_their_due_dates(
    factor: float,
) -> None:
    factory = with_loose_due_dates(find_single_factory("microfactory"), factor)
    batch = Batch([factory], num_envs=1)
    tables = batch.reset(episode_seeds("validate", 1))
    index, rule = IndexPolicy(atcs_weights(2.0, 0.5)), make_rule("ATCS", k1=2, k2=0.5)
    for _ in range(400):
        observation = as_observation(tables)
        actions = np.asarray(rule.decide(observation))
        assert np.asarray(index.decide(observation)).tolist() == actions.tolist()
        tables = batch.step(actions)

"""Functions of agents that call compiled code refuse wrong arguments in one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from agents.index.policy import IndexPolicy, atcs_weights
from agents.network.critic_inference import arrange_critic
from agents.network.feature_sizes import PRIOR_WEIGHTS, PRIVILEGED_FEATURES
from agents.network.inference import arrange_weights
from agents.network.packed_tables import PackedTables, decide_greedily
from agents.policy import play
from agents.ppo.sb3_checkpoints import CheckpointPolicy
from agents.ppo.vec_env import EpisodeSchedule, ShopVecEnv
from agents.rules.registry import make_rule
from agents.search.lookahead import LookaheadPolicy
from agents.search.rollout import RolloutPolicy
from tests.builders.exported_bundle import trained_policy, with_critic
from tests.builders.network_calls import compute, evaluate, forward_pass, packed, states
from tests.builders.refused_calls import (
    READ_BY_RULES,
    TINY,
    Entry,
    begun,
    blank_observation,
    cases_of,
    check_callers,
    check_refused,
    nothing,
    wrong_counts,
    wrong_observations,
    wrong_settings,
)
from tests.builders.refused_values import NAN, WRONG_ROWS, WRONG_SEED, WRONG_SEEDS, Call, E, each

# --- objects to call --------------------------------------------------------------------------


def begun_shops() -> ShopVecEnv:
    env = ShopVecEnv([TINY], E)
    env.reset()
    return env


def lookahead() -> LookaheadPolicy:
    policy = LookaheadPolicy(with_critic(), futures=2, horizon=0.5)
    policy.bind(begun())
    return policy


def rollout() -> RolloutPolicy:
    policy = RolloutPolicy(make_rule("ATCS"), futures=2)
    policy.bind(begun())
    return policy


TABLES = blank_observation()
FEWER = {name: table[:1] for name, table in TABLES.items()}
"""An observation of one shop."""


def pack(weights: Any = None, **changed: Any) -> PackedTables:
    """Pack tables, with some of them replaced."""
    if weights is None:
        weights = np.zeros(PRIOR_WEIGHTS)
    return PackedTables(**{**TABLES, **changed}, weights=weights)


WRONG_SEARCH = {
    f"{name}: {value}": {name: value}
    for name in ("horizon", "confidence")
    for value in (NAN, np.inf, "1", True)
}


def make_shops(**given: Any) -> ShopVecEnv:
    return ShopVecEnv([TINY], **{"num_envs": 1, **given})


def make_schedule(**given: Any) -> EpisodeSchedule:
    return EpisodeSchedule(**{"first": 0, "num_factories": 1, **given})


def make_rollout(**given: Any) -> RolloutPolicy:
    return RolloutPolicy(make_rule("ATCS"), **given)


def make_lookahead(**given: Any) -> LookaheadPolicy:
    return LookaheadPolicy(with_critic(), **given)


# --- entry points -----------------------------------------------------------------------------

SEARCH_COUNTS = ("candidates", "futures", "seed")
CONSTRUCTORS = [
    Entry(
        "agents.ppo.vec_env.ShopVecEnv.__init__",
        nothing,
        wrong_counts(make_shops, ("num_envs", "first_episode", "max_decisions")),
    ),
    Entry(
        "agents.ppo.vec_env.EpisodeSchedule.__init__",
        nothing,
        wrong_counts(make_schedule, ("first", "num_factories")),
    ),
    Entry(
        "agents.search.rollout.RolloutPolicy.__init__",
        nothing,
        wrong_counts(make_rollout, SEARCH_COUNTS) | wrong_settings(make_rollout, WRONG_SEARCH),
    ),
    Entry(
        "agents.search.lookahead.LookaheadPolicy.__init__",
        nothing,
        wrong_counts(make_lookahead, SEARCH_COUNTS)
        | wrong_settings(
            make_lookahead,
            {**WRONG_SEARCH, "min_probability: nan": {"min_probability": NAN}},
        ),
    ),
]

ENTRIES = [
    *CONSTRUCTORS,
    Entry(
        "agents.ppo.vec_env.ShopVecEnv.step_async",
        begun_shops,
        each(WRONG_ROWS, lambda env, rows: env.step_async(rows)),
    ),
    Entry(
        "agents.ppo.vec_env.ShopVecEnv.advance",
        begun_shops,
        each(WRONG_ROWS, lambda env, rows: env.advance(rows)),
    ),
    Entry(
        "agents.ppo.vec_env.ShopVecEnv.reset_done",
        begun_shops,
        each(
            {"too many": [True] * (E + 1), "numbers": [1] * E, "a scalar": True, "indices": [0]},
            lambda env, over: env.reset_done(over),
        ),
    ),
    Entry(
        "agents.ppo.vec_env.ShopVecEnv.seed",
        begun_shops,
        each(WRONG_SEED, lambda env, seed: env.seed(seed)),
    ),
    Entry(
        "agents.rules.registry.Rule.decide",
        lambda: make_rule("ATCS"),
        wrong_observations(lambda rule, seen: rule.decide(seen), READ_BY_RULES),
    ),
    Entry(
        "agents.index.policy.IndexPolicy.decide",
        lambda: IndexPolicy(atcs_weights(2, 0.5)),
        wrong_observations(lambda index, seen: index.decide(seen), READ_BY_RULES),
    ),
    Entry(
        "agents.index.policy.IndexPolicy.__init__",
        nothing,
        each(
            {"not finite": {"value": NAN}, "a text": {"value": "1"}, "a boolean": {"value": True}},
            lambda _, weights: IndexPolicy(weights),
        ),
    ),
    Entry(
        "agents.network.trained_policy.TrainedPolicy.decide",
        trained_policy,
        wrong_observations(lambda policy, seen: policy.decide(seen)),
    ),
    Entry(
        "agents.ppo.sb3_checkpoints.CheckpointPolicy.decide",
        lambda: CheckpointPolicy(object()),
        wrong_observations(lambda policy, seen: policy.decide(seen)),
    ),
    Entry(
        "agents.network.packed_tables.decide_greedily",
        trained_policy,
        wrong_observations(lambda policy, seen: decide_greedily(policy.network, seen)),
    ),
    Entry(
        "agents.network.packed_tables.PackedTables.__init__",
        lambda: TABLES,
        {
            "machines too few": lambda tables: pack(machines=tables["machines"][1:]),
            "columns too few": lambda tables: pack(candidates=tables["candidates"][..., 1:]),
            "rows too few": lambda tables: pack(candidates=tables["candidates"][:, 1:]),
            "integers": lambda tables: pack(shop=tables["shop"].astype(np.int64)),
            "weights too few": lambda tables: pack(np.zeros(3)),
            "weights that are not finite": lambda tables: pack(np.full(PRIOR_WEIGHTS, NAN)),
        },
    ),
    Entry(
        "agents.network.packed_tables.PackedTables.to_actions",
        packed,
        each(
            WRONG_ROWS | {"a row beyond": [0, 10**6, 0], "a negative row": [0, -1, 0]},
            lambda tables, chosen: tables.to_actions(chosen),
        ),
    ),
    Entry(
        "agents.search.lookahead.LookaheadPolicy.decide",
        lookahead,
        wrong_observations(lambda policy, seen: policy.decide(seen))
        | {
            "an observation of fewer shops": lambda policy: policy.decide(FEWER),
        },
    ),
    Entry(
        "agents.search.lookahead.LookaheadPolicy.rewards",
        lookahead,
        {
            "an environment beyond": lambda policy: policy.rewards(E, np.zeros(1, np.int64)),
            "a fraction for an environment": lambda policy: policy.rewards(
                0.5, np.zeros(1, np.int64)
            ),
            "a row beyond": lambda policy: policy.rewards(0, np.array([10**6])),
            "a negative row": lambda policy: policy.rewards(0, np.array([-1])),
            "fractions": lambda policy: policy.rewards(0, np.array([0.5])),
            "a scalar": lambda policy: policy.rewards(0, 3.5),
        },
    ),
    Entry(
        "agents.search.rollout.RolloutPolicy.decide",
        rollout,
        wrong_observations(lambda policy, seen: policy.decide(seen), READ_BY_RULES)
        | {
            "an observation of fewer shops": lambda policy: policy.decide(FEWER),
        },
    ),
    Entry(
        "agents.network.cpu_training.autograd.ForwardPass.compute",
        forward_pass,
        {
            "columns too few": lambda thing: compute(
                thing, rows=thing[1].network_input.rows[:, 1:]
            ),
            "rows too few": lambda thing: compute(thing, rows=thing[1].network_input.rows[1:]),
            "in double precision": lambda thing: compute(
                thing, rows=thing[1].network_input.rows.double()
            ),
            "priors too few": lambda thing: compute(thing, prior=thing[1].network_input.prior[1:]),
            "machines too few": lambda thing: compute(
                thing, machines=thing[1].network_input.machines[1:]
            ),
            "machines without an axis": lambda thing: compute(
                thing, machines=thing[1].network_input.machines[:, 0]
            ),
            "shop of other columns": lambda thing: compute(
                thing, shop=thing[1].network_input.shop[:, 1:]
            ),
            "privileged too few": lambda thing: compute(
                thing, privileged=np.zeros((E - 1, PRIVILEGED_FEATURES), np.float32)
            ),
            "first too short": lambda thing: compute(thing, first=thing[1].first[1:]),
            "first beyond": lambda thing: compute(thing, first=thing[1].first + 1),
            "first that decreases": lambda thing: compute(
                thing, first=np.array([0, thing[1].first[-1], 0, thing[1].first[-1]])
            ),
            "first of floats": lambda thing: compute(
                thing, first=thing[1].first.astype(np.float64)
            ),
        },
    ),
    Entry(
        "agents.network.cpu_training.autograd.evaluate_actions",
        packed,
        {
            "a row beyond": lambda thing: evaluate(thing, chosen=np.full(E, 10**6)),
            "a negative row": lambda thing: evaluate(thing, chosen=np.full(E, -1)),
            "another decision's row": lambda thing: evaluate(thing, chosen=np.zeros(E, np.int64)),
            "fractions": lambda thing: evaluate(thing, chosen=np.full(E, 0.5)),
            "first beyond": lambda thing: evaluate(thing, first=np.arange(E + 1) * 10**6),
        },
    ),
    Entry(
        "agents.network.inference.arrange_weights",
        nothing,
        {
            "a layer of another shape": lambda _: arrange_weights(
                {**states()[0], "row_part.weight": np.zeros((3, 3), np.float32)}
            ),
            "a layer missing": lambda _: arrange_weights(
                {name: value for name, value in states()[0].items() if name != "row_part.weight"}
            ),
        },
    ),
    Entry(
        "agents.network.critic_inference.arrange_critic",
        nothing,
        {
            "a layer of another shape": lambda _: arrange_critic(
                states()[0], {**states()[1], "layers.2.weight": np.zeros((3, 3), np.float32)}
            ),
            "a first layer of other inputs": lambda _: arrange_critic(
                states()[0], {**states()[1], "layers.0.weight": np.zeros((64, 5), np.float32)}
            ),
            "a layer missing": lambda _: arrange_critic(
                states()[0],
                {name: value for name, value in states()[1].items() if name != "layers.4.bias"},
            ),
        },
    ),
    Entry(
        "agents.policy.play",
        begun,
        each(WRONG_SEEDS, lambda batch, seeds: play(batch, make_rule("ATCS"), seeds)),
    ),
]

NEED_NO_CASE = {
    "agents.network.inference.greedy_decider": "decides on observations of a batch",
    "agents.policy_improvement.distillation.TeacherEnsemble.play": (
        "plays its own batch; its only number is checked by episode_seeds"
    ),
    "agents.ppo.rollout_buffer.RaggedRolloutBuffer._batch_of": "takes numbers that get() has drawn",
    "agents.ppo.rollout_buffer.RaggedRolloutBuffer.finish": (
        "reads columns that the buffer has allocated"
    ),
    "agents.ppo.rollout_collector.RolloutCollector._draw": (
        "reads what its own tables and network gave"
    ),
    "agents.policy_improvement.lookahead_targets.SearchTargetGenerator._play": (
        "reads its own batch"
    ),
    "agents.network.cpu_training.autograd._ActionFunction.backward": (
        "gets what evaluate_actions has checked"
    ),
    "agents.network.cpu_training.autograd._ActionFunction.forward": (
        "gets what evaluate_actions has checked"
    ),
    "agents.network.critic_features.CriticFeatures.update": "reads its own batch",
    "agents.network.cpu_training.autograd._PartPass.backward": (
        "gets what ForwardPass.compute has checked, and gradients from torch, of its shapes"
    ),
    "agents.search.rollout.RolloutPolicy._choose": "gets what decide has checked",
    "agents.search.rollout.RolloutPolicy._find_candidates": "gets what decide has checked",
    "agents.solver.foresight.clairvoyant_state.FutureReader._is_reworked": (
        "draws one number by a key; no array is read"
    ),
    "agents.solver.foresight.clairvoyant_state.FutureReader.attempt_times": (
        "draws one number by a key; no array is read"
    ),
    "agents.solver.known_state.KnownReader.material_date": (
        "gets the factory's number from the shop itself"
    ),
    "agents.solver.expected_shop.ExpectedShop._expect_machines": "reads its own batch",
    "agents.solver.expected_shop.ExpectedShop.expect": "reads its own batch",
    "agents.solver.expected_shop.ExpectedShop.run": (
        "takes rows of policies, which Batch.step checks as they are carried out"
    ),
}
"""Callers of compiled functions that need no case above, with the reason."""


@pytest.mark.parametrize(("make", "call"), cases_of(ENTRIES))
def test_bug_wrong_arguments_are_refused_before_compiled_code(
    make: Callable[[], Any], call: Call
) -> None:
    check_refused(make, call)


def test_every_caller_of_a_compiled_function_in_agents_is_checked_or_excused() -> None:
    check_callers(["agents"], {entry.name for entry in ENTRIES}, NEED_NO_CASE)

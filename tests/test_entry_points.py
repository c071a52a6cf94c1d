"""Every way from Python into compiled code refuses what does not fit, in the house's words, before
a compiled function is reached."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agents.index.features import FEATURES
from agents.index.policy import IndexPolicy, atcs_weights
from agents.network.cpu_training.autograd import (
    ActionBatch,
    CpuForwardBackward,
    CriticInput,
    ForwardPass,
    evaluate_actions,
)
from agents.network.critic_features import PRIVILEGED_FEATURES
from agents.network.critic_inference import arrange_critic
from agents.network.inference import allocate_network_scratch, arrange_weights
from agents.network.packed_tables import PackedTables, decide_greedily
from agents.network.pointer_network import Critic
from agents.network.trained_policy import TrainedPolicy
from agents.policy import as_observation, play
from agents.ppo.sb3_checkpoints import CheckpointPolicy
from agents.ppo.vec_env import EpisodeSchedule, ShopVecEnv
from agents.rules.registry import make_rule
from agents.search.lookahead import LookaheadPolicy
from agents.search.rollout import RolloutPolicy
from envs.batch import Batch
from envs.env import ChangeoverEnv
from envs.seed_splits import episode_seeds
from envs.vector_env import ChangeoverVectorEnv
from evaluation.runner.foresight_audit import change_future
from evaluation.runner.scenarios import find_scenarios
from evaluation.tuning.objective import Objective
from factory.instances.job_streams import draw_dynamic_shop
from factory.io.catalogue import find_single_factory
from factory.simulator import Simulator
from tests.builders.entry_points import CALLERS, KernelReachedError, fingerprint, no_kernel
from tests.builders.exported_bundle import trained_policy
from tests.builders.refused_values import (
    NAN,
    WRONG_COUNT,
    WRONG_FACTORIES,
    WRONG_ROW,
    WRONG_ROWS,
    WRONG_SEED,
    WRONG_SEEDS,
    Call,
    E,
    altered,
    each,
)

TINY = find_single_factory("tiny")


@dataclass(frozen=True)
class Entry:
    """A way in, what it needs, and calls that must be refused."""

    name: str
    make: Callable[[], Any]
    wrong: dict[str, Call]


READ_BY_RULES = ("candidates", "shop", "action_mask")


def wrong_observations(
    call: Callable[[Any, Any], Any], read: tuple[str, ...] = (*READ_BY_RULES, "machines")
) -> dict[str, Call]:
    """A refused call for each wrong observation of the shapes of :func:`begun`, as far as a policy
    reads it."""
    tables = {name: table for name, table in blank_observation().items() if name in read}
    found = each(dict(altered(tables)), call)
    found["nothing"] = lambda thing: call(thing, None)
    found["a list"] = lambda thing: call(thing, [1, 2])
    return found


# --- what is there to call --------------------------------------------------------------------


def begun() -> Batch:
    batch = Batch([TINY], num_envs=E)
    batch.reset(np.arange(E, dtype=np.uint64))
    return batch


def blank_observation() -> dict[str, Any]:
    """An observation of the shapes of :func:`begun`, in which each shop may choose its first
    row."""
    tables = as_observation(Batch([TINY], num_envs=E).tables)
    tables["action_mask"][:, 0] = 1
    return tables


def begun_env() -> ChangeoverEnv:
    env = ChangeoverEnv("tiny")
    env.reset(seed=1)
    return env


def begun_vector() -> ChangeoverVectorEnv:
    env = ChangeoverVectorEnv("tiny", E)
    env.reset(seed=1)
    return env


def begun_shops() -> ShopVecEnv:
    env = ShopVecEnv([TINY], E)
    env.reset()
    return env


def begun_simulator() -> Simulator:
    simulator = Simulator(TINY)
    simulator.reset(1)
    return simulator


def with_critic() -> TrainedPolicy:
    policy = trained_policy()
    return TrainedPolicy(policy.network, Critic(policy.network))


def ahead() -> LookaheadPolicy:
    policy = LookaheadPolicy(with_critic(), futures=2, horizon=0.5)
    policy.bind(begun())
    return policy


def rollout() -> RolloutPolicy:
    policy = RolloutPolicy(make_rule("ATCS"), futures=2)
    policy.bind(begun())
    return policy


def packed() -> PackedTables:
    tables = begun().tables
    return PackedTables(
        tables.candidates,
        tables.machines,
        tables.shop,
        tables.action_mask,
        trained_policy().network.weights,
    )


def objective() -> Objective:
    return Objective(find_scenarios(["tiny"])[0], "tune", 0, 2)


@cache
def states() -> tuple[dict[str, Any], dict[str, Any]]:
    """Weights of a network and of its critic."""
    policy = with_critic()
    assert policy.critic is not None
    network, critic = (
        {name: value.numpy() for name, value in part.state_dict().items()}
        for part in (policy.network, policy.critic)
    )
    return network, critic


def looker() -> tuple[ForwardPass, PackedTables]:
    policy = with_critic()
    assert policy.critic is not None
    return ForwardPass(CpuForwardBackward(policy.network, policy.critic, map).layers), packed()


def look(thing: tuple[ForwardPass, PackedTables], **changed: Any) -> Any:
    """Look at the tables, with some of what is read replaced."""
    tables = thing[1]
    network_input = tables.network_input._replace(
        **{
            name: torch.as_tensor(changed.pop(name))
            for name in [*changed]
            if name in tables.network_input._fields
        }
    )
    given = {
        "privileged": np.zeros((E, PRIVILEGED_FEATURES), np.float32),
        "first": tables.first,
        **changed,
    }
    return thing[0].look(network_input, given["privileged"], given["first"])


def judge(tables: PackedTables, chosen: Any = None, first: Any = None) -> Any:
    """Judge the first row of each decision, or what is given instead."""
    begins, privileged = (
        torch.from_numpy(tables.first if first is None else first),
        torch.zeros((E, PRIVILEGED_FEATURES)),
    )
    part = ActionBatch(
        CriticInput(tables.network_input, privileged, begins),
        torch.from_numpy(tables.first[:-1] if chosen is None else chosen),
    )
    return evaluate_actions(torch.zeros(len(part.read.network_input.rows)), [part])


def constructors() -> dict[str, tuple[Callable[..., Any], tuple[str, ...]]]:
    """Constructors and their arguments that count something."""
    envs = ("num_orders", "job_rows", "changeover_rows", "last_date", "max_decisions")
    batch = (
        "num_envs",
        "job_rows",
        "changeover_rows",
        "machine_rows",
        "last_date",
        "max_decisions",
        "num_tables",
        "log_length",
    )
    return {
        "envs.env.ChangeoverEnv.__init__": (lambda **given: ChangeoverEnv("tiny", **given), envs),
        "envs.vector_env.ChangeoverVectorEnv.__init__": (
            lambda **given: ChangeoverVectorEnv("tiny", **given),
            ("num_envs", *envs),
        ),
        "envs.batch.Batch.__init__": (
            lambda **given: Batch([TINY], **{"num_envs": 1, **given}),
            batch,
        ),
        "agents.ppo.vec_env.ShopVecEnv.__init__": (
            lambda **given: ShopVecEnv([TINY], **{"num_envs": 1, **given}),
            ("num_envs", "first_episode", "max_decisions"),
        ),
        "agents.ppo.vec_env.EpisodeSchedule.__init__": (
            lambda **given: EpisodeSchedule(**{"first": 0, "num_factories": 1, **given}),
            ("first", "num_factories"),
        ),
        "factory.simulator.Simulator.__init__": (
            lambda **given: Simulator(TINY, **given),
            ("job_rows", "changeover_rows"),
        ),
        "envs.seed_splits.episode_seeds": (
            lambda **given: episode_seeds("test", **{"count": 1, **given}),
            ("count", "start"),
        ),
        "agents.search.rollout.RolloutPolicy.__init__": (
            lambda **given: RolloutPolicy(make_rule("ATCS"), **given),
            ("candidates", "futures", "seed"),
        ),
        "agents.search.lookahead.LookaheadPolicy.__init__": (
            lambda **given: LookaheadPolicy(with_critic(), **given),
            ("candidates", "futures", "seed"),
        ),
    }


def constructor_entries() -> list[Entry]:
    return [
        Entry(name, lambda: None, {
            f"{argument}: {what}": lambda _, make=make, argument=argument, value=value: make(**{argument: value})
            for argument in arguments for what, value in WRONG_COUNT.items()
        })
        for name, (make, arguments) in constructors().items()
    ]  # fmt: skip


def settings_entries() -> list[Entry]:
    """Arguments of constructors that are no counts."""
    dtypes = {
        f"dtype: {what}": {"dtype": what} for what in (np.int32, np.float16, np.bool_, "text", None)
    }
    numbers = {
        f"{name}: {value}": {name: value}
        for name in ("horizon", "confidence")
        for value in (NAN, np.inf, "1", True)
    }  # fmt: skip
    scenario = {"factory: 5": {"factory": 5}, "order_book: 5": {"order_book": 5}}
    of_env = {**dtypes, **scenario, "illegal_actions: no": {"illegal_actions": "no"}}
    of_vector = {**of_env, "draw_factory: 1": {"draw_factory": 1}, "copy: 1": {"copy": 1}}
    least = {"min_probability: nan": {"min_probability": NAN}}
    made: dict[str, tuple[Callable[..., Any], dict[str, dict[str, Any]]]] = {
        "envs.env.ChangeoverEnv.__init__": (
            lambda **given: ChangeoverEnv(**{"factory": "tiny", **given}),
            of_env,
        ),
        "envs.vector_env.ChangeoverVectorEnv.__init__": (
            lambda **given: ChangeoverVectorEnv(**{"factory": "tiny", **given}),
            of_vector,
        ),
        "envs.batch.Batch.__init__": (lambda **given: Batch([TINY], num_envs=1, **given), dtypes),
        "agents.search.rollout.RolloutPolicy.__init__": (
            lambda **given: RolloutPolicy(make_rule("ATCS"), **given),
            numbers,
        ),
        "agents.search.lookahead.LookaheadPolicy.__init__": (
            lambda **given: LookaheadPolicy(with_critic(), **given),
            numbers | least,
        ),
    }
    return [
        Entry(name, lambda: None, {what: lambda _, make=make, one=one: make(**one) for what, one in given.items()})
        for name, (make, given) in made.items()
    ]  # fmt: skip


def first_of(batch: Batch) -> np.ndarray:
    return batch.tables.action_mask.argmax(axis=1)


def options_of(**options: Any) -> dict[str, Any]:
    return {"options": options}


WRONG_OPTIONS: dict[str, dict[str, Any]] = {
    "no dictionary": {"options": 5},
    "an unknown key": options_of(orders=5),
    "an unknown factory": options_of(factory="no such factory"),
    "a factory of another shape": options_of(factory="large"),
    "a factory that is a number": options_of(factory=5),
    "a book that is a number": options_of(order_book=5),
    "too many orders": options_of(num_orders=200_000),
    **{f"orders: {what}": options_of(num_orders=value) for what, value in WRONG_COUNT.items()},
}

STREAM = {"seed": 1, "utilisation": 0.8, "due_date_factor": 4.0, "num_jobs": 2}
TABLES = blank_observation()
FEWER = {name: table[:1] for name, table in TABLES.items()}
"""An observation of one shop."""


def pack(weights: Any = None, **changed: Any) -> PackedTables:
    """Pack tables, with some of them replaced."""
    return PackedTables(
        **{**TABLES, **changed}, weights=np.zeros(len(FEATURES)) if weights is None else weights
    )


ENTRIES = [
    *constructor_entries(),
    *settings_entries(),
    Entry("envs.env.ChangeoverEnv.step", begun_env, each(WRONG_ROW, lambda env, row: env.step(row))),
    Entry("envs.env.ChangeoverEnv.reset", begun_env, each(WRONG_SEED, lambda env, seed: env.reset(seed=seed))),
    Entry("envs.env.ChangeoverEnv.reset", begun_env, each(WRONG_OPTIONS, lambda env, given: env.reset(seed=1, **given))),
    Entry("envs.env.ChangeoverEnv.reset", begun_env, each(WRONG_OPTIONS, lambda env, given: env.reset(**given))),
    Entry("envs.vector_env.ChangeoverVectorEnv.step", begun_vector, each(WRONG_ROWS, lambda env, rows: env.step(rows))),
    Entry("envs.vector_env.ChangeoverVectorEnv.reset", begun_vector, each(WRONG_SEED | WRONG_SEEDS, lambda env, seed: env.reset(seed=seed))),
    Entry("envs.vector_env.ChangeoverVectorEnv.reset", begun_vector, each(
        {what: {"factory_index": value} for what, value in WRONG_FACTORIES.items()} | {"unknown": {"factory": "tiny"}, "a number": 5},
        lambda env, options: env.reset(seed=1, options=options),
    )),
    Entry("envs.batch.Batch.step", begun, each(WRONG_ROWS, lambda batch, rows: batch.step(rows))),
    Entry("envs.batch.Batch.step", begun, each(WRONG_ROWS, lambda batch, rows: batch.step(rows, autoreset=False))),
    Entry("envs.batch.Batch.reset", begun, each(WRONG_SEEDS, lambda batch, seeds: batch.reset(seeds))),
    Entry("envs.batch.Batch.reset", begun, each(WRONG_FACTORIES, lambda batch, factories: batch.reset(np.arange(E), factories))),
    Entry("envs.batch.Batch.restart", begun, each(
        {"too few": [True], "numbers": [1, 0, 1], "indices": [0], "a text": "yes", "nothing": None},
        lambda batch, chosen: batch.restart(chosen, [1], [0]),
    ) | {
        "a seed too few": lambda batch: batch.restart(np.ones(E, np.bool_), [1, 2], [0, 0, 0]),
        "a negative seed": lambda batch: batch.restart(np.ones(E, np.bool_), [1, 2, -3], [0, 0, 0]),
        "a factory too few": lambda batch: batch.restart(np.ones(E, np.bool_), [1, 2, 3], [0]),
        "a factory beyond": lambda batch: batch.restart(np.ones(E, np.bool_), [1, 2, 3], [0, 7, 0]),
    }),
    Entry("agents.ppo.vec_env.ShopVecEnv.step_async", begun_shops, each(WRONG_ROWS, lambda env, rows: env.step_async(rows))),
    Entry("agents.ppo.vec_env.ShopVecEnv.advance", begun_shops, each(WRONG_ROWS, lambda env, rows: env.advance(rows))),
    Entry("agents.ppo.vec_env.ShopVecEnv.reset_done", begun_shops, each(
        {"too many": [True] * (E + 1), "numbers": [1] * E, "a scalar": True, "indices": [0]}, lambda env, over: env.reset_done(over)
    )),
    Entry("agents.ppo.vec_env.ShopVecEnv.seed", begun_shops, each(WRONG_SEED, lambda env, seed: env.seed(seed))),
    Entry("factory.simulator.Simulator.decide", begun_simulator, each(WRONG_ROW, lambda simulator, row: simulator.decide(row))),
    Entry("factory.simulator.Simulator.reset", begun_simulator, each(WRONG_SEED, lambda simulator, seed: simulator.reset(seed))),
    Entry("factory.instances.job_streams.draw_dynamic_shop", lambda: None, {
        f"{name}: {what}": lambda _, name=name, value=value: draw_dynamic_shop(**{**STREAM, name: value})
        for name, wrong in {
            "seed": WRONG_SEED, "num_jobs": WRONG_COUNT, "ticks_per_unit": WRONG_COUNT,
            "operations": {"fractions": (2.5, 10), "one": (2,), "texts": "25", "beyond": (2, 11)},
            "due_date_factor": {"not finite": np.inf, "a text": "4"}, "utilisation": {"not finite": NAN, "a text": "0.8"},
        }.items() for what, value in wrong.items()
    }),
    Entry("agents.rules.registry.Rule.decide", lambda: make_rule("ATCS"), wrong_observations(lambda rule, seen: rule.decide(seen), READ_BY_RULES)),
    Entry("agents.index.policy.IndexPolicy.decide", lambda: IndexPolicy(atcs_weights(2, 0.5)), wrong_observations(
        lambda index, seen: index.decide(seen), READ_BY_RULES
    )),
    Entry("agents.index.policy.IndexPolicy.__init__", lambda: None, each(
        {"not finite": {"value": NAN}, "a text": {"value": "1"}, "a boolean": {"value": True}}, lambda _, weights: IndexPolicy(weights)
    )),
    Entry("agents.network.trained_policy.TrainedPolicy.decide", trained_policy, wrong_observations(lambda policy, seen: policy.decide(seen))),
    Entry("agents.ppo.sb3_checkpoints.CheckpointPolicy.decide", lambda: CheckpointPolicy(object()),
          wrong_observations(lambda policy, seen: policy.decide(seen))),
    Entry("agents.network.packed_tables.decide_greedily", trained_policy, wrong_observations(lambda policy, seen: decide_greedily(policy.network, seen))),
    Entry("agents.network.packed_tables.PackedTables.__init__", lambda: TABLES, {
        "machines too few": lambda tables: pack(machines=tables["machines"][1:]),
        "columns too few": lambda tables: pack(candidates=tables["candidates"][..., 1:]),
        "rows too few": lambda tables: pack(candidates=tables["candidates"][:, 1:]),
        "integers": lambda tables: pack(shop=tables["shop"].astype(np.int64)),
        "weights too few": lambda tables: pack(np.zeros(3)),
        "weights that are not finite": lambda tables: pack(np.full(len(FEATURES), NAN)),
    }),
    Entry("agents.network.packed_tables.PackedTables.to_actions", packed, each(
        WRONG_ROWS | {"a place beyond": [0, 10**6, 0], "a negative place": [0, -1, 0]}, lambda tables, chosen: tables.to_actions(chosen)
    )),
    Entry("agents.search.lookahead.LookaheadPolicy.decide", ahead, wrong_observations(lambda policy, seen: policy.decide(seen)) | {
        "of fewer shops": lambda policy: policy.decide(FEWER),
    }),
    Entry("agents.search.lookahead.LookaheadPolicy.rewards", ahead, {
        "an environment beyond": lambda policy: policy.rewards(E, np.zeros(1, np.int64)),
        "a fraction for an environment": lambda policy: policy.rewards(0.5, np.zeros(1, np.int64)),
        "a row beyond": lambda policy: policy.rewards(0, np.array([10**6])),
        "a negative row": lambda policy: policy.rewards(0, np.array([-1])),
        "fractions": lambda policy: policy.rewards(0, np.array([0.5])),
        "a scalar": lambda policy: policy.rewards(0, 3.5),
    }),
    Entry("agents.search.rollout.RolloutPolicy.decide", rollout, wrong_observations(lambda policy, seen: policy.decide(seen), READ_BY_RULES) | {
        "of fewer shops": lambda policy: policy.decide(FEWER),
    }),
    Entry("agents.network.cpu_training.autograd.ForwardPass.compute", looker, {
        "columns too few": lambda thing: look(thing, rows=thing[1].network_input.rows[:, 1:]),
        "rows too few": lambda thing: look(thing, rows=thing[1].network_input.rows[1:]),
        "in double precision": lambda thing: look(thing, rows=thing[1].network_input.rows.double()),
        "priors too few": lambda thing: look(thing, prior=thing[1].network_input.prior[1:]),
        "machines too few": lambda thing: look(thing, machines=thing[1].network_input.machines[1:]),
        "machines without an axis": lambda thing: look(thing, machines=thing[1].network_input.machines[:, 0]),
        "shop of other columns": lambda thing: look(thing, shop=thing[1].network_input.shop[:, 1:]),
        "privileged too few": lambda thing: look(thing, privileged=np.zeros((E - 1, PRIVILEGED_FEATURES), np.float32)),
        "first too short": lambda thing: look(thing, first=thing[1].first[1:]),
        "first beyond": lambda thing: look(thing, first=thing[1].first + 1),
        "first that falls": lambda thing: look(thing, first=np.array([0, thing[1].first[-1], 0, thing[1].first[-1]])),
        "first of floats": lambda thing: look(thing, first=thing[1].first.astype(np.float64)),
    }),
    Entry("agents.network.cpu_training.autograd.evaluate_actions", packed, {
        "a row beyond": lambda thing: judge(thing, chosen=np.full(E, 10**6)),
        "a negative row": lambda thing: judge(thing, chosen=np.full(E, -1)),
        "another decision's row": lambda thing: judge(thing, chosen=np.zeros(E, np.int64)),
        "fractions": lambda thing: judge(thing, chosen=np.full(E, 0.5)),
        "first beyond": lambda thing: judge(thing, first=np.arange(E + 1) * 10**6),
    }),
    Entry("agents.network.inference.arrange_weights", lambda: None, {
        "a layer of another shape": lambda _: arrange_weights({**states()[0], "row_part.weight": np.zeros((3, 3), np.float32)}),
        "a layer missing": lambda _: arrange_weights({name: value for name, value in states()[0].items() if name != "row_part.weight"}),
    }),
    Entry("agents.network.critic_inference.arrange_critic", lambda: None, {
        "a layer of another shape": lambda _: arrange_critic(states()[0], {**states()[1], "layers.2.weight": np.zeros((3, 3), np.float32)}),
        "a first layer of other inputs": lambda _: arrange_critic(states()[0], {**states()[1], "layers.0.weight": np.zeros((64, 5), np.float32)}),
        "a layer missing": lambda _: arrange_critic(states()[0], {name: value for name, value in states()[1].items() if name != "layers.4.bias"}),
    }),
    Entry("agents.policy.play", begun, each(WRONG_SEEDS, lambda batch, seeds: play(batch, make_rule("ATCS"), seeds))),
    Entry("evaluation.tuning.objective.Objective.play_index", objective, each(
        {"too few": np.zeros(3), "a column": np.zeros((len(FEATURES), 1)), "a scalar": 1.0}
        | {"not finite": np.full(len(FEATURES), NAN), "texts": ["1"] * len(FEATURES)},
        lambda thing, weights: thing.play_index(weights),
    )),
    Entry("evaluation.runner.foresight_audit.change_future", begun, {
        "another factory": lambda batch: change_future(batch, Batch([find_single_factory("green")], num_envs=E)),
        "more shops": lambda batch: change_future(batch, Batch([TINY], num_envs=E + 1)),
        "other rows": lambda batch: change_future(batch, Batch([TINY], num_envs=E, job_rows=3)),
    }),
]  # fmt: skip
"""Ways in, each with calls that must be refused."""

CASES = [
    pytest.param(entry.make, call, id=f"{entry.name}: {what}")
    for entry in ENTRIES
    for what, call in entry.wrong.items()
]


def check_refused(make: Callable[[], Any], call: Call) -> None:
    """A call raises one line with place, value, rule and remedy, reaches no compiled function and
    changes nothing."""
    from scheduler.plans.planner import PlanError

    thing = make()
    before = fingerprint(thing)
    with no_kernel(), pytest.raises((TypeError, ValueError, PlanError)) as refusal:
        call(thing)
    message = str(refusal.value)
    assert re.fullmatch(r"[^\n;]+; [^\n]+\. [^\n]+\.", message), message
    assert len(message) < 500
    assert fingerprint(thing) == before


@pytest.mark.parametrize(("make", "call"), CASES)
def test_bug_what_does_not_fit_is_refused_before_compiled_code_sees_it(
    make: Callable[[], Any], call: Call
) -> None:
    check_refused(make, call)


# --- the scheduler's, which need an extra -----------------------------------------------------


def scheduler_entries(bundle_folder: Path) -> list[Entry]:
    from scheduler.decisions.bundle import Bundle
    from scheduler.decisions.decider import Decider
    from scheduler.floor.floor import ShopFloor, take_snapshot
    from scheduler.plans.planner import Planner
    from scheduler.simulated_plant import simulate

    rule, bundle = make_rule("ATCS"), Bundle(bundle_folder)
    factory = find_single_factory("microfactory")
    snapshot = take_snapshot(ShopFloor(factory), simulate(factory, rule, 5, 60), 0)

    def floor() -> ShopFloor:
        made = ShopFloor(factory)
        made.place(snapshot)
        made.ask()
        return made

    def planner() -> Planner:
        return Planner(Decider(ShopFloor(factory), None, rule))

    small = allocate_network_scratch(bundle.weights, 1)
    return [
        Entry("scheduler.decisions.bundle.Bundle.decide", lambda: bundle, wrong_observations(lambda thing, seen: thing.decide(seen))),
        Entry("scheduler.decisions.bundle.Bundle.look", lambda: bundle, wrong_observations(lambda thing, seen: thing.look(seen))),
        Entry("scheduler.decisions.bundle.Bundle.memory", lambda: bundle, each(WRONG_COUNT, lambda thing, rows: thing.memory(rows))),
        Entry("scheduler.floor.floor.ShopFloor.carry_out", floor, each(WRONG_ROW, lambda thing, row: thing.carry_out(row))),
        Entry("scheduler.floor.floor.ShopFloor.describe", floor, each(WRONG_COUNT | {"beyond": 10**6}, lambda thing, row: thing.describe(0, row))),
        Entry("scheduler.floor.floor.ShopFloor.describe", floor, each(WRONG_COUNT | {"beyond": 10**6}, lambda thing, machine: thing.describe(machine, 0))),
        Entry("scheduler.floor.floor.ShopFloor.ask_network", floor, {
            "memory too small": lambda thing: thing.ask_network(bundle.weights, small),
            "no memory": lambda thing: thing.ask_network(bundle.weights, None),
            "no weights": lambda thing: thing.ask_network(None, bundle.memory(100)),
        }),
        Entry("scheduler.plans.planner.Planner.plan", planner, each(
            WRONG_COUNT | {"beyond": 65}, lambda thing, futures: thing.plan(snapshot, futures=futures)
        )),
        Entry("scheduler.plans.planner.Planner.plan", planner, each(WRONG_SEED, lambda thing, seed: thing.plan(snapshot, futures=2, seed=seed))),
        Entry("scheduler.plans.planner.Planner.costs_after", planner, each(
            WRONG_COUNT, lambda thing, futures: thing.costs_after(snapshot, [], futures=futures, seed=0)
        )),
        Entry("scheduler.plans.planner.Planner.costs_after", planner, each(
            WRONG_SEED, lambda thing, seed: thing.costs_after(snapshot, [], futures=2, seed=seed)
        )),
        Entry("scheduler.simulated_plant.simulate", lambda: None, each(WRONG_SEED, lambda _, seed: simulate(factory, rule, seed, 1))),
        Entry("scheduler.simulated_plant.simulate", lambda: None, each(WRONG_COUNT, lambda _, decisions: simulate(factory, rule, 1, decisions))),
    ]  # fmt: skip


SCHEDULERS = (
    "scheduler.decisions.bundle.Bundle.decide",
    "scheduler.decisions.bundle.Bundle.look",
    "scheduler.decisions.bundle.Bundle.memory",
    "scheduler.floor.floor.ShopFloor.carry_out",
    "scheduler.floor.floor.ShopFloor.describe",
    "scheduler.floor.floor.ShopFloor.ask_network",
    "scheduler.plans.planner.Planner.plan",
    "scheduler.plans.planner.Planner.costs_after",
    "scheduler.simulated_plant.simulate",
)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_bug_what_does_not_fit_the_scheduler_is_refused_before_compiled_code_sees_it(
    name: str, bundle_folder: Path
) -> None:
    found = [
        (entry, call)
        for entry in scheduler_entries(bundle_folder)
        if entry.name == name
        for call in entry.wrong.values()
    ]
    assert found
    for entry, call in found:
        check_refused(entry.make, call)


# --- no way in is forgotten -------------------------------------------------------------------

NEED_NO_CASE = {
    "agents.policy_improvement.distillation.TeacherEnsemble._ask": "reads its own batch",
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
    "agents.ppo.rollout_collector.RolloutCollector._read": "reads its own batch",
    "agents.policy_improvement.lookahead_targets.SearchTargetGenerator._play": (
        "reads its own batch"
    ),
    "agents.network.cpu_training.autograd._ActionFunction.backward": (
        "gets what evaluate_actions has checked"
    ),
    "agents.network.cpu_training.autograd._ActionFunction.forward": (
        "gets what evaluate_actions has checked"
    ),
    "agents.network.cpu_training.autograd._ForwardBackward.backward": (
        "gets what ForwardPass.compute has checked, and gradients from torch, of its shapes"
    ),
    "agents.search.rollout.RolloutPolicy._choose": "gets what decide has checked",
    "agents.search.rollout.RolloutPolicy._find_candidates": "gets what decide has checked",
    "agents.solver.clairvoyant_state.FutureReader._is_reworked": (
        "draws one number by a key; no array is read"
    ),
    "agents.solver.clairvoyant_state.FutureReader.attempt_times": (
        "draws one number by a key; no array is read"
    ),
    "agents.solver.known_state.KnownReader.material_date": (
        "gets the factory's number from the shop itself"
    ),
    "agents.solver.expected_shop.ExpectedShop.run": (
        "takes rows of policies, which Batch.step checks as they are carried out"
    ),
    "envs.reward_scale._mean_cost": (
        "gets arrays of load() and rows that Batch or Floor has checked"
    ),
    "factory.instances.job_streams._draw_arrivals": "gets what draw_dynamic_shop has checked",
    "factory.instances.job_streams._draw_order": "gets what draw_dynamic_shop has checked",
    "factory.instances.job_streams._draw_route": "gets what draw_dynamic_shop has checked",
    "factory.simulator.Simulator._advance": "takes nothing",
    "scheduler.decisions.bundle.Bundle._compare": "draws its own tables",
    "scheduler.floor.floor.ShopFloor._line_up": "gets orders that place() has packed",
    "scheduler.floor.floor.ShopFloor.ask": "takes nothing",
    "scheduler.floor.floor.ShopFloor.hold": (
        "takes nothing; refused where no machine is asked"
        " (tests/scheduler/decisions/test_decider.py)"
    ),
    "scheduler.floor.floor.ShopFloor.place": (
        "takes a Snapshot, whose fields are bounded; packed() refuses one that does not fit the"
        " factory"
    ),
    "scheduler.plans.planner._decide_step": "gets rows that _Choosing.rows has checked",
    "scheduler.plans.planner.Planner._play": "gets worlds that the planner has allocated",
    "scheduler.plans.planner.Planner._play_expected": "gets worlds that the planner has allocated",
    "scheduler.plans.planner.Planner._play_sampled": (
        "gets numbers that plan() and costs_after() have checked"
    ),
    "scheduler.snapshot.read._read_what_is_new": (
        "gives room for as many orders as the text can hold"
    ),
    "scheduler.snapshot.read.count_operations_in_process": "gets orders that packed() has made",
}
"""Callers of compiled functions that need no case above, and why."""

CHECKED = {entry.name for entry in ENTRIES} | set(SCHEDULERS)


def test_every_caller_of_a_compiled_function_is_checked_or_says_why_not() -> None:
    unknown = sorted(CALLERS.keys() - CHECKED - NEED_NO_CASE.keys())
    assert not unknown, (
        f"{unknown} call compiled functions; add cases to ENTRIES, or say in NEED_NO_CASE why none"
        " are needed"
    )


def test_nobody_is_excused_who_is_gone_or_checked() -> None:
    assert sorted(NEED_NO_CASE.keys() - CALLERS.keys()) == []
    assert sorted(NEED_NO_CASE.keys() & CHECKED) == []


def test_callers_are_found_and_their_calls_are_trapped() -> None:
    """The walker sees functions imported by name and through their module, and the trap stands in
    every such place."""
    assert CALLERS["envs.batch.Batch.step"] == {
        ("envs.batch", name) for name in ("replace_illegal", "step_all", "step_all_once")
    }
    assert CALLERS["factory.simulator.Simulator.decide"] == {
        ("factory.simulation.kernel", "apply_action")
    }
    for make, call in (
        (begun, lambda batch: batch.step(first_of(batch))),
        (begun_simulator, lambda simulator: simulator.reset(2)),
    ):
        thing = make()
        with no_kernel(), pytest.raises(KernelReachedError):
            call(thing)
        call(thing)

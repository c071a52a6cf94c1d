"""Functions of factory, envs and evaluation that call compiled code refuse wrong arguments.

The refusal is one line, before a compiled function is reached. The tables of the other packages
stand in ``test_agent_entry_points.py`` and ``test_scheduler_entry_points.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from agents.index.feature_table import FEATURES
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
from tests.builders.entry_points import CALLERS, ROOMS, KernelReachedError, no_kernel
from tests.builders.refused_calls import (
    TINY,
    Entry,
    begun,
    cases_of,
    check_callers,
    check_refused,
    nothing,
    wrong_counts,
    wrong_settings,
)
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
    each,
)
from tests.builders.repository import ROOT

# --- objects to call --------------------------------------------------------------------------


def begun_env() -> ChangeoverEnv:
    env = ChangeoverEnv("tiny")
    env.reset(seed=1)
    return env


def begun_vector() -> ChangeoverVectorEnv:
    env = ChangeoverVectorEnv("tiny", E)
    env.reset(seed=1)
    return env


def begun_simulator() -> Simulator:
    simulator = Simulator(TINY)
    simulator.reset(1)
    return simulator


def objective() -> Objective:
    return Objective(find_scenarios(["tiny"])[0], "tune", 0, 2)


def make_env(**given: Any) -> ChangeoverEnv:
    return ChangeoverEnv(**{"factory": "tiny", **given})


def make_vector(**given: Any) -> ChangeoverVectorEnv:
    return ChangeoverVectorEnv(**{"factory": "tiny", **given})


def make_batch(**given: Any) -> Batch:
    return Batch([TINY], **{"num_envs": 1, **given})


# --- wrong arguments --------------------------------------------------------------------------

ENV_COUNTS = ("num_orders", "job_rows", "changeover_rows", "last_date", "max_decisions")
BATCH_COUNTS = (
    "num_envs",
    "job_rows",
    "changeover_rows",
    "machine_rows",
    "last_date",
    "max_decisions",
    "num_tables",
    "log_length",
)
WRONG_DTYPES = {
    f"dtype: {dtype}": {"dtype": dtype} for dtype in (np.int32, np.float16, np.bool_, "text", None)
}
WRONG_ENV = {
    **WRONG_DTYPES,
    "factory: 5": {"factory": 5},
    "order_book: 5": {"order_book": 5},
    "illegal_actions: no": {"illegal_actions": "no"},
}
WRONG_VECTOR = {**WRONG_ENV, "draw_factory: 1": {"draw_factory": 1}, "copy: 1": {"copy": 1}}


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
    **{f"orders: {fault}": options_of(num_orders=value) for fault, value in WRONG_COUNT.items()},
}
WRONG_INDICES = {fault: {"factory_index": value} for fault, value in WRONG_FACTORIES.items()}
WRONG_CHOSEN = {
    "too few": [True],
    "numbers": [1, 0, 1],
    "indices": [0],
    "a text": "yes",
    "nothing": None,
}
ALL = np.ones(E, np.bool_)

STREAM = {"seed": 1, "utilisation": 0.8, "due_date_factor": 4.0, "num_jobs": 2}
WRONG_STREAM: dict[str, dict[str, Any]] = {
    "seed": WRONG_SEED,
    "num_jobs": WRONG_COUNT,
    "ticks_per_unit": WRONG_COUNT,
    "operations": {"fractions": (2.5, 10), "one": (2,), "texts": "25", "beyond": (2, 11)},
    "due_date_factor": {"not finite": np.inf, "a text": "4"},
    "utilisation": {"not finite": NAN, "a text": "0.8"},
}


def wrong_streams() -> dict[str, Call]:
    """Return a refused call for each wrong argument of a job stream."""
    return {
        f"{name}: {fault}": lambda _, name=name, value=value: draw_dynamic_shop(
            **{**STREAM, name: value}
        )
        for name, wrong in WRONG_STREAM.items()
        for fault, value in wrong.items()
    }


# --- entry points -----------------------------------------------------------------------------

CONSTRUCTORS = [
    Entry("envs.env.ChangeoverEnv.__init__", nothing, wrong_counts(make_env, ENV_COUNTS)),
    Entry("envs.env.ChangeoverEnv.__init__", nothing, wrong_settings(make_env, WRONG_ENV)),
    Entry(
        "envs.vector_env.ChangeoverVectorEnv.__init__",
        nothing,
        wrong_counts(make_vector, ("num_envs", *ENV_COUNTS)),
    ),
    Entry(
        "envs.vector_env.ChangeoverVectorEnv.__init__",
        nothing,
        wrong_settings(make_vector, WRONG_VECTOR),
    ),
    Entry("envs.batch.Batch.__init__", nothing, wrong_counts(make_batch, BATCH_COUNTS)),
    Entry("envs.batch.Batch.__init__", nothing, wrong_settings(make_batch, WRONG_DTYPES)),
    Entry(
        "factory.simulator.Simulator.__init__",
        nothing,
        wrong_counts(lambda **given: Simulator(TINY, **given), ("job_rows", "changeover_rows")),
    ),
    Entry(
        "envs.seed_splits.episode_seeds",
        nothing,
        wrong_counts(
            lambda **given: episode_seeds("test", **{"count": 1, **given}), ("count", "start")
        ),
    ),
]

ENTRIES = [
    *CONSTRUCTORS,
    Entry(
        "envs.env.ChangeoverEnv.step", begun_env, each(WRONG_ROW, lambda env, row: env.step(row))
    ),
    Entry(
        "envs.env.ChangeoverEnv.reset",
        begun_env,
        each(WRONG_SEED, lambda env, seed: env.reset(seed=seed)),
    ),
    Entry(
        "envs.env.ChangeoverEnv.reset",
        begun_env,
        each(WRONG_OPTIONS, lambda env, given: env.reset(seed=1, **given)),
    ),
    Entry(
        "envs.env.ChangeoverEnv.reset",
        begun_env,
        each(WRONG_OPTIONS, lambda env, given: env.reset(**given)),
    ),
    Entry(
        "envs.vector_env.ChangeoverVectorEnv.step",
        begun_vector,
        each(WRONG_ROWS, lambda env, rows: env.step(rows)),
    ),
    Entry(
        "envs.vector_env.ChangeoverVectorEnv.reset",
        begun_vector,
        each(WRONG_SEED | WRONG_SEEDS, lambda env, seed: env.reset(seed=seed)),
    ),
    Entry(
        "envs.vector_env.ChangeoverVectorEnv.reset",
        begun_vector,
        each(
            WRONG_INDICES | {"unknown": {"factory": "tiny"}, "a number": 5},
            lambda env, options: env.reset(seed=1, options=options),
        ),
    ),
    Entry("envs.batch.Batch.step", begun, each(WRONG_ROWS, lambda batch, rows: batch.step(rows))),
    Entry(
        "envs.batch.Batch.step",
        begun,
        each(WRONG_ROWS, lambda batch, rows: batch.step(rows, autoreset=False)),
    ),
    Entry(
        "envs.batch.Batch.reset", begun, each(WRONG_SEEDS, lambda batch, seeds: batch.reset(seeds))
    ),
    Entry(
        "envs.batch.Batch.reset",
        begun,
        each(WRONG_FACTORIES, lambda batch, factories: batch.reset(np.arange(E), factories)),
    ),
    Entry(
        "envs.batch.Batch.restart",
        begun,
        each(WRONG_CHOSEN, lambda batch, chosen: batch.restart(chosen, [1], [0])),
    ),
    Entry(
        "envs.batch.Batch.restart",
        begun,
        {
            "a seed too few": lambda batch: batch.restart(ALL, [1, 2], [0, 0, 0]),
            "a negative seed": lambda batch: batch.restart(ALL, [1, 2, -3], [0, 0, 0]),
            "a factory too few": lambda batch: batch.restart(ALL, [1, 2, 3], [0]),
            "a factory beyond": lambda batch: batch.restart(ALL, [1, 2, 3], [0, 7, 0]),
        },
    ),
    Entry(
        "factory.simulator.Simulator.decide",
        begun_simulator,
        each(WRONG_ROW, lambda simulator, row: simulator.decide(row)),
    ),
    Entry(
        "factory.simulator.Simulator.reset",
        begun_simulator,
        each(WRONG_SEED, lambda simulator, seed: simulator.reset(seed)),
    ),
    Entry(
        "evaluation.tuning.objective.Objective.play_index",
        objective,
        each(
            {"too few": np.zeros(3), "a column": np.zeros((len(FEATURES), 1)), "a scalar": 1.0}
            | {"not finite": np.full(len(FEATURES), NAN), "texts": ["1"] * len(FEATURES)},
            lambda thing, weights: thing.play_index(weights),
        ),
    ),
    Entry(
        "evaluation.runner.foresight_audit.change_future",
        begun,
        {
            "another factory": lambda batch: change_future(
                batch, Batch([find_single_factory("green")], num_envs=E)
            ),
            "more shops": lambda batch: change_future(batch, Batch([TINY], num_envs=E + 1)),
            "other rows": lambda batch: change_future(batch, Batch([TINY], num_envs=E, job_rows=3)),
        },
    ),
    Entry("factory.instances.job_streams.draw_dynamic_shop", nothing, wrong_streams()),
]

NEED_NO_CASE = {
    "envs.reward_scale._mean_cost": (
        "gets arrays of load() and rows that Batch or Floor has checked"
    ),
    "factory.instances.job_streams._draw_arrivals": "gets what draw_dynamic_shop has checked",
    "factory.instances.job_streams._draw_order": "gets what draw_dynamic_shop has checked",
    "factory.instances.job_streams._draw_route": "gets what draw_dynamic_shop has checked",
    "factory.simulator.Simulator._advance": "takes nothing",
}
"""Callers of compiled functions that need no case above, with the reason."""

PACKAGES = ("factory", "envs", "evaluation")
OTHER_TABLES = {
    "agents": "test_agent_entry_points.py",
    "scheduler": "test_scheduler_entry_points.py",
}


@pytest.mark.parametrize(("make", "call"), cases_of(ENTRIES))
def test_bug_wrong_arguments_are_refused_before_compiled_code(
    make: Callable[[], Any], call: Call
) -> None:
    check_refused(make, call)


def test_every_caller_of_a_compiled_function_is_checked_or_excused() -> None:
    check_callers(PACKAGES, {entry.name for entry in ENTRIES}, NEED_NO_CASE)


def test_every_package_has_a_table() -> None:
    assert {*PACKAGES, *OTHER_TABLES} == set(ROOMS)
    assert all((ROOT / "tests" / name).is_file() for name in OTHER_TABLES.values())


def test_callers_are_found_and_their_calls_are_trapped() -> None:
    """Functions imported by name and through their module are found and replaced by traps."""
    assert CALLERS["envs.batch.Batch.step"] == {
        ("envs.batch", name) for name in ("replace_illegal", "step_all", "step_all_once")
    }
    assert CALLERS["factory.simulator.Simulator.decide"] == {
        ("factory.simulation.kernel", "apply_action")
    }
    for make, call in (
        (begun, lambda batch: batch.step(batch.tables.action_mask.argmax(axis=1))),
        (begun_simulator, lambda simulator: simulator.reset(2)),
    ):
        thing = make()
        with no_kernel(), pytest.raises(KernelReachedError):
            call(thing)
        call(thing)

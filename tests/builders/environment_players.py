"""Environments behind one interface: begin, mask, step, and calls that must be refused."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from agents.ppo.vec_env import ShopVecEnv
from envs.batch import Batch
from envs.env import ChangeoverEnv
from envs.vector_env import ChangeoverVectorEnv
from factory.io.catalogue import find_single_factory
from tests.builders.entry_points import fingerprint
from tests.builders.refused_values import (
    WRONG_COUNT,
    WRONG_FACTORIES,
    WRONG_ROW,
    WRONG_ROWS,
    WRONG_SEED,
    WRONG_SEEDS,
    E,
)

TINY = find_single_factory("tiny")


class Single:
    """The single environment."""

    def __init__(self, name: str = "tiny", **given: Any) -> None:
        self.env = ChangeoverEnv(name, **given)

    def begin(self, seed: int | None = None) -> Any:
        return self.env.reset(seed=seed)

    def mask(self) -> np.ndarray:
        return self.env.action_masks()[None]

    def step(self, rows: np.ndarray) -> Any:
        if self.env._over:
            return self.env.reset()
        return self.env.step(int(rows[0]))

    def refuse(self, draw: Any) -> None:
        env = self.env
        options = (
            {"orders": 5},
            {"factory": 5},
            {"factory": "large"},
            {"num_orders": 200_000},
            5,
            *({"num_orders": value} for value in WRONG_COUNT.values()),
        )
        match draw(st.sampled_from(["step", "illegal", "seed", "options", "both"])):
            case "step":
                env.step(draw(st.sampled_from(list(WRONG_ROW.values()))))
            case "illegal":
                env.step(illegal_row(self.mask()[0], draw))
            case "seed":
                env.reset(
                    seed=draw(st.sampled_from(list(WRONG_SEED.values()))),
                    options=draw(st.sampled_from([None, {"num_orders": 3}])),
                )
            case "options":
                env.reset(options=draw(st.sampled_from(options)))
            case _:
                env.reset(seed=draw(st.integers(0, 9)), options=draw(st.sampled_from(options)))


class Drawn(Single):
    """The single environment that draws a factory for each episode."""

    def __init__(self) -> None:
        super().__init__("randomised", num_orders=3)


class Vector:
    """The vector environment."""

    def __init__(self) -> None:
        self.env = ChangeoverVectorEnv("tiny", E, num_orders=2)

    def begin(self, seed: int | None = None) -> Any:
        return self.env.reset(seed=seed)

    def mask(self) -> np.ndarray:
        return self.env.action_masks()

    def step(self, rows: np.ndarray) -> Any:
        return self.env.step(rows)

    def refuse(self, draw: Any) -> None:
        env = self.env
        index = st.sampled_from([{"factory_index": value} for value in WRONG_FACTORIES.values()])
        match draw(st.sampled_from(["step", "illegal", "seed", "options"])):
            case "step":
                env.step(draw(st.sampled_from(list(WRONG_ROWS.values()))))
            case "illegal":
                rows = self.mask().argmax(axis=1)
                rows[1] = illegal_row(self.mask()[1], draw)
                env.step(rows)
            case "seed":
                env.reset(seed=draw(st.sampled_from([*WRONG_SEED.values(), *WRONG_SEEDS.values()])))
            case _:
                env.reset(
                    seed=draw(st.none() | st.integers(0, 9)),
                    options=draw(index | st.sampled_from([5, {"factory": "tiny"}])),
                )


class Shops:
    """The vector environment of Stable-Baselines3."""

    def __init__(self) -> None:
        self.env = ShopVecEnv([TINY], E, max_decisions=9)

    def begin(self, seed: int | None = None) -> Any:
        return {name: table.copy() for name, table in self.env.reset().items()}

    def mask(self) -> np.ndarray:
        return self.env.action_masks()

    def step(self, rows: np.ndarray) -> Any:
        observation, *rest = self.env.step(rows)
        return {name: table.copy() for name, table in observation.items()}, *rest

    def refuse(self, draw: Any) -> None:
        env, wrong = self.env, st.sampled_from(list(WRONG_ROWS.values()))
        kinds = ["step", "async", "wait", "advance", "illegal", "reset_done", "seed", "method"]
        match draw(st.sampled_from([*kinds, "attribute"])):
            case "step":
                env.step(draw(wrong))
            case "async":
                env.step_async(draw(wrong))
            case "wait":
                env.step_wait()
            case "advance":
                env.advance(draw(wrong))
            case "illegal":
                rows = self.mask().argmax(axis=1)
                rows[2] = illegal_row(self.mask()[2], draw)
                env.step(rows)
            case "reset_done":
                env.reset_done(draw(st.sampled_from([[True], [1] * E, True, "yes", None])))
            case "seed":
                env.seed(draw(st.sampled_from(list(WRONG_SEED.values()))))
            case "method":
                env.env_method("reset")
            case _:
                env.set_attr("max_decisions", 3)


class Bare:
    """The batch below all environments."""

    def __init__(self) -> None:
        self.batch = Batch([TINY], num_envs=E)
        self.generator = np.random.default_rng(0)

    def begin(self, seed: int | None = None) -> Any:
        self.batch.reset(self.generator.integers(2**63, size=E))
        return self.state()

    def state(self) -> Any:
        return (
            fingerprint(self.batch.tables),
            fingerprint(self.batch.outcome),
            fingerprint(self.batch.final),
        )

    def mask(self) -> np.ndarray:
        return self.batch.tables.action_mask

    def step(self, rows: np.ndarray) -> Any:
        self.batch.step(rows)
        return self.state()

    def refuse(self, draw: Any) -> None:
        batch, everywhere = self.batch, np.ones(E, np.bool_)
        seeds = st.sampled_from(list(WRONG_SEEDS.values()))
        factories = st.sampled_from(list(WRONG_FACTORIES.values()))
        match draw(st.sampled_from(["step", "illegal", "seeds", "factories", "chosen", "restart"])):
            case "step":
                batch.step(
                    draw(st.sampled_from(list(WRONG_ROWS.values()))), autoreset=draw(st.booleans())
                )
            case "illegal":
                rows = self.mask().argmax(axis=1)
                rows[0] = illegal_row(self.mask()[0], draw)
                batch.step(rows, autoreset=draw(st.booleans()))
            case "seeds":
                batch.reset(draw(seeds))
            case "factories":
                batch.reset(np.arange(E), draw(factories))
            case "chosen":
                batch.restart(draw(st.sampled_from([[True], np.ones(E), None])), [1], [0])
            case _:
                batch.restart(everywhere, draw(seeds), draw(factories))


def illegal_row(mask: np.ndarray, draw: Any) -> int:
    """Draw a row that is not legal."""
    illegal = np.flatnonzero(~mask.astype(bool)).tolist()
    return draw(st.sampled_from([-1, len(mask), 2**40, *illegal]))


def play_on(player: Any, choices: list[int]) -> list[Any]:
    """Step with a legal row for each choice and return fingerprints of the results."""
    results = []
    for choice in choices:
        mask = player.mask().astype(bool)
        rows = np.array(
            [np.flatnonzero(own)[choice % own.sum()] if own.any() else 0 for own in mask]
        )
        results.append(fingerprint(player.step(rows)))
    return results

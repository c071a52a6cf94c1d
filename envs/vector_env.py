"""A batch of microfactories as a Gymnasium vector environment.

A step is one compiled call, without Python work per environment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from envs.batch import Batch, observation_space
from envs.observation.tables import (
    DEFAULT_CHANGEOVER_ROWS,
    DEFAULT_JOB_ROWS,
    Observation,
    Tables,
)
from envs.scenario import Scenario
from factory.cost_terms import COST_TERMS
from factory.generation.ranges import RandomisedRanges
from factory.model import Factory, OrderBook
from factory.validation.arguments import (
    LARGEST_SEED,
    as_whole,
    check_count,
    check_flag,
    check_instance,
    check_integers,
    check_seed,
    refusal,
    show,
)

AnyFactory = str | Path | Factory | RandomisedRanges
DRAWN_FACTORIES = 64


class ChangeoverVectorEnv(VectorEnv[Observation, NDArray[np.int64], NDArray[Any]]):
    """E microfactories of one kind or a mixture, with SAME_STEP autoreset.

    Environment e of the batch equals a :class:`envs.env.ChangeoverEnv` with the same seeds and
    actions. ``infos`` has ``cost`` (term -> [E]), ``elapsed [E]``, ``action_mask [E, A]``. If any
    episode is over it also has ``final_obs``, ``final_info`` (with ``episode_cost`` and
    ``decisions``) and their masks ``_final_obs``, ``_final_info [E]``.

    Parameters
    ----------
    factory
        Factory as for the single environment, or a list of factories for a mixture. Ranges stand
        for 64 factories drawn from them.
    num_envs
        Number of environments; without ``draw_factory``, environment e is in factory e modulo the
        number of factories.
    draw_factory
        Draw the factory of each new episode from the mixture.
    copy
        Return new arrays. False returns one of two buffers in turn: an observation stays unchanged
        during the next step, and is overwritten by the step after that.
    order_book, num_orders, job_rows, changeover_rows, last_date, max_decisions, illegal_actions,
    dtype
        Settings as for the single environment.
    """

    metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.SAME_STEP}

    def __init__(
        self,
        factory: AnyFactory | Sequence[AnyFactory] = "microfactory",
        num_envs: int = 1,
        order_book: OrderBook | str | Path | None = None,
        *,
        num_orders: int | None = None,
        job_rows: int = DEFAULT_JOB_ROWS,
        changeover_rows: int = DEFAULT_CHANGEOVER_ROWS,
        last_date: int | None = None,
        max_decisions: int | None = None,
        illegal_actions: str = "raise",
        dtype: type[np.floating[Any]] = np.float32,
        draw_factory: bool = False,
        copy: bool = True,
        render_mode: str | None = None,
    ) -> None:
        num_envs = check_count("num_envs", num_envs, 1, "Give the number of environments.")
        if render_mode is not None:
            raise ValueError(
                f"render_mode = {render_mode!r}; a vector environment has no picture. Render a"
                " single environment with the same seed."
            )
        is_list = isinstance(factory, Sequence) and not isinstance(factory, str)
        given: list[Any] = list(factory) if is_list else [factory]  # type: ignore[arg-type]
        pairs = [pair for item in given for pair in _pairs(Scenario(item, order_book, num_orders))]
        self._batch = Batch(
            [pair[0] for pair in pairs],
            [pair[1] for pair in pairs],
            num_envs=num_envs,
            job_rows=job_rows,
            changeover_rows=changeover_rows,
            last_date=last_date,
            max_decisions=max_decisions,
            illegal_actions=illegal_actions,
            dtype=dtype,
            draw_factory=draw_factory,
        )
        self.num_envs = num_envs
        self.copy = check_flag("copy", copy)
        self.single_observation_space = observation_space(self._batch.tables)
        self.single_action_space = spaces.Discrete(self._batch.shop.legal.shape[1])
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    @property
    def batch(self) -> Batch:
        """Arrays and buffers, for direct use of the kernel."""
        return self._batch

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | NDArray[np.integer[Any]] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode in every environment.

        Parameters
        ----------
        seed
            One seed for each environment, or one number s: environment e gets s + e. Seeds are
            integers of any kind from 0 to 2**64 - 1. They also seed the generator that draws the
            seeds of later resets without seeds, and of environments whose own seed is None.
        options
            ``factory_index`` [E]: index into the mixture of each environment's factory.

        Raises
        ------
        TypeError, ValueError
            If seeds or options are of the wrong kind or out of range; nothing has changed.
        """
        given = self._check_seed(seed)
        factories = self._check_options(options)
        tables = self._batch.reset(self._draw_seeds(seed, given), factories)
        infos = {
            "cost": {term: np.zeros(self.num_envs) for term in COST_TERMS},
            "elapsed": np.zeros(self.num_envs, np.int64),
        }
        return self._observation(tables), {**infos, "action_mask": tables.action_mask.copy()}

    def _check_options(self, options: Any) -> NDArray[np.int64] | None:
        """Return the index of each environment's factory; None: they stay."""
        check_instance("reset: options", options, (Mapping, type(None)), "a dictionary or None")
        unknown = [key for key in options or {} if key != "factory_index"]
        if unknown:
            raise ValueError(
                f"reset(options=...): unknown key {unknown[0]!r}; must be 'factory_index'. Correct"
                " or remove it."
            )
        index = (options or {}).get("factory_index")
        if index is None:
            return None
        bounds = (0, len(self._batch.factories) - 1)
        return check_integers("factory_index", index, (self.num_envs,), "factory number", bounds)

    def _check_seed(self, seed: Any) -> list[int | None]:
        """Return one seed for each environment; None for a seed that is to be drawn."""
        if seed is None:
            return [None] * self.num_envs
        if as_whole(seed) is not None:
            first = check_seed("reset: seed", seed)
            remedy = "Choose a smaller one: environment e gets seed + e."
            check_count("reset: seed", first, 0, remedy, LARGEST_SEED - self.num_envs + 1)
            return list(range(first, first + self.num_envs))
        seeds = seed.tolist() if isinstance(seed, np.ndarray) else seed
        if isinstance(seeds, str | bytes) or not isinstance(seeds, Sequence):
            rule = "must be an integer, a list of integers, or None"
            raise refusal(TypeError, "reset: seed", show(seed), rule, "Give one of them.")
        if len(seeds) != self.num_envs:
            raise ValueError(
                f"reset: seed = {show(seed)}; {len(seeds)} seeds for {self.num_envs} environments, "
                "there must be one for each. Give as many, or a single number."
            )
        return [
            None if own is None else check_seed(f"reset: seed[{env}]", own)
            for env, own in enumerate(seeds)
        ]

    def _draw_seeds(self, seed: Any, given: list[int | None]) -> NDArray[np.uint64]:
        """Return the seed of each environment, after seeding the generator with the given seeds."""
        missing = given.count(None)
        if missing < self.num_envs:
            super().reset(seed=_combine(seed, given))
        drawn = iter(self.np_random.integers(2**63, size=missing).tolist() if missing else [])
        return np.array([next(drawn) if own is None else own for own in given], np.uint64)

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[
        Observation, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]
    ]:
        """Apply ``actions [E]`` and advance every environment to its next decision.

        The next episode begins as soon as one is over; the last observation is in ``infos``.

        Raises
        ------
        TypeError, ValueError
            If the actions are not one integer for each environment, or one is not legal;
            no environment has moved.
        """
        tables = self._batch.step(actions)
        outcome = self._batch.outcome
        infos: dict[str, Any] = {
            "cost": {term: outcome.cost[:, index].copy() for index, term in enumerate(COST_TERMS)},
            "elapsed": outcome.elapsed.copy(),
            "action_mask": tables.action_mask.copy() if self.copy else tables.action_mask,
        }
        if self._batch.replaces:
            infos["replaced"] = self._batch.replaced.copy()
        over = outcome.terminated | outcome.truncated
        if over.any():
            self._add_final(infos, over)
        return (
            self._observation(tables),
            outcome.reward.copy(),
            outcome.terminated.copy(),
            outcome.truncated.copy(),
            infos,
        )

    def _add_final(self, infos: dict[str, Any], over: NDArray[np.bool_]) -> None:
        final, outcome = self._batch.final, self._batch.outcome
        final_obs = np.full(self.num_envs, None, object)
        for env in np.flatnonzero(over):
            tables = _as_dict(final, copy=False)
            final_obs[env] = {name: table[env].copy() for name, table in tables.items()}
        infos["final_obs"] = final_obs
        infos["_final_obs"] = over.copy()
        infos["final_info"] = {
            "episode_cost": {
                term: np.where(over, outcome.episode_cost[:, index], 0.0)
                for index, term in enumerate(COST_TERMS)
            },
            "decisions": np.where(over, outcome.episode_decisions, 0),
        }
        infos["_final_info"] = over.copy()

    def _observation(self, tables: Tables) -> Observation:
        return _as_dict(tables, copy=self.copy)

    def action_masks(self) -> NDArray[np.bool_]:
        """Return the legal rows of every environment, bool [E, A]."""
        return self._batch.tables.action_mask.copy()


def _as_dict(tables: Tables, *, copy: bool) -> Observation:
    observation: Observation = {
        "candidates": tables.candidates,
        "machines": tables.machines,
        "shop": tables.shop,
        "action_mask": tables.action_mask.view(np.int8),
    }
    if copy:
        return {name: table.copy() for name, table in observation.items()}
    return observation


def _pairs(scenario: Scenario) -> list[tuple[Factory, OrderBook | None]]:
    """Return the factories of a scenario: one, or a number of draws."""
    draws = DRAWN_FACTORIES if scenario.changes_every_episode else 1
    return [scenario.draw(index) for index in range(draws)]


def _combine(seed: Any, given: list[int | None]) -> int:
    """Return the seed of the generator: the given number, or a hash of the given list."""
    whole = as_whole(seed)
    if whole is not None:
        return whole
    entropy = [0 if own is None else own + 1 for own in given]
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0])

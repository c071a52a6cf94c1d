"""Microfactories as a vector environment of Stable-Baselines3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from envs.batch import Batch, observation_space
from envs.observation.tables import Tables, as_observation
from envs.seed_splits import episode_seeds
from factory.model import Factory, OrderBook
from factory.validation.arguments import check_count, check_seed

_Observation = dict[str, NDArray[Any]]


class EpisodeSchedule:
    """Training episodes: consecutive seeds of the block ``train``, which cycle through factories.

    Parameters
    ----------
    first
        Index of the first episode in the block.
    num_factories
        Number of factories in the mixture.
    """

    def __init__(self, first: int, num_factories: int) -> None:
        self.next_episode = check_count("first_episode", first, 0, "Begin with 0 or later.")
        self._num_factories = check_count("num_factories", num_factories)

    def take(self, count: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """Return seeds and factories of the next ``count`` episodes."""
        seeds = episode_seeds("train", count, self.next_episode)
        factories = (self.next_episode + np.arange(count)) % self._num_factories
        self.next_episode += count
        return seeds, factories


class ShopVecEnv(VecEnv):
    """E microfactories, with a new episode of the block ``train`` after each that is over.

    An observation stays untouched during the next step (there are several buffers), because
    Stable-Baselines3 stores it only afterwards. A reward is minus the cost since the last decision,
    in units of the factory's cost scale.

    Parameters
    ----------
    factories
        Factories of the mixture.
    num_envs
        Number of environments E.
    books
        Order book of each factory, or None for its demand; None: the demand of all.
    first_episode
        Index of the first episode in the block.
    max_decisions
        Number of decisions after which an episode is truncated (:class:`envs.batch.Batch`).
    illegal_actions
        ``"raise"``, or ``"replace"`` for algorithms without masks (:class:`envs.batch.Batch`).
    """

    def __init__(
        self,
        factories: Sequence[Factory],
        num_envs: int,
        *,
        books: Sequence[OrderBook | None] | None = None,
        first_episode: int = 0,
        max_decisions: int | None = None,
        illegal_actions: str = "raise",
    ) -> None:
        self.batch = Batch(
            factories,
            books,
            num_envs=num_envs,
            max_decisions=max_decisions,
            illegal_actions=illegal_actions,
            num_tables=3,
        )
        num_envs = self.batch.num_envs
        self.source = EpisodeSchedule(first_episode, len(factories))
        actions = self.batch.shop.legal.shape[1]
        super().__init__(num_envs, observation_space(self.batch.tables), spaces.Discrete(actions))
        self._actions: NDArray[np.int64] | None = None  # actions of step_async, for step_wait
        self._infos: list[dict[str, Any]] = [{} for _ in range(num_envs)]

    def reset(self) -> _Observation:
        """Begin the next episodes in all environments."""
        return as_signed(self.batch.reset(*self.source.take(self.num_envs)))

    def advance(self, actions: NDArray[np.int64]) -> tuple[Tables, NDArray[np.bool_]]:
        """Carry out ``actions [E]``; return the tables after it, and where the episode is over.

        :meth:`reset_done` must follow before the next step.
        """
        tables = self.batch.step(actions, autoreset=False)
        return tables, self.batch.outcome.terminated | self.batch.outcome.truncated

    def reset_done(self, over: NDArray[np.bool_]) -> Tables:
        """Begin the next episodes in the environments that are ``over [E]``."""
        over = self.batch.check_chosen("reset_done: over", over)
        if not over.any():
            return self.batch.tables
        return self.batch.restart(over, *self.source.take(int(over.sum())))

    def step_async(self, actions: NDArray[np.int64]) -> None:
        """Keep the actions for :meth:`step_wait`.

        Raises
        ------
        TypeError, ValueError
            If they are not one integer for each environment; nothing has changed.
        """
        self._actions = self.batch.check_actions("step: actions", actions).copy()

    def step_wait(self) -> Any:
        """Carry out the actions; return observation, rewards, ends and infos.

        Infos of finished episodes have the last observation, ``terminal_observation``, and
        ``episode`` with return ``r`` and number of decisions ``l``, as Monitor adds it.

        Raises
        ------
        IllegalActionError
            If an action is not legal; no environment has moved.
        RuntimeError
            If no actions are waiting, or no episodes have begun.
        """
        if self._actions is None:
            raise RuntimeError(
                "step_wait(): no actions are waiting. Call step_async(actions) first."
            )
        actions, self._actions = self._actions, None
        tables, over = self.advance(actions)
        infos = self._infos
        if over.any():
            infos = list(self._infos)
            for env in np.flatnonzero(over):
                last = {name: value[env].copy() for name, value in as_signed(tables).items()}
                infos[env] = {
                    "terminal_observation": last,
                    "TimeLimit.truncated": bool(self.batch.outcome.truncated[env]),
                    "episode": self._summary(int(env)),
                }
        rewards = self.batch.outcome.reward.astype(np.float32)
        return as_signed(self.reset_done(over)), rewards, over, infos

    def _summary(self, env: int) -> dict[str, float]:
        """Return return and length of a finished episode, for ``rollout/ep_rew_mean``."""
        outcome, factory = self.batch.outcome, self.batch.shop.env.factory[env]
        scale = float(self.batch.arrays.plant.cost_scale[factory])
        return {
            "r": -sum(outcome.episode_cost[env].tolist()) / scale,
            "l": int(outcome.episode_decisions[env]),
        }

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Check a seed from Stable-Baselines3; the episodes of the block ``train`` stay the same.

        Raises
        ------
        TypeError, ValueError
            If the seed is no integer from 0 to 2**64 - 1.
        """
        return [None] * self.num_envs if seed is None else super().seed(check_seed("seed", seed))

    def action_masks(self) -> NDArray[np.bool_]:
        """Return the legal rows of every environment, ``[E, A]``."""
        return self.batch.tables.action_mask.copy()

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call ``action_masks``, the only method that sb3-contrib calls."""
        if method_name != "action_masks":
            raise AttributeError(
                f"{method_name}: the environments have no such method; only action_masks."
            )
        return [self.action_masks()]

    def has_attr(self, attr_name: str) -> bool:
        """Return True if :meth:`env_method` or :meth:`get_attr` knows the name."""
        return attr_name in ("action_masks", "render_mode")

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return ``render_mode`` (None) or ``action_masks`` of every environment."""
        if not self.has_attr(attr_name):
            raise AttributeError(f"{attr_name}: the environments have no such attribute.")
        return [self.action_masks if attr_name == "action_masks" else None] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Refuse: no attribute can be set."""
        raise AttributeError(f"{attr_name}: the environments have no attributes that can be set.")

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """Return False for every environment."""
        return [False] * self.num_envs

    def close(self) -> None:
        """Do nothing: no resources are held."""


def as_signed(tables: Tables) -> _Observation:
    """Return the tables under the names of the observation space, the mask as int8."""
    return {**as_observation(tables), "action_mask": tables.action_mask.view(np.int8)}

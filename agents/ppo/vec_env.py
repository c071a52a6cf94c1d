"""Microfactories as a vector environment of Stable-Baselines3, for its own algorithms and for
ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from agents.policy import as_observation
from envs.batch import Batch, observation_space
from envs.observation.tables import Tables
from envs.seed_splits import episode_seeds
from factory.model import Factory
from factory.validation.arguments import check_count, check_seed

Observation = dict[str, NDArray[Any]]


class EpisodeSchedule:
    """The episodes that training plays: consecutive seeds of the block ``train``, the factories
    taking turns.

    Parameters
    ----------
    first
        Episode of the block to begin with.
    num_factories
        Factories of the mixture.
    """

    def __init__(self, first: int, num_factories: int) -> None:
        self.number = check_count("first_episode", first, 0, "Begin with 0 or later.")
        self._num_factories = check_count("num_factories", num_factories)

    def take(self, count: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """Seeds and factories of the next episodes."""
        seeds = episode_seeds("train", count, self.number)
        factories = (self.number + np.arange(count)) % self._num_factories
        self.number += count
        return seeds, factories


class ShopVecEnv(VecEnv):
    """E microfactories; an episode that is over is followed at once by the next of the block
    ``train``.

    What :meth:`step` returned stays untouched during the next step (buffers take turns), as
    Stable-Baselines3 stores an observation only after it. Rewards are costs since the last
    decision, negative, in units of the factory's cost scale.

    Parameters
    ----------
    factories
        The mixture.
    num_envs
        E.
    first_episode
        Episode of the block to begin with.
    max_decisions
        Decisions after which an episode is truncated (:class:`envs.batch.Batch`).
    illegal_actions
        ``"raise"``, or ``"replace"`` for algorithms without masks (:class:`envs.batch.Batch`).
    """

    def __init__(
        self,
        factories: Sequence[Factory],
        num_envs: int,
        *,
        first_episode: int = 0,
        max_decisions: int | None = None,
        illegal_actions: str = "raise",
    ) -> None:
        self.batch = Batch(
            factories,
            num_envs=num_envs,
            max_decisions=max_decisions,
            illegal_actions=illegal_actions,
            num_tables=3,
        )
        num_envs = self.batch.num_envs
        self.source = EpisodeSchedule(first_episode, len(factories))
        actions = self.batch.shop.legal.shape[1]
        super().__init__(num_envs, observation_space(self.batch.tables), spaces.Discrete(actions))
        self._actions: NDArray[np.int64] | None = None  # of step_async, for step_wait
        self._infos: list[dict[str, Any]] = [{} for _ in range(num_envs)]

    def reset(self) -> Observation:
        """Begin the next episodes everywhere."""
        return as_signed(self.batch.reset(*self.source.take(self.num_envs)))

    def advance(self, actions: NDArray[np.int64]) -> tuple[Tables, NDArray[np.bool_]]:
        """Carry out ``actions [E]``: what is seen then, and whose episode is over there;
        :meth:`reset_done` must follow before the next step."""
        tables = self.batch.step(actions, autoreset=False)
        return tables, self.batch.outcome.terminated | self.batch.outcome.truncated

    def reset_done(self, over: NDArray[np.bool_]) -> Tables:
        """Begin the next episodes in the environments that are ``over [E]``."""
        over = self.batch.check_chosen("reset_done: over", over)
        return (
            self.batch.restart(over, *self.source.take(int(over.sum())))
            if over.any()
            else self.batch.tables
        )

    def step_async(self, actions: NDArray[np.int64]) -> None:
        """Keep the actions for :meth:`step_wait`.

        Raises
        ------
        TypeError, ValueError
            If they are not one integer for each environment; nothing has changed.
        """
        self._actions = self.batch.check_actions("step: actions", actions).copy()

    def step_wait(self) -> Any:
        """Observation, rewards, ends and infos; a finished episode's last observation is
        ``terminal_observation`` of its info.

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
                }
        rewards = self.batch.outcome.reward.astype(np.float32)
        return as_signed(self.reset_done(over)), rewards, over, infos

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Check a seed, as Stable-Baselines3 hands one on; the episodes are those of the block
        ``train``, whatever it is.

        Raises
        ------
        TypeError, ValueError
            If it is no integer from 0 to 2**64 - 1.
        """
        return [None] * self.num_envs if seed is None else super().seed(check_seed("seed", seed))

    def action_masks(self) -> NDArray[np.bool_]:
        """The legal rows of every environment, ``[E, A]``."""
        return self.batch.tables.action_mask.copy()

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """``action_masks``, which is all that sb3-contrib asks for."""
        if method_name != "action_masks":
            raise AttributeError(
                f"{method_name}: the environments have no such method; only action_masks."
            )
        return [self.action_masks()]

    def has_attr(self, attr_name: str) -> bool:
        """Whether :meth:`env_method` or :meth:`get_attr` knows a name."""
        return attr_name in ("action_masks", "render_mode")

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """``render_mode`` (None) and ``action_masks``."""
        if not self.has_attr(attr_name):
            raise AttributeError(f"{attr_name}: the environments have no such attribute.")
        return [self.action_masks if attr_name == "action_masks" else None] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Nothing can be set."""
        raise AttributeError(f"{attr_name}: the environments have no attributes that can be set.")

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """No environment is wrapped."""
        return [False] * self.num_envs

    def close(self) -> None:
        """Nothing is held open."""


def as_signed(tables: Tables) -> Observation:
    """Tables under the names of the observation space, the mask as int8."""
    return {**as_observation(tables), "action_mask": tables.action_mask.view(np.int8)}

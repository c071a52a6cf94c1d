"""Discount by elapsed time for learners that discount every step alike."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.utils import RecordConstructorArgs
from numpy.typing import NDArray

from envs.env import ChangeoverEnv
from envs.observation.tables import Observation
from envs.time_unit import mean_process_times
from factory.validation.arguments import check_instance, check_number

_LIFETIMES = 0x11FE
"""Key of the random numbers, beside the seed of the episode."""


class ElapsedTimeDiscount(
    gymnasium.Wrapper[Observation, np.int64, Observation, np.int64], RecordConstructorArgs
):
    """An environment whose undiscounted return is the return discounted by elapsed time.

    A learner with ``gamma`` below 1 discounts by decision. Every wait then postpones the costs that
    follow, and the learner waits for ever. Here ``gamma`` is 1, and the episode ends at random
    instead: between two decisions dt ticks apart with the probability ``1 - exp(-dt / tau)``. The
    expected sum of the rewards is then the discounted one (Puterman 1994, section 5.3)::

        E[sum of r_k until the end] = E[sum of exp(-t_k / tau) r_k]

    ``t_k`` is the date of decision k since the first. As a geometric clock has no memory, one
    exponential lifetime is drawn, by the seed of the episode. An episode that it ends is
    *terminated* (no value follows), ``info["ended_by_discount"]`` is true, and ``episode_cost`` is
    missing. A reset without seed and options then continues in the same state with a new lifetime,
    so that learners see whole episodes of the factory, as those with ``gamma`` do.

    Parameters
    ----------
    env
        A :class:`envs.env.ChangeoverEnv`, or wrappers around one.
    discount_time
        Time constant tau in mean process times of the factory.

    Examples
    --------
    >>> import gymnasium, envs.registration
    >>> env = ElapsedTimeDiscount(gymnasium.make("microfactory/Changeover-v0", factory="tiny"))
    >>> observation, info = env.reset(seed=1)
    >>> info["ended_by_discount"]
    False
    """

    def __init__(self, env: gymnasium.Env[Any, Any], discount_time: float = 240.0) -> None:
        RecordConstructorArgs.__init__(self, discount_time=discount_time)
        gymnasium.Wrapper.__init__(self, env)
        check_instance("env", env.unwrapped, (ChangeoverEnv,), "an environment of microfactories")
        remedy = "Give mean process times, such as 240."
        self.discount_time = check_number("discount_time", discount_time, 1e-3, remedy)
        self.ticks_left = 0.0
        """Ticks until the lifetime of the episode ends."""
        self._is_over = True
        self._lifetimes = 0
        self._last: tuple[Observation, dict[str, Any]] | None = None  # to continue from

    @property
    def microfactory(self) -> ChangeoverEnv:
        """Environment inside all wrappers."""
        env = self.env.unwrapped
        assert isinstance(env, ChangeoverEnv)  # as checked at first
        return env

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode, or continue one that a lifetime ended; draw a lifetime."""
        if seed is None and not options and self._last is not None:
            observation, info = self._last
            self._lifetimes += 1
        else:
            observation, info = self.env.reset(seed=seed, options=options)
            self._lifetimes = 0
        inner = self.microfactory
        ticks = self.discount_time * float(mean_process_times(inner.arrays)[0])
        draws = np.random.default_rng([_LIFETIMES, inner.episode_seed, self._lifetimes])
        self.ticks_left, self._is_over = ticks * draws.standard_exponential(), False
        self._last = None
        return observation, {**info, "ended_by_discount": False}

    def step(self, action: np.int64 | int) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Apply ``action`` and advance to the next decision, or to the end of the lifetime."""
        if self._is_over:
            raise RuntimeError("step(): the episode is over (or none has begun). Call reset().")
        observation, reward, terminated, truncated, info = self.env.step(action)  # type: ignore[arg-type]
        self.ticks_left -= info["elapsed"]
        ended = self.ticks_left <= 0 and not (terminated or truncated)
        self._is_over = terminated or truncated or ended
        self._last = (observation, info) if ended else None
        is_terminated = terminated or ended
        return (
            observation,
            float(reward),
            is_terminated,
            truncated,
            {
                **info,
                "ended_by_discount": ended,
            },
        )

    def action_masks(self) -> NDArray[np.bool_]:
        """Return the legal rows, bool [A]; sb3-contrib expects this name."""
        return self.microfactory.action_masks()

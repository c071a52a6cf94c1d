"""PPO for decisions that last: sb3-contrib's MaskablePPO with discount by elapsed time, packed observations and normalised returns.

Decisions on a shop floor form a semi-Markov process: several may fall on one moment, and hours may pass between two. Discounted per decision, an
agent learns to wait for ever, as every wait pushes the costs to come further away; so discount and trace run on the shop's clock here. Training itself
is MaskablePPO's own ``train``; how experience is gathered, and what it is worth, is ours.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sb3_contrib import MaskablePPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import explained_variance

from agents.actor_critic import PackedTables, PointerPolicy
from agents.experience import PackedBuffer
from agents.network import Described, Packed
from agents.packing import draw_rows
from agents.sb3_env import ShopVecEnv, as_signed
from envs.features import CANDIDATE_INDEX
from envs.observation import Tables
from factory.arrays import FactoryArrays

_IS_CHANGEOVER, _IS_WAIT = CANDIDATE_INDEX["is_changeover"], CANDIDATE_INDEX["is_wait"]


@dataclass
class Gathered:
    """What a rollout was like: for the log."""

    episode_costs: list[NDArray[np.float64]] = field(default_factory=list)  # of finished episodes, [5] by COST_TERMS
    jobs: int = 0  # decisions for jobs, changeovers ahead, waits
    changeovers: int = 0
    waits: int = 0
    simulate_seconds: float = 0.0
    infer_seconds: float = 0.0
    learn_seconds: float = 0.0

    @property
    def decisions(self) -> int:
        return self.jobs + self.changeovers + self.waits


def mean_process_times(arrays: FactoryArrays) -> NDArray[np.float64]:
    """Mean base time over operations and eligible machines of each factory, ticks ``[G]``: the unit of an agent's time constants."""
    times = arrays.base_time
    return np.array([max(1.0, float(own[own >= 0].mean())) for own in times])


def mean_operations(arrays: FactoryArrays) -> NDArray[np.float64]:
    """Mean number of operations of the products of each factory, ``[G]``."""
    counts = (arrays.base_time >= 0).any(axis=3).sum(axis=2)
    return np.array([float(own[own > 0].mean()) for own in counts])


def pack(tables: Tables) -> PackedTables:
    """Observed tables with their legal rows packed."""
    return PackedTables(tables.candidates, tables.machines, tables.shop, tables.action_mask)


class SemiMarkovPPO(MaskablePPO):
    """MaskablePPO over a :class:`agents.sb3_env.ShopVecEnv`, with a :class:`agents.actor_critic.PointerPolicy`.

    Parameters
    ----------
    env
        The shops.
    horizon, trace
        Time constants of discount and of the trace of advantage estimation, in mean process times of the factory. With ``gamma = exp(-1 / horizon)`` and
        ``gae_lambda = exp(-1 / trace)`` they equal those of MaskablePPO where every decision takes one mean process time.
    renormalisation
        Weight of the newest returns in the running mean and deviation.
    policy_kwargs, settings
        As for MaskablePPO.
    """

    policy: PointerPolicy
    rollout_buffer: PackedBuffer

    def __init__(
        self,
        env: ShopVecEnv,
        *,
        horizon: float = 120.0,
        trace: float = 5.0,
        renormalisation: float = 0.1,
        seed: int = 0,
        policy_kwargs: dict[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        self.horizon, self.trace, self.renormalisation = horizon, trace, renormalisation
        self.shops = env
        self.units = mean_process_times(env.batch.arrays)
        self.random = np.random.default_rng(seed)
        self.gathered = Gathered()
        self.rollouts = 0
        buffer = {"machine_rows": env.batch.tables.machines.shape[1], "seed": seed + 1}
        super().__init__(
            PointerPolicy,
            env,
            rollout_buffer_class=PackedBuffer,
            rollout_buffer_kwargs=buffer,
            policy_kwargs=policy_kwargs,
            seed=seed,
            **settings,
        )

    def begin_episodes(self) -> None:
        """Begin the first episodes one after the other: in step, a rollout would hold only beginnings of episodes, and a later one only ends."""
        self.shops.reset()
        batch, envs = self.shops.batch, self.n_envs
        length = max(1, int((batch.arrays.plant.num_orders * mean_operations(batch.arrays)).mean()))
        begins = np.arange(envs) * length // envs
        for step in range(length):
            _, over = self.shops.advance(self._draw_actions(pack(batch.tables))[0])
            self.shops.begin_anew(over | (begins == step))
        self.go_on()

    def go_on(self) -> None:
        """Let :meth:`learn` go on from what the shops are at, instead of resetting them."""
        self._last_obs = as_signed(self.shops.batch.tables)  # read by nobody but MaskablePPO's set-up

    # --- gathering ------------------------------------------------------------------------------------------------------------

    def collect_rollouts(self, env: Any, callback: BaseCallback, rollout_buffer: Any, n_rollout_steps: int, use_masking: bool = True) -> bool:
        """Fill the buffer with ``n_rollout_steps`` steps of every environment; False if the callback ends the training."""
        buffer, batch, gathered = self.rollout_buffer, self.shops.batch, Gathered()
        self.policy.set_training_mode(False)
        buffer.reset()
        callback.on_rollout_start()
        clock = time.perf_counter()
        for _ in range(n_rollout_steps):
            tables = pack(batch.tables)
            actions, chosen, log_probs, described, values = self._draw_actions(tables)
            self._count_actions(gathered, batch.tables, actions)
            buffer.store_observation(described, tables.first)
            inferred = time.perf_counter()
            gathered.infer_seconds += inferred - clock
            units = self.units[batch.shop.floor["factory"]]
            seen, over = self.shops.advance(actions)
            next_values = self._values_where_cut_off(seen, batch.outcome.truncated & ~batch.outcome.terminated)
            buffer.store_step(
                chosen=chosen,
                log_probs=log_probs,
                values=values,
                rewards=batch.outcome.reward,
                elapsed=batch.outcome.elapsed,
                horizon=self.horizon * units,
                trace=self.trace * units,
                ends=over,
                next_values=next_values,
            )
            self._note_episodes(gathered, over)
            self.shops.begin_anew(over)
            self.num_timesteps += self.n_envs
            clock = time.perf_counter()
            gathered.simulate_seconds += clock - inferred
            callback.update_locals(locals())
            if not callback.on_step():
                return False
        self._finish_rollout(gathered)
        callback.on_rollout_end()
        return True

    def _draw_actions(self, tables: PackedTables) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], Described, NDArray[np.float32]]:
        """Actions ``[E]``, their places among the legal rows and log-probabilities, what the network read, and its values."""
        described, logits, values = self._look(tables)
        chosen, log_probs = np.empty(self.n_envs, np.int64), np.empty(self.n_envs, np.float64)
        draw_rows(logits, tables.first, self.random.random(self.n_envs), chosen, log_probs)
        return tables.to_actions(chosen), chosen, log_probs, described, values

    def _look(self, tables: PackedTables) -> tuple[Described, NDArray[np.float32], NDArray[np.float32]]:
        """What the network reads, its logits ``[R]`` and values ``[E]`` in units of reward."""
        with torch.inference_mode():
            described = self.policy.network.describe(Packed(*(part.to(self.device) for part in tables.packed)))
            logits, values, _ = self.policy.network(described)
            return described, logits.cpu().numpy(), self.policy.in_reward(values).cpu().numpy()

    def _values_where_cut_off(self, tables: Tables, cut_off: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Values of what is seen where an episode was truncated, else 0; ``[E]``."""
        if not cut_off.any():
            return np.zeros(self.n_envs, np.float32)
        _, _, values = self._look(pack(tables))
        return np.where(cut_off, values, np.float32(0))

    def _finish_rollout(self, gathered: Gathered) -> None:
        tables = self.shops.batch.tables
        _, _, last_values = self._look(pack(tables))
        buffer = self.rollout_buffer
        buffer.estimate_advantages(last_values)
        self.logger.record("train/explained_variance_of_returns", explained_variance(buffer.flat("values"), buffer.flat("returns")))
        self.policy.renormalise(buffer.returns, self.renormalisation if self.rollouts else 1.0)
        mean, deviation = float(self.policy.return_mean), float(self.policy.return_deviation)
        for column in (buffer.returns, buffer.values):
            column -= mean
            column /= deviation
        self.rollouts += 1
        self.gathered = gathered

    def _note_episodes(self, gathered: Gathered, over: NDArray[np.bool_]) -> None:
        if over.any():
            gathered.episode_costs += list(self.shops.batch.outcome.episode_cost[over])

    def _count_actions(self, gathered: Gathered, tables: Tables, actions: NDArray[np.int64]) -> None:
        rows = tables.candidates[np.arange(self.n_envs), actions]
        changeovers, waits = int(rows[:, _IS_CHANGEOVER].sum()), int(rows[:, _IS_WAIT].sum())
        gathered.changeovers += changeovers
        gathered.waits += waits
        gathered.jobs += self.n_envs - changeovers - waits

    # --- learning -------------------------------------------------------------------------------------------------------------

    def train(self) -> None:
        """MaskablePPO's own, with a name for the minibatch in which something ceased to be finite.

        Raises
        ------
        FloatingPointError
            With rollout and minibatch.
        """
        start = time.perf_counter()
        try:
            super().train()
        except FloatingPointError as error:
            raise FloatingPointError(f"rollout {self.rollouts}, minibatch {self.rollout_buffer.batch_number}: {error}") from None
        self.gathered.learn_seconds = time.perf_counter() - start

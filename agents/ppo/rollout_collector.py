"""On-policy rollout collection, one collector for each thread.

Each collector has environments and random numbers of its own, so results are independent of thread
scheduling.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, fields

import numpy as np
import torch
from numpy.typing import NDArray

from agents.network.critic_features import CriticFeatures
from agents.network.packed_tables import PackedTables
from agents.network.ragged import sample_actions
from agents.ppo.actor_critic import PointerActorCriticPolicy
from agents.ppo.rollout_buffer import RolloutBufferShard
from agents.ppo.vec_env import ShopVecEnv
from envs.observation.columns import CANDIDATE_INDEX
from envs.observation.tables import Tables
from envs.time_unit import mean_operations

_IS_CHANGEOVER, _IS_WAIT = CANDIDATE_INDEX["is_changeover"], CANDIDATE_INDEX["is_wait"]


@dataclass
class RolloutStats:
    """Statistics of a rollout, for the log."""

    # costs of finished episodes, [5] by COST_TERMS
    episode_costs: list[NDArray[np.float64]] = field(default_factory=list)
    jobs: int = 0  # decisions for jobs, changeovers ahead, waits
    changeovers: int = 0
    waits: int = 0
    simulate_seconds: float = 0.0  # summed over the threads
    infer_seconds: float = 0.0
    collect_seconds: float = 0.0  # wall clock
    learn_seconds: float = 0.0

    @property
    def decisions(self) -> int:
        return self.jobs + self.changeovers + self.waits

    def add(self, other: RolloutStats) -> None:
        """Add the statistics of another collector."""
        for item in fields(self):
            setattr(self, item.name, getattr(self, item.name) + getattr(other, item.name))


class RolloutCollector:
    """Collector of decisions in some environments, with actions sampled from a policy.

    Parameters
    ----------
    shops
        Environments of the collector.
    policy
        Policy to sample from.
    seed
        Seed of its random numbers.
    discount_time, gae_time
        Time constants as for :class:`agents.ppo.semi_markov_ppo.SemiMarkovPPO`.
    """

    def __init__(
        self,
        shops: ShopVecEnv,
        policy: PointerActorCriticPolicy,
        seed: list[int],
        discount_time: float,
        gae_time: float,
    ) -> None:
        self.shops, self.policy = shops, policy
        self.discount_time, self.gae_time = discount_time, gae_time
        self.random = np.random.default_rng(seed)
        self.stopped = False
        self._weights = policy.network.weights
        self._critic_features = CriticFeatures(shops.batch)
        self._inference_pass = policy.forward_backward.inference_pass()

    def begin_episodes(self) -> None:
        """Begin the first episodes one after the other.

        In step, one rollout would hold only beginnings of episodes, and a later one only ends.
        """
        self.shops.reset()
        batch, envs = self.shops.batch, self.shops.num_envs
        length = max(1, int((batch.arrays.plant.num_orders * mean_operations(batch.arrays)).mean()))
        begins = np.arange(envs) * length // envs
        for step in range(length):
            tables = self._read(batch.tables)
            logits, _ = self._forward(tables)
            _, over = self.shops.advance(tables.to_actions(self._draw(logits, tables)[0]))
            self.shops.reset_done(over | (begins == step))

    def collect(self, shard: RolloutBufferShard, steps: int) -> RolloutStats:
        """Take ``steps`` decisions in every environment, and store them in ``shard``."""
        batch, stats = self.shops.batch, RolloutStats()
        clock = time.perf_counter()
        for _ in range(steps):
            if self.stopped:
                break
            tables = self._read(batch.tables)
            logits, values = self._forward(tables)
            chosen, log_probs = self._draw(logits, tables)
            actions = tables.to_actions(chosen)
            self._count_actions(stats, batch.tables, actions)
            shard.store_observation(
                tables.network_input, tables.first, self._critic_features.values
            )
            inferred = time.perf_counter()
            stats.infer_seconds += inferred - clock
            units = self._critic_features.units[batch.shop.env["factory"]]
            next_tables, over = self.shops.advance(actions)
            next_values = self._values_where_truncated(
                next_tables, batch.outcome.truncated & ~batch.outcome.terminated
            )
            shard.store_step(
                chosen=chosen,
                log_probs=log_probs,
                values=values,
                rewards=batch.outcome.reward,
                elapsed=self.elapsed(),
                discount_time=self.discount_time * units,
                gae_time=self.gae_time * units,
                ends=over,
                next_values=next_values,
            )
            if over.any():
                stats.episode_costs += list(batch.outcome.episode_cost[over])
                self.shops.reset_done(over)
            clock = time.perf_counter()
            stats.simulate_seconds += clock - inferred
        shard.last_values[:] = self._forward(self._read(batch.tables))[1]
        return stats

    def elapsed(self) -> NDArray[np.float64]:
        """Return the ticks between each environment's last two decisions, ``[E]``."""
        return self.shops.batch.outcome.elapsed.astype(np.float64)

    def _read(self, tables: Tables) -> PackedTables:
        """Return the packed tables, and update the critic's privileged features."""
        self._critic_features.update()
        return PackedTables.from_tables(tables, self._weights)

    def _forward(self, tables: PackedTables) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits ``[R]``, and the privileged critic's values ``[E]`` in units of reward."""
        logits, (values, _) = self._inference_pass.compute(
            tables.network_input, self._critic_features.values, tables.first
        )
        policy = self.policy
        with torch.inference_mode():
            normalised = torch.from_numpy(values).to(policy.device)
            denormalised = policy.network.denormalise_value(normalised)
        return logits, denormalised.cpu().numpy()

    def _draw(
        self, logits: NDArray[np.float32], tables: PackedTables
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return sampled indices among the legal rows ``[E]``, and their log-probabilities."""
        envs = self.shops.num_envs
        chosen, log_probs = np.empty(envs, np.int64), np.empty(envs, np.float64)
        sample_actions(logits, tables.first, self.random.random(envs), chosen, log_probs)
        return chosen, log_probs

    def _values_where_truncated(
        self, tables: Tables, truncated: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Return the values of the final states of truncated episodes, and 0 elsewhere; ``[E]``."""
        if not truncated.any():
            return np.zeros(len(truncated), np.float32)
        return np.where(truncated, self._forward(self._read(tables))[1], np.float32(0))

    def _count_actions(
        self, stats: RolloutStats, tables: Tables, actions: NDArray[np.int64]
    ) -> None:
        rows = tables.candidates[np.arange(len(actions)), actions]
        changeovers, waits = int(rows[:, _IS_CHANGEOVER].sum()), int(rows[:, _IS_WAIT].sum())
        stats.changeovers += changeovers
        stats.waits += waits
        stats.jobs += len(actions) - changeovers - waits

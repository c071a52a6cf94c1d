"""Decisions taken by the policy as it is, gathered in one thread: several gatherers work side by
side, each with environments and random numbers of its own.

What comes of it does not depend on how the threads take turns.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, fields

import numpy as np
import torch
from numpy.typing import NDArray

from agents.network.cpu_training.autograd import ForwardPass
from agents.network.critic_features import PRIVILEGED_FEATURES, WINDOWS, privileged_critic_features
from agents.network.packed_tables import PackedTables, to_device
from agents.network.ragged import sample_actions
from agents.network.time_scale import mean_operations, mean_process_times
from agents.ppo.actor_critic import PointerActorCriticPolicy
from agents.ppo.rollout_buffer import RolloutBufferShard
from agents.ppo.vec_env import ShopVecEnv
from envs.observation.columns import CANDIDATE_INDEX
from envs.observation.tables import Tables

_IS_CHANGEOVER, _IS_WAIT = CANDIDATE_INDEX["is_changeover"], CANDIDATE_INDEX["is_wait"]


@dataclass
class RolloutStats:
    """What a rollout was like: for the log."""

    episode_costs: list[NDArray[np.float64]] = field(
        default_factory=list
    )  # of finished episodes, [5] by COST_TERMS
    jobs: int = 0  # decisions for jobs, changeovers ahead, waits
    changeovers: int = 0
    waits: int = 0
    simulate_seconds: float = 0.0  # summed over the threads
    infer_seconds: float = 0.0
    collect_seconds: float = 0.0  # by the clock
    learn_seconds: float = 0.0

    @property
    def decisions(self) -> int:
        return self.jobs + self.changeovers + self.waits

    def add(self, other: RolloutStats) -> None:
        """Count another's beside it."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))


class RolloutCollector:
    """Plays some environments with a policy.

    Parameters
    ----------
    shops
        Its environments.
    policy
        Whose actions are drawn.
    seed
        Of its random numbers.
    horizon, trace
        As for :class:`agents.ppo.semi_markov_ppo.SemiMarkovPPO`.
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
        self._units = mean_process_times(shops.batch.arrays)
        self._weights = policy.network.weights
        self._loads = np.zeros((shops.batch.shop.centres.shape[1], 1 + len(WINDOWS)))
        self._privileged = np.zeros((shops.num_envs, PRIVILEGED_FEATURES), np.float32)
        self._looker = (
            ForwardPass(policy.forward_backward.layers) if policy.device.type == "cpu" else None
        )

    def begin_episodes(self) -> None:
        """Begin the first episodes one after the other: in step, a rollout would hold only
        beginnings of episodes, and a later one only ends."""
        self.shops.reset()
        batch, envs = self.shops.batch, self.shops.num_envs
        length = max(1, int((batch.arrays.plant.num_orders * mean_operations(batch.arrays)).mean()))
        begins = np.arange(envs) * length // envs
        for step in range(length):
            tables = self._read(batch.tables)
            logits, _ = self._look(tables)
            _, over = self.shops.advance(tables.to_actions(self._draw(logits, tables)[0]))
            self.shops.reset_done(over | (begins == step))

    def collect(self, part: RolloutBufferShard, steps: int) -> RolloutStats:
        """Take ``steps`` decisions in every environment and keep them in ``part``; what the rollout
        was like."""
        batch, stats = self.shops.batch, RolloutStats()
        clock = time.perf_counter()
        for _ in range(steps):
            if self.stopped:
                break
            tables = self._read(batch.tables)
            logits, values = self._look(tables)
            chosen, log_probs = self._draw(logits, tables)
            actions = tables.to_actions(chosen)
            self._count_actions(stats, batch.tables, actions)
            part.store_observation(tables.network_input, tables.first, self._privileged)
            inferred = time.perf_counter()
            stats.infer_seconds += inferred - clock
            units = self._units[batch.shop.env["factory"]]
            seen, over = self.shops.advance(actions)
            next_values = self._values_where_cut_off(
                seen, batch.outcome.truncated & ~batch.outcome.terminated
            )
            part.store_step(
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
        part.last_values[:] = self._look(self._read(batch.tables))[1]
        return stats

    def elapsed(self) -> NDArray[np.float64]:
        """Ticks since the decision of each environment ``[E]``, which discount and trace go by."""
        return self.shops.batch.outcome.elapsed.astype(np.float64)

    def _read(self, tables: Tables) -> PackedTables:
        """The tables and, for the critic, the shops as they are."""
        batch = self.shops.batch
        privileged_critic_features(
            batch.arrays, batch.shop, self._units, self._loads, self._privileged
        )
        return PackedTables(
            tables.candidates, tables.machines, tables.shop, tables.action_mask, self._weights
        )

    def _look(self, tables: PackedTables) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Logits ``[R]``, and the privileged critic's values ``[E]`` in units of reward."""
        policy, seen = self.policy, tables.network_input
        if self._looker is not None:
            logits, (values, _) = self._looker.compute(seen, self._privileged, tables.first)
            return logits, policy.network.denormalise_value(torch.from_numpy(values)).numpy()
        with torch.inference_mode():
            output = policy.network(to_device(seen, policy.device))
            valued = policy.network.denormalise_value(
                policy.critic(output, torch.from_numpy(self._privileged).to(policy.device))
            )
            return output.logits.cpu().numpy(), valued.cpu().numpy()

    def _draw(
        self, logits: NDArray[np.float32], tables: PackedTables
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Places among the legal rows ``[E]``, and their log-probabilities."""
        envs = self.shops.num_envs
        chosen, log_probs = np.empty(envs, np.int64), np.empty(envs, np.float64)
        sample_actions(logits, tables.first, self.random.random(envs), chosen, log_probs)
        return chosen, log_probs

    def _values_where_cut_off(
        self, tables: Tables, cut_off: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Values of what is seen where an episode was truncated, else 0; ``[E]``."""
        if not cut_off.any():
            return np.zeros(len(cut_off), np.float32)
        return np.where(cut_off, self._look(self._read(tables))[1], np.float32(0))

    def _count_actions(
        self, stats: RolloutStats, tables: Tables, actions: NDArray[np.int64]
    ) -> None:
        rows = tables.candidates[np.arange(len(actions)), actions]
        changeovers, waits = int(rows[:, _IS_CHANGEOVER].sum()), int(rows[:, _IS_WAIT].sum())
        stats.changeovers += changeovers
        stats.waits += waits
        stats.jobs += len(actions) - changeovers - waits

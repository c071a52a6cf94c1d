"""Lookahead: try a trained policy's best few choices in imagined futures, play on with it for a
while, and let its critic value what has become of the shop.

Rollout (Bertsekas, Tsitsiklis and Wu 1997, section 2) with a learned policy and, beyond a short
horizon, its learned value. All choices meet the same futures.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.network.critic_features import WINDOWS
from agents.network.critic_inference import allocate_critic_scratch, arrange_critic
from agents.network.inference import all_logits, allocate_network_scratch, arrange_weights
from agents.network.packed_tables import CriticFeatures
from agents.network.trained_policy import TrainedPolicy
from agents.search.simulate_network import estimate_action_values
from envs.batch import Batch
from envs.observation.checks import CheckedTables, check_observation, check_same_rows
from factory.futures.sampled_futures import allocate_beliefs
from factory.validation.arguments import check_count, check_integers, check_number, check_seed

_SLACK = 2.0
"""How far beyond the horizon and the critic's farthest window orders are drawn, in mean process
times: the last decision may come after the horizon."""


class LookaheadPolicy:
    """Improves on a trained policy by simulating ahead in sampled futures.

    At each decision at which the policy is not sure, its most probable choices are each tried in
    the same futures (:func:`factory.futures.sampled_futures.sample_future`), for
    ``horizon`` under the policy, then by the value that its critic gives the imagined shop: in an
    imagined world there is nothing that the critic may not know. A rival is chosen only if its
    paired difference to the policy's own choice is above zero by ``confidence`` standard errors.

    Parameters
    ----------
    trained
        The policy to improve on; it needs its critic.
    candidates
        Most choices that are tried, the policy's own included.
    futures
        Futures a decision.
    horizon
        How far ahead to simulate, in mean process times.
    confidence
        Standard errors by which a rival must be better.
    min_probability
        Choices that the policy takes with less than this probability are not tried.
    seed
        Of the futures.

    Raises
    ------
    ValueError
        If a number is out of bounds, or the policy has no critic.
    """

    def __init__(
        self,
        trained: TrainedPolicy,
        candidates: int = 4,
        futures: int = 16,
        horizon: float = 4.0,
        confidence: float = 1.5,
        min_probability: float = 0.01,
        seed: int = 0,
    ) -> None:
        remedy = "Choose a larger one."
        candidates = check_count("lookahead: candidates", candidates, 2, remedy)
        futures = check_count("lookahead: futures", futures, 2, remedy)
        confidence = check_number("lookahead: confidence", confidence, 0, remedy)
        seed = check_seed("lookahead: seed", seed)
        horizon = check_number("lookahead: horizon", horizon, remedy="Try 4 mean process times.")
        min_probability = check_number("lookahead: min_probability", min_probability)
        if not horizon > 0:
            raise ValueError(
                f"lookahead: horizon = {horizon}; it must be positive. Try 4 mean process times."
            )
        if not 0 < min_probability < 1:
            raise ValueError(
                f"lookahead: min_probability = {min_probability}; it must lie between 0 and 1. Try"
                " 0.01."
            )
        if trained.critic is None:
            raise ValueError(
                "lookahead: the policy was kept without its critic. Give a folder that train.py"
                " wrote."
            )
        self.trained = trained
        self.candidates, self.futures, self.horizon, self.confidence, self.seed = (
            candidates,
            futures,
            horizon,
            confidence,
            seed,
        )
        self.min_probability = min_probability
        state, critic = (
            {name: value.numpy() for name, value in part.state_dict().items()}
            for part in (trained.network, trained.critic)
        )
        self._network, self._critic = arrange_weights(state), arrange_critic(state, critic)
        self._batch: Batch | None = None  # of bind()

    def bind(self, batch: Batch) -> None:
        """Decide for the shops of ``batch`` from now on."""
        self._batch = batch
        rows = {
            "job_rows": batch.shop.job_row.shape[1],
            "changeover_rows": batch.shop.changeover_target.shape[1],
        }
        self._world = Batch(
            batch.factories,
            batch.books,
            num_envs=1,
            **rows,
            machine_rows=batch.tables.machines.shape[1],
        )
        self._beliefs = allocate_beliefs(batch.arrays)
        critic_features = CriticFeatures(self._world)
        self._units = critic_features.units
        max_rows = batch.shop.legal.shape[1]
        self._memory = allocate_network_scratch(self._network, max_rows)
        self._table_rows, self._logits = np.zeros(max_rows, np.int64), np.zeros(max_rows)
        self._player = (
            self._network,
            self._memory,
            self._critic,
            allocate_critic_scratch(self._critic),
            self._world.scratch,
            self._world.tables,
            self._world.outcome,
            critic_features.units,
            critic_features.loads,
            critic_features.values,
        )

    def decide(self, observation: Any) -> NDArray[np.int64]:
        """Rows ``[E]``; the policy's own where no rival is better beyond doubt.

        Raises
        ------
        TypeError, ValueError
            If the tables are not those of an observation of the shops that are watched.
        RuntimeError
            If none are.
        """
        batch = self._bound("decide")
        candidates, machines, shop, legal = self._checked(observation, batch)
        actions = np.zeros(len(legal), np.int64)
        for e in range(len(actions)):
            count = all_logits(
                self._network,
                self._memory,
                candidates[e],
                machines[e],
                shop[e],
                legal[e],
                self._table_rows,
                self._logits,
            )
            if count == 0:
                continue
            rows, shares = (
                self._table_rows[:count],
                np.exp(self._logits[:count] - self._logits[:count].max()),
            )
            tried = self.promising_rows(shares / shares.sum())
            is_sure = len(tried) == 1 or batch.over[e]
            actions[e] = rows[tried[0]] if is_sure else self._choose(e, rows[tried])
        return actions

    def _bound(self, method: str) -> Batch:
        if self._batch is None:
            rule = "it simulates ahead and has no shop to look at"
            raise RuntimeError(f"LookaheadPolicy.{method}: {rule}. Call bind(batch) first.")
        return self._batch

    @staticmethod
    def _checked(observation: Any, batch: Batch) -> CheckedTables:
        tables = check_observation("LookaheadPolicy.decide", observation)
        check_same_rows("LookaheadPolicy.decide", tables.action_mask, batch.shop.legal)
        return tables

    def promising_rows(self, probabilities: NDArray[np.floating]) -> NDArray[np.int64]:
        """Places of the choices that are tried, the policy's own first, by the probabilities of one
        decision's legal rows."""
        ranking = np.argsort(-probabilities, kind="stable")[: self.candidates]
        return ranking[
            (probabilities[ranking] >= self.min_probability) | (np.arange(len(ranking)) == 0)
        ]

    def _choose(self, e: int, rows: NDArray[np.int64]) -> int:
        """The best of ``rows`` beyond doubt; the first one is the policy's own."""
        gains = self.rewards(e, rows)
        gains -= gains[:, :1]
        mean, error = gains.mean(axis=0), gains.std(axis=0, ddof=1) / np.sqrt(self.futures)
        sure = mean > self.confidence * error
        return int(rows[np.argmax(np.where(sure, mean, -np.inf))]) if sure.any() else int(rows[0])

    def rewards(self, e: int, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Discounted rewards of each row of environment ``e`` in each imagined future, ``[futures,
        K]``, the critic's value at the horizon included.

        Raises
        ------
        TypeError, ValueError
            If there is no such environment, or a row is none of its table.
        RuntimeError
            If no shops are watched.
        """
        batch = self._bound("rewards")
        e = check_count(
            "rewards: e", e, 0, "Give the number of an environment.", batch.num_envs - 1
        )
        bounds = (0, batch.shop.legal.shape[1] - 1)
        rows = check_integers("rewards: rows", rows, np.shape(rows)[:1], bounds=bounds)
        unit = float(self._units[batch.shop.env.factory[e]])
        ticks, discount = int(np.ceil(self.horizon * unit)), self.trained.discount_time * unit
        last_date = (
            int(batch.shop.env.clock[e]) + ticks + int(np.ceil((WINDOWS[-1] + _SLACK) * unit))
        )
        rewards = np.zeros((self.futures, len(rows)))
        worlds = (batch.arrays, batch.shop, e, self._beliefs, self._world.shop, self._player)
        estimate_action_values(
            *worlds,
            rows,
            0,
            self.futures,
            np.uint64(self.seed),
            ticks,
            last_date,
            discount,
            rewards,
        )
        return rewards

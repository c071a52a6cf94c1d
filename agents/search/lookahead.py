"""Lookahead: simulate a trained policy's best few choices in sampled futures.

Rollout (Bertsekas, Tsitsiklis and Wu 1997, section 2) with a learned policy and, beyond a short
horizon, the value of its critic. All choices meet the same futures.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.network.critic_features import CriticFeatures
from agents.network.critic_inference import allocate_critic_scratch, arrange_critic
from agents.network.feature_sizes import WINDOWS
from agents.network.inference import all_logits, allocate_network_scratch, arrange_weights
from agents.network.trained_policy import TrainedPolicy
from agents.search.simulate_network import estimate_action_values
from envs.batch import Batch
from envs.observation.checks import CheckedTables, check_observation, check_same_rows
from factory.futures.sampled_futures import allocate_beliefs
from factory.validation.arguments import check_count, check_integers, check_number, check_seed

_SLACK = 2.0
"""Mean process times beyond the horizon and the critic's farthest window up to which orders are
drawn: the last decision may come after the horizon."""


class LookaheadPolicy:
    """Policy that improves on a trained policy by simulation in sampled futures.

    At each decision at which the policy is uncertain, its most probable choices are simulated in
    the same futures (:func:`factory.futures.sampled_futures.sample_future`): for ``horizon`` under
    the policy, then by the value of its privileged critic, which may know everything about a
    sampled future. Another choice than the policy's own is taken only if its mean paired advantage
    is above zero by ``confidence`` standard errors.

    Parameters
    ----------
    trained
        Policy to improve on, with its critic.
    candidates
        Greatest number of choices that are simulated, the policy's own included.
    futures
        Number of futures for each decision.
    horizon
        Time to simulate, in mean process times.
    confidence
        Standard errors by which another choice must be better.
    min_probability
        Least probability under the policy of the choices that are simulated.
    seed
        Seed of the sampled futures.

    Raises
    ------
    ValueError
        If a number is out of range, or the policy has no critic.
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
        self.candidates, self.futures, self.horizon = candidates, futures, horizon
        self.confidence, self.min_probability, self.seed = confidence, min_probability, seed
        state, critic = (
            {name: value.numpy() for name, value in part.state_dict().items()}
            for part in (trained.network, trained.critic)
        )
        self._network, self._critic = arrange_weights(state), arrange_critic(state, critic)
        self._batch: Batch | None = None  # set by bind()

    def bind(self, batch: Batch) -> None:
        """Decide for the shops of ``batch`` from now on."""
        self._batch = batch
        rows = {
            "job_rows": batch.shop.job_row.shape[1],
            "changeover_rows": batch.shop.changeover_target.shape[1],
        }
        self._sampled = Batch(
            batch.factories,
            batch.books,
            num_envs=1,
            **rows,
            machine_rows=batch.tables.machines.shape[1],
        )
        self._beliefs = allocate_beliefs(batch.arrays)
        critic_features = CriticFeatures(self._sampled)
        self._units = critic_features.units
        max_rows = batch.shop.legal.shape[1]
        self._memory = allocate_network_scratch(self._network, max_rows)
        self._table_rows, self._logits = np.zeros(max_rows, np.int64), np.zeros(max_rows)
        self._player = (
            self._network,
            self._memory,
            self._critic,
            allocate_critic_scratch(self._critic),
            self._sampled.scratch,
            self._sampled.tables,
            self._sampled.outcome,
            critic_features.units,
            critic_features.loads,
            critic_features.values,
        )

    def decide(self, observation: Any) -> NDArray[np.int64]:
        """Return rows ``[E]``; the policy's own where no other is significantly better.

        Raises
        ------
        TypeError, ValueError
            If the tables are not those of an observation of the bound shops.
        RuntimeError
            If no shops are bound.
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
            rows, logits = self._table_rows[:count], self._logits[:count]
            weights = np.exp(logits - logits.max())
            tried = self.promising_rows(weights / weights.sum())
            is_certain = len(tried) == 1 or batch.over[e]
            actions[e] = rows[tried[0]] if is_certain else self._choose(e, rows[tried])
        return actions

    def _bound(self, method: str) -> Batch:
        if self._batch is None:
            rule = "it simulates ahead, and no shops are bound"
            raise RuntimeError(f"LookaheadPolicy.{method}: {rule}. Call bind(batch) first.")
        return self._batch

    @staticmethod
    def _checked(observation: Any, batch: Batch) -> CheckedTables:
        tables = check_observation("LookaheadPolicy.decide", observation)
        check_same_rows("LookaheadPolicy.decide", tables.action_mask, batch.shop.legal)
        return tables

    def promising_rows(self, probabilities: NDArray[np.floating]) -> NDArray[np.int64]:
        """Return the indices of the choices to simulate, the policy's own first.

        Parameters
        ----------
        probabilities
            Probabilities of one decision's legal rows.
        """
        ranking = np.argsort(-probabilities, kind="stable")[: self.candidates]
        is_promising = probabilities[ranking] >= self.min_probability
        is_promising[:1] = True  # the policy's own choice
        return ranking[is_promising]

    def _choose(self, e: int, rows: NDArray[np.int64]) -> int:
        """Return the best row that is significantly better than ``rows[0]``, else ``rows[0]``."""
        advantages = self.rewards(e, rows)
        advantages -= advantages[:, :1]
        mean = advantages.mean(axis=0)
        error = advantages.std(axis=0, ddof=1) / np.sqrt(self.futures)
        is_better = mean > self.confidence * error
        if not is_better.any():
            return int(rows[0])
        return int(rows[np.argmax(np.where(is_better, mean, -np.inf))])

    def rewards(self, e: int, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the discounted reward of each row in each sampled future, ``[futures, K]``.

        The critic's value at the horizon is included.

        Raises
        ------
        TypeError, ValueError
            If there is no environment ``e``, or no such row in its table.
        RuntimeError
            If no shops are bound.
        """
        batch = self._bound("rewards")
        e = check_count("rewards: e", e, 0, "Give the index of an environment.", batch.num_envs - 1)
        bounds = (0, batch.shop.legal.shape[1] - 1)
        rows = check_integers("rewards: rows", rows, np.shape(rows)[:1], bounds=bounds)
        unit = float(self._units[batch.shop.env.factory[e]])
        ticks, discount = int(np.ceil(self.horizon * unit)), self.trained.discount_time * unit
        beyond = int(np.ceil((WINDOWS[-1] + _SLACK) * unit))
        last_date = int(batch.shop.env.clock[e]) + ticks + beyond
        rewards = np.zeros((self.futures, len(rows)))
        estimate_action_values(
            batch.arrays,
            batch.shop,
            e,
            self._beliefs,
            self._sampled.shop,
            self._player,
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

"""Rollout dispatching: simulate the best few choices in sampled futures.

Another choice than the rule's own is taken only if it is significantly better. Bertsekas,
Tsitsiklis and Wu (1997), Rollout algorithms for combinatorial optimization, section 2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.rules.compiled import compile_nearest
from agents.rules.registry import Rule, first_best
from agents.rules.rows import Rows
from agents.search.simulate_rule import compare_rows
from agents.standstill import would_stand_still
from envs.batch import Batch
from envs.observation.checks import check_same_rows
from envs.observation.columns import CANDIDATE_INDEX
from factory.futures.sampled_futures import allocate_beliefs
from factory.loading.allocation import allocate
from factory.simulation.arrays import FactoryArrays
from factory.validation.arguments import check_count, check_number, check_seed

_BLOCK = 8
"""Futures between two tests of the differences."""
_IS_JOB, _IS_CHANGEOVER, _ATCS = (
    CANDIDATE_INDEX[name] for name in ("is_job", "is_changeover", "atcs")
)


def mean_work_content(arrays: FactoryArrays) -> NDArray[np.float64]:
    """Return the mean expected work of an order without options over products, ticks ``[G]``."""
    counts = arrays.products.num_operations
    exists = np.arange(arrays.operations.shape[2]) < counts[:, :, None]
    work = np.where(exists, arrays.operations.mean_base, 0.0).sum(axis=2)
    return np.asarray(work.sum(axis=1) / np.maximum(1, (counts > 0).sum(axis=1)))


class RolloutPolicy:
    """Policy that improves on a dispatching rule by simulation in sampled futures.

    At each decision with more than one legal row, the rule's own choice and some alternatives are
    simulated in the same futures (:func:`factory.futures.sampled_futures.sample_future`): for
    ``horizon`` under the rule, then by an estimate of the remaining cost of the open orders.
    Futures come in blocks; after each block alternatives without a lower mean cost are dropped. An
    alternative is chosen only if its mean paired gain is above zero by ``confidence`` standard
    errors.

    Parameters
    ----------
    rule
        Rule to improve on. Simulations use its compiled form; ATCS for rules that have none (those
        outside the ATC family).
    candidates
        Job rows that are simulated, the rule's own choice included; the wait and the best
        changeover ahead are simulated too.
    futures
        Greatest number of futures for each decision.
    horizon
        Time to simulate, in mean work contents of an order.
    confidence
        Standard errors by which an alternative must be better.
    seed
        Seed of the sampled futures.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    def __init__(
        self,
        rule: Rule,
        candidates: int = 4,
        futures: int = 32,
        horizon: float = 1.0,
        confidence: float = 2.0,
        seed: int = 0,
    ) -> None:
        remedy = "Choose a larger one."
        candidates = check_count("rollout: candidates", candidates, 1, remedy)
        futures = check_count("rollout: futures", futures, 2, remedy)
        confidence = check_number("rollout: confidence", confidence, 0, remedy)
        seed = check_seed("rollout: seed", seed)
        horizon = check_number("rollout: horizon", horizon, remedy="Try 1 work content.")
        if not horizon > 0:
            raise ValueError(
                f"rollout: horizon = {horizon}; it must be positive. Try 1 work content."
            )
        self.rule, self.candidates, self.futures = rule, candidates, futures
        self.horizon, self.confidence, self.seed = horizon, confidence, seed
        self._inner = compile_nearest(rule)
        self._batch: Batch | None = None  # set by bind()

    def bind(self, batch: Batch) -> None:
        """Decide for the shops of ``batch`` from now on."""
        shop = batch.shop
        self._batch = batch
        self._sampled = allocate(
            batch.arrays,
            1,
            job_rows=shop.job_row.shape[1],
            changeover_rows=shop.changeover_target.shape[1],
        )
        self._beliefs = allocate_beliefs(batch.arrays)
        self._ticks = np.ceil(self.horizon * mean_work_content(batch.arrays)).astype(np.int64)

    def decide(self, observation: Any) -> NDArray[np.int64]:
        """Return rows ``[E]``; the rule's own where no other is significantly better.

        Raises
        ------
        TypeError, ValueError
            If the tables are not those of an observation of the bound shops.
        RuntimeError
            If no shops are bound.
        """
        if self._batch is None:
            raise RuntimeError(
                "RolloutPolicy.decide: it simulates ahead, and no shops are bound. Call"
                " bind(batch) first."
            )
        rows = Rows(observation)
        check_same_rows("RolloutPolicy.decide", rows.legal, self._batch.shop.legal)
        actions = np.array(self.rule.decide(observation), np.int64, ndmin=1)
        undecided = np.flatnonzero((rows.legal.sum(axis=1) > 1) & ~self._batch.over)
        if len(undecided) == 0:
            return actions
        ranking = self.rule.rank(rows)
        for e in undecided:
            own, priorities = int(actions[e]), [priority[e] for priority in ranking]
            others = self._find_candidates(rows, priorities, int(e), own)
            if others:
                actions[e] = self._choose(int(e), np.array([own, *others], np.int64))
        return actions

    def _find_candidates(
        self, rows: Rows, ranking: list[NDArray[np.float64]], e: int, own: int
    ) -> list[int]:
        """Return the alternatives: the jobs ranked next, the best changeover and the wait."""
        legal, candidates = rows.legal[e].copy(), rows.candidates[e]
        legal[own] = False
        jobs = legal & (candidates[:, _IS_JOB] > 0)
        others: list[int] = []
        while len(others) < self.candidates - 1 and jobs.any():
            others.append(int(first_best(jobs[None], [priority[None] for priority in ranking])[0]))
            jobs[others[-1]] = False
        changeovers = legal & (candidates[:, _IS_CHANGEOVER] > 0)
        if changeovers.any():
            others.append(int(np.argmax(np.where(changeovers, candidates[:, _ATCS], -np.inf))))
        wait = len(legal) - 1
        tables = (candidates, rows.machines[e], rows.shop[e], rows.legal[e])
        if legal[wait] and not would_stand_still(*tables):
            others.append(wait)
        return others

    def _choose(self, e: int, rows: NDArray[np.int64]) -> int:
        """Return the best row that is significantly better than ``rows[0]``, else ``rows[0]``."""
        batch = self._batch
        assert batch is not None
        ticks = self._ticks[batch.shop.env.factory[e]]
        alive = np.ones(len(rows), np.bool_)
        costs = np.zeros((self.futures, len(rows)))
        shops = (batch.arrays, batch.shop, e, self._beliefs, self._sampled)
        for first in range(0, self.futures, _BLOCK):
            last = min(first + _BLOCK, self.futures)
            compare_rows(
                *shops, rows, alive, first, last, np.uint64(self.seed), ticks, self._inner, costs
            )
            gains = costs[:last, :1] - costs[:last]
            mean, error = gains.mean(axis=0), gains.std(axis=0, ddof=1) / np.sqrt(last)
            alive[1:] &= mean[1:] > 0
            if not alive[1:].any():
                return int(rows[0])
        is_better = alive & (mean > self.confidence * error)
        if not is_better[1:].any():
            return int(rows[0])
        return int(rows[np.argmax(np.where(is_better, mean, -np.inf))])

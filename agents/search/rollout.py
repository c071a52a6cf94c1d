"""Rollout dispatching: try the best few choices in imagined futures, and leave the rule's own only
for one that is better beyond doubt.

Bertsekas, Tsitsiklis and Wu (1997), Rollout algorithms for combinatorial optimization, section 2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.rules.compiled import compile_nearest
from agents.rules.priorities import Rows
from agents.rules.registry import Rule, first_best
from agents.search.simulate_rule import compare_rows
from agents.standstill import would_stand_still
from envs.batch import Batch
from envs.observation.checks import check_same_rows
from envs.observation.columns import CANDIDATE_INDEX
from factory.futures.sampled_futures import allocate_beliefs
from factory.simulation.allocation import allocate
from factory.simulation.arrays import FactoryArrays
from factory.validation.arguments import check_count, check_number, check_seed

_BLOCK = 8
"""Futures between two looks at the differences."""
_IS_JOB, _IS_CHANGEOVER, _ATCS = (
    CANDIDATE_INDEX[name] for name in ("is_job", "is_changeover", "atcs")
)


def mean_work_content(arrays: FactoryArrays) -> NDArray[np.float64]:
    """Mean over the products of the expected work of an order without options, in ticks ``[G]``."""
    exists = np.arange(arrays.operations.shape[2]) < arrays.products.num_operations[:, :, None]
    work = np.where(exists, arrays.operations.mean_base, 0.0).sum(axis=2)
    return np.asarray(
        work.sum(axis=1) / np.maximum(1, (arrays.products.num_operations > 0).sum(axis=1))
    )


class RolloutPolicy:
    """Improves on a dispatching rule by simulating ahead with sampled futures.

    At each decision with more than one legal row, the rule's own choice and its rivals are tried in
    the same futures (:func:`factory.futures.sampled_futures.sample_future`), each for ``horizon``
    ticks under the rule, then by an estimate of what the open orders will still cost. Futures come
    in blocks; after each block rivals that do not look better are dropped. A rival is chosen only
    if its paired difference to the rule's choice is below zero by ``confidence`` standard errors.

    Parameters
    ----------
    rule
        The rule to improve on. Worlds are played on under its compiled form; where it has none (it
        is not of the ATC family), under ATCS.
    candidates
        Job rows that are tried, the rule's own choice included; the wait and the best changeover
        ahead are tried beside them.
    futures
        Most futures a decision.
    horizon
        How far ahead to simulate, in mean work contents of an order.
    confidence
        Standard errors by which a rival must be better.
    seed
        Of the futures.

    Raises
    ------
    ValueError
        If a number is out of bounds.
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
        self.rule, self.candidates, self.futures, self.horizon, self.confidence, self.seed = (
            rule,
            candidates,
            futures,
            horizon,
            confidence,
            seed,
        )
        self._inner = compile_nearest(rule)
        self._batch: Batch | None = None  # of bind()

    def bind(self, batch: Batch) -> None:
        """Decide for the shops of ``batch`` from now on."""
        shop = batch.shop
        self._batch = batch
        self._imagined = allocate(
            batch.arrays,
            1,
            job_rows=shop.job_row.shape[1],
            changeover_rows=shop.changeover_target.shape[1],
        )
        self._beliefs = allocate_beliefs(batch.arrays)
        self._ticks = np.ceil(self.horizon * mean_work_content(batch.arrays)).astype(np.int64)

    def decide(self, observation: Any) -> NDArray[np.int64]:
        """Rows ``[E]``; the rule's own where no rival is better beyond doubt.

        Raises
        ------
        TypeError, ValueError
            If the tables are not those of an observation of the shops that are watched.
        RuntimeError
            If none are.
        """
        if self._batch is None:
            raise RuntimeError(
                "RolloutPolicy.decide: it simulates ahead and has no shop to look at. Call"
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
            own = int(actions[e])
            rivals = self._find_candidates(rows, [priority[e] for priority in ranking], int(e), own)
            if rivals:
                actions[e] = self._choose(int(e), np.array([own, *rivals], np.int64))
        return actions

    def _find_candidates(
        self, rows: Rows, ranking: list[NDArray[np.float64]], e: int, own: int
    ) -> list[int]:
        """Rows to try beside the rule's own: the jobs it ranks next, the best changeover and the
        wait."""
        legal, candidates = rows.legal[e].copy(), rows.candidates[e]
        legal[own] = False
        jobs = legal & (candidates[:, _IS_JOB] > 0)
        rivals: list[int] = []
        while len(rivals) < self.candidates - 1 and jobs.any():
            rivals.append(int(first_best(jobs[None], [priority[None] for priority in ranking])[0]))
            jobs[rivals[-1]] = False
        changeovers = legal & (candidates[:, _IS_CHANGEOVER] > 0)
        if changeovers.any():
            rivals.append(int(np.argmax(np.where(changeovers, candidates[:, _ATCS], -np.inf))))
        wait = len(legal) - 1
        tables = (candidates, rows.machines[e], rows.shop[e], rows.legal[e])
        if legal[wait] and not would_stand_still(*tables):
            rivals.append(wait)
        return rivals

    def _choose(self, e: int, rows: NDArray[np.int64]) -> int:
        """The best of ``rows`` beyond doubt; the first one is the rule's own."""
        batch = self._batch
        assert batch is not None
        ticks = self._ticks[batch.shop.env.factory[e]]
        alive = np.ones(len(rows), np.bool_)
        costs = np.zeros((self.futures, len(rows)))
        worlds = (batch.arrays, batch.shop, e, self._beliefs, self._imagined)
        for first in range(0, self.futures, _BLOCK):
            last = min(first + _BLOCK, self.futures)
            compare_rows(
                *worlds, rows, alive, first, last, np.uint64(self.seed), ticks, self._inner, costs
            )
            gains = costs[:last, :1] - costs[:last]
            mean, error = gains.mean(axis=0), gains.std(axis=0, ddof=1) / np.sqrt(last)
            alive[1:] &= mean[1:] > 0
            if not alive[1:].any():
                return int(rows[0])
        sure = alive & (mean > self.confidence * error)
        if not sure[1:].any():
            return int(rows[0])
        return int(rows[np.argmax(np.where(sure, mean, -np.inf))])

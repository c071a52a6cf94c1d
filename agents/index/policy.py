"""The evolved index as a policy: one linear priority for jobs, changeovers and waits.

Its weights are searched for a factory. It is the result of direct policy search without a network,
and so a cheap baseline for a learned policy. With :func:`atcs_weights` it is the ATCS rule.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from agents.index.feature_table import FEATURE_INDEX, FEATURES
from agents.index.kernels import best_rows
from agents.rules.parameters import closest
from agents.rules.rows import ObservationLike, Rows
from factory.validation.arguments import check_number

DETOUR_WEIGHT, WAIT_WEIGHT, AHEAD_WEIGHT = -1e8, -2e8, -3e8
"""Weights of rows that are chosen only where nothing better is legal, in the order in which rules
fall back on them. The index of a job falls with its slack without bound, so they must be far below
that of any job: a slack of a year in mean process times of a second is some -1e7."""
RULE_FALLBACKS = (-1.0, -3.0, -4.0)
"""Priors of detours, the wait and the best changeover ahead, relative to the best job, that give a
network the order of a rule and still let it explore them."""


class IndexPolicy:
    """Policy that takes the legal row with the highest index, the first one on ties.

    The index of a row is the sum of weight times feature, in float64 and in the order of
    :data:`agents.index.feature_table.FEATURES`.

    Parameters
    ----------
    weights
        Weights by name of feature; 0 for features that are left out.

    Raises
    ------
    ValueError
        If a feature does not exist, or a weight is not finite.

    Examples
    --------
    >>> IndexPolicy({"value": 1, "alowance": -0.5})
    Traceback (most recent call last):
    ...
    ValueError: index: feature 'alowance' is not known; did you mean 'allowance'? The features are
    changeover, detour, wait, ...
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        for name, weight in weights.items():
            if name not in FEATURE_INDEX:
                raise ValueError(
                    f"index: feature {name!r} is not known{closest(name, FEATURE_INDEX)} The"
                    f" features are {', '.join(FEATURE_INDEX)}."
                )
            check_number(f"index: weight {name}", weight, remedy="Leave it out for 0.")
        self.weights = {feature.name: float(weights.get(feature.name, 0.0)) for feature in FEATURES}
        self._weights = as_array(self.weights)
        self._features = np.zeros(len(FEATURES))

    def decide(self, observation: ObservationLike) -> NDArray[np.int64] | np.int64:
        """Return actions ``[E]``, or one action for a single environment.

        The action is 0 where no row is legal.

        Raises
        ------
        TypeError, ValueError
            If the tables are not those of an observation (:class:`agents.rules.rows.Rows`).
        """
        rows = Rows(observation)
        actions = np.zeros(len(rows.legal), np.int64)
        parts = (rows.candidates, rows.machines, rows.shop, rows.legal)
        tables = (np.ascontiguousarray(table) for table in parts)
        best_rows(*tables, self._weights, self._features, actions)
        return actions[0] if rows.is_single else actions


def as_array(weights: Mapping[str, float]) -> NDArray[np.float64]:
    """Return weights in the order of the features, ``[W]``."""
    return np.array([weights.get(feature.name, 0.0) for feature in FEATURES], np.float64)


def atcs_weights(
    k1: float,
    k2: float,
    *,
    detour: float = DETOUR_WEIGHT,
    wait: float = WAIT_WEIGHT,
    ahead: float = AHEAD_WEIGHT,
) -> dict[str, float]:
    """Return weights that make the index ATCS(k1, k2).

    Parameters
    ----------
    k1, k2
        Parameters of ATCS (docs/reference/rules.md).
    detour, wait, ahead
        Offsets of these rows; the index of a job is the logarithm of its ATCS priority.
    """
    return {
        "changeover": ahead,
        "detour": detour,
        "wait": wait,
        "value": 1.0,
        "allowance": -1.0 / k1,
        "setup_to_mean": -1.0 / k2,
    }

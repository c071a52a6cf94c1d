"""Costs drawn from a known distribution, and checks of intervals."""

from __future__ import annotations

import math
from dataclasses import astuple

import numpy as np

from evaluation.statistics.intervals import Interval
from evaluation.statistics.resampling import FloatArray


def costs(seed: int, episodes: int = 40) -> tuple[FloatArray, FloatArray]:
    """Return costs of a policy and of a rule on the same episodes.

    They are skewed and correlated; the policy is 30 % cheaper.
    """
    random = np.random.default_rng(seed)
    world = random.normal(size=episodes)
    rule = np.exp(0.5 * world)
    policy = 0.7 * np.exp(0.5 * (0.8 * world + 0.6 * random.normal(size=episodes)))
    return policy, rule


def assert_covers(hits: int, trials: int, share: float) -> None:
    """Check that hits lie inside the binomial band (4 standard errors) about a share."""
    band = 4 * math.sqrt(share * (1 - share) / trials)
    assert abs(hits / trials - share) <= band, (
        f"coverage {hits / trials:.3f}, expected {share} within {band:.3f}"
    )


def assert_close(interval: Interval, other: Interval, tolerance: float = 1e-9) -> None:
    np.testing.assert_allclose(astuple(interval), astuple(other), rtol=tolerance, atol=tolerance)

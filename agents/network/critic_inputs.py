"""Privileged features of the shops of a batch, and the time scales that they are relative to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents.network.critic_features import privileged_critic_features
from agents.network.feature_sizes import PRIVILEGED_FEATURES, WINDOWS
from envs.batch import Batch
from factory.simulation.arrays import FactoryArrays


def mean_process_times(arrays: FactoryArrays) -> NDArray[np.float64]:
    """Return the mean base time over operations and eligible machines, ticks ``[G]``.

    It is the unit of an agent's time constants, at least one tick.
    """
    times = arrays.base_time
    return np.array([max(1.0, float(own[own >= 0].mean())) for own in times])


def mean_operations(arrays: FactoryArrays) -> NDArray[np.float64]:
    """Return the mean number of operations of the products of each factory, ``[G]``."""
    counts = (arrays.base_time >= 0).any(axis=3).sum(axis=2)
    return np.array([float(own[own > 0].mean()) for own in counts])


class CriticFeatures:
    """Privileged features of the shops of a batch, with the memory that they are worked out in.

    Parameters
    ----------
    batch
        Batch whose shops are read.
    """

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.units = mean_process_times(batch.arrays)  # ticks [G]
        self.loads = np.zeros((batch.shop.centres.shape[1], 1 + len(WINDOWS)))  # scratch
        self.values: NDArray[np.float32] = np.zeros(
            (batch.num_envs, PRIVILEGED_FEATURES), np.float32
        )

    def update(self) -> NDArray[np.float32]:
        """Read the shops as they are; return ``values [E, PRIVILEGED_FEATURES]``."""
        batch = self.batch
        privileged_critic_features(batch.arrays, batch.shop, self.units, self.loads, self.values)
        return self.values

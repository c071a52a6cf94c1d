"""Mean process times, the unit of the time constants of agents, and lengths of products."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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

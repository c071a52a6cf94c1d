"""Unit of the time constants of agents: the mean process time of a factory."""

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

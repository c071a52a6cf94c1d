"""Length of the products of a factory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from factory.simulation.arrays import FactoryArrays


def mean_operations(arrays: FactoryArrays) -> NDArray[np.float64]:
    """Return the mean number of operations of the products of each factory, ``[G]``."""
    counts = (arrays.base_time >= 0).any(axis=3).sum(axis=2)
    return np.array([float(own[own > 0].mean()) for own in counts])

"""Keyed random draws of the twin, written from ``docs/model.md``, section 7, alone."""

from __future__ import annotations

import math

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
(
    ARRIVAL,
    BATCH,
    PRODUCT,
    OPTION,
    CUSTOMER,
    ALLOWANCE,
    PROCESS,
    FAILURE,
    REPAIR,
    REWORK,
    MATERIAL,
    LATENESS,
    DEMAND_REGIME,
    SUPPLY_REGIME,
) = range(1, 15)


def half_up(number: float) -> int:
    """Round to the nearest whole tick, halves upwards."""
    return math.floor(number + 0.5)


class Draws:
    """Random numbers keyed by role, entity and index (section 7)."""

    def __init__(self, seed: int) -> None:
        self.seed = seed & MASK

    def uniform(self, role: int, entity: int, index: int) -> float:
        state = self.seed
        for key in (role, entity, index):
            state = scramble((state + GOLDEN * (key + 1)) & MASK)
        return ((state >> 11) + 0.5) * 2.0**-53

    def normal(self, role: int, entity: int, index: int) -> float:
        radius = math.sqrt(-2 * math.log(self.uniform(role, entity, 2 * index)))
        return radius * math.cos(2 * math.pi * self.uniform(role, entity, 2 * index + 1))

    def lifetime(self, mean: float, role: int, entity: int, index: int) -> int:
        """Draw an exponential duration in whole ticks, at least 1."""
        return max(1, half_up(-mean * math.log(self.uniform(role, entity, index))))

    def pick(self, weights: list[float], role: int, entity: int, index: int) -> int:
        """Return the first index whose running sum of weights exceeds u times their total."""
        threshold = self.uniform(role, entity, index) * sum(weights)
        running = 0.0
        for choice, weight in enumerate(weights):
            running += weight
            if running > threshold:
                return choice
        raise ValueError(f"the weights {weights} have no positive entry")


def scramble(z: int) -> int:
    """Apply the finaliser of splitmix64."""
    z ^= z >> 30
    z = z * 0xBF58476D1CE4E5B9 & MASK
    z ^= z >> 27
    z = z * 0x94D049BB133111EB & MASK
    return z ^ z >> 31

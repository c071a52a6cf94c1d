"""Random numbers and shares of the generator."""

from __future__ import annotations

import numpy as np

from factory.generation.ranges import Numbers


class Draw:
    """Random numbers for the description of a factory: independent ones for each stream.

    The events of an episode use other numbers (:mod:`factory.realisation.random_numbers`).
    """

    def __init__(self, seed: int, stream: int = 0) -> None:
        key = np.array([seed, stream], np.uint64)
        self.generator = np.random.Generator(np.random.Philox(key=key))

    def integer(self, ends: tuple[int, int]) -> int:
        """Return an integer between two ends, both included."""
        return int(self.generator.integers(ends[0], ends[1], endpoint=True))

    def number(self, ends: Numbers, digits: int = 3) -> float:
        """Return a rounded float between two ends."""
        return min(max(round(float(self.generator.uniform(*ends)), digits), ends[0]), ends[1])

    def chance(self, probability: float) -> bool:
        """Return True with the given probability."""
        return bool(self.generator.random() < probability)

    def shares(self, count: int) -> list[float]:
        """Return ``count`` uneven shares that add up to 1 (before rounding), none near 0."""
        return [
            round(0.3 / count + 0.7 * float(share), 4)
            for share in self.generator.dirichlet(np.ones(count))
        ]

    def split(self, total: int, parts: int) -> list[int]:
        """Return ``parts`` numbers, each at least 1, with the sum ``total``."""
        chosen = self.generator.choice(total - 1, parts - 1, replace=False) + 1
        cuts = sorted(int(cut) for cut in chosen)
        return [high - low for low, high in zip([0, *cuts], [*cuts, total], strict=True)]

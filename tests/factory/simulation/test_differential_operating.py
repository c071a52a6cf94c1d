"""The kernel and the twin, side by side, over factories with calendars, people, maintenance and
runs."""

from __future__ import annotations

import random

import pytest

from tests.builders.operating_factories import random_operating_factory
from tests.factory.simulation.test_differential import compare_episode


@pytest.mark.parametrize("block", range(10))
def test_kernel_equals_twin_on_random_operating_factories(block: int) -> None:
    for seed in range(40 * block, 40 * block + 40):
        rng = random.Random(seed)
        factory, book = random_operating_factory(rng)
        compare_episode(factory, book, seed, rng)

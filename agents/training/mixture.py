"""Factories of a training mixture."""

from __future__ import annotations

from collections.abc import Sequence

from envs.scenario import Scenario
from factory.model import Factory


def factories_of(names: Sequence[str], num_generated: int) -> list[Factory]:
    """Return the factories with the given names; a range gives ``num_generated`` factories."""
    factories = []
    for name in names:
        scenario = Scenario(name)
        count = num_generated if scenario.changes_every_episode else 1
        factories += [scenario.draw(index)[0] for index in range(count)]
    return factories

"""Factories of a training mixture."""

from __future__ import annotations

from collections.abc import Sequence

from envs.scenario import Scenario
from factory.model import Factory


def factories_of(names: Sequence[str], drawn: int) -> list[Factory]:
    """The mixture that names stand for; ranges stand for ``drawn`` factories."""
    found = []
    for name in names:
        scenario = Scenario(name)
        found += [
            scenario.draw(index)[0]
            for index in range(drawn if scenario.changes_every_episode else 1)
        ]
    return found

"""Blocks of episodes that an evaluation plays side by side."""

from __future__ import annotations

import json
from dataclasses import dataclass

from evaluation.runner.contenders import Contender
from evaluation.runner.provenance import runtime_source_hash
from evaluation.runner.scenarios import NamedScenario
from factory.work_units.units import digest

EPISODES_A_UNIT = 64
"""Episodes that are played side by side. The number is fixed, as the size of a batch changes the
last bits of a network's outputs."""


@dataclass(frozen=True)
class EpisodeBlock:
    """Consecutive episodes of a seed block, for a settled contender to play.

    Parameters
    ----------
    training_seed
        Index of the training run that plays.
    first, count
        First episode of the block, and number of episodes.
    scored
        True if every schedule is verified and measured; False if only costs are taken, to choose a
        rule.
    call_timeout
        Time limit in seconds of one call of a sandboxed policy.
    """

    scenario: NamedScenario
    contender: Contender
    training_seed: int
    block: str
    first: int
    count: int
    scored: bool
    call_timeout: float

    @property
    def name(self) -> str:
        return (
            f"{self.scenario.name}: {self.contender.name}, run {self.training_seed}, block"
            f" {self.block}, episodes {self.first} to {self.last}"
        )

    @property
    def key(self) -> str:
        return digest(
            "play",
            runtime_source_hash(),
            self.scenario.fingerprint,
            self.contender.identity(),
            self.training_seed,
            self.block,
            self.first,
            self.count,
            self.scored,
        )

    @property
    def size(self) -> int:
        return self.count

    @property
    def group(self) -> str:
        return group_of(self.scenario.name, self.contender.name)

    @property
    def last(self) -> int:
        """Last episode of the block."""
        return self.first + self.count - 1


def group_of(scenario: str, contender: str) -> str:
    """Return the group of a contender's units in a scenario, unique for the pair of names."""
    return json.dumps([scenario, contender])

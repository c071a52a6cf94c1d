"""Single episodes under any policy."""

from __future__ import annotations

import numpy as np

from agents.policy import Policy, play
from envs.batch import Batch
from envs.scenario import Scenario
from factory.schedule.records import Schedule, unload
from factory.validation.arguments import check_seed

_LOG_LINES = 8192


def play_episode(policy: Policy, scenario: Scenario, seed: int) -> Schedule:
    """Play one episode to its end, and return its schedule.

    Raises
    ------
    TypeError, ValueError
        If the seed or an action is no integer, or out of range.
    factory.simulation_errors.IllegalActionError
        If an action is not legal.
    agents.policy.EpisodeUnfinishedError
        If the policy stops working.
    """
    seed = check_seed("play: seed", seed)
    factory, book = scenario.draw(seed)
    batch = Batch([factory], [book], num_envs=1, log_length=_LOG_LINES)
    play(batch, policy, np.array([seed], np.uint64))
    return unload(factory, book, batch.arrays, batch.shop, 0)

"""Compilation of the simulator before work begins."""

from __future__ import annotations

from agents.policy import play
from agents.rules.registry import make_rule
from envs import seed_splits
from envs.batch import Batch
from factory.io.catalogue import find_single_factory


def warm_up() -> None:
    """Compile the simulator in this process, so that other processes find it compiled."""
    batch = Batch([find_single_factory("tiny")], num_envs=1, log_length=1)
    play(batch, make_rule("ATCS"), seed_splits.episode_seeds("tune", 1))

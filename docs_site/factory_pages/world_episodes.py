"""Episodes that the pages show."""

from __future__ import annotations

from typing import Any

from agents.policy import Policy
from envs.env import ChangeoverEnv
from factory.model import Factory
from factory.schedule.records import Schedule
from factory.verification.verifier import verify

PAGE_SEED = 1
"""Seed of the episodes of all pages; it is in no seed block."""


def play_world(source: str, policy: Policy, seed: int = PAGE_SEED) -> tuple[Schedule, Factory]:
    """Play one episode, verify it, and return its schedule and its factory.

    Parameters
    ----------
    source
        Name of a shipped factory, or of ranges, from which the seed draws one.
    policy
        Policy that decides.
    seed
        Seed of the episode.
    """
    env: Any = ChangeoverEnv(source)
    observation, _ = env.reset(seed=seed)
    over = False
    while not over:
        actions: Any = policy.decide({name: table[None] for name, table in observation.items()})
        observation, _, terminated, truncated, _ = env.step(actions[0])
        over = terminated or truncated
    schedule = env.schedule()
    verify(schedule, env.factory, env.order_book)
    return schedule, env.factory

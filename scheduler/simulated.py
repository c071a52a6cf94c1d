"""Simulated moments, to try a scheduler with."""

from __future__ import annotations

import numpy as np

from agents.rules import Rule
from envs.observation import DEFAULT_CHANGEOVER_ROWS, DEFAULT_JOB_ROWS, allocate_scratch, allocate_tables, observe
from factory import kernel
from factory.arrays import ShopState
from factory.load import load
from factory.model import Factory
from factory.shop import allocate


def simulate(factory: Factory, rule: Rule, seed: int, decisions: int) -> ShopState:
    """The shop in which ``rule`` has taken ``decisions`` decisions in the episode of ``seed``, with the next machine asked.

    Raises
    ------
    ValueError
        If the episode is over before.
    """
    arrays = load([factory])
    shop = allocate(arrays, 1, job_rows=DEFAULT_JOB_ROWS, changeover_rows=DEFAULT_CHANGEOVER_ROWS)
    scratch, tables = allocate_scratch(shop), allocate_tables(arrays, shop, np.float32)
    kernel.begin_episode(arrays, shop, 0, 0, np.uint64(seed))
    kernel.advance(arrays, shop, 0)
    observation = {"candidates": tables.candidates, "machines": tables.machines, "shop": tables.shop, "action_mask": tables.action_mask}
    for taken in range(decisions + 1):
        if shop.floor.deciding[0] < 0:
            raise ValueError(f"decisions = {decisions}; the episode of seed {seed} is over after {taken}. Choose fewer.")
        if taken == decisions:
            break
        observe(arrays, shop, 0, scratch, tables.candidates[0], tables.machines[0], tables.shop[0], tables.action_mask[0])
        kernel.decide(arrays, shop, 0, int(np.asarray(rule.decide(observation)).reshape(-1)[0]))
        kernel.advance(arrays, shop, 0)
    return shop

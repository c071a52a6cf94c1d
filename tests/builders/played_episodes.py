"""Records of episodes of random factories, decision by decision."""

from __future__ import annotations

import hashlib
import random
from typing import Any

import numpy as np

from envs.batch import Batch
from tests.builders.random_factories import random_factory

FACTORIES, MAX_DECISIONS = 12, 40


def play_some() -> list[dict[str, Any]]:
    """Play some random factories under random legal decisions.

    Returns
    -------
    list of dict
        Choices, costs, log and a digest of all observations of each episode.
    """
    return [play_recorded(seed) for seed in range(FACTORIES)]


def play_recorded(seed: int) -> dict[str, Any]:
    """Play one random factory and return its record."""
    rng = random.Random(seed)
    factory, book = random_factory(rng)
    batch = Batch(
        [factory],
        [book],
        num_envs=1,
        job_rows=6,
        changeover_rows=4,
        dtype=np.float64,
        log_length=2048,
    )
    tables = batch.reset(np.array([seed], np.uint64))
    digest, rows = hashlib.sha256(), []
    while len(rows) < MAX_DECISIONS and not batch.over.all():
        for table in (tables.candidates, tables.machines, tables.shop):
            # The last bits of logarithms differ between mathematical libraries.
            digest.update(np.round(np.clip(table, -1e12, 1e12), 6).tobytes())
        rows.append(rng.choice(np.flatnonzero(tables.action_mask[0]).tolist()))
        tables = batch.step(np.array([rows[-1]]), autoreset=False)
    return {
        "rows": rows,
        "clock": int(batch.shop.env.clock[0]),
        "cost": np.round(batch.shop.cost[0], 9).tolist(),
        "log": batch.shop.log[0, : int(batch.shop.env.log_length[0])].tolist(),
        "observed": digest.hexdigest(),
    }

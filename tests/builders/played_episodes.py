"""Episodes of random factories, written down decision by decision."""

from __future__ import annotations

import hashlib
import random
from typing import Any

import numpy as np

from envs.batch import Batch
from tests.builders.random_factories import random_factory

FACTORIES, MOST_DECISIONS = 12, 40


def play_some() -> list[dict[str, Any]]:
    """What happens in a few random factories under random legal decisions: choices, costs, and a
    digest of everything observed."""
    told = []
    for number in range(FACTORIES):
        rng = random.Random(number)
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
        tables = batch.reset(np.array([number], np.uint64))
        digest, rows = hashlib.sha256(), []
        while len(rows) < MOST_DECISIONS and not batch.over.all():
            for table in (tables.candidates, tables.machines, tables.shop):
                # the last bits of logarithms may differ between the two mathematical libraries
                digest.update(np.round(np.clip(table, -1e12, 1e12), 6).tobytes())
            rows.append(rng.choice(np.flatnonzero(tables.action_mask[0]).tolist()))
            tables = batch.step(np.array([rows[-1]]), autoreset=False)
        told.append(
            {
                "rows": rows,
                "clock": int(batch.shop.env.clock[0]),
                "cost": np.round(batch.shop.cost[0], 9).tolist(),
                "log": batch.shop.log[0, : int(batch.shop.env.log_length[0])].tolist(),
                "observed": digest.hexdigest(),
            }
        )
    return told

"""The compiled kernel and observation do what the same source does when Python interprets it."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from envs.batch import Batch
from tests.strategies import random_factory

ROOT = Path(__file__).resolve().parent.parent
FACTORIES, MOST_DECISIONS = 12, 40


def play_some() -> list[dict[str, Any]]:
    """What happens in a few random factories under random legal decisions: choices, costs, and a digest of everything observed."""
    told = []
    for number in range(FACTORIES):
        rng = random.Random(number)
        factory, book = random_factory(rng)
        batch = Batch([factory], [book], num_envs=1, job_rows=6, changeover_rows=4, dtype=np.float64, log_length=2048)
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
                "clock": int(batch.shop.floor.clock[0]),
                "cost": np.round(batch.shop.cost[0], 9).tolist(),
                "log": batch.shop.log[0, : int(batch.shop.floor.log_length[0])].tolist(),
                "observed": digest.hexdigest(),
            }
        )
    return told


def test_compiled_equals_interpreted() -> None:
    script = "import json; from tests.test_interpreted import play_some; print(json.dumps(play_some()))"
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    interpreted, compiled = json.loads(done.stdout.splitlines()[-1]), play_some()
    assert sum(len(episode["rows"]) for episode in compiled) > 5 * FACTORIES
    for number, (one, other) in enumerate(zip(compiled, interpreted, strict=True)):
        assert one == other, f"factory {number}"

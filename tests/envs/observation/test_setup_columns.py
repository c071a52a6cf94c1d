"""Columns about setups equal a plain Python computation from the shop's records.

They describe setups here, on parallel machines and at the next work centre.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agents.rules.registry import make_rule
from envs.batch import Batch
from envs.observation.columns import CANDIDATE_INDEX, SHOP_COLUMN, SHOP_INDEX
from envs.observation.tables import as_observation
from factory.io.catalogue import find_single_factory
from tests.oracles.shop_reader import Floor


def check(row: Any, index: dict[str, int], expected: dict[str, float]) -> None:
    for column, value in expected.items():
        assert row[index[column]] == pytest.approx(value, rel=1e-6), column


@pytest.mark.parametrize("name", ["microfactory", "large", "scarce_crew", "one_of_a_kind"])
def test_setup_columns_follow_from_the_records_of_the_shop(name: str) -> None:
    batch, rule = Batch([find_single_factory(name)], num_envs=3), make_rule("ATCS")
    batch.reset(np.arange(3, dtype=np.uint64))
    seen = {"job": 0, "changeover": 0, "twin": 0, "next": 0, "fitting": 0}
    for _ in range(120):
        tables = batch.tables
        for e in np.flatnonzero(~batch.over):
            floor = Floor(batch, int(e))
            check(tables.shop[e], SHOP_INDEX, floor.shop_columns())
            jobs = batch.shop.job_row[e, : batch.shop.env.num_job_rows[e]]
            ahead = batch.shop.changeover_lead[e, : batch.shop.env.num_changeover_rows[e]]
            rows = [*enumerate(jobs), *enumerate(ahead, start=batch.shop.job_row.shape[1])]
            for row, operation_id in rows:
                expected = floor.row_columns(int(operation_id))
                check(tables.candidates[e, row], CANDIDATE_INDEX, expected)
                seen["twin"] += expected["twin_free_in"] < floor.longest_wait
                seen["next"] += expected["next_fits"] > 0
            seen["job"] += len(jobs)
            seen["changeover"] += len(ahead)
            seen["fitting"] += tables.shop[e, SHOP_COLUMN.fitting_upcoming] > 0
        batch.step(np.asarray(rule.decide(as_observation(tables)), np.int64), autoreset=False)
    assert min(seen.values()) > 5, seen

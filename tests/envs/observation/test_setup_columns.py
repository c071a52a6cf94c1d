"""What the observation says of setups here, on twin machines and downstream, worked out anew in
plain Python from the shop's records."""

from __future__ import annotations

import numpy as np
import pytest

from agents.policy import as_observation
from agents.rules.registry import make_rule
from envs.batch import Batch
from envs.observation.columns import CANDIDATE_INDEX, SHOP_INDEX
from factory.io.catalogue import find_single_factory
from tests.oracles.shop_reader import Floor


@pytest.mark.parametrize("name", ["microfactory", "large", "scarce_crew", "one_of_a_kind"])
def test_columns_about_setups_are_what_the_shop_holds(name: str) -> None:
    batch, rule = Batch([find_single_factory(name)], num_envs=3), make_rule("ATCS")
    batch.reset(np.arange(3, dtype=np.uint64))
    met = {"job": 0, "changeover": 0, "twin": 0, "next": 0, "fitting": 0}
    for _ in range(120):
        tables = batch.tables
        for e in np.flatnonzero(~batch.over):
            floor = Floor(batch, int(e))
            for column, expected in floor.shop_columns().items():
                assert tables.shop[e, SHOP_INDEX[column]] == pytest.approx(expected, rel=1e-6), (
                    column
                )
            counts = batch.shop.env.num_job_rows[e], batch.shop.env.num_changeover_rows[e]
            jobs, ahead = (
                batch.shop.job_row[e, : counts[0]],
                batch.shop.changeover_lead[e, : counts[1]],
            )
            rows = [*enumerate(jobs), *enumerate(ahead, start=batch.shop.job_row.shape[1])]
            for row, operation_id in rows:
                expected_columns = floor.row_columns(int(operation_id))
                for column, expected in expected_columns.items():
                    assert tables.candidates[e, row, CANDIDATE_INDEX[column]] == pytest.approx(
                        expected, rel=1e-6
                    ), column
                met["twin"] += expected_columns["twin_free_in"] < floor.longest_wait
                met["next"] += expected_columns["next_fits"] > 0
            met["job"], met["changeover"] = met["job"] + len(jobs), met["changeover"] + len(ahead)
            met["fitting"] += tables.shop[e, SHOP_INDEX["fitting_upcoming"]] > 0
        batch.step(np.asarray(rule.decide(as_observation(tables)), np.int64), autoreset=False)
    assert min(met.values()) > 5, met

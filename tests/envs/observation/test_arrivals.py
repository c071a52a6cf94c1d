"""Look-ahead columns equal a plain Python computation from the shop's records.

They are the columns about arrivals, parallel machines, paths and the next work centre.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from agents.rules.registry import make_rule
from envs.batch import Batch
from envs.observation.columns import CANDIDATE_COLUMN, CANDIDATE_INDEX
from envs.observation.tables import as_observation
from factory.io.catalogue import find_single_factory
from factory.simulation.arrays import DONE, IN_PROCESS, OPERATION_BITS, split_operation_id
from tests.oracles.shop_reader import Floor


class LookAhead(Floor):
    """Expected look-ahead columns of the asked machine of one shop."""

    def arrivals(self, setup: Sequence[int], duration: float) -> dict[str, float]:
        """Return the columns about arrivals, for the setup and the duration of a row."""

        def onward(operation_id: int) -> int:
            return self.setup_between(self.asked, self.centre, setup, self.wanted(operation_id))

        coming = sorted(self.here("upcoming"), key=self.ready_in)
        ready_in = [self.ready_in(operation_id) for operation_id in coming]
        meanwhile = [
            operation_id
            for operation_id, ready in zip(coming, ready_in, strict=True)
            if ready <= duration
        ]
        times = [time for time in map(onward, [*self.here("queue"), *coming]) if time >= 0]
        padded = [*ready_in, self.longest_wait, self.longest_wait]
        columns = {
            "arrivals_meanwhile": len(meanwhile),
            "fits_meanwhile": sum(onward(operation_id) == 0 for operation_id in meanwhile),
            "onward_setup_time": float(np.mean(times)) if times else 0.0,
            "first_arrival_in": padded[0],
            "second_arrival_in": padded[1],
        }
        if len(set(ready_in)) == len(coming):  # otherwise the order of arrivals is ambiguous
            columns |= self.first_arrivals(
                coming, [onward(operation_id) for operation_id in coming]
            )
        return columns

    def first_arrivals(self, coming: list[int], setup_times: list[int]) -> dict[str, float]:
        """Return the columns about the first two arrivals."""
        shown = [time if time >= 0 else self.longest_wait for time in setup_times] + [0.0, 0.0]
        columns = {
            "first_arrival_setup_time": shown[0],
            "second_arrival_setup_time": shown[1],
            "first_arrival_slack": 0.0,
            "first_arrival_weight": 0.0,
        }
        if coming:
            order, _ = split_operation_id(coming[0])
            columns["first_arrival_slack"] = self.slack(coming[0])
            columns["first_arrival_weight"] = float(self.shop.orders.weight[self.e, order])
        return columns

    def starts(self, centre: int, operation_id: int, excluded: int = -1) -> list[float]:
        """Return the times until each eligible machine could begin to process the operation."""
        machines = [
            machine
            for machine in self.machines(centre)
            if machine != excluded and self.can_do(machine, operation_id)
        ]
        return [
            self.busy(machine) + self.time(machine, centre, operation_id)
            for machine in machines
            if self.time(machine, centre, operation_id) >= 0
        ]

    def done_in(self, operation_id: int) -> float:
        """Return the expected time until the operation is done."""
        record = self.operation(operation_id)
        if record.status == DONE:
            return 0.0
        if record.status == IN_PROCESS:
            return next(
                self.busy(machine)
                for machine in range(self.arrays.machines.shape[1])
                if int(self.shop.machines.operation_id[self.e, machine]) == operation_id
            )
        return self.ready_in(operation_id) + float(record.mean_time)

    def successors(self, order: int) -> list[list[int]]:
        """Return the successors of each operation of an order."""
        product = int(self.shop.orders["product"][self.e, order])
        count = int(self.arrays.products.num_operations[self.g, product])
        lengths = self.arrays.operations.num_successors[self.g, product, :count]
        table = self.arrays.successors[self.g, product, :count]
        return [row[:length].tolist() for row, length in zip(table, lengths, strict=True)]

    def of_order(self, operation_id: int) -> dict[str, float]:
        """Return the columns about the operation and its order."""
        order, operation = split_operation_id(operation_id)
        successors = self.successors(order)

        def path(index: int) -> float:
            own = float(self.shop.operations.mean_time[self.e, order, index])
            return own + max((path(after) for after in successors[index]), default=0.0)

        not_begun = [
            index
            for index in range(len(successors))
            if self.shop.operations.status[self.e, order, index] not in (DONE, IN_PROCESS)
        ]
        due_in = float(self.shop.orders.due_date[self.e, order] - self.shop.env.clock[self.e])
        starts = self.starts(self.centre, operation_id, self.asked)
        columns = {
            "twin_start_in": min([self.longest_wait, *starts]),
            "path_slack": due_in - path(operation),
            "longer_path": max(map(path, not_begun)) - path(operation),
            "join_in": 0.0,
            "next_start_in": 0.0,
            "next_setup_time": 0.0,
            "next_upcoming": 0.0,
        }
        if successors[operation]:
            columns |= self.of_next(order, operation, successors)
        return columns

    def of_next(self, order: int, operation: int, successors: list[list[int]]) -> dict[str, float]:
        """Return the columns about the next operation."""
        product = int(self.shop.orders["product"][self.e, order])
        after = successors[operation][0]
        centre = int(self.arrays.operations.centre[self.g, product, after])
        operation_id = order << OPERATION_BITS | after
        longest_wait = float(self.arrays.centres.longest_wait[self.g, centre])
        setups = [
            float(self.time(machine, centre, operation_id))
            for machine in self.machines(centre)
            if self.can_do(machine, operation_id) and self.time(machine, centre, operation_id) >= 0
        ]
        others = [
            order << OPERATION_BITS | index
            for index in range(len(successors))
            if after in successors[index] and index != operation
        ]
        return {
            "join_in": max(map(self.done_in, others), default=0.0),
            "next_start_in": min([longest_wait, *self.starts(centre, operation_id)]),
            "next_setup_time": min([longest_wait, *setups]),
            "next_upcoming": int(self.shop.centres.upcoming_length[self.e, centre]),
        }


class Row:
    """Index, operation, setup and duration of a job row or a changeover row."""

    def __init__(self, shop: LookAhead, candidates: Any, index: int) -> None:
        job_rows = shop.shop.job_row.shape[1]
        mounted = shop.shop.mounted[shop.e, shop.asked].tolist()
        row = candidates[index]
        self.index = index
        self.duration = float(row[CANDIDATE_COLUMN.setup_time])
        if index < job_rows:
            self.operation_id = int(shop.shop.job_row[shop.e, index])
            self.duration += float(row[CANDIDATE_COLUMN.process_time])
            wanted = shop.wanted(self.operation_id)
        else:
            self.operation_id = int(shop.shop.changeover_lead[shop.e, index - job_rows])
            wanted = shop.shop.changeover_target[shop.e, index - job_rows].tolist()
        self.setup = [
            value if value >= 0 else before for before, value in zip(mounted, wanted, strict=True)
        ]


def filled_rows(shop: LookAhead, candidates: Any) -> Iterator[Row]:
    """Yield the job rows and the changeover rows of a shop."""
    env, job_rows = shop.shop.env, shop.shop.job_row.shape[1]
    for index in range(env.num_job_rows[shop.e]):
        yield Row(shop, candidates, index)
    for index in range(env.num_changeover_rows[shop.e]):
        yield Row(shop, candidates, job_rows + index)


def check(row: Any, expected: dict[str, float]) -> None:
    for column, value in expected.items():
        assert row[CANDIDATE_INDEX[column]] == pytest.approx(value, rel=1e-6, abs=1e-4), column


@pytest.mark.parametrize("name", ["microfactory", "large", "scarce_crew", "one_of_a_kind"])
def test_look_ahead_columns_follow_from_the_records_of_the_shop(name: str) -> None:
    batch, rule = Batch([find_single_factory(name)], num_envs=3), make_rule("ATCS")
    batch.reset(np.arange(3, dtype=np.uint64))
    seen = dict.fromkeys(("job", "changeover", "wait", "meanwhile", "second", "join", "twin"), 0)
    for _ in range(120):
        tables, job_rows = batch.tables, batch.shop.job_row.shape[1]
        for e in np.flatnonzero(~batch.over):
            shop = LookAhead(batch, int(e))
            for row in filled_rows(shop, tables.candidates[e]):
                expected = shop.arrivals(row.setup, row.duration) | shop.of_order(row.operation_id)
                check(tables.candidates[e, row.index], expected)
                seen["job"] += row.index < job_rows
                seen["changeover"] += row.index >= job_rows
                seen["meanwhile"] += expected["arrivals_meanwhile"] > 0
                seen["second"] += expected["second_arrival_in"] < shop.longest_wait
                seen["join"] += expected["join_in"] > 0
                seen["twin"] += expected["twin_start_in"] < shop.longest_wait
            mounted = batch.shop.mounted[e, shop.asked].tolist()
            check(tables.candidates[e, -1], shop.arrivals(mounted, 0.0))
            seen["wait"] += 1
        batch.step(np.asarray(rule.decide(as_observation(tables)), np.int64), autoreset=False)
    assert min(seen.values()) > 5, seen

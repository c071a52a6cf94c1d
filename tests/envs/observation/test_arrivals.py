"""What the observation says of arrivals, twins, paths and the next work centre, worked out anew in
plain Python from the shop's records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from agents.policy import as_observation
from agents.rules.registry import make_rule
from envs.batch import Batch
from envs.observation.columns import CANDIDATE_INDEX
from factory.io.catalogue import find_single_factory
from factory.simulation.arrays import DONE, IN_PROCESS, split_operation_id
from tests.oracles.shop_reader import Floor


class Outlook(Floor):
    """The columns of :mod:`envs.observation.arrivals`, of one shop."""

    def arrivals(self, setup: Sequence[int], duration: float) -> dict[str, float]:
        """From the setup that a row leaves, after the time that it takes."""

        def onward(operation_id: int) -> int:
            return self.setup_between(self.asked, self.centre, setup, self.wanted(operation_id))

        coming = sorted(self.here("upcoming"), key=self.ready_in)
        meanwhile = [
            operation_id for operation_id in coming if self.ready_in(operation_id) <= duration
        ]
        times = [time for time in map(onward, [*self.here("queue"), *coming]) if time >= 0]
        found = {
            "arrivals_meanwhile": len(meanwhile),
            "fits_meanwhile": sum(onward(operation_id) == 0 for operation_id in meanwhile),
        }
        found["onward_setup_time"] = float(np.mean(times)) if times else 0.0
        ready_in = [self.ready_in(operation_id) for operation_id in coming] + 2 * [
            self.longest_wait
        ]
        found |= {"first_arrival_in": ready_in[0], "second_arrival_in": ready_in[1]}
        if len(set(ready_in[: len(coming)])) < len(coming):
            return found  # which of two that come at one time is the first is not said
        setups = [time if time >= 0 else self.longest_wait for time in map(onward, coming)] + 2 * [
            0.0
        ]
        found |= {"first_arrival_setup_time": setups[0], "second_arrival_setup_time": setups[1]}
        found["first_arrival_slack"] = self.slack(coming[0]) if coming else 0.0
        found["first_arrival_weight"] = (
            float(self.shop.orders.weight[self.e, split_operation_id(coming[0])[0]])
            if coming
            else 0.0
        )
        return found

    def starts(self, centre: int, operation_id: int, besides: int = -1) -> list[float]:
        """When each machine that can could begin to process the operation."""
        machines = [
            machine
            for machine in self.machines(centre)
            if machine != besides and self.can_do(machine, operation_id)
        ]
        return [
            self.busy(machine) + self.time(machine, centre, operation_id)
            for machine in machines
            if self.time(machine, centre, operation_id) >= 0
        ]

    def done_in(self, operation_id: int) -> float:
        one = self.operation(operation_id)
        if one.status == DONE:
            return 0.0
        if one.status == IN_PROCESS:
            return next(
                self.busy(machine)
                for machine in range(self.arrays.machines.shape[1])
                if int(self.shop.machines.operation_id[self.e, machine]) == operation_id
            )
        return self.ready_in(operation_id) + float(one.mean_time)

    def of_order(self, operation_id: int) -> dict[str, float]:
        """Columns about the operation and its order."""
        order, operation = split_operation_id(operation_id)
        product = int(self.shop.orders["product"][self.e, order])
        successors = [
            [
                int(after)
                for after in self.arrays.successors[
                    self.g,
                    product,
                    one,
                    : self.arrays.operations.num_successors[self.g, product, one],
                ]
            ]
            for one in range(int(self.arrays.products.num_operations[self.g, product]))
        ]

        def path(one: int) -> float:
            return float(self.shop.operations.mean_time[self.e, order, one]) + max(
                (path(after) for after in successors[one]), default=0.0
            )

        open_ones = [
            one
            for one in range(len(successors))
            if self.shop.operations.status[self.e, order, one] not in (DONE, IN_PROCESS)
        ]
        due_in = float(self.shop.orders.due_date[self.e, order] - self.shop.env.clock[self.e])
        found = {
            "twin_start_in": min(
                [self.longest_wait, *self.starts(self.centre, operation_id, self.asked)]
            ),
            "path_slack": due_in - path(operation),
            "longer_path": max(map(path, open_ones)) - path(operation),
            **dict.fromkeys(("join_in", "next_start_in", "next_setup_time", "next_upcoming"), 0.0),
        }
        if successors[operation]:
            after = successors[operation][0]
            centre, successor = (
                int(self.arrays.operations.centre[self.g, product, after]),
                order << 6 | after,
            )
            longest_wait = float(self.arrays.centres.longest_wait[self.g, centre])
            setups = [
                self.time(machine, centre, successor)
                for machine in self.machines(centre)
                if self.can_do(machine, successor)
            ]
            others = [
                one
                for one in range(len(successors))
                if after in successors[one] and one != operation
            ]
            found |= {
                "join_in": max((self.done_in(order << 6 | one) for one in others), default=0.0),
                "next_start_in": min([longest_wait, *self.starts(centre, successor)]),
                "next_setup_time": min(
                    [longest_wait, *(float(time) for time in setups if time >= 0)]
                ),
                "next_upcoming": int(self.shop.centres.upcoming_length[self.e, centre]),
            }
        return found


def check(row: Any, expected: dict[str, float]) -> None:
    for column, value in expected.items():
        assert row[CANDIDATE_INDEX[column]] == pytest.approx(value, rel=1e-6, abs=1e-4), column


@pytest.mark.parametrize("name", ["microfactory", "large", "scarce_crew", "one_of_a_kind"])
def test_columns_about_what_a_row_leads_to_are_what_the_shop_holds(name: str) -> None:
    batch, rule = Batch([find_single_factory(name)], num_envs=3), make_rule("ATCS")
    batch.reset(np.arange(3, dtype=np.uint64))
    met = dict.fromkeys(("job", "changeover", "wait", "meanwhile", "second", "join", "twin"), 0)
    for _ in range(120):
        tables, job_rows = batch.tables, batch.shop.job_row.shape[1]
        for e in np.flatnonzero(~batch.over):
            floor = Outlook(batch, int(e))
            mounted = [int(value) for value in batch.shop.mounted[e, floor.asked]]
            jobs = [
                int(operation_id)
                for operation_id in batch.shop.job_row[e, : batch.shop.env.num_job_rows[e]]
            ]
            ahead = [
                int(operation_id)
                for operation_id in batch.shop.changeover_lead[
                    e, : batch.shop.env.num_changeover_rows[e]
                ]
            ]
            for row, operation_id in [*enumerate(jobs), *enumerate(ahead, start=job_rows)]:
                seen = tables.candidates[e, row]
                taken = float(seen[CANDIDATE_INDEX["setup_time"]]) + (
                    float(seen[CANDIDATE_INDEX["process_time"]]) if row < job_rows else 0.0
                )
                left = (
                    floor.wanted(operation_id)
                    if row < job_rows
                    else [int(value) for value in batch.shop.changeover_target[e, row - job_rows]]
                )
                expected = floor.arrivals(
                    [want if want >= 0 else have for have, want in zip(mounted, left, strict=True)],
                    taken,
                ) | floor.of_order(operation_id)
                check(seen, expected)
                met["meanwhile"] += expected["arrivals_meanwhile"] > 0
                met["second"] += expected["second_arrival_in"] < floor.longest_wait
                met["join"] += expected["join_in"] > 0
                met["twin"] += expected["twin_start_in"] < floor.longest_wait
            check(tables.candidates[e, -1], floor.arrivals(mounted, 0.0))
            met["job"], met["changeover"], met["wait"] = (
                met["job"] + len(jobs),
                met["changeover"] + len(ahead),
                met["wait"] + 1,
            )
        batch.step(np.asarray(rule.decide(as_observation(tables)), np.int64), autoreset=False)
    assert min(met.values()) > 5, met

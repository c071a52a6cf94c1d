"""Local search in the sequences of machines, simulated in the expected future."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from factory.futures.expected_future import deterministic_copy
from factory.loading.allocation import SPARE_LINES, allocate
from factory.log_kinds import LOGGED_OPERATION
from factory.simulation.arrays import OPERATION_BITS, ShopState
from scheduler.floor.floor import ShopFloor
from scheduler.floor.locks import NOBODY
from scheduler.plans.work_limit import WorkLimit
from scheduler.portfolio.plan_batches import cost_of_sequences, improve_sequences
from scheduler.portfolio.sequence_simulation import NO_PLAN, MachineSteps

_TEMPERATURES = (0.02, 0.00001)
"""Relative increases in cost that are accepted with probability 1/e, at first and at last."""
_EARLY = 2**30
"""Margin with which changeovers ahead begin as soon as they can."""
_MARGINS = (0, _EARLY)
_STEPS_PER_CALL, _OPERATIONS_PER_CALL = 64, 200_000
"""Moves between two looks at the time, and operations that they simulate at most in all."""


class SearchResult(NamedTuple):
    """Sequences with the margin of their changeovers ahead, and their cost."""

    steps: MachineSteps
    margin: int
    cost: float
    origin: int  # index of the sequences that the search began with
    moves: int  # number of moves that were tried


def read_steps(floor: ShopFloor, shop: ShopState) -> MachineSteps:
    """Return the sequences of a plan, without what has begun on the floor.

    Parameters
    ----------
    shop
        Expected future of the floor, simulated to its end with a log.
    """
    begun = set(floor.shop.machines.operation_id[0].tolist())
    lines = shop.log[0, : int(shop.env.log_length[0])]
    operations = lines[lines[:, 0] == LOGGED_OPERATION]
    operations = operations[np.argsort(operations[:, 4], kind="stable")]  # by date of selection
    plan = allocate_steps(floor, len(operations))
    for machine, order, operation in operations[:, 1:4].tolist():
        operation_id = (order << OPERATION_BITS) | operation
        if operation_id not in begun:
            plan.steps[machine, plan.length[machine]] = operation_id
            plan.length[machine] += 1
            plan.fixed[machine] += floor.locks.machine_of[order, operation] != NOBODY
    return plan


def allocate_steps(floor: ShopFloor, operations: int) -> MachineSteps:
    """Return empty sequences with room for a number of operations on each machine."""
    machines = len(floor.machine_names)
    orders, steps = floor.shop.operations.shape[1:]
    return MachineSteps(
        steps=np.zeros((machines, operations), np.int32),
        length=np.zeros(machines, np.int64),
        fixed=np.zeros(machines, np.int64),
        position=np.zeros(machines, np.int64),
        start_date=np.zeros((orders, steps), np.int64),
        completion_date=np.zeros(orders, np.int64),
        trial_date=np.zeros((orders, steps), np.int64),
        target=np.zeros(floor.shop.mounted.shape[2], np.int16),
        block=np.zeros(operations, np.int32),
        move=np.zeros(6, np.int64),
    )


def copy_of_steps(plan: MachineSteps) -> MachineSteps:
    """Return a copy of sequences."""
    return MachineSteps(
        steps=plan.steps.copy(),
        length=plan.length.copy(),
        fixed=plan.fixed.copy(),
        position=plan.position.copy(),
        start_date=plan.start_date.copy(),
        completion_date=plan.completion_date.copy(),
        trial_date=plan.trial_date.copy(),
        target=plan.target.copy(),
        block=plan.block.copy(),
        move=plan.move.copy(),
    )


class SequenceSearch:
    """Local search for a floor.

    Parameters
    ----------
    floor
        Shop floor that holds the snapshot.
    limit
        Time limit of the work that the search is a part of.
    """

    def __init__(self, floor: ShopFloor, limit: WorkLimit) -> None:
        self._floor, self._limit = floor, limit
        self._factory = deterministic_copy(floor.arrays)
        self._shop = self._allocate(0)

    @property
    def may_search(self) -> bool:
        """Return whether machines may wait for the next operation of their sequences."""
        return bool(self._floor.arrays.plant.waiting[0])

    def find_cost(self, plan: MachineSteps, margin: int) -> float:
        """Return the cost of sequences; NO_PLAN if they cannot be carried out."""
        return self._simulate(self._shop, plan, margin)

    def improve(
        self,
        starts: Sequence[MachineSteps],
        is_over: Callable[[int], float],
        seed: int,
    ) -> SearchResult | None:
        """Return the cheapest sequences in reach; None if no start can be carried out.

        Ctrl-C ends the search with the cheapest so far.

        Parameters
        ----------
        starts
            Sequences to begin with; they are not changed.
        is_over
            Function from the number of moves tried to the share of the search that is over.
        seed
            Seed of the moves.
        """
        costs = [
            (self.find_cost(plan, margin), margin, index)
            for index, plan in enumerate(starts)
            for margin in _MARGINS
        ]
        cost, margin, origin = min(costs, default=(NO_PLAN, 0, 0))
        if cost == NO_PLAN:
            return None
        best = copy_of_steps(starts[origin])
        both, moves = np.array([cost, cost]), 0
        plan, random = copy_of_steps(best), np.array([seed, 0], np.uint64)
        operations = max(1, int(plan.length.sum()))
        steps = max(1, min(_STEPS_PER_CALL, _OPERATIONS_PER_CALL // operations))
        self._simulate(self._shop, plan, margin)
        try:
            while (share := is_over(moves)) < 1.0:
                temperature = float(both[1]) * _temperature(share)
                self._call_improve(plan, best, margin, random, temperature, steps, both)
                moves += steps
        except KeyboardInterrupt:
            pass
        return SearchResult(best, margin, float(both[1]), origin, moves)

    def simulate_with_log(self, result: SearchResult) -> ShopState:
        """Return the expected future under sequences, with its log."""
        lines = 2 * SPARE_LINES
        while True:
            shop = self._allocate(lines)
            self._simulate(shop, result.steps, result.margin)
            if int(shop.env.log_length[0]) <= lines:
                return shop
            lines = int(shop.env.log_length[0]) + SPARE_LINES

    def _allocate(self, log_length: int) -> ShopState:
        here = self._floor.shop
        return allocate(
            self._factory,
            1,
            job_rows=here.job_row.shape[1],
            changeover_rows=here.changeover_target.shape[1],
            log_length=log_length,
        )

    def _simulate(self, shop: ShopState, plan: MachineSteps, margin: int) -> float:
        floor = self._floor
        return float(
            self._limit.call(
                cost_of_sequences,
                self._factory,
                floor.shop,
                floor.locks,
                shop,
                floor.num_known,
                plan,
                margin,
                NO_PLAN,
            )
        )

    def _call_improve(
        self,
        plan: MachineSteps,
        best: MachineSteps,
        margin: int,
        random: np.ndarray,
        temperature: float,
        steps: int,
        costs: np.ndarray,
    ) -> None:
        floor = self._floor
        self._limit.call(
            improve_sequences,
            self._factory,
            floor.shop,
            floor.locks,
            self._shop,
            floor.num_known,
            plan,
            best,
            margin,
            random,
            temperature,
            steps,
            costs,
        )


def _temperature(share: float) -> float:
    """Return the relative temperature after a share of the search: it falls geometrically."""
    first, last = _TEMPERATURES
    return first * math.exp(share * math.log(last / first))

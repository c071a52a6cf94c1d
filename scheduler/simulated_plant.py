"""Simulated shops and plants, to try a scheduler with."""

from __future__ import annotations

import numpy as np

from agents.rules.registry import Rule
from envs.observation.kernel import observe
from envs.observation.tables import (
    DEFAULT_CHANGEOVER_ROWS,
    DEFAULT_JOB_ROWS,
    allocate_observation_scratch,
    allocate_tables,
)
from factory.loading.allocation import allocate
from factory.loading.load import load
from factory.model import Factory
from factory.schedule.records import Schedule
from factory.simulation import kernel
from factory.simulation.arrays import ShopState
from factory.simulation_errors import IllegalActionError
from factory.simulator import Simulator, SimulatorChoice
from factory.validation.arguments import check_count, check_row, check_seed
from scheduler.decisions.decision import Choice
from scheduler.floor.floor import ShopFloor
from scheduler.floor.shop_snapshot import take_snapshot
from scheduler.snapshot.schema import Snapshot


def simulate(factory: Factory, rule: Rule, seed: int, decisions: int) -> ShopState:
    """Return the shop after some decisions of a rule in the episode of ``seed``.

    The next machine has been asked.

    Raises
    ------
    TypeError
        If seed or decisions are no whole numbers.
    ValueError
        If one is out of range, or the episode is over before.
    """
    seed = check_seed("simulate: seed", seed)
    decisions = check_count("simulate: decisions", decisions, 0)
    arrays = load([factory])
    shop = allocate(arrays, 1, job_rows=DEFAULT_JOB_ROWS, changeover_rows=DEFAULT_CHANGEOVER_ROWS)
    scratch, tables = allocate_observation_scratch(shop), allocate_tables(arrays, shop, np.float32)
    kernel.begin_episode(arrays, shop, 0, 0, np.uint64(seed))
    kernel.advance(arrays, shop, 0)
    observation = {
        "candidates": tables.candidates,
        "machines": tables.machines,
        "shop": tables.shop,
        "action_mask": tables.action_mask,
    }
    for taken in range(decisions + 1):
        if shop.env.deciding[0] < 0:
            raise ValueError(
                f"decisions = {decisions}; the episode of seed {seed} is over after {taken}. Choose"
                " fewer."
            )
        if taken == decisions:
            break
        observe(
            arrays,
            shop,
            0,
            scratch,
            tables.candidates[0],
            tables.machines[0],
            tables.shop[0],
            tables.action_mask[0],
        )
        kernel.apply_action(
            arrays, shop, 0, check_row("simulate: the rule's row", rule.decide(observation))
        )
        kernel.advance(arrays, shop, 0)
    return shop


class SimulatedPlant:
    """A simulated plant that sends snapshots like an MES, and carries out decisions.

    Parameters
    ----------
    factory
        The factory.
    seed
        Seed of the episode.
    finished
        Keep finished orders in the snapshots, as some plants do.
    """

    _KINDS = {
        "start": "job",
        "changeover": "changeover",
        "wait": "wait",
        "maintenance": "maintenance",
    }

    def __init__(self, factory: Factory, seed: int, *, finished: bool = False) -> None:
        self._names, self._finished = ShopFloor(factory), finished
        self._simulator = Simulator(
            factory, job_rows=DEFAULT_JOB_ROWS, changeover_rows=DEFAULT_CHANGEOVER_ROWS
        )
        self._simulator.reset(seed)

    @property
    def over(self) -> bool:
        """Return whether every order is done."""
        return self._simulator.deciding is None

    def snapshot(self) -> Snapshot:
        """Take a snapshot; some machine waits for a decision."""
        return take_snapshot(self._names, self._simulator.shop, 0, finished=self._finished)

    def carry_out(self, machine: str, choice: Choice) -> None:
        """Carry out a machine's choice, and advance to the next decision.

        Raises
        ------
        IllegalActionError
            If another machine is asking, or the choice is not legal.
        """
        asking = self._names.machine_names[self._simulator.deciding or 0]
        rows = (
            option.row
            for option in self._simulator.choices()
            if option.legal and self._is_choice(option, choice)
        )
        row = next(rows, None)
        if machine != asking or row is None:
            raise IllegalActionError(
                f"carry_out: {machine} cannot {choice.action} {choice.order} now; {asking} is"
                " asking. Take a new snapshot."
            )
        self._simulator.decide(row)

    def _is_choice(self, option: SimulatorChoice, choice: Choice) -> bool:
        if option.kind != self._KINDS[choice.action]:
            return False
        if option.kind == "wait":
            return True
        if option.kind == "maintenance":
            machine = self._simulator.deciding or 0
            return self._names.kinds[machine][option.operation] == choice.maintenance
        product = int(self._simulator.shop.orders.product[0, option.order])
        operation = self._names.operation_names[product][option.operation]
        return (f"{option.order + 1}", operation) == (choice.order, choice.operation)

    def schedule(self) -> Schedule:
        """Return the schedule so far."""
        return self._simulator.schedule()

"""Simulated moments and plants, to try a scheduler with."""

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
from factory.model import Factory
from factory.schedule.records import Schedule
from factory.simulation import kernel
from factory.simulation.allocation import allocate
from factory.simulation.arrays import ShopState
from factory.simulation.errors import IllegalActionError
from factory.simulation.load import load
from factory.simulator import Simulator
from factory.simulator import SimulatorChoice as SimulatedChoice
from factory.validation.arguments import check_count, check_row, check_seed
from scheduler.decisions.decider import Choice
from scheduler.floor.floor import ShopFloor, take_snapshot
from scheduler.snapshot.schema import Snapshot


def simulate(factory: Factory, rule: Rule, seed: int, decisions: int) -> ShopState:
    """The shop in which ``rule`` has taken ``decisions`` decisions in the episode of ``seed``, with
    the next machine asked.

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
    """A plant for rehearsals: it tells its state as an MES would, and does what it is told.

    Parameters
    ----------
    factory
        The factory.
    seed
        Of the episode.
    finished
        Keep finished orders in the snapshots, as some plants do.
    """

    _KINDS = {"start": "job", "changeover": "changeover", "wait": "wait"}

    def __init__(self, factory: Factory, seed: int, *, finished: bool = False) -> None:
        self._names, self._finished = ShopFloor(factory), finished
        self._simulator = Simulator(
            factory, job_rows=DEFAULT_JOB_ROWS, changeover_rows=DEFAULT_CHANGEOVER_ROWS
        )
        self._simulator.reset(seed)

    @property
    def over(self) -> bool:
        """Whether every order is done."""
        return self._simulator.deciding is None

    def snapshot(self) -> Snapshot:
        """What is known now; some machine waits to be told what to do."""
        return take_snapshot(self._names, self._simulator.shop, 0, finished=self._finished)

    def carry_out(self, machine: str, choice: Choice) -> None:
        """Let a machine do as it is told; time passes until the next one asks.

        Raises
        ------
        IllegalActionError
            If another machine is asking, or the choice is not to be had.
        """
        asking = self._names.machine_names[self._simulator.deciding or 0]
        row = next(
            (
                one.row
                for one in self._simulator.choices()
                if one.legal and self._means(one, choice)
            ),
            None,
        )
        if machine != asking or row is None:
            raise IllegalActionError(
                f"carry_out: {machine} cannot {choice.action} {choice.order} now; {asking} is"
                " asking. Take a new snapshot."
            )
        self._simulator.decide(row)

    def _means(self, one: SimulatedChoice, choice: Choice) -> bool:
        if one.kind != self._KINDS[choice.action]:
            return False
        if one.kind == "wait":
            return True
        operations = self._names.operation_names[
            int(self._simulator.shop.orders.product[0, one.order])
        ]
        return (f"{one.order + 1}", operations[one.operation]) == (choice.order, choice.operation)

    def schedule(self) -> Schedule:
        """Everything that has happened so far."""
        return self._simulator.schedule()

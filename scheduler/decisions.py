"""Decisions now: which job next on each free machine, changeover now, or wait and until when; never without an answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from agents.rules import Rule
from factory.arrays import split_entry
from scheduler.bundle import Bundle
from scheduler.floor import Floor
from scheduler.snapshot import Snapshot

BUDGET_SECONDS = 0.05
"""Time for one decision, after which the fallback rule decides."""


class Choice(BaseModel):
    """Something that a machine may do."""

    model_config = ConfigDict(frozen=True)

    action: Literal["start", "changeover", "wait"]
    order: str | None = None  # start: what to start; changeover: for whose sake
    operation: str | None = None
    setup: dict[str, str] = {}  # what to mount first; nothing: stay as it is


class Decision(Choice):
    """What one machine is to do."""

    machine: str
    until: int | None = None  # wait: the latest date at which to ask again; any change at the work centre ends it before
    decided_by: Literal["policy", "fallback", "rule", "lock"] = "policy"  # rule: in shadow mode; lock: what the planner has fixed leaves nothing to decide
    fault: str | None = None  # why the fallback rule decided, or, in shadow mode, what was wrong with the policy
    policy_choice: Choice | None = None  # in shadow mode: what the policy would have done
    microseconds: int = 0

    @property
    def choice(self) -> Choice:
        """The same without who decided, and why."""
        return Choice(action=self.action, order=self.order, operation=self.operation, setup=self.setup)


class Decider:
    """Answers snapshots of one factory with a bundle's policy, and with a rule where that fails.

    Parameters
    ----------
    floor
        Of the factory.
    bundle
        The policy; None: none could be loaded, and the rule decides.
    fallback
        The rule.
    budget
        Seconds that the network may take over one decision.
    shadow
        Let the rule decide, and tell beside it what the policy would have done.
    """

    def __init__(self, floor: Floor, bundle: Bundle | None, fallback: Rule, budget: float = BUDGET_SECONDS, *, shadow: bool = False) -> None:
        self.floor, self.bundle, self.fallback, self.budget, self.shadow = floor, bundle, fallback, budget, shadow

    def decide(self, snapshot: Snapshot, by_rule: Collection[int] = ()) -> list[Decision]:
        """Decisions for all machines that are free now, each taken as if those before it had been carried out.

        Parameters
        ----------
        by_rule
            Numbers of the decisions that are left to the fallback rule, as it was at the time when a log is replayed.
        """
        decisions = list[Decision]()
        self.floor.place(snapshot)
        while (machine := self.floor.ask()) is not None:
            decisions.append(self._hold(machine) if self.floor.held else self._decide(machine, len(decisions) in by_rule))
        return decisions

    def tell(self, snapshot: Snapshot, choices: Sequence[tuple[str, Choice]]) -> bool:
        """Put the floor into the state after a snapshot's machines have been told what to do, by name and in turn; False if that cannot be carried out."""
        self.floor.place(snapshot)
        for name, choice in choices:
            machine = self.floor.ask()
            if machine is None or self.floor.machine_names[machine] != name:
                return False
            if self.floor.held:
                self.floor.hold()
                continue
            row = next((row for row in np.flatnonzero(self.floor.tables.action_mask[0]).tolist() if self.describe(machine, row) == choice), None)
            if row is None:
                return False
            self.floor.carry_out(row)
        return True

    def _hold(self, machine: int) -> Decision:
        self.floor.hold()
        return Decision(machine=self.floor.machine_names[machine], action="wait", until=self._wait_until(machine), decided_by="lock")

    def _decide(self, machine: int, by_rule: bool) -> Decision:
        start = time.perf_counter()
        row, fault = (self.ask_rule(), "as logged") if by_rule else self._choose()
        shadowed = None
        if self.shadow:
            shadowed = None if fault else self.describe(machine, row)
            row = self.ask_rule()
        choice = self.describe(machine, row)
        self.floor.carry_out(row)
        return Decision(
            **dict(choice),
            machine=self.floor.machine_names[machine],
            until=self._wait_until(machine) if choice.action == "wait" else None,
            decided_by="rule" if self.shadow else "fallback" if fault else "policy",
            fault=fault,
            policy_choice=shadowed,
            microseconds=round(1e6 * (time.perf_counter() - start)),
        )

    def _wait_until(self, machine: int) -> int:
        return int(self.floor.shop.machines.wait_until[0, machine])

    def observation(self) -> dict[str, NDArray[Any]]:
        """What the asked machine's decision maker sees."""
        tables = self.floor.tables
        return {"candidates": tables.candidates, "machines": tables.machines, "shop": tables.shop, "action_mask": tables.action_mask}

    def ask_rule(self) -> int:
        """The row that the fallback rule chooses for the asked machine."""
        return int(np.asarray(self.fallback.decide(self.observation())).reshape(-1)[0])

    def _choose(self) -> tuple[int, str | None]:
        """The row, and what was wrong with the policy if the rule chose it."""
        fault = "no policy is loaded"
        if self.bundle is not None:
            row, fault = self._ask_policy(self.bundle.decide, self.observation())
            if not fault:
                return row, None
        return self.ask_rule(), fault

    def _ask_policy(self, decide: Callable[[dict[str, NDArray[Any]]], NDArray[np.int64]], observation: dict[str, NDArray[Any]]) -> tuple[int, str]:
        start = time.perf_counter()
        try:
            row = int(decide(observation)[0])
        except Exception as error:  # whatever goes wrong in the network, the plant gets an answer
            return -1, f"{type(error).__name__}: {error}"
        seconds = time.perf_counter() - start
        if seconds > self.budget:
            return -1, f"the policy took {1000 * seconds:.1f} ms; the budget is {1000 * self.budget:g} ms"
        mask = observation["action_mask"][0]
        if not 0 <= row < len(mask) or not mask[row]:
            return -1, f"the policy chose row {row}, which is not legal"
        return row, ""

    def describe(self, machine: int, row: int) -> Choice:
        """What a row of the asked machine means, before it is carried out."""
        floor, shop = self.floor, self.floor.shop
        job_rows = shop.job_row.shape[1]
        if row == shop.legal.shape[1] - 1:
            return Choice(action="wait")
        entry = shop.job_row[0, row] if row < job_rows else shop.changeover_lead[0, row - job_rows]
        order, operation = split_entry(entry)
        wanted = shop.wanted[0, order, operation] if row < job_rows else shop.changeover_target[0, row - job_rows]
        mounted = shop.mounted[0, machine]
        setup = floor.setup_names(machine, np.where(wanted >= 0, wanted, mounted)) if ((wanted >= 0) & (wanted != mounted)).any() else {}
        name = floor.operation_names[int(shop.orders.product[0, order])][operation]
        return Choice(action="start" if row < job_rows else "changeover", order=floor.order_ids[order], operation=name, setup=setup)

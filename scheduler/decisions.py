"""Decisions now: which job next on each free machine, changeover now, or wait and until when; never without an answer."""

from __future__ import annotations

import time
from collections.abc import Callable
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
    decided_by: Literal["policy", "fallback"] = "policy"
    fault: str | None = None  # why the fallback rule decided
    microseconds: int = 0


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
    """

    def __init__(self, floor: Floor, bundle: Bundle | None, fallback: Rule, budget: float = BUDGET_SECONDS) -> None:
        self.floor, self.bundle, self.fallback, self.budget = floor, bundle, fallback, budget

    def decide(self, snapshot: Snapshot) -> list[Decision]:
        """Decisions for all machines that are free now, each taken as if those before it had been carried out."""
        floor, decisions = self.floor, list[Decision]()
        floor.place(snapshot)
        while (machine := floor.ask()) is not None:
            start = time.perf_counter()
            row, fault = self._choose()
            choice = self.describe(machine, row)
            floor.carry_out(row)
            microseconds = round(1e6 * (time.perf_counter() - start))
            until = int(floor.shop.machines.wait_until[0, machine]) if choice.action == "wait" else None
            by = "policy" if fault is None else "fallback"
            name = floor.machine_names[machine]
            decisions.append(Decision(machine=name, until=until, decided_by=by, fault=fault, microseconds=microseconds, **choice.model_dump()))
        return decisions

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

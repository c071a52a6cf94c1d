"""Decisions for free machines: start an operation, change over, or wait.

The fallback rule decides where the policy fails, so that there is always an answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from agents.network.inference import NOT_FINITE, NetworkScratch
from agents.rules.registry import Rule
from envs.observation.tables import Observation, as_observation
from factory.validation.arguments import check_integers
from scheduler.decisions.bundle import Bundle
from scheduler.decisions.decision import Choice, Decision
from scheduler.floor.floor import ShopFloor
from scheduler.snapshot.schema import Snapshot

BUDGET_SECONDS = 0.05
"""Time for one decision, after which the fallback rule decides."""


class Decider:
    """Decider for snapshots of one factory: a bundle's policy, or a rule where the policy fails.

    Parameters
    ----------
    floor
        Shop floor of the factory.
    bundle
        Policy; None: none could be loaded, and the rule decides.
    fallback
        Fallback rule.
    budget
        Maximum seconds of the network for one decision.
    shadow
        Let the rule decide, and report the policy's choice beside it.
    clock
        Clock that the times are measured with, in seconds from any moment on.
    """

    def __init__(
        self,
        floor: ShopFloor,
        bundle: Bundle | None,
        fallback: Rule,
        budget: float = BUDGET_SECONDS,
        *,
        shadow: bool = False,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.clock = clock
        self.floor, self.bundle, self.fallback = floor, bundle, fallback
        self.budget, self.shadow = budget, shadow
        self.absence = "no policy is loaded"  # fault where there is no bundle
        self._loaded = set[type]()  # types of bundles whose compiled code is loaded

    def decide(self, snapshot: Snapshot, by_rule: Collection[int] = ()) -> list[Decision]:
        """Decide for all machines that are free now.

        Each decision is taken as if the decisions before it had been carried out.

        Parameters
        ----------
        by_rule
            Indices of decisions that are left to the fallback rule, as in a log that is replayed.
        """
        self._load_compiled_code(snapshot)
        decisions = list[Decision]()
        self.floor.place(snapshot)
        while (decision := self._decide_next(len(decisions) in by_rule)) is not None:
            decisions.append(decision)
        return decisions

    def carry_out(self, snapshot: Snapshot, choices: Sequence[tuple[str, Choice]]) -> bool:
        """Carry out choices of machines, given by name, on the floor of a snapshot.

        Returns
        -------
        False if one cannot be carried out.
        """
        self.floor.place(snapshot)
        for name, choice in choices:
            machine = self.floor.ask()
            if machine is None or self.floor.machine_names[machine] != name:
                return False
            if self.floor.held:
                self.floor.hold()
                continue
            legal = np.flatnonzero(self.floor.tables.action_mask[0]).tolist()
            rows = (row for row in legal if self.describe(machine, row) == choice)
            row = next(rows, None)
            if row is None:
                return False
            self.floor.carry_out(row)
        return True

    def _load_compiled_code(self, snapshot: Snapshot) -> None:
        """Take a decision that is not measured, if this kind of policy has taken none yet.

        Loading compiled code takes seconds, which are no part of a decision's time.
        """
        kind = type(self.bundle)
        if kind in self._loaded:
            return
        self.floor.place(snapshot)
        machine = self.floor.ask()
        while machine is not None and self.floor.held:
            self.floor.hold()
            machine = self.floor.ask()
        if machine is None:
            return
        if isinstance(self.bundle, Bundle):
            self.floor.ask_network(self.bundle.weights, self._scratch(self.bundle))
        row = self.ask_rule()
        self.floor.describe(machine, row)
        self.floor.carry_out(row)
        self._loaded.add(kind)

    def _scratch(self, bundle: Bundle) -> NetworkScratch:
        return bundle.memory(self.floor.tables.action_mask.shape[1])

    def _decide_next(self, by_rule: bool) -> Decision | None:
        """Decide for the next machine; None if no machine must decide."""
        start = self.clock()
        machine, row, fault = self._ask(by_rule)
        if machine is None:
            return None
        if self.floor.held:
            return self._hold(machine)
        shadowed = self.describe(machine, row) if self.shadow and not fault else None
        decided_by: Literal["policy", "fallback", "rule"] = "fallback" if fault else "policy"
        if self.shadow:
            decided_by = "rule"
        if decided_by != "policy":
            row = self.ask_rule()
        choice = self.floor.describe(machine, row)
        self.floor.carry_out(row)
        return Decision(
            **choice,
            machine=self.floor.machine_names[machine],
            until=self._wait_until(machine) if choice["action"] == "wait" else None,
            decided_by=decided_by,
            fault=fault or None,
            policy_choice=shadowed,
            microseconds=round(1e6 * (self.clock() - start)),
        )

    def _hold(self, machine: int) -> Decision:
        self.floor.hold()
        return Decision(
            machine=self.floor.machine_names[machine],
            action="wait",
            until=self._wait_until(machine),
            decided_by="lock",
        )

    def _wait_until(self, machine: int) -> int:
        return int(self.floor.shop.machines[0, machine].wait_until)

    def observation(self) -> Observation:
        """Return the observation of the asked machine."""
        return as_observation(self.floor.tables)

    def ask_rule(self) -> int:
        """Return the fallback rule's row for the asked machine."""
        return int(np.asarray(self.fallback.decide(self.observation())).reshape(-1)[0])

    def _ask(self, by_rule: bool) -> tuple[int | None, int, str]:
        """Return the machine that must decide, the policy's row, and its fault, or ''."""
        if isinstance(self.bundle, Bundle) and not by_rule:
            scratch = self._scratch(self.bundle)
            start = self.clock()
            machine, row = self.floor.ask_network(self.bundle.weights, scratch)
            seconds, asked = self.clock() - start, machine is not None and not self.floor.held
            return machine, row, self._find_fault(row, seconds) if asked else ""
        machine = self.floor.ask()
        if machine is None or self.floor.held or by_rule or self.bundle is None:
            return machine, -1, "as logged" if by_rule else self.absence
        row, fault = self._ask_policy(self.bundle.decide, self.observation())
        return machine, row, fault

    def _ask_policy(
        self,
        decide: Callable[[dict[str, NDArray[Any]]], NDArray[np.int64]],
        observation: dict[str, NDArray[Any]],
    ) -> tuple[int, str]:
        start = self.clock()
        try:
            row = int(check_integers("the policy's answer", decide(observation), (1,))[0])
        except Exception as error:  # whatever goes wrong in the network, the plant gets an answer
            return -1, f"{type(error).__name__}: {error}"
        return row, self._find_fault(row, self.clock() - start)

    def _find_fault(self, row: int, seconds: float) -> str:
        """Return the fault of the policy's row, or ''."""
        if row == NOT_FINITE:
            return "FloatingPointError: the network's answer is not finite"
        if seconds > self.budget:
            return (
                f"the policy took {1000 * seconds:.1f} ms; the budget is {1000 * self.budget:g} ms"
            )
        mask = self.floor.tables.action_mask[0]
        if not 0 <= row < len(mask) or not mask[row]:
            return f"the policy chose row {row}, which is not legal"
        return ""

    def describe(self, machine: int, row: int) -> Choice:
        """Return the choice of a row of the asked machine, before it is carried out."""
        return Choice(**self.floor.describe(machine, row))

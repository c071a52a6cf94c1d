"""Decisions now: which job next on each free machine, changeover now, or wait and until when; never
without an answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from agents.network.inference import NOT_FINITE
from agents.rules.registry import Rule
from factory.validation.arguments import check_integers
from scheduler.decisions.bundle import Bundle
from scheduler.floor.floor import ShopFloor
from scheduler.snapshot.schema import Snapshot

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
    until: int | None = (
        # wait: the latest date at which to ask again; any change at the work centre ends it before
        None
    )
    decided_by: Literal["policy", "fallback", "rule", "lock"] = (
        "policy"  # rule: in shadow mode; lock: what the planner has fixed leaves nothing to decide
    )
    fault: str | None = (
        None  # why the fallback rule decided, or, in shadow mode, what was wrong with the policy
    )
    policy_choice: Choice | None = None  # in shadow mode: what the policy would have done
    microseconds: int = 0

    @property
    def choice(self) -> Choice:
        """The same without who decided, and why."""
        return Choice(
            action=self.action, order=self.order, operation=self.operation, setup=self.setup
        )


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
    clock
        Seconds from any moment on, to measure with.
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
        self.floor, self.bundle, self.fallback, self.budget, self.shadow = (
            floor,
            bundle,
            fallback,
            budget,
            shadow,
        )
        self._warm = False
        self.absence = "no policy is loaded"  # what is said where there is no bundle

    def decide(self, snapshot: Snapshot, by_rule: Collection[int] = ()) -> list[Decision]:
        """Decisions for all machines that are free now, each taken as if those before it had been
        carried out.

        Parameters
        ----------
        by_rule
            Numbers of the decisions that are left to the fallback rule, as it was at the time when
            a log is replayed.
        """
        decisions = list[Decision]()
        self.floor.place(snapshot)
        while (decision := self._decide_next(len(decisions) in by_rule)) is not None:
            decisions.append(decision)
        return decisions

    def tell(self, snapshot: Snapshot, choices: Sequence[tuple[str, Choice]]) -> bool:
        """Put the floor into the state after a snapshot's machines have been told what to do, by
        name and in turn; False if that cannot be carried out."""
        self.floor.place(snapshot)
        for name, choice in choices:
            machine = self.floor.ask()
            if machine is None or self.floor.machine_names[machine] != name:
                return False
            if self.floor.held:
                self.floor.hold()
                continue
            row = next(
                (
                    row
                    for row in np.flatnonzero(self.floor.tables.action_mask[0]).tolist()
                    if self.describe(machine, row) == choice
                ),
                None,
            )
            if row is None:
                return False
            self.floor.carry_out(row)
        return True

    def _decide_next(self, by_rule: bool) -> Decision | None:
        """What the next machine is to do; None if no machine must decide."""
        start = self.clock()
        machine, row, fault = self._ask(by_rule)
        if machine is None:
            return None
        if self.floor.held:
            return self._hold(machine)
        shadowed = None
        if self.shadow:
            shadowed = None if fault else self.describe(machine, row)
        if self.shadow or fault:
            row = self.ask_rule()
        told = self.floor.describe(machine, row)
        self.floor.carry_out(row)
        return Decision(
            **told,
            machine=self.floor.machine_names[machine],
            until=self._wait_until(machine) if told["action"] == "wait" else None,
            decided_by="rule" if self.shadow else "fallback" if fault else "policy",
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

    def observation(self) -> dict[str, NDArray[Any]]:
        """What the asked machine's decision maker sees."""
        tables = self.floor.tables
        return {
            "candidates": tables.candidates,
            "machines": tables.machines,
            "shop": tables.shop,
            "action_mask": tables.action_mask,
        }

    def ask_rule(self) -> int:
        """The row that the fallback rule chooses for the asked machine."""
        return int(np.asarray(self.fallback.decide(self.observation())).reshape(-1)[0])

    def _ask(self, by_rule: bool) -> tuple[int | None, int, str]:
        """The machine that must decide, the policy's row, and what was wrong with it: '' if nothing
        was."""
        if isinstance(self.bundle, Bundle) and not by_rule:
            memory = self.bundle.memory(self.floor.tables.action_mask.shape[1])
            if not self._warm:  # loading compiled code is no part of a decision's time
                self.floor.ask_network(self.bundle.weights, memory)
                self._warm = True
            start = self.clock()
            machine, row = self.floor.ask_network(self.bundle.weights, memory)
            seconds, asked = self.clock() - start, machine is not None and not self.floor.held
            return machine, row, self._judge(row, seconds) if asked else ""
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
        return row, self._judge(row, self.clock() - start)

    def _judge(self, row: int, seconds: float) -> str:
        """What is wrong with the policy's row."""
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
        """What a row of the asked machine means, before it is carried out."""
        return Choice(**self.floor.describe(machine, row))

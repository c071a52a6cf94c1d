"""One plan: look at the shop, let the rules plan it, and let the solver improve on the best of
them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from agents.rules.registry import Rule, make_rule
from agents.solver.changeovers import ChangeoverTable
from agents.solver.cp_sat import Solution, solve
from agents.solver.expected_shop import ExpectedShop, Planned
from agents.solver.known_state import KnownReader, KnownState
from agents.solver.plan_following import (
    MachineSequences,
    ObservationTables,
    row_by_plan,
    row_by_rule,
)
from agents.solver.planning_window import cut_window
from agents.solver.problem import Rates
from envs.batch import Batch

HINT_RULES: tuple[Rule, ...] = tuple(
    make_rule("ATCS", k1=k1, k2=k2) for k1 in (1, 3, 8) for k2 in (0.15, 0.4, 1.5)
)
"""Rules that are tried beside the policy's own for a plan to start from: what suits this moment may
not be what suits the year."""


DecisionFunction = Callable[[ObservationTables], int]
"""From the tables of the imagined shop to a legal row."""
_HOURS = 24
CHOICES_EACH = 20
"""A way to go on that takes more starts and changeovers an operation than this is given up: it
leads nowhere.
"""


@dataclass(frozen=True)
class PlannerConfig:
    """How plans are made; see :class:`agents.solver.rolling_horizon.RollingHorizonPolicy`."""

    seconds: float
    max_tasks: int
    changing: float
    starting: float
    rules: tuple[Rule, ...]  # the policy's own first


@dataclass
class PlannerStats:
    """What the solver did: for reports, and to see whether a time limit is enough."""

    calls: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    improved: int = 0  # calls that found a plan cheaper than the hint
    hint_money: float = 0.0  # objectives in the model, summed over the calls
    money: float = 0.0
    seconds: list[float] = field(default_factory=list)  # of each call, on the wall clock
    hints: Counter[str] = field(
        default_factory=Counter
    )  # whose plan was the cheapest to start from
    decisions: Counter[str] = field(
        default_factory=Counter
    )  # how many followed the plan, how many the rule

    def count(self, solution: Solution) -> None:
        """Add a call."""
        self.calls += 1
        self.statuses[solution.status] += 1
        self.improved += solution.improved
        self.hint_money += solution.hint_money
        self.money += solution.money
        self.seconds.append(solution.seconds)

    @property
    def improvement(self) -> float:
        """Share of the hints' cost in the model that the solver has saved."""
        return 1 - self.money / self.hint_money if self.hint_money > 0 else 0.0


class SolverPlanner:
    """Plans for the environments of a batch from what is known there.

    Parameters
    ----------
    batch
        The shops; read only.
    settings
        How to plan.
    """

    def __init__(self, batch: Batch, settings: PlannerConfig) -> None:
        self.batch, self.settings, self.figures = batch, settings, PlannerStats()
        self.expected = ExpectedShop(batch)
        self.changeovers = [ChangeoverTable(batch.arrays, g) for g in range(len(batch.factories))]
        self._reader = KnownReader(batch.arrays)

    def look(self, e: int) -> KnownState:
        """What there is to plan in environment ``e``."""
        return self._reader.read(self.batch.shop, e)

    def expect(self, e: int, known: KnownState) -> None:
        """Set the imagined shop to how environment ``e`` is expected to go on."""
        self.expected.expect(self.batch.shop, e, known)

    def plan(
        self, e: int, seen: ObservationTables, in_force: MachineSequences | None
    ) -> MachineSequences:
        """A plan from now on.

        Parameters
        ----------
        seen
            The observation of environment ``e``, leading axis 1.
        in_force
            The plan followed so far; None at the beginning.
        """
        known = self.look(e)
        rates = self._rates(known)
        steps = self._cheapest_hint(e, known, rates, seen, in_force)
        changeovers = self.changeovers[known.factory]
        window, hint = cut_window(known, steps, self.settings.max_tasks, changeovers, rates)
        solution = solve(window, hint, self.settings.seconds)
        self.figures.count(solution)
        return self.choose(e, seen, known, steps, solution, in_force)

    def choose(
        self,
        e: int,
        seen: ObservationTables,
        known: KnownState,
        steps: Sequence[Planned],
        solution: Solution,
        in_force: MachineSequences | None,
    ) -> MachineSequences:
        """Return the solution as a plan; what comes after its window is left open, as much will
        have changed by then.
        """
        return MachineSequences.begin(known.clock, solution.sequences)

    def _rates(self, known: KnownState) -> Rates:
        plant = self.batch.arrays.plant[known.factory]
        tardiness, holding = float(plant.tardiness_rate), float(plant.holding_rate)
        delay = tardiness * float(np.mean([order.weight for order in known.orders])) + holding
        machines = self.batch.arrays.machines[known.factory, : len(known.machines)]
        kilowatts = float(machines.idle_power.sum())
        tariff = float(self.batch.arrays.hours.price[known.factory, :_HOURS].mean())
        finishing = float(plant.energy_rate) * tariff * kilowatts * float(plant.hours_per_tick)
        return Rates(
            tardiness,
            holding,
            self.settings.changing * delay,
            self.settings.starting * delay,
            finishing,
        )

    def _cheapest_hint(
        self,
        e: int,
        known: KnownState,
        rates: Rates,
        seen: ObservationTables,
        in_force: MachineSequences | None,
    ) -> Sequence[Planned]:
        """The cheapest way to do everything that is known: as the rules would, or by the plan in
        force; the first of equals. Nothing if none leads to an end.
        """
        deciders: dict[str, DecisionFunction] = {
            str(rule): partial(_row, rule) for rule in self.settings.rules
        }
        if in_force is not None:
            deciders["plan in force"] = self.follow(known.factory, in_force)
        max_choices = CHOICES_EACH * (len(known.operations) + 1)
        ways: list[tuple[float, int, str, tuple[Planned, ...]]] = []
        for name, decide in deciders.items():
            self.expect(e, known)
            steps = self.expected.run(decide, seen, max_choices)
            if steps is not None:
                ways.append((self.expected.price(rates.changing), len(ways), name, steps))
        if not ways:
            return ()
        _, _, name, steps = min(ways)
        self.figures.hints[name] += 1
        return steps

    def follow(self, g: int, plan: MachineSequences) -> DecisionFunction:
        """Decides as the plan says, and as the policy's own rule where it says nothing."""
        plan, rule = plan.copy(), self.settings.rules[0]

        def decide(seen: ObservationTables) -> int:
            shop = self.expected.batch.shop
            row = row_by_plan(self.changeovers[g], shop, 0, plan)
            return row_by_rule(rule, seen, shop, 0, plan.planned) if row is None else row

        return decide


def _row(rule: Rule, observation: ObservationTables) -> int:
    return int(np.asarray(rule.decide(observation))[0])

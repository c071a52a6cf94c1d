"""Planning: the rules' own schedules, and the solver's improvement of the best of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from agents.rules.registry import Rule, make_rule
from agents.solver.changeovers import ChangeoverTable
from agents.solver.cp_sat import Solution, solve
from agents.solver.expected_shop import ExpectedShop
from agents.solver.known_state import KnownReader, KnownState
from agents.solver.operating_builder import solve_operating
from agents.solver.plan_following import (
    MachineSequences,
    ObservationArrays,
    row_by_plan,
    row_by_rule,
)
from agents.solver.planning_window import cut_window
from agents.solver.problem import Planned, Rates
from envs.observation.tables import Tables
from factory.simulation.arrays import FactoryArrays, ShopState

HINT_RULES: tuple[Rule, ...] = tuple(
    make_rule("ATCS", k1=k1, k2=k2) for k1 in (1, 3, 8) for k2 in (0.15, 0.4, 1.5)
)
"""Rules that propose a plan to start from, besides the policy's own: the best parameters for the
moment may differ from those for the year."""

DecisionFunction = Callable[[ObservationArrays], int]
"""Function from the tables of the simulated shop to a legal row."""
_HOURS = 24
CHOICES_EACH = 20
"""Starts and changeovers for each operation after which a simulated plan is given up."""


@dataclass(frozen=True)
class PlannerConfig:
    """Settings of a planner; see :class:`agents.solver.rolling_horizon.RollingHorizonPolicy`."""

    seconds: float
    max_tasks: int
    changing: float
    starting: float
    rules: tuple[Rule, ...]  # the policy's own first


@dataclass
class PlannerStats:
    """Statistics of the solver, for reports and to choose a time limit."""

    calls: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    improved: int = 0  # calls with a plan cheaper than the hint
    hint_money: float = 0.0  # objectives in the model, summed over the calls
    money: float = 0.0
    seconds: list[float] = field(default_factory=list)  # wall-clock time of each call
    hints: Counter[str] = field(default_factory=Counter)  # origin of the cheapest hint
    decisions: Counter[str] = field(default_factory=Counter)  # decisions by the plan, by the rule

    def count(self, solution: Solution) -> None:
        """Add the result of a call."""
        self.calls += 1
        self.statuses[solution.status] += 1
        self.improved += solution.improved
        self.hint_money += solution.hint_money
        self.money += solution.money
        self.seconds.append(solution.seconds)

    @property
    def improvement(self) -> float:
        """Return the share of the hints' cost in the model that the solver has saved."""
        return 1 - self.money / self.hint_money if self.hint_money > 0 else 0.0


class SolverPlanner:
    """Planner for environments, from their known states.

    Parameters
    ----------
    arrays
        Factories of the environments.
    shop
        Shops to plan for; they are only read.
    tables
        Their observation; only its sizes matter, and the float type.
    settings
        Settings of the planner.
    """

    def __init__(
        self, arrays: FactoryArrays, shop: ShopState, tables: Tables, settings: PlannerConfig
    ) -> None:
        self.arrays, self.shop = arrays, shop
        self.settings, self.figures = settings, PlannerStats()
        self.expected = ExpectedShop(arrays, shop, tables)
        self.changeovers = [ChangeoverTable(arrays, g) for g in range(len(arrays.plant))]
        self._reader = KnownReader(arrays)

    def look(self, e: int) -> KnownState:
        """Return the known state of environment ``e``."""
        return self._reader.read(self.shop, e)

    def expect(self, e: int, known: KnownState) -> None:
        """Set the simulated shop to the expected future of environment ``e``."""
        self.expected.expect(self.shop, e, known)

    def plan(
        self, e: int, seen: ObservationArrays, in_force: MachineSequences | None
    ) -> MachineSequences:
        """Return a plan from the clock on.

        Parameters
        ----------
        seen
            Observation of environment ``e``, with a leading axis of 1.
        in_force
            Plan followed so far; None at the beginning.
        """
        known = self.look(e)
        if not known.orders:  # a machine may be asked for its maintenance alone
            return MachineSequences(known.clock, {})
        rates = self._rates(known)
        steps = self._cheapest_hint(e, known, rates, seen, in_force)
        changeovers = self.changeovers[known.factory]
        window, hint = cut_window(known, steps, self.settings.max_tasks, changeovers, rates)
        improve = solve if window.rules is None else solve_operating
        solution = improve(window, hint, self.settings.seconds)
        self.figures.count(solution)
        return self.choose(e, seen, known, steps, solution, in_force)

    def choose(
        self,
        e: int,
        seen: ObservationArrays,
        known: KnownState,
        steps: Sequence[Planned],
        solution: Solution,
        in_force: MachineSequences | None,
    ) -> MachineSequences:
        """Return the solution as a plan.

        Operations after its window stay unplanned: much will have changed by then.
        """
        return MachineSequences.begin(known.clock, solution.sequences)

    def _rates(self, known: KnownState) -> Rates:
        plant = self.arrays.plant[known.factory]
        tardiness, holding = float(plant.tardiness_rate), float(plant.holding_rate)
        delay = tardiness * float(np.mean([order.weight for order in known.orders])) + holding
        machines = self.arrays.machines[known.factory, : len(known.machines)]
        kilowatts = float(machines.idle_power.sum())
        tariff = float(self.arrays.hours.price[known.factory, :_HOURS].mean())
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
        seen: ObservationArrays,
        in_force: MachineSequences | None,
    ) -> Sequence[Planned]:
        """Return the cheapest schedule of all known operations, by the rules or the plan in force.

        The first of equals is taken. It is empty if no schedule comes to an end.
        """
        deciders: dict[str, DecisionFunction] = {
            str(rule): partial(_row, rule) for rule in self.settings.rules
        }
        if in_force is not None:
            deciders["plan in force"] = self.follow(known.factory, in_force)
        max_choices = CHOICES_EACH * (len(known.operations) + 1)
        schedules: list[tuple[float, int, str, tuple[Planned, ...]]] = []
        for name, decide in deciders.items():
            self.expect(e, known)
            steps = self.expected.run(decide, seen, max_choices)
            if steps is not None:
                money = self.expected.price(rates.changing)
                schedules.append((money, len(schedules), name, steps))
        if not schedules:
            return ()
        _, _, name, steps = min(schedules)
        self.figures.hints[name] += 1
        return steps

    def follow(self, g: int, plan: MachineSequences) -> DecisionFunction:
        """Return a function that decides by the plan, or by the policy's rule without one."""
        plan, rule = plan.copy(), self.settings.rules[0]

        def decide(seen: ObservationArrays) -> int:
            shop = self.expected.shop
            row = row_by_plan(self.changeovers[g], shop, 0, plan)
            return row_by_rule(rule, seen, shop, 0, plan.planned) if row is None else row

        return decide


def _row(rule: Rule, observation: ObservationArrays) -> int:
    return int(np.asarray(rule.decide(observation))[0])

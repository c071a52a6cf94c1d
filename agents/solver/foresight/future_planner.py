"""Planning with knowledge of the realised orders, durations and deliveries."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from agents.solver.cp_sat import Solution
from agents.solver.expected_shop import ExpectedShop
from agents.solver.foresight.clairvoyant_state import FutureReader
from agents.solver.known_state import KnownState
from agents.solver.plan_following import MachineSequences, ObservationArrays
from agents.solver.planner import CHOICES_EACH, PlannerConfig, SolverPlanner
from agents.solver.problem import Planned
from envs.observation.tables import Tables
from factory.simulation.arrays import FactoryArrays, ShopState


class FuturePlanner(SolverPlanner):
    """Planner that knows the realised orders, durations and deliveries.

    Parameters
    ----------
    arrays, shop, tables, settings
        See :class:`agents.solver.planner.SolverPlanner`.
    """

    def __init__(
        self, arrays: FactoryArrays, shop: ShopState, tables: Tables, settings: PlannerConfig
    ) -> None:
        super().__init__(arrays, shop, tables, settings)
        self.expected = ExpectedShop(arrays, shop, tables, certain=False)
        self._future = FutureReader(arrays, settings.max_tasks)

    def look(self, e: int) -> KnownState:
        """Return the orders in progress and to come, with realised values."""
        return self._future.read(self.shop, e)

    def choose(
        self,
        e: int,
        seen: ObservationArrays,
        known: KnownState,
        steps: Sequence[Planned],
        solution: Solution,
        in_force: MachineSequences | None,
    ) -> MachineSequences:
        """Return the cheapest of the plan in force, the solution and its hint.

        Each is carried out to the end of the episode. Operations after the window follow as they
        were planned before, because nothing unforeseen happens until then.
        """
        hint = [(step.machine, step.key, step.start_date) for step in steps]
        rest = hint if in_force is None else [*hint, *in_force.steps_of_machines()]
        plans = [] if in_force is None else [in_force]
        plans.append(MachineSequences.begin(known.clock, solution.sequences).then(rest))
        plans.append(MachineSequences(known.clock, {}).then(hint).then(rest))
        costs = [self._carry_out(e, seen, known, plan) for plan in plans]
        return replace(plans[costs.index(min(costs))], date=known.clock)

    def _carry_out(
        self, e: int, seen: ObservationArrays, known: KnownState, plan: MachineSequences
    ) -> float:
        """Return the cost of the episode if the plan is followed; infinite if it does not end."""
        shop = self.shop
        self.expected.copy(shop, e)
        products = shop.orders.product[e, : int(shop.env.num_orders[e])]
        operations = int(self.arrays.products.num_operations[known.factory][products].sum())
        steps = self.expected.run(self.follow(known.factory, plan), seen, CHOICES_EACH * operations)
        return math.inf if steps is None else self.expected.price(0.0)

    def expect(self, e: int, known: KnownState) -> None:
        """Set the simulated shop to a copy of environment ``e``, up to the last known order."""
        self.expected.copy(self.shop, e)
        env = self.expected.shop.env
        known_orders = (order.number + 1 for order in known.orders)
        env.num_orders[0] = max(int(env.num_released[0]), *known_orders, 0)

"""Plans of one snapshot by rules, by searches and by CP-SAT, as a unit of work."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

from agents.index.policy import IndexPolicy
from agents.network.inference import arrange_weights
from agents.policy_folder import read_policy_files
from agents.rules.registry import make_rule
from agents.solver.changeovers import ChangeoverTable
from agents.solver.cp_sat import solve
from agents.solver.known_state import KnownReader, KnownState
from agents.solver.planning_window import cut_window
from agents.solver.problem import Planned, Rates
from envs.seed_splits import episode_seeds
from evaluation.tuned_parameters import read_tuned
from factory.io.catalogue import find_single_factory
from factory.io.shipped_files import find_shipped
from factory.model import Factory
from factory.work_units.units import JsonObject, digest
from scheduler.floor.floor import ShopFloor
from scheduler.floor.shop_snapshot import take_snapshot
from scheduler.plans.plan_policy import FloorPolicy
from scheduler.plans.schema import Plan
from scheduler.plans.work_limit import WorkLimit
from scheduler.portfolio.member_policies import NetworkPolicy, RowPolicy
from scheduler.portfolio.portfolio_planner import PortfolioPlanner, SearchBudget
from scheduler.portfolio.sequence_search import SequenceSearch, allocate_steps
from scheduler.portfolio.sequence_simulation import NO_PLAN, MachineSteps
from scheduler.simulated_plant import simulate
from scheduler.snapshot.schema import Snapshot

FACTORIES = ("microfactory", "large", "one_of_a_kind", "scarce_crew", "unreliable", "demand_swing")
SECONDS = (0.2, 1.0, 5.0)
_POLICIES = {"microfactory": "policies/microfactory"}
_SEED = 11
_FIRST_DECISION, _LAST_DECISION = 40, 400
_MARGINS = (0, 2**30)


@dataclass(frozen=True)
class SnapshotUnit:
    """Plans of one snapshot."""

    factory: str
    index: int  # of the snapshot
    solver_seconds: float  # 0: without CP-SAT

    @property
    def name(self) -> str:
        """Return factory and index."""
        return f"{self.factory}, snapshot {self.index}, solver {self.solver_seconds:g} s"

    @property
    def key(self) -> str:
        """Return a hash of what the result depends on, the sources apart."""
        return digest(asdict(self), SECONDS, _SEED)

    size = 1

    @property
    def group(self) -> str:
        """Return the name: no unit depends on another."""
        return self.name

    def run(self) -> JsonObject:
        """Return the costs of all plans."""
        factory = find_single_factory(self.factory)
        snapshot = draw_snapshot(self.factory, self.index)
        floor, members = open_factory(self.factory)
        rules = [member for member in members if member.network is None and member.name != "index"]
        costs = {"best_rule": _plan(floor, rules[:1], _NO_SEARCH, snapshot).total_cost}
        costs["all_rules"] = _plan(floor, rules, _NO_SEARCH, snapshot).total_cost
        makers = {}
        _plan(floor, members, SearchBudget(1e6, 1, 1), snapshot)  # loads the compiled code
        for seconds in SECONDS:
            plan = _plan(floor, members, SearchBudget(seconds), snapshot)
            costs[f"search_{seconds:g}"] = plan.total_cost
            makers[f"{seconds:g}"] = plan.made_by
        if self.solver_seconds and all(order.material_here for order in snapshot.orders):
            start = _plan(floor, members, SearchBudget(SECONDS[0]), snapshot)
            costs["cp_sat"], status = solve_snapshot(
                factory, floor, snapshot, start, self.solver_seconds
            )
            makers["cp_sat"] = status
        return {"costs": costs, "made_by": makers, "orders": len(snapshot.orders)}


_NO_SEARCH = SearchBudget(1e6, 0, 0)


def _plan(
    floor: ShopFloor, members: Sequence[FloorPolicy], budget: SearchBudget, snapshot: Snapshot
) -> Plan:
    return PortfolioPlanner(floor, members, budget).plan(snapshot)


@cache
def open_factory(name: str) -> tuple[ShopFloor, tuple[FloorPolicy, ...]]:
    """Return a floor, and the members that plan for a factory."""
    factory = find_single_factory(name)
    tuned = read_tuned(name, None, factory)
    assert tuned is not None
    assert tuned.index is not None
    costs = {rule: result.validate_cost.tuned for rule, result in tuned.rules.items()}
    rules = [tuned.rule(rule) for rule in sorted(costs, key=lambda rule: costs[rule])]
    policy = _POLICIES.get(name, "policies/mixture")
    _, arrays = read_policy_files(find_shipped(policy))
    members = (
        RowPolicy(str(rules[0]), rules[0]),
        NetworkPolicy(policy, arrange_weights(arrays)),
        RowPolicy("index", IndexPolicy(tuned.index.weights)),
        *(RowPolicy(str(rule), rule) for rule in rules[1:]),
    )
    return ShopFloor(factory), members


def draw_snapshot(name: str, index: int) -> Snapshot:
    """Return a snapshot at a random moment of a simulated episode."""
    factory = find_single_factory(name)
    draws = random.Random(f"{_SEED} {name} {index}")
    seed = int(episode_seeds("tune", 1, index)[0])
    while True:
        decisions = draws.randrange(_FIRST_DECISION, _LAST_DECISION)
        try:
            shop = simulate(factory, make_rule("ATCS"), seed, decisions)
        except ValueError:  # a short episode
            continue
        snapshot = take_snapshot(ShopFloor(factory), shop, 0)
        if len(snapshot.orders) > 1:
            return snapshot


# --- CP-SAT ---------------------------------------------------------------------------------------


def solve_snapshot(
    factory: Factory, floor: ShopFloor, snapshot: Snapshot, start: Plan, seconds: float
) -> tuple[float, str]:
    """Return the simulated cost of CP-SAT's sequences, and its status.

    Parameters
    ----------
    start
        Plan that the solver begins with, and whose cost is the highest that is returned.
    """
    floor.place(snapshot)
    known = _with_crew_dates(KnownReader(floor.arrays).read(floor.shop, 0), floor, start)
    table = ChangeoverTable(floor.arrays, 0)
    steps = _planned(start, floor, factory)
    window, hint = cut_window(known, steps, len(steps), table, _rates(floor))
    solution = solve(window, hint, seconds)
    search = SequenceSearch(floor, WorkLimit(float("inf")))
    sequences = _to_steps(floor, solution.sequences)
    costs = [search.find_cost(sequences, margin) for margin in _MARGINS]
    return min(start.total_cost, *[cost for cost in costs if cost < NO_PLAN]), solution.status


def _with_crew_dates(known: KnownState, floor: ShopFloor, start: Plan) -> KnownState:
    """Return the known state with the ends of changeovers, which snapshots do not have."""
    ends = {each.machine: each.start_date for each in start.operations if each.in_process}
    machines = tuple(
        machine
        if machine.crew_date is None
        else replace(
            machine,
            crew_date=max(
                known.clock + 1, ends.get(floor.machine_names[machine.number], machine.free_date)
            ),
        )
        for machine in known.machines
    )
    return replace(known, machines=machines)


def _planned(plan: Plan, floor: ShopFloor, factory: Factory) -> list[Planned]:
    numbers = {floor.order_id(order): order for order in range(floor.num_known)}
    products = floor.shop.orders["product"][0]
    return [
        Planned(
            order=numbers[each.order],
            operation=floor.operation_names[int(products[numbers[each.order]])].index(
                each.operation
            ),
            machine=floor.machine_names.index(each.machine),
            start_date=each.start_date,
            end_date=each.end_date,
        )
        for each in plan.operations
    ]


def _rates(floor: ShopFloor) -> Rates:
    """Return the prices of the plan's costs alone, without those for later orders."""
    plant, machines = floor.arrays.plant[0], floor.arrays.machines[0]
    tariff = float(floor.arrays.hours.price[0, :24].mean())
    kilowatts = float(machines.idle_power[: len(floor.machine_names)].sum())
    finishing = float(plant.energy_rate) * tariff * kilowatts * float(plant.hours_per_tick)
    tardiness, holding = float(plant.tardiness_rate), float(plant.holding_rate)
    return Rates(tardiness, holding, 0.0, 1e-6 * (tardiness + holding), finishing)


def _to_steps(floor: ShopFloor, sequences: Any) -> MachineSteps:
    count = sum(len(sequence) for sequence in sequences.values())
    steps = allocate_steps(floor, count)
    for machine, sequence in sequences.items():
        for i, ((order, operation), _) in enumerate(sequence):
            steps.steps[machine, i] = (order << 6) | operation
        steps.length[machine] = len(sequence)
    return steps

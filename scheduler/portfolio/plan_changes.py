"""What-if by search: plans of a floor before and after changes, each also tried on the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from scheduler.plans.changes import (
    CancelOrder,
    Change,
    LockOperation,
    MachineDown,
    OrderTerms,
    RushOrder,
)
from scheduler.plans.schema import Plan
from scheduler.plans.what_if import PlanComparison, compare_plans
from scheduler.portfolio.portfolio_planner import PortfolioPlanner
from scheduler.snapshot.schema import OrderState, Snapshot

Direction = Literal["dearer", "cheaper", "mixed"]
"""What changes do to the cheapest plan that there is."""


def compare_by_search(
    search: PortfolioPlanner,
    before: Snapshot,
    after: Snapshot,
    changes: Sequence[Change],
    futures: int = 0,
    seed: int = 0,
) -> PlanComparison:
    """Search plans of two floors, and compare them.

    The plan of the harder floor is also carried out on the easier one, and taken there if it is
    cheaper. So the easier floor's plan never costs more.

    Parameters
    ----------
    before, after
        Snapshots before and after the changes.

    Raises
    ------
    PlanError
        If there is no plan.
    """
    if find_direction(before, changes) == "cheaper":
        second = search.plan(after, futures=futures, seed=seed)
        known = (("plan after the changes", second),)
        first = search.plan(before, known=known, futures=futures, seed=seed)
        return compare_plans(first, take_cheaper(search, after, second, first, futures, seed))
    first = search.plan(before, futures=futures, seed=seed)
    known = (("plan before the changes", first),)
    second = search.plan(after, known=known, futures=futures, seed=seed)
    return compare_plans(take_cheaper(search, before, first, second, futures, seed), second)


def take_cheaper(
    search: PortfolioPlanner,
    snapshot: Snapshot,
    plan: Plan,
    other: Plan,
    futures: int = 0,
    seed: int = 0,
) -> Plan:
    """Return a plan of a snapshot, or what the plan of another floor leads to if that is cheaper.

    Parameters
    ----------
    plan, other
        The snapshot's plan, and that of another floor.
    """
    if other.total_cost >= plan.total_cost:
        return plan
    return search.carry_over(snapshot, plan, other, futures, seed)


def find_direction(snapshot: Snapshot, changes: Sequence[Change]) -> Direction:
    """Return whether changes of a snapshot can only make its cheapest plan dearer, or cheaper."""
    orders = {order.order_id: order for order in snapshot.orders}
    directions = {_direction(change, orders) for change in changes}
    directions.discard(None)
    if len(directions) == 1:
        return directions.pop() or "mixed"
    return "mixed" if directions else "dearer"


def _direction(change: Change, orders: dict[str, OrderState]) -> Direction | None:
    """Return the direction of one change; None if it changes nothing."""
    match change:
        case RushOrder() | MachineDown() | LockOperation():
            return "dearer"
        case CancelOrder():
            return "cheaper"
        case OrderTerms():
            order = orders.get(change.order)
            return "mixed" if order is None else _direction_of_terms(change, order)


def _direction_of_terms(change: OrderTerms, order: OrderState) -> Direction | None:
    signs = set[bool]()
    if change.due_date is not None and change.due_date != order.due_date:
        signs.add(change.due_date < order.due_date)
    if change.weight is not None and change.weight != order.weight:
        signs.add(change.weight > order.weight)
    if len(signs) == 2:
        return "mixed"
    if not signs:
        return None
    return "dearer" if signs.pop() else "cheaper"

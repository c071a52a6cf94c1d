"""What-if by search: plans of a floor before and after changes, each also tried on the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from scheduler.plans.schema import Plan
from scheduler.plans.what_if import PlanComparison, compare_plans
from scheduler.portfolio.portfolio_planner import PortfolioPlanner
from scheduler.snapshot.schema import Snapshot

Direction = Literal["dearer", "cheaper", "mixed"]
"""What changes do to the cheapest plan that there is."""


def compare_by_search(
    search: PortfolioPlanner,
    before: Snapshot,
    after: Snapshot,
    *,
    first: Plan | None = None,
    futures: int = 0,
    seed: int = 0,
) -> PlanComparison:
    """Search plans of two floors, and compare them.

    The sequences of the plan before the changes are a candidate after them. The plan of the harder
    floor is also carried out on the easier one, and taken there if it is cheaper, so that the
    easier floor's plan never costs more.

    Parameters
    ----------
    before, after
        Snapshots before and after the changes.
    first
        Plan before the changes; None: it is searched, too.
    futures, seed
        As for :meth:`scheduler.portfolio.portfolio_planner.PortfolioPlanner.plan`.

    Raises
    ------
    PlanError
        If there is no plan.
    """
    first = search.plan(before, futures=futures, seed=seed) if first is None else first
    known = (("plan before the changes", first),)
    second = search.plan(after, known=known, futures=futures, seed=seed)
    if find_direction(before, after) == "cheaper":
        second = search.carry_over(after, second, first, futures=futures, seed=seed)
    else:
        first = search.carry_over(before, first, second, futures=futures, seed=seed)
    return compare_plans(first, second)


def find_direction(before: Snapshot, after: Snapshot) -> Direction:
    """Return whether the cheapest plan can only get dearer, or cheaper, between two snapshots.

    The snapshots differ by the changes of a what-if.
    """
    directions = {
        *_directions_of_orders(before, after),
        *_directions_of_machines(before, after),
        *_compare(len(before.locks), len(after.locks)),
        *_compare(len(before.closures), len(after.closures)),
        *_compare(len(before.absences), len(after.absences)),
        *_compare(-len(before.extra_hours), -len(after.extra_hours)),
    }
    if len(directions) == 2:
        return "mixed"
    return directions.pop() if directions else "dearer"


def _compare(before: float, after: float) -> Iterator[Direction]:
    """Yield what a change of a number does that makes plans dearer where it grows."""
    if after != before:
        yield "dearer" if after > before else "cheaper"


def _directions_of_orders(before: Snapshot, after: Snapshot) -> Iterator[Direction]:
    old = {order.order_id: order for order in before.orders}
    new = {order.order_id: order for order in after.orders}
    if new.keys() - old.keys():
        yield "dearer"
    if old.keys() - new.keys():
        yield "cheaper"
    for name in old.keys() & new.keys():
        yield from _compare(-old[name].due_date, -new[name].due_date)
        yield from _compare(old[name].weight, new[name].weight)


def _directions_of_machines(before: Snapshot, after: Snapshot) -> Iterator[Direction]:
    for name, state in before.machines.items():
        changed = after.machines[name]
        yield from _compare(state.out_of_service_until or 0, changed.out_of_service_until or 0)
        yield from _compare(state.expected_end or 0, changed.expected_end or 0)

"""Error of plans that cannot be made, and its explanations."""

from __future__ import annotations

from factory.simulation.arrays import CHANGING, ShopState
from scheduler.floor.floor import ShopFloor


class PlanError(RuntimeError):
    """A plan that cannot be made; the message has the reason and the remedy."""


def explain_time_limit(max_seconds: float, shop: ShopState) -> str:
    """Return how far a plan has come within its time."""
    env, futures = shop.env, len(shop.env)
    what, remedy = "the plan", "leave out orders"
    if futures > 1:
        what, remedy = f"its {futures} futures", "sample fewer futures"
    reached = (
        f"{int(env.decisions.sum())} decisions have led to date {int(env.clock.max())}, with"
        f" {int(env.num_active.sum())} orders open"
    )
    return (
        f"plan: {max_seconds:g} s are over and {what} not finished; {reached}. Give it more time,"
        f" or {remedy}."
    )


def explain_standstill(floor: ShopFloor) -> str:
    """Return why nothing can happen on a floor with open orders."""
    what = f"plan: {floor.factory.name} comes to a standstill with orders open"
    statuses = floor.shop.machines.status[0, : len(floor.machine_names)]
    if floor.shop.env.crews_free[0] == 0 and not (statuses == CHANGING).any():
        why = "crews = 0, and the remaining work needs changeovers"
        return f"{what}; {why}. Give the number of crews that are present."
    remedy = "Check the forbidden changeovers"
    if floor.locks.length[0]:
        remedy += ", and remove some locks"
    return f"{what}; no changeover leads to the remaining work. {remedy}."

"""Error of plans that cannot be made, and the explanation of a time limit."""

from __future__ import annotations

from factory.simulation.arrays import ShopState


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

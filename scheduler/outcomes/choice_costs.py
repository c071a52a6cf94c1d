"""Costs of alternatives against the policy's choice, in the same sampled futures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from factory.cost_terms import COST_TERMS
from scheduler.decisions.decision import Choice
from scheduler.decisions.explanations import (
    Alternative,
    CostDifference,
    Explanation,
    ask_first,
    explain,
)
from scheduler.outcomes.paired_differences import paired_mean
from scheduler.portfolio.planner import Planner
from scheduler.snapshot.schema import Snapshot

MAX_COMPARED = 6
"""Number of the first alternatives whose costs are simulated; the rule's choice joins them."""


def explain_with_costs(
    planner: Planner, snapshot: Snapshot, *, futures: int, seed: int = 0
) -> Explanation:
    """Explain the next decision, and compare costs of its alternatives where futures are given.

    The policy decides afterwards; the known orders are simulated to their end.

    Raises
    ------
    BundleError
        If there is no policy, or it fails.
    PlanError
        If a simulation takes too long, or a number is out of range.
    """
    explanation = explain(planner.decider, snapshot)
    if futures == 0 or len(explanation.alternatives) < 2 or explanation.machine is None:
        return explanation
    _, held = ask_first(planner.decider.floor, snapshot)
    before = [(name, Choice(action="wait")) for name in held]

    def simulate(choice: Choice) -> NDArray[np.float64]:
        choices = [*before, (str(explanation.machine), choice)]
        return planner.costs_after(snapshot, choices, futures=futures, seed=seed)

    first = explanation.alternatives[0].choice
    base = simulate(first)
    compared = list(explanation.alternatives)
    for i, alternative in enumerate(compared):
        if 0 < i <= MAX_COMPARED or (i > 0 and alternative.choice == explanation.rule_choice):
            differences = simulate(alternative.choice) - base
            costs = write_cost_difference(alternative, first, differences)
            compared[i] = alternative.model_copy(update={"costs": costs})
    return explanation.model_copy(update={"alternatives": tuple(compared)})


def write_cost_difference(
    alternative: Alternative, first: Choice, differences: NDArray[np.float64]
) -> CostDifference:
    """Return the cost difference of an alternative.

    Parameters
    ----------
    first
        The policy's choice.
    differences
        Costs of the alternative minus those of the policy's choice, ``[futures, terms]``.
    """
    futures, total = len(differences), paired_mean(differences.sum(axis=1))
    means = differences.mean(axis=0)
    order = [int(i) for i in np.argsort(-np.abs(means), kind="stable") if abs(means[i]) >= 0.005]
    terms = {COST_TERMS[i]: float(means[i]) for i in order}
    listed = ", ".join(f"{name} {amount:+,.2f}" for name, amount in terms.items())
    spread = "" if total.half_width is None else f" (+- {total.half_width:,.2f})"
    sense = "more" if total.mean >= 0 else "less"
    kind = "equal future" if futures == 1 else "equal futures"
    sentence = (
        f"{describe_choice(alternative.choice)} instead of {describe_choice(first)}:"
        f" costs {abs(total.mean):,.2f} {sense} in {futures} {kind}{spread}"
    )
    return CostDifference(
        futures=futures,
        mean=total.mean,
        half_width=total.half_width,
        terms=terms,
        sentence=f"{sentence}: {listed}" if listed else sentence,
    )


def describe_choice(choice: Choice) -> str:
    """Return a choice in a few words."""
    setup = ", ".join(f"{attribute} {value}" for attribute, value in choice.setup.items())
    if choice.action == "wait":
        return "waiting"
    if choice.action == "maintenance":
        return f"maintenance {choice.maintenance}"
    if choice.action == "changeover":
        return f"changing over to {setup} for {choice.order}, {choice.operation}"
    return f"{choice.order}, {choice.operation}{f' ({setup})' if setup else ''}"

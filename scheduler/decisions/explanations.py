"""Explanations of decisions: ranked alternatives, differences, and the rule's choice."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from envs.observation.columns import CANDIDATES
from scheduler.decisions.bundle import Bundle
from scheduler.decisions.bundle_files import BundleError
from scheduler.decisions.decider import Decider
from scheduler.decisions.decision import Choice
from scheduler.snapshot.schema import SetAsideParts, Snapshot

MAX_COLUMNS = 6
"""Maximum number of columns listed for each alternative."""
_SHOWN_BY_CHOICE = {"is_job", "is_changeover", "is_wait"}


class Difference(BaseModel):
    """A column in which an alternative differs from the policy's choice."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    column: str
    """Name of the column."""
    unit: str
    """Its unit."""
    meaning: str
    """Its meaning."""
    here: float
    """Value of the alternative."""
    chosen: float
    """Value of the policy's choice."""


class Alternative(BaseModel):
    """A legal choice of the machine."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    choice: Choice
    """Choice."""
    probability: float
    """Probability that the policy gives it."""
    differs_in: tuple[Difference, ...]
    """Differences from the first alternative, the largest relative ones first."""


class Explanation(BaseModel):
    """Explanation of the next decision of a shop floor."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    machine: str | None
    """Machine that is asked; null: there is nothing to decide."""
    expected_cost: float | None = None
    """Discounted cost to come, in currency, as the policy estimates it."""
    alternatives: tuple[Alternative, ...] = ()
    """Every legal choice, best first: the policy's choice is the first."""
    rule: str = ""
    """Fallback rule."""
    rule_choice: Choice | None = None
    """Choice of the fallback rule."""
    set_aside: SetAsideParts = ()
    """Parts of the snapshot that a lenient reading put aside."""


def explain(decider: Decider, snapshot: Snapshot) -> Explanation:
    """Explain the next decision of a snapshot.

    Raises
    ------
    BundleError
        If the decider has no policy, or the policy fails.
    """
    if decider.bundle is None:
        raise BundleError("explain: no policy is loaded. Load a bundle.")
    floor = decider.floor
    floor.place(snapshot)
    machine = floor.ask()
    while machine is not None and floor.held:
        floor.hold()
        machine = floor.ask()
    if machine is None:
        rule = str(decider.fallback)
        return Explanation(machine=None, rule=rule, set_aside=snapshot.set_aside)
    logits, values = _infer(decider.bundle, decider.observation())
    legal = np.flatnonzero(floor.tables.action_mask[0])
    ranked = legal[np.argsort(-logits[0, legal], kind="stable")]
    weights = np.exp(logits[0, ranked].astype(np.float64) - logits[0, ranked[0]])
    table = floor.tables.candidates[0].astype(np.float64)
    alternatives = [
        Alternative(
            choice=decider.describe(machine, int(row)),
            probability=float(share),
            differs_in=_compare(table[row], table[ranked[0]]),
        )
        for row, share in zip(ranked, weights / weights.sum(), strict=True)
    ]
    return Explanation(
        machine=floor.machine_names[machine],
        expected_cost=-float(values[0]),
        alternatives=tuple(alternatives),
        rule=str(decider.fallback),
        rule_choice=decider.describe(machine, decider.ask_rule()),
        set_aside=snapshot.set_aside,
    )


def _infer(
    bundle: Bundle, observation: dict[str, NDArray[Any]]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    try:
        logits, values = bundle.look(observation)
    except Exception as error:  # whatever goes wrong in the network
        raise BundleError(
            f"explain: the policy failed ({type(error).__name__}: {error}). Check the bundle."
        ) from None
    if not (np.isfinite(logits[observation["action_mask"]]).all() and np.isfinite(values).all()):
        raise BundleError("explain: the policy's answer is not finite. Check the bundle.")
    return logits, values


def _compare(row: NDArray[np.float64], chosen: NDArray[np.float64]) -> tuple[Difference, ...]:
    """List the columns with the largest relative differences."""
    relative = np.abs(row - chosen) / (np.abs(row) + np.abs(chosen) + 1e-9)
    order = [
        i
        for i in np.argsort(-relative, kind="stable")
        if relative[i] > 0 and CANDIDATES[i].name not in _SHOWN_BY_CHOICE
    ]
    return tuple(
        Difference(
            column=CANDIDATES[i].name,
            unit=CANDIDATES[i].unit,
            meaning=CANDIDATES[i].meaning,
            here=float(row[i]),
            chosen=float(chosen[i]),
        )
        for i in order[:MAX_COLUMNS]
    )

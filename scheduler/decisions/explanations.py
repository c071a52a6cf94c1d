"""Explanations of decisions: ranked alternatives, effects of columns, and the rule's choice."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from envs.observation.columns import CANDIDATE_INDEX, CANDIDATES
from envs.observation.tables import Observation
from factory.tick_dates import TickDates
from scheduler.decisions.blocked_work import BlockedOperation, find_blocked_operations
from scheduler.decisions.bundle import Bundle
from scheduler.decisions.bundle_files import BundleError
from scheduler.decisions.column_effects import exchange_effects, exchanged_text
from scheduler.decisions.column_texts import COLUMN_GROUPS
from scheduler.decisions.decider import Decider
from scheduler.decisions.decision import Choice
from scheduler.floor.floor import ShopFloor
from scheduler.snapshot.calendar import snapshot_dates
from scheduler.snapshot.schema import SetAsideParts, Snapshot

MAX_COLUMNS = 6
"""Maximum number of columns listed for each alternative."""
MAX_REASONS = 4
"""Maximum number of groups of columns listed for each alternative."""
_MAX_MEMBERS = 3
"""Maximum number of columns in the sentence of a group."""
_NO_EFFECT = 1e-4
"""Largest effect that counts as rounding of the network."""


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
    effect: float = 0.0
    """Loss of preference (difference of logits) when the policy's choice gets this value; positive:
    the column speaks for the policy's choice."""
    sentence: str = ""
    """Both values in plain words, with units."""


class Reason(BaseModel):
    """A group of columns that belong together, and its effect on the preference."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    group: str
    """Name of the group."""
    columns: tuple[str, ...]
    """Columns of the group that differ."""
    effect: float
    """Loss of preference (difference of logits) when the policy's choice gets all these values;
    positive: the group speaks for the policy's choice."""
    sentence: str
    """Values of the columns with the largest effects, in plain words with units."""


class CostDifference(BaseModel):
    """Cost of an alternative minus that of the policy's choice, in the same sampled futures."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    futures: int
    """Number of sampled futures."""
    mean: float
    """Mean difference in currency; positive: the alternative costs more."""
    half_width: float | None
    """Half width of the 95 % confidence interval of the mean; null with one future."""
    terms: dict[str, float]
    """Mean difference of each cost term that differs, the largest first."""
    sentence: str
    """Difference and terms in plain words."""


class Alternative(BaseModel):
    """A legal choice of the machine."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    choice: Choice
    """Choice."""
    probability: float
    """Probability that the policy gives it."""
    differs_in: tuple[Difference, ...]
    """Columns that differ from the first alternative, the largest effects first."""
    reasons: tuple[Reason, ...] = ()
    """Groups of columns that differ from the first alternative, the largest effects first."""
    costs: CostDifference | None = None
    """Cost against the first alternative, if futures were asked for."""


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
    blocked: tuple[BlockedOperation, ...] = ()
    """Ready operations that the machine must not start now, with the reasons."""
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
    machine, _ = ask_first(floor, snapshot)
    if machine is None:
        rule = str(decider.fallback)
        return Explanation(machine=None, rule=rule, set_aside=snapshot.set_aside)
    observation = decider.observation()
    logits, values = _infer(decider.bundle, observation)
    legal = np.flatnonzero(floor.tables.action_mask[0])
    ranked = legal[np.argsort(-logits[0, legal], kind="stable")]
    weights = np.exp(logits[0, ranked].astype(np.float64) - logits[0, ranked[0]])
    blocked = find_blocked_operations(floor, snapshot_dates(snapshot, floor.factory))
    comparison = _Comparison(decider, observation, int(ranked[0]))
    alternatives = [
        Alternative(
            choice=decider.describe(machine, int(row)),
            probability=float(share),
            **comparison.differences(int(row)),
        )
        for row, share in zip(ranked, weights / weights.sum(), strict=True)
    ]
    return Explanation(
        machine=floor.machine_names[machine],
        expected_cost=-float(values[0]),
        alternatives=tuple(alternatives),
        rule=str(decider.fallback),
        rule_choice=decider.describe(machine, decider.ask_rule()),
        blocked=blocked,
        set_aside=snapshot.set_aside,
    )


def ask_first(floor: ShopFloor, snapshot: Snapshot) -> tuple[int | None, tuple[str, ...]]:
    """Return the first machine with a choice, and the names of machines that are held before."""
    floor.place(snapshot)
    machine, held = floor.ask(), list[str]()
    while machine is not None and floor.held:
        held.append(floor.machine_names[machine])
        floor.hold()
        machine = floor.ask()
    return machine, tuple(held)


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


class _Comparison:
    """Differences of the alternatives of one decision from the policy's choice."""

    def __init__(self, decider: Decider, observation: Observation, chosen: int) -> None:
        assert decider.bundle is not None
        factory = decider.floor.factory
        self._bundle, self._chosen = decider.bundle, chosen
        self._dates = TickDates(factory.tick_minutes, factory.start_hour)
        # the floor's own tables change with the next question
        self._observation = {name: table.copy() for name, table in observation.items()}
        self._rows = self._observation["candidates"][0]

    def differences(self, row: int) -> dict[str, Any]:
        """Return the fields ``differs_in`` and ``reasons`` of an alternative."""
        differing = np.flatnonzero(self._rows[row] != self._rows[self._chosen])
        if row == self._chosen or not len(differing):
            return {"differs_in": ()}
        columns = [int(i) for i in differing]
        groups = [
            (group, [i for i in map(CANDIDATE_INDEX.__getitem__, group.columns) if i in columns])
            for group in COLUMN_GROUPS
        ]
        groups = [(group, members) for group, members in groups if members]
        sets = [[i] for i in columns] + [members for _, members in groups]
        effects = exchange_effects(self._bundle, self._observation, self._chosen, row, sets)
        alone = dict(zip(columns, effects.tolist(), strict=False))
        ranked = sorted(alone, key=lambda i: -abs(alone[i]))
        shown = [i for i in ranked if abs(alone[i]) > _NO_EFFECT]
        reasons = [
            Reason(
                group=group.name,
                columns=tuple(CANDIDATES[i].name for i in members),
                effect=float(effect),
                sentence=self._describe_group(row, [i for i in ranked if i in members]),
            )
            for (group, members), effect in zip(groups, effects[len(columns) :], strict=True)
            if abs(effect) > _NO_EFFECT
        ]
        reasons.sort(key=lambda reason: -abs(reason.effect))
        return {
            "differs_in": tuple(self._difference(row, i, alone[i]) for i in shown[:MAX_COLUMNS]),
            "reasons": tuple(reasons[:MAX_REASONS]),
        }

    def _describe_group(self, row: int, members: list[int]) -> str:
        return "; ".join(self._sentence(row, i) for i in members[:_MAX_MEMBERS])

    def _sentence(self, row: int, i: int) -> str:
        here, chosen = float(self._rows[row, i]), float(self._rows[self._chosen, i])
        return exchanged_text(CANDIDATES[i], here, chosen, self._dates)

    def _difference(self, row: int, i: int, effect: float) -> Difference:
        return Difference(
            column=CANDIDATES[i].name,
            unit=CANDIDATES[i].unit,
            meaning=CANDIDATES[i].meaning,
            here=float(self._rows[row, i]),
            chosen=float(self._rows[self._chosen, i]),
            effect=effect,
            sentence=self._sentence(row, i),
        )

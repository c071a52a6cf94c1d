"""Policy of a plan: a bundle's policy for many worlds at once, and the rule where it fails."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from agents.network.inference import NetworkWeights
from agents.rules.compiled import CompiledRule, compile_rule
from agents.rules.registry import Rule
from scheduler.decisions.bundle import Bundle
from scheduler.plans.work_limit import WorkLimit


class FloorPolicy(Protocol):
    """Policy that makes a plan: a network, or anything that chooses rows.

    Attributes
    ----------
    name
        Name in plans and messages.
    network
        Weights of a network that decides in compiled code.
    compiled_rule
        Rule that decides in compiled code; None, as the network too: :meth:`rows` decides.
    fallbacks, faults
        Number of decisions that a rule took because the policy failed, and the reasons.
    temperature, seed
        Temperature of the softmax that the network's choices are sampled from (0: the best row),
        and seed of the samples.
    """

    @property
    def name(self) -> str: ...

    @property
    def fallbacks(self) -> int: ...

    @property
    def faults(self) -> Iterable[str]: ...

    @property
    def network(self) -> NetworkWeights | None: ...

    @property
    def compiled_rule(self) -> CompiledRule | None: ...

    @property
    def temperature(self) -> float: ...

    @property
    def seed(self) -> int: ...

    def rows(self, observation: dict[str, NDArray[Any]], limit: WorkLimit) -> NDArray[np.int64]:
        """Choose a legal row in each world."""


class PlanPolicy:
    """Policy for many worlds at once, with its faults and the number of fallbacks.

    Parameters
    ----------
    bundle
        Policy; None: none could be loaded, and the rule decides.
    rule
        Rule that decides where the policy fails.
    by
        Who decides.
    absence
        Fault where there is no bundle.
    """

    temperature, seed = 0.0, 0

    def __init__(
        self, bundle: Bundle | None, rule: Rule, by: Literal["policy", "rule"], absence: str
    ) -> None:
        self.rule = rule
        self.bundle = bundle if by == "policy" else None
        self.faults = dict[str, None]()  # an ordered set
        if by == "policy" and bundle is None:
            self.faults[absence] = None
        self.fallbacks = 0

    @property
    def name(self) -> str:
        """Return ``policy``, or the name of the rule."""
        return "policy" if self.bundle is not None else str(self.rule)

    @property
    def network(self) -> NetworkWeights | None:
        """Return the weights of a bundle's network; None if anything else decides."""
        return self.bundle.weights if isinstance(self.bundle, Bundle) else None

    @property
    def compiled_rule(self) -> CompiledRule | None:
        """Return the compiled form of the rule, if it decides and has one."""
        return compile_rule(self.rule) if self.bundle is None else None

    def rows(self, observation: dict[str, NDArray[Any]], limit: WorkLimit) -> NDArray[np.int64]:
        """Choose a legal row in each world."""
        if self.bundle is not None:
            try:
                answer = self._ask_bundle(self.bundle, observation, limit)
                mask = np.asarray(observation["action_mask"], np.bool_)
                return check_rows(np.asarray(answer), mask)
            except Exception as error:  # whatever fails in the network, the planner gets a plan
                self.faults[f"{type(error).__name__}: {error}"] = None
                self.fallbacks += len(observation["shop"])
        rows = limit.call(Rule.decide, self.rule, observation)
        return np.asarray(rows, np.int64)

    def _ask_bundle(
        self, bundle: Bundle, observation: dict[str, NDArray[Any]], limit: WorkLimit
    ) -> NDArray[np.int64]:
        is_compiled = isinstance(bundle, Bundle)  # any other object that decides is called directly
        if is_compiled:
            return np.asarray(limit.call(Bundle.decide, bundle, observation))
        return bundle.decide(observation)


def check_rows(rows: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Check that there is a legal row for each world.

    Raises
    ------
    ValueError
        If there is none.
    """
    if rows.shape != (len(mask),) or not np.issubdtype(rows.dtype, np.integer):
        raise ValueError(f"the policy answered {rows!r:.80}; {len(mask)} rows are required")
    inside = (rows >= 0) & (rows < mask.shape[1])
    if not (inside & mask[np.arange(len(mask)), np.where(inside, rows, 0)]).all():
        raise ValueError("the policy chose a row that is not legal")
    return rows.astype(np.int64)

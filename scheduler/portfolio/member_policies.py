"""Policies that take part in a portfolio: rules, indices and trained networks."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from agents.network.inference import NetworkWeights
from agents.rules.compiled import CompiledRule, compile_rule
from agents.rules.registry import Rule
from scheduler.plans.errors import PlanError
from scheduler.plans.plan_policy import check_rows
from scheduler.plans.work_limit import WorkLimit

TEMPERATURES = (0.25, 0.5, 1.0)
"""Temperatures of the softmax that samples of a network are drawn with, in turn."""


class RowChooser(Protocol):
    """Rule, index or any other policy, as :class:`agents.policy.Policy`."""

    def decide(self, observation: Any) -> Any:
        """Return a legal row for each environment."""


class RowPolicy:
    """Rule, index or any other policy that chooses rows from observations.

    Parameters
    ----------
    name
        Name in plans.
    policy
        The policy.
    """

    network: NetworkWeights | None = None
    temperature, seed, fallbacks = 0.0, 0, 0
    faults: tuple[str, ...] = ()

    def __init__(self, name: str, policy: RowChooser) -> None:
        self.name, self._policy = name, policy
        self.compiled_rule = compile_rule(policy) if isinstance(policy, Rule) else None

    def rows(self, observation: dict[str, NDArray[Any]], limit: WorkLimit) -> NDArray[np.int64]:
        """Choose a legal row in each world.

        Raises
        ------
        PlanError
            If the policy fails, or chooses a row that is not legal.
        """
        try:
            rows = limit.call(type(self._policy).decide, self._policy, observation)
            return check_rows(np.asarray(rows), np.asarray(observation["action_mask"], np.bool_))
        except (ValueError, TypeError, ArithmeticError) as error:
            raise PlanError(f"plan: {self.name} fails ({error}). Leave it out.") from error


class NetworkPolicy(NamedTuple):
    """Trained network that decides in compiled code."""

    name: str
    network: NetworkWeights
    temperature: float = 0.0  # 0: the best row
    seed: int = 0
    fallbacks: int = 0
    faults: tuple[str, ...] = ()
    compiled_rule: CompiledRule | None = None

    def rows(self, observation: dict[str, NDArray[Any]], limit: WorkLimit) -> NDArray[np.int64]:
        """Refuse to choose: a compiled network that has no answer is not asked twice."""
        raise PlanError(f"plan: the network {self.name} has no answer. Check its weights.")

    def sample(self, index: int) -> NetworkPolicy:
        """Return the policy that samples its choices, under another seed for each index."""
        temperature = TEMPERATURES[index % len(TEMPERATURES)]
        name = f"{self.name}, sampled"
        return self._replace(name=name, temperature=temperature, seed=index)


Member = RowPolicy | NetworkPolicy

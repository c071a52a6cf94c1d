"""Fit of a policy to a factory that it was not trained on: it must beat the rule there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from agents.rules.registry import Rule
from envs.observation.kernel import observe
from envs.observation.tables import (
    DEFAULT_CHANGEOVER_ROWS,
    DEFAULT_JOB_ROWS,
    allocate_observation_scratch,
    allocate_tables,
    as_observation,
)
from envs.reward_scale import measure_cost_scales
from envs.seed_splits import episode_seeds
from factory.loading.allocation import allocate
from factory.loading.load import load
from factory.model import Factory
from factory.progress import Progress
from factory.simulation import kernel

FIT_EPISODES = 8
"""Episodes of the factory's own demand that policy and rule are compared on."""
_MAX_ORDERS = 200
"""Maximum number of orders of such an episode."""
_DECISIONS_PER_OPERATION = 100
"""Decisions, relative to the number of operations, after which a policy counts as stuck."""


class FitPolicy(Protocol):
    """Policy that chooses rows for many environments at once."""

    def decide(self, observation: Any) -> Any:
        """Return a legal row for each environment."""


class PolicyFit(NamedTuple):
    """Mean costs of policy and rule on simulated episodes; None: they were not simulated."""

    policy_cost: float | None
    rule_cost: float | None

    @property
    def prefers_rule(self) -> bool:
        """Return whether the rule is cheaper."""
        if self.policy_cost is None or self.rule_cost is None:
            return False
        return self.rule_cost < self.policy_cost


def trained_factories(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the factories that the policy of a bundle was trained on."""
    training = manifest.get("training")
    names = training.get("factories") if isinstance(training, dict) else None
    return tuple(map(str, names)) if isinstance(names, list) else ()


def compare_with_rule(policy: FitPolicy, rule: Rule, factory: Factory) -> PolicyFit:
    """Simulate policy and rule on the same episodes of a factory's own demand."""
    if factory.demand is None:
        return PolicyFit(None, None)
    orders = min(_MAX_ORDERS, factory.demand.num_orders)
    first = min(factory.demand.initial_orders, orders)
    demand = factory.demand.model_copy(update={"num_orders": orders, "initial_orders": first})
    episodes = _Episodes(factory.model_copy(update={"demand": demand}))
    with Progress(f"comparing the policy with {rule.name} on simulated days") as progress:
        costs = [episodes.mean_cost(player, progress) for player in (policy, rule)]
    return PolicyFit(*costs)


class _Episodes:
    """Episodes of a factory that policies play, one after the other."""

    def __init__(self, factory: Factory) -> None:
        self._arrays = load([factory])
        rows = {"job_rows": DEFAULT_JOB_ROWS, "changeover_rows": DEFAULT_CHANGEOVER_ROWS}
        measure_cost_scales(self._arrays, [factory.name], rows, np.float32)
        self._shop = allocate(self._arrays, FIT_EPISODES, **rows)
        self._scratch = allocate_observation_scratch(self._shop)
        self._tables = allocate_tables(self._arrays, self._shop, np.float32)

    def mean_cost(self, policy: FitPolicy, progress: Progress) -> float:
        """Return the mean cost under a policy; infinite if it does not finish the orders."""
        arrays, shop = self._arrays, self._shop
        for env, seed in enumerate(episode_seeds("validate", FIT_EPISODES)):
            kernel.begin_episode(arrays, shop, env, 0, seed)
            kernel.advance(arrays, shop, env)
        most = _DECISIONS_PER_OPERATION * shop.orders.shape[1] * arrays.operations.shape[2]
        for _ in range(most):
            asked = np.flatnonzero(shop.env.deciding >= 0)
            if not len(asked):
                return float(np.asarray(shop.cost).sum(axis=1).mean())
            progress.step()
            for e, row in zip(asked, self._rows(policy, asked), strict=True):
                kernel.apply_action(arrays, shop, e, row)
                kernel.advance(arrays, shop, e)
        return math.inf

    def _rows(self, policy: FitPolicy, asked: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows that the policy chooses for the environments that are asked."""
        tables = self._tables
        for e in asked:
            observe(
                self._arrays,
                self._shop,
                e,
                self._scratch,
                tables.candidates[e],
                tables.machines[e],
                tables.shop[e],
                tables.action_mask[e],
            )
        observation = {name: table[asked] for name, table in as_observation(tables).items()}
        return np.asarray(policy.decide(observation), np.int64)


def describe_fit(fit: PolicyFit, manifest: Mapping[str, Any], rule: Rule, factory: Factory) -> str:
    """Return in a sentence how a policy fits a factory that it was not trained on."""
    names = trained_factories(manifest)
    on = f", but on {', '.join(names)}" if names else ""
    text = f"the policy was not trained on {factory.name}{on}"
    if fit.policy_cost is None or fit.rule_cost is None:
        return f"{text}; without [demand] it cannot be compared with {rule.name}."
    days = f"{FIT_EPISODES} simulated episodes of {factory.name}"
    change = fit.policy_cost / max(fit.rule_cost, 1e-9) - 1
    decides = rule.name if fit.prefers_rule else "the policy"
    return f"{text}; on {days} it costs {change:+.1%} against {rule}, so {decides} decides."

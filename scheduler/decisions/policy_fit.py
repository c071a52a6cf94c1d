"""Fit of a policy to a factory that it was not trained on: it must beat the rule there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from agents.policy import Policy, play
from agents.rules.registry import Rule
from envs.batch import Batch
from envs.seed_splits import episode_seeds
from factory.model import Factory
from factory.progress import Progress

FIT_EPISODES = 8
"""Episodes of the factory's own demand that policy and rule are compared on."""
_MAX_ORDERS = 200
"""Maximum number of orders of such an episode."""


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


def compare_with_rule(policy: Policy, rule: Rule, factory: Factory) -> PolicyFit:
    """Simulate policy and rule on the same episodes of a factory's own demand."""
    if factory.demand is None:
        return PolicyFit(None, None)
    orders = min(_MAX_ORDERS, factory.demand.num_orders)
    first = min(factory.demand.initial_orders, orders)
    demand = factory.demand.model_copy(update={"num_orders": orders, "initial_orders": first})
    batch = Batch([factory.model_copy(update={"demand": demand})], num_envs=FIT_EPISODES)
    costs = []
    with Progress(f"comparing the policy with {rule.name} on simulated days") as progress:
        for player in (policy, rule):
            progress.step()
            play(batch, player, episode_seeds("validate", FIT_EPISODES))
            costs.append(float(np.asarray(batch.shop.cost).sum(axis=1).mean()))
    return PolicyFit(*costs)


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

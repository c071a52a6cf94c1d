"""Invented tuned parameters."""

from __future__ import annotations

from evaluation.tuned_parameters import (
    Budget,
    Tuned,
    TunedIndex,
    TunedRule,
    ValidationGain,
    fingerprint,
)
from factory.io.catalogue import find_factory

COSTS = ValidationGain(default=100.0, tuned=90.0, difference=-10.0, low=-12.5, high=-7.5)


def some_results(factory: str = "tiny") -> Tuned:
    rules = {
        "ATCS": TunedRule(
            parameters={"k1": 3.25, "k2": 0.1},
            default_cost=100.0,
            tuned_cost=90.0,
            validate_cost=COSTS,
        ),
        "ATCS+HOLD": TunedRule(
            parameters={"k1": 2.0, "k2": 0.5, "hold": 0.05},
            default_cost=80.0,
            tuned_cost=80.0,
            validate_cost=COSTS,
        ),
    }
    index = TunedIndex(
        weights={"value": 1.0, "wait": -7.5, "slack": 1e-05},
        default_cost=100.0,
        tuned_cost=70.0,
        validate_cost=COSTS,
    )
    return Tuned(
        factory=factory,
        fingerprint=fingerprint(find_factory("tiny")),
        budget=Budget(),
        rules=rules,
        index=index,
    )

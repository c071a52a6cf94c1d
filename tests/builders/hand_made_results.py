"""Results of an evaluation that nobody has played."""

from __future__ import annotations

from evaluation.reporting.results import (
    ComparisonResult,
    Estimate,
    Failure,
    PolicyResult,
    Provenance,
    Results,
    ScenarioResult,
)

PROVENANCE = Provenance(
    project_version="1",
    commit=None,
    uncommitted_changes=False,
    source_hash="",
    command="",
    seed_blocks={},
    versions={},
    machine={},
    started="",
    seconds=0.0,
)


def played(cost: float) -> PolicyResult:
    estimate = Estimate(mean=cost, ci95=(0.9 * cost, 1.1 * cost))
    return PolicyResult(
        kind="rule",
        parameters={},
        tuned=True,
        episodes=4,
        total_cost=estimate,
        on_time_share=Estimate(mean=0.5, ci95=(0.4, 0.6)),
        changeovers_per_order=Estimate(mean=1.25, ci95=(1.0, 1.5)),
    )


def compared(ratio: float, low: float, high: float) -> ComparisonResult:
    """Return a comparison with a rule that costs 100."""
    return ComparisonResult(
        versus="rule",
        episodes=4,
        difference=100 * (ratio - 1),
        ci95=(100 * (low - 1), 100 * (high - 1)),
        ratio=ratio,
        ratio_ci95=(low, high),
        probability_of_improvement=0.75,
        probability_of_improvement_ci95=(0.3, 0.9),
        p_value=0.1,
        holm_p_value=0.2,
    )


def hand_made_results(name: str = "mine", *, others: int = 0, factories: int = 1) -> Results:
    """Return results in which ``name`` costs 80, the rule 100, and ``broken`` has failed.

    Parameters
    ----------
    others
        Number of further policies.
    factories
        Number of factories, all with the same figures.
    """
    failure = Failure(reason="crashed", message="<b>no</b>", block="test", episodes=(0, 3))
    broken = PolicyResult(kind="custom", parameters={}, tuned=False, episodes=0, failed=failure)
    policies = {"broken": broken, "rule": played(100), name: played(80)}
    policies |= {f"other {i}": played(200 + i) for i in range(others)}
    scenarios = {
        f"{name} {i}": ScenarioResult(
            factory=f"{name} {i}",
            order_book=None,
            episodes=4,
            seed_block="test",
            seeds=(0, 3),
            policies=policies,
            best_rule="rule",
            validation={},
            validation_episodes=0,
            comparisons={name: compared(0.8, 0.7, 0.9)},
            verified=True,
        )
        for i in range(factories)
    }
    return Results(provenance=PROVENANCE, scenarios=scenarios, overall={})

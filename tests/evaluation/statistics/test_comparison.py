"""Shares, hypothesis tests and comparisons: closed forms, SciPy, hand-worked cases, coverage."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError, astuple
from statistics import NormalDist

import numpy as np
import pytest
from scipy import stats

from evaluation.statistics.comparison import compare_paired
from evaluation.statistics.improvement import (
    probability_of_improvement,
    unpaired_probability_of_improvement,
)
from evaluation.statistics.intervals import (
    Interval,
    interquartile_mean,
    mean_difference,
    mean_interval,
    mean_of_ratios,
    ratio_of_means,
)
from evaluation.statistics.resampling import RESAMPLES, middle_95, resampled_counts
from evaluation.statistics.significance import holm, sign_flip_p_value
from tests.builders.cost_samples import assert_close, assert_covers, costs
from tests.builders.repository import ROOT

# Interquartile mean


def test_interquartile_mean_hand_worked() -> None:
    # Sorted: 0 1 | 2 3 4 5 | 6 100: a quarter of 8 is cut at each end, (2 + 3 + 4 + 5)/4.
    assert interquartile_mean({"a": [100.0, 3.0, 1.0, 4.0], "b": [2.0, 5.0, 6.0, 0.0]}).value == 3.5


def test_interquartile_mean_is_scipys_trimmed_mean_of_the_pool() -> None:
    random = np.random.default_rng(40)
    for size in range(4, 24):
        scores = {"a": random.normal(size=size), "b": 3 + random.exponential(size=size + 1)}
        assert interquartile_mean(scores).value == pytest.approx(
            stats.trim_mean(np.concatenate(list(scores.values())), 0.25)
        )


def test_interquartile_mean_is_resampled_within_each_scenario() -> None:
    # Scores without spread inside each scenario leave no doubt, however far the scenarios are
    # apart.
    assert interquartile_mean({"a": np.full(10, 1.0), "b": np.full(10, 5.0)}) == Interval(
        3.0, 3.0, 3.0
    )


def test_interquartile_mean_interval_worked_out_value_by_value() -> None:
    random = np.random.default_rng(41)
    scores = {"a": random.normal(size=9), "b": 1 + random.normal(size=14)}
    draws = [
        np.concatenate(list(resampled_counts(1, index, values.size, 23))).astype(int)
        for index, values in enumerate(scores.values())
    ]
    means = []
    for row in range(RESAMPLES):
        resample = [
            np.repeat(np.sort(values), counts[row])
            for values, counts in zip(scores.values(), draws, strict=True)
        ]
        means.append(stats.trim_mean(np.concatenate(resample), 0.25))
    interval = interquartile_mean(scores)
    assert (interval.low, interval.high) == pytest.approx(middle_95(np.array(means)))


def test_interquartile_mean_ignores_outliers_and_follows_shift_and_scale() -> None:
    scores = {
        "a": np.random.default_rng(42).normal(size=30),
        "b": np.random.default_rng(43).normal(size=20),
    }
    base = interquartile_mean(scores)
    moved = interquartile_mean({name: 3 * values + 7 for name, values in scores.items()})
    assert_close(moved, Interval(3 * base.value + 7, 3 * base.low + 7, 3 * base.high + 7))
    worst = {**scores, "a": np.where(scores["a"] == scores["a"].max(), 1e6, scores["a"])}
    assert interquartile_mean(worst).value == pytest.approx(base.value)


def test_interquartile_mean_covers_the_truth() -> None:
    low, high = stats.expon.ppf([0.25, 0.75])
    truth = stats.expon.expect(lambda x: x, lb=low, ub=high) / 0.5
    random = np.random.default_rng(44)
    intervals = [
        interquartile_mean({"a": random.exponential(size=16), "b": random.exponential(size=16)})
        for _ in range(200)
    ]
    assert_covers(sum(i.low <= truth <= i.high for i in intervals), 200, 0.94)


# Probability of improvement


def test_paired_probability_counts_wins_and_half_the_ties() -> None:
    assert (
        probability_of_improvement([1.0, 2.0, 3.0, 4.0], [2.0, 2.0, 2.0, 5.0]).value
        == (1 + 0.5 + 0 + 1) / 4
    )


@pytest.mark.parametrize(("wins", "episodes"), [(0, 20), (3, 20), (20, 20), (140, 256)])
def test_paired_probability_has_wilsons_interval(wins: int, episodes: int) -> None:
    policy = np.where(np.arange(episodes) < wins, 0.0, 2.0)
    expected = stats.binomtest(wins, episodes).proportion_ci(method="wilson")
    interval = probability_of_improvement(policy, np.ones(episodes))
    assert astuple(interval) == pytest.approx((wins / episodes, expected.low, expected.high))


def test_paired_probability_over_training_seeds_is_less_certain() -> None:
    random = np.random.default_rng(50)
    rule = random.normal(size=100)
    policy = rule + np.array([-1.0, 0.0, 1.0])[:, None] + random.normal(size=(3, 100))
    over_seeds = probability_of_improvement(policy, rule)
    single = probability_of_improvement(policy[1], rule)
    assert over_seeds.high - over_seeds.low > 3 * (single.high - single.low)
    assert 0 <= over_seeds.low <= over_seeds.value <= over_seeds.high <= 1


def test_unpaired_probability_is_the_mann_whitney_statistic() -> None:
    random = np.random.default_rng(51)
    policy, rule = (
        random.integers(8, size=23).astype(float),
        random.integers(9, size=31).astype(float),
    )
    statistic = stats.mannwhitneyu(rule, policy).statistic
    assert unpaired_probability_of_improvement(policy, rule).value == pytest.approx(
        statistic / (23 * 31)
    )


def test_unpaired_bounds_solve_the_score_equation() -> None:
    random = np.random.default_rng(52)
    interval = unpaired_probability_of_improvement(
        random.normal(size=15), 0.8 + random.normal(size=25)
    )
    z = NormalDist().inv_cdf(0.975)
    for p in (interval.low, interval.high):
        variance = p * (1 - p) * (1 + 19 * (1 - p) / (2 - p) + 19 * p / (1 + p)) / (15 * 25)
        assert abs(p - interval.value) == pytest.approx(z * math.sqrt(variance))


def test_probabilities_mirror_when_sides_change() -> None:
    policy, rule = costs(18)
    for measure in (probability_of_improvement, unpaired_probability_of_improvement):
        here, there = measure(policy, rule), measure(rule, policy)
        assert astuple(there) == pytest.approx((1 - here.value, 1 - here.high, 1 - here.low))


def test_a_policy_that_always_wins_leaves_doubt() -> None:
    for interval in (
        probability_of_improvement(np.zeros(20), np.ones(20)),
        unpaired_probability_of_improvement(np.zeros(20), np.ones(20)),
    ):
        assert interval.value == interval.high == 1
        assert 0.75 < interval.low < 0.95


@pytest.mark.parametrize("ahead", [0.0, 1.0, 2.0])
def test_probabilities_cover_the_truth(ahead: float) -> None:
    truth = NormalDist().cdf(ahead / math.sqrt(2))
    random = np.random.default_rng(53)
    samples = [(random.normal(size=30), ahead + random.normal(size=30)) for _ in range(600)]
    for measure in (probability_of_improvement, unpaired_probability_of_improvement):
        intervals = [measure(*sample) for sample in samples]
        assert_covers(sum(i.low <= truth <= i.high for i in intervals), 600, 0.95)


# Tests of hypotheses


def test_sign_flip_enumerates_few_differences() -> None:
    # The sum is 4; of the 16 sums of +-1 +-2 +-3 +-4, five are at least 4 (10, 8, 6, 4, 4) and five
    # at most -4.
    assert sign_flip_p_value([1.0, 2.0, -3.0, 4.0]) == 10 / 16


def test_sign_flip_is_scipys_permutation_test() -> None:
    differences = np.random.default_rng(60).normal(0.4, 1.0, size=11)
    expected = stats.permutation_test(
        (differences,), np.sum, permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flip_p_value(differences) == pytest.approx(expected.pvalue)


def test_sign_flip_of_many_differences_is_close_to_students() -> None:
    differences = np.random.default_rng(61).normal(0.15, 1.0, size=200)
    assert sign_flip_p_value(differences) == pytest.approx(
        stats.ttest_1samp(differences, 0.0).pvalue, abs=0.01
    )


def test_sign_flip_counts_ties_whatever_the_order_of_summing() -> None:
    # The sum in this order is slightly larger than the sorted sum; still, flips to one side count
    # as at least as far as the observed sum.
    differences = [0.4, 0.4, 0.9, 0.2, 0.7, 0.8, 0.3, 0.2, 0.4]
    assert {sign_flip_p_value(np.roll(differences, by)) for by in range(9)} == {2 / 2**9}


def test_sign_flip_is_never_zero_and_follows_neither_scale_nor_side_nor_order() -> None:
    differences = np.random.default_rng(62).normal(0.2, 1.0, size=50)
    assert sign_flip_p_value(np.full(100, 3.0)) == 1 / (RESAMPLES + 1)
    expected = sign_flip_p_value(differences)
    assert 0.01 < expected < 0.99
    assert sign_flip_p_value(-7 * differences) == sign_flip_p_value(differences[::-1]) == expected


def test_sign_flip_without_differences_is_one() -> None:
    assert sign_flip_p_value(np.zeros(8)) == sign_flip_p_value(np.zeros(80)) == 1


def test_sign_flip_rejects_true_hypotheses_one_time_in_twenty() -> None:
    random = np.random.default_rng(63)
    rejected = sum(sign_flip_p_value(random.laplace(size=40)) <= 0.05 for _ in range(300))
    assert_covers(rejected, 300, 0.05)


def test_holm_hand_worked() -> None:
    # Sorted 0.005 0.01 0.03 0.04 times 4 3 2 1 = 0.02 0.03 0.06 0.04; the last may not be below the
    # one before it.
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])


def test_holm_lies_between_uncorrected_and_bonferroni() -> None:
    p = np.random.default_rng(64).random(30)
    corrected = holm(p)
    assert (corrected >= p).all()
    assert (corrected <= np.minimum(1, 30 * p)).all()
    assert corrected[p.argmin()] == pytest.approx(min(1, 30 * p.min()))
    order = np.argsort(p)
    assert (np.diff(corrected[order]) >= 0).all()


def test_holm_of_one_or_none_changes_nothing() -> None:
    assert holm([0.3]).tolist() == [0.3]
    assert holm([]).tolist() == []


# Comparison of policies


def test_comparison_gathers_the_measures() -> None:
    policy, rule = costs(19)
    result = compare_paired({"ATCS": rule, "ppo": policy, "twin": rule}, versus="ATCS")
    assert list(result) == ["ppo", "twin"]
    ppo = result["ppo"]
    assert (ppo.versus, ppo.episodes, ppo.training_seeds) == ("ATCS", 40, 1)
    assert ppo.difference == mean_difference(policy, rule)
    assert ppo.ratio == ratio_of_means(policy, rule)
    assert ppo.probability_of_improvement == probability_of_improvement(policy, rule)
    assert ppo.p_value == sign_flip_p_value(policy - rule)
    assert ppo.holm_p_value == pytest.approx(2 * ppo.p_value)
    assert result["twin"].difference == Interval(0.0, 0.0, 0.0)
    assert result["twin"].ratio == Interval(1.0, 1.0, 1.0)
    assert result["twin"].p_value == result["twin"].holm_p_value == 1


def test_comparison_over_training_seeds() -> None:
    policy, rule = costs(20)
    runs = np.stack([policy, 1.1 * policy, 0.9 * policy])
    result = compare_paired({"ATCS": rule, "ppo": runs}, versus="ATCS")["ppo"]
    assert result.training_seeds == 3
    assert result.difference == mean_difference(runs, rule)
    assert result.p_value == sign_flip_p_value(runs.mean(axis=0) - rule)


def test_comparison_with_a_free_rule_has_no_ratio() -> None:
    result = compare_paired({"free": np.zeros(20), "dear": np.ones(20)}, versus="free")["dear"]
    assert result.ratio is None
    assert result.difference.value == 1


def test_results_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        mean_interval([1.0, 2.0]).value = 3.0  # type: ignore[misc]


# Determinism and refusals

REPEATED = """
import numpy as np
from evaluation.statistics.comparison import compare_paired
from evaluation.statistics.intervals import interquartile_mean, mean_of_ratios
random = np.random.default_rng(5)
rule, policy = random.lognormal(size=100), random.lognormal(size=100)
np.random.seed({global_seed}); np.random.random()
if {earlier_calls}:
    mean_of_ratios({{"x": (policy[:50], rule[:50])}})
print(compare_paired({{"rule": rule, "policy": policy}}, "rule"))
print(interquartile_mean({{"a": rule, "b": policy}}))
print(mean_of_ratios({{"a": (policy, rule), "b": (rule, policy)}}))
"""


def test_equal_inputs_give_byte_equal_results_in_any_process() -> None:
    runs = [
        subprocess.run(
            [sys.executable, "-c", REPEATED.format(global_seed=seed, earlier_calls=seed)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in (0, 1)
    ]
    assert runs[0] == runs[1]
    assert "Comparison(versus='rule'" in runs[0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_interval([1.0]), r"values has shape \[1\]; .* 2 episodes or more"),
        (lambda: mean_interval(np.zeros((2, 2, 2))), r"values has shape \[2, 2, 2\]"),
        (lambda: mean_interval(np.zeros((0, 5))), r"values has shape \[0, 5\]"),
        (
            lambda: mean_interval([[1.0, 2.0], [3.0, math.nan]]),
            r"values\[1, 1\] \(training seed, episode\) = nan; values must be finite",
        ),
        (
            lambda: mean_difference([1.0, 2.0, 3.0], [1.0, 2.0]),
            "policy has 3 episodes, rule has 2; they must be the same",
        ),
        (
            lambda: mean_difference([1.0, 2.0], [[1.0, 2.0], [1.0, 2.0]]),
            r"rule has shape \[2, 2\]; here it must be \[episodes\]",
        ),
        (
            lambda: ratio_of_means([1.0, 2.0], [0.0, 0.0]),
            "rule costs 0.0 at least and 0.0 on average; .* Compare by difference",
        ),
        (
            lambda: mean_of_ratios({"green": ([1.0, 2.0], [-1.0, 2.0])}),
            "rule of scenario green costs -1.0 at least",
        ),
        (lambda: mean_of_ratios({}), "scenarios is empty"),
        (
            lambda: mean_of_ratios(
                {"a": ([1.0, 2.0], [1.0, 2.0]), "b": ([[1.0, 2.0]] * 2, [1.0, 2.0])}
            ),
            r"\[1, 2\] training seeds; all must have the same",
        ),
        (lambda: interquartile_mean({}), "scores is empty"),
        (lambda: interquartile_mean({"a": [1.0, math.inf]}), r"scores of scenario a\[0, 1\]"),
        (lambda: holm([0.1, 1.2]), r"p_values = \[0.1, 1.2\]; each must lie in \[0, 1\]"),
        (lambda: holm([0.1, math.nan]), "each must lie in"),
        (
            lambda: compare_paired({"a": [1.0, 2.0]}, versus="b"),
            "versus = 'b'; it has no costs. Choose one of a",
        ),
    ],
)
def test_nonsense_is_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()

"""Intervals and tests against closed forms, scipy, hand-worked cases and simulation."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError, astuple
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from scipy import stats

from evaluation.resampling import RESAMPLES, middle_95, resampled_counts, student_quantile
from evaluation.statistics import (
    FEWEST_RESAMPLED,
    Floats,
    Interval,
    compare,
    holm,
    interquartile_mean,
    mean_difference,
    mean_interval,
    mean_of_ratios,
    probability_of_improvement,
    ratio_of_means,
    sign_flip_p_value,
    unpaired_probability_of_improvement,
)

ROOT = Path(__file__).resolve().parent.parent

Draw = Callable[[np.random.Generator, int], Floats]

SAMPLES: dict[str, tuple[Draw, float]] = {
    "normal": (lambda random, n: random.normal(size=n), 0.0),
    "exponential": (lambda random, n: random.exponential(size=n), 1.0),
    "log-normal": (lambda random, n: random.lognormal(size=n), math.exp(0.5)),
}
"""Draw of n values, and the true mean."""


def costs(seed: int, episodes: int = 40) -> tuple[Floats, Floats]:
    """Costs of a policy and of a rule on the same episodes: skewed, correlated, the policy 30 % cheaper."""
    random = np.random.default_rng(seed)
    world = random.normal(size=episodes)
    rule = np.exp(0.5 * world)
    policy = 0.7 * np.exp(0.5 * (0.8 * world + 0.6 * random.normal(size=episodes)))
    return policy, rule


def assert_covers(hits: int, trials: int, share: float) -> None:
    """Hits lie inside the binomial band (4 standard errors) about a share."""
    band = 4 * math.sqrt(share * (1 - share) / trials)
    assert abs(hits / trials - share) <= band, f"coverage {hits / trials:.3f}, expected {share} within {band:.3f}"


def assert_close(one: Interval, other: Interval, tolerance: float = 1e-9) -> None:
    np.testing.assert_allclose(astuple(one), astuple(other), rtol=tolerance, atol=tolerance)


# Means


@pytest.mark.parametrize(
    ("sample", "size", "trials", "share"),
    [
        ("normal", 20, 1500, 0.95),
        ("exponential", 20, 1500, 0.95),
        ("log-normal", 20, 1500, 0.92),  # too skewed for 20 values; the module says so
        ("normal", 256, 300, 0.95),
        ("exponential", 256, 300, 0.95),
        ("log-normal", 256, 300, 0.95),
    ],
)
def test_mean_interval_covers_the_mean(sample: str, size: int, trials: int, share: float) -> None:
    draw, mean = SAMPLES[sample]
    random = np.random.default_rng(20)
    intervals = [mean_interval(draw(random, size)) for _ in range(trials)]
    assert_covers(sum(i.low <= mean <= i.high for i in intervals), trials, share)


def test_mean_interval_errs_as_often_low_as_high_on_normal_values() -> None:
    random = np.random.default_rng(21)
    intervals = [mean_interval(random.normal(size=30)) for _ in range(1000)]
    assert_covers(sum(i.low > 0 for i in intervals), 1000, 0.025)
    assert_covers(sum(i.high < 0 for i in intervals), 1000, 0.025)


def test_mean_interval_is_students_for_many_normal_values() -> None:
    values = np.random.default_rng(1).normal(3.0, 2.0, size=500)
    interval = mean_interval(values)
    low, high = stats.ttest_1samp(values, 0.0).confidence_interval()
    assert interval.value == pytest.approx(values.mean())
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=0.1 * (high - low))


def test_mean_interval_of_few_values_is_students() -> None:
    values = np.array([3.0, 1.0, 4.0, 1.0, 5.0])
    low, high = stats.ttest_1samp(values, 0.0).confidence_interval()
    assert astuple(mean_interval(values)) == pytest.approx((2.8, low, high), rel=2e-3)


def test_mean_interval_is_the_studentised_bootstrap_worked_out_value_by_value() -> None:
    values = np.random.default_rng(2).lognormal(size=12)
    ordered = np.sort(values - values.mean())
    error = values.std(ddof=1) / math.sqrt(12)
    statistics = []
    for counts in np.concatenate(list(resampled_counts(0, 0, 12, 12))):
        resample = np.repeat(ordered, counts.astype(int))
        statistics.append(resample.mean() / max(resample.std(ddof=1) / math.sqrt(12), error / 3))
    low, high = middle_95(np.array(statistics))
    assert_close(mean_interval(values), Interval(float(values.mean()), values.mean() - high * error, values.mean() - low * error))


def test_mean_interval_leans_to_the_long_tail() -> None:
    interval = mean_interval(np.random.default_rng(3).lognormal(size=30))
    assert interval.high - interval.value > interval.value - interval.low


def test_mean_interval_of_rare_events_is_finite_and_reaches_past_them() -> None:
    late = np.zeros(256)
    late[[10, 200]] = 1.0
    interval = mean_interval(late)
    # Exact (Poisson) upper bound for 2 events: 7.2 of 256.
    assert 7.2 / 256 < interval.high < 15 / 256


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e9 / 3])
def test_mean_of_a_constant_is_known(constant: float) -> None:
    assert_close(mean_interval(np.full(50, constant)), Interval(constant, constant, constant), 1e-15)


def test_bootstrap_error_is_that_of_scipy() -> None:
    values = np.random.default_rng(4).exponential(size=60)
    ours = np.concatenate([counts @ np.sort(values) for counts in resampled_counts(0, 0, 60, 60)]) / 60
    theirs = stats.bootstrap((values,), np.mean, n_resamples=RESAMPLES, method="percentile", rng=np.random.default_rng(5))
    assert ours.std() == pytest.approx(theirs.standard_error, rel=0.06)
    assert middle_95(ours) == pytest.approx(tuple(theirs.confidence_interval), rel=0.05)


def test_resamples_hold_as_many_values_as_the_sample_whatever_is_held_at_once() -> None:
    for held in (7, 400_000):
        counts = np.concatenate(list(resampled_counts(0, 0, 7, held)))
        assert counts.shape == (RESAMPLES, 7)
        assert (counts.sum(axis=1) == 7).all()
        assert np.abs(counts.mean(axis=0) - 1).max() < 5 * math.sqrt(6 / 7 / RESAMPLES)


@pytest.mark.parametrize(("freedom", "tolerance"), [(2, 0.01), (3, 2e-3), (5, 2e-4), (9.5, 2e-5), (30, 1e-6), (1e6, 1e-9)])
def test_student_quantile_is_that_of_scipy(freedom: float, tolerance: float) -> None:
    assert student_quantile(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=tolerance)


# Differences and ratios


def test_difference_is_paired() -> None:
    policy, rule = costs(6)
    assert mean_difference(policy, rule) == mean_interval(policy - rule)
    shuffled = mean_difference(policy, np.random.default_rng(0).permutation(rule))
    paired = mean_difference(policy, rule)
    assert paired.high - paired.low < 0.8 * (shuffled.high - shuffled.low)


def test_difference_follows_shift_and_scale() -> None:
    policy, rule = costs(7)
    base = mean_difference(policy, rule)
    assert_close(mean_difference(policy + 100, rule + 100), base)
    assert_close(mean_difference(policy + 2, rule), Interval(base.value + 2, base.low + 2, base.high + 2))
    assert_close(mean_difference(60 * policy, 60 * rule), Interval(60 * base.value, 60 * base.low, 60 * base.high))
    # Change of sides; bounds are order statistics of the same resamples in reversed order, hence equal but for sampling.
    assert_close(mean_difference(rule, policy), Interval(-base.value, -base.high, -base.low), 0.03)


def test_ratio_follows_scale() -> None:
    policy, rule = costs(8)
    base = ratio_of_means(policy, rule)
    assert base.value == pytest.approx(policy.mean() / rule.mean())
    assert_close(ratio_of_means(60 * policy, 60 * rule), base)
    assert_close(ratio_of_means(2 * policy, rule), Interval(2 * base.value, 2 * base.low, 2 * base.high))


@pytest.mark.parametrize("measure", [mean_difference, ratio_of_means, probability_of_improvement, unpaired_probability_of_improvement])
def test_order_of_the_pairs_does_not_matter(measure: Callable[[Floats, Floats], Interval]) -> None:
    policy, rule = costs(9)
    order = np.random.default_rng(1).permutation(policy.size)
    assert_close(measure(policy[order], rule[order]), measure(policy, rule))


def test_ratio_to_a_constant_rule_is_the_mean_in_its_units() -> None:
    policy, _ = costs(10)
    mean = mean_interval(policy)
    assert_close(ratio_of_means(policy, np.full(policy.size, 4.0)), Interval(mean.value / 4, mean.low / 4, mean.high / 4))


def test_proportional_costs_have_a_known_ratio() -> None:
    _, rule = costs(11)
    assert_close(ratio_of_means(0.25 * rule, rule), Interval(0.25, 0.25, 0.25), 1e-12)


def test_ratio_interval_is_that_of_the_linearised_ratio_for_many_episodes() -> None:
    policy, rule = costs(12, 2000)
    interval = ratio_of_means(policy, rule)
    error = (policy - interval.value * rule).std(ddof=1) / math.sqrt(2000) / rule.mean()
    assert (interval.low, interval.high) == pytest.approx((interval.value - 1.96 * error, interval.value + 1.96 * error), abs=0.3 * error)


@pytest.mark.parametrize(("size", "trials"), [(20, 800), (256, 200)])
def test_ratio_and_difference_cover_the_truth(size: int, trials: int) -> None:
    difference = -0.3 * math.exp(0.125)
    pairs = [costs(1000 + seed, size) for seed in range(trials)]
    ratios = [ratio_of_means(*pair) for pair in pairs]
    differences = [mean_difference(*pair) for pair in pairs]
    assert_covers(sum(i.low <= 0.7 <= i.high for i in ratios), trials, 0.94)
    assert_covers(sum(i.low <= difference <= i.high for i in differences), trials, 0.94)


# Over scenarios


def test_one_scenario_is_its_ratio() -> None:
    policy, rule = costs(13)
    assert mean_of_ratios({"only": (policy, rule)}) == ratio_of_means(policy, rule)


def test_scenarios_weigh_alike_whatever_their_costs_and_order() -> None:
    small, large = costs(14), costs(15, 60)
    base = mean_of_ratios({"small": small, "large": large})
    assert base.value == pytest.approx((ratio_of_means(*small).value + ratio_of_means(*large).value) / 2)
    assert_close(mean_of_ratios({"large": (1000 * large[0], 1000 * large[1]), "small": small}), base)


def test_mean_of_ratios_covers_the_truth() -> None:
    truth = 0.7 * np.mean([1, 1.1, 1.2, 1.3])
    hits = 0
    for trial in range(300):
        scenarios = {}
        for number in range(4):
            policy, rule = costs(5000 + 4 * trial + number, 24)
            scenarios[str(number)] = ((1 + number / 10) * policy, rule)
        interval = mean_of_ratios(scenarios)
        hits += interval.low <= truth <= interval.high
    assert_covers(hits, 300, 0.95)


def test_scenarios_drawn_alike_do_not_share_their_resamples() -> None:
    # Were the resamples shared, two equal scenarios would be as uncertain as one.
    pair = costs(16, 200)
    one, two = mean_of_ratios({"a": pair}), mean_of_ratios({"a": pair, "b": pair})
    assert (two.high - two.low) / (one.high - one.low) == pytest.approx(1 / math.sqrt(2), rel=0.08)


# Over training seeds


def two_way(random: np.random.Generator, seeds: int, of_seed: float, of_episode: float, of_both: float) -> Floats:
    """Differences of mean 0: effects of the training seed, of the episode that all seeds share (skewed), and of both."""
    episode = random.exponential(of_episode, size=48) - of_episode if of_episode else np.zeros(48)
    return np.asarray(random.normal(0, of_seed, size=(seeds, 1)) + episode + random.normal(0, of_both, size=(seeds, 48)))


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("effects", [(1.0, 1.0, 1.0), (0.3, 3.0, 1.0), (1.0, 0.1, 0.1)])
def test_interval_over_training_seeds_covers_whatever_varies(seeds: int, effects: tuple[float, float, float]) -> None:
    random = np.random.default_rng(30)
    intervals = [mean_interval(two_way(random, seeds, *effects)) for _ in range(600)]
    assert_covers(sum(i.low <= 0 <= i.high for i in intervals), 600, 0.94)


def test_interval_over_training_seeds_is_on_the_safe_side_where_all_is_noise() -> None:
    random = np.random.default_rng(31)
    intervals = [mean_interval(two_way(random, 4, 0.0, 0.0, 1.0)) for _ in range(300)]
    assert sum(i.low <= 0 <= i.high for i in intervals) >= 0.95 * 300


def test_training_seeds_alone_give_students_interval_of_their_means() -> None:
    levels = np.array([1.0, 2.0, 4.0, 5.0, 9.0])
    low, high = stats.ttest_1samp(levels, 0.0).confidence_interval()
    assert astuple(mean_interval(np.repeat(levels[:, None], 30, axis=1))) == pytest.approx((levels.mean(), low, high), rel=1e-3)


def test_equal_training_seeds_are_no_more_certain_than_the_episodes() -> None:
    policy, rule = costs(17, 200)
    one, many = ratio_of_means(policy, rule), ratio_of_means(np.stack([policy] * 5), rule)
    assert many.value == pytest.approx(one.value)
    assert many.high - many.low == pytest.approx(one.high - one.low, rel=0.1)


def test_training_seeds_count_across_scenarios() -> None:
    # A seed that is better everywhere leaves as much doubt over four scenarios as in one.
    levels = np.array([0.6, 0.7, 0.8])[:, None]
    rule = np.linspace(1, 2, 50)
    one = mean_of_ratios({"a": (levels * rule, rule)})
    four = mean_of_ratios({name: (levels * rule, rule) for name in "abcd"})
    assert_close(four, one)
    assert one.value == pytest.approx(0.7)
    assert one.high - 0.7 == pytest.approx(student_quantile(2) * 0.1 / math.sqrt(3))


# Interquartile mean


def test_interquartile_mean_hand_worked() -> None:
    # Sorted: 0 1 | 2 3 4 5 | 6 100: a quarter of 8 is cut at each end, (2 + 3 + 4 + 5)/4.
    assert interquartile_mean({"a": [100.0, 3.0, 1.0, 4.0], "b": [2.0, 5.0, 6.0, 0.0]}).value == 3.5


def test_interquartile_mean_is_scipys_trimmed_mean_of_the_pool() -> None:
    random = np.random.default_rng(40)
    for size in range(4, 24):
        scores = {"a": random.normal(size=size), "b": 3 + random.exponential(size=size + 1)}
        assert interquartile_mean(scores).value == pytest.approx(stats.trim_mean(np.concatenate(list(scores.values())), 0.25))


def test_interquartile_mean_is_resampled_within_each_scenario() -> None:
    # Scores without spread inside each scenario leave no doubt, however far the scenarios are apart.
    assert interquartile_mean({"a": np.full(10, 1.0), "b": np.full(10, 5.0)}) == Interval(3.0, 3.0, 3.0)


def test_interquartile_mean_interval_worked_out_value_by_value() -> None:
    random = np.random.default_rng(41)
    scores = {"a": random.normal(size=9), "b": 1 + random.normal(size=14)}
    draws = [np.concatenate(list(resampled_counts(1, number, values.size, 23))).astype(int) for number, values in enumerate(scores.values())]
    means = [
        stats.trim_mean(np.concatenate([np.repeat(np.sort(values), counts[row]) for values, counts in zip(scores.values(), draws, strict=True)]), 0.25)
        for row in range(RESAMPLES)
    ]
    interval = interquartile_mean(scores)
    assert (interval.low, interval.high) == pytest.approx(middle_95(np.array(means)))


def test_interquartile_mean_ignores_outliers_and_follows_shift_and_scale() -> None:
    scores = {"a": np.random.default_rng(42).normal(size=30), "b": np.random.default_rng(43).normal(size=20)}
    base = interquartile_mean(scores)
    moved = interquartile_mean({name: 3 * values + 7 for name, values in scores.items()})
    assert_close(moved, Interval(3 * base.value + 7, 3 * base.low + 7, 3 * base.high + 7))
    worst = {**scores, "a": np.where(scores["a"] == scores["a"].max(), 1e6, scores["a"])}
    assert interquartile_mean(worst).value == pytest.approx(base.value)


def test_interquartile_mean_covers_the_truth() -> None:
    low, high = stats.expon.ppf([0.25, 0.75])
    truth = stats.expon.expect(lambda x: x, lb=low, ub=high) / 0.5
    random = np.random.default_rng(44)
    intervals = [interquartile_mean({"a": random.exponential(size=16), "b": random.exponential(size=16)}) for _ in range(400)]
    assert_covers(sum(i.low <= truth <= i.high for i in intervals), 400, 0.94)


# Probability of improvement


def test_paired_probability_counts_wins_and_half_the_ties() -> None:
    assert probability_of_improvement([1.0, 2.0, 3.0, 4.0], [2.0, 2.0, 2.0, 5.0]).value == (1 + 0.5 + 0 + 1) / 4


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
    over_seeds, one = probability_of_improvement(policy, rule), probability_of_improvement(policy[1], rule)
    assert over_seeds.high - over_seeds.low > 3 * (one.high - one.low)
    assert 0 <= over_seeds.low <= over_seeds.value <= over_seeds.high <= 1


def test_unpaired_probability_is_the_mann_whitney_statistic() -> None:
    random = np.random.default_rng(51)
    policy, rule = random.integers(8, size=23).astype(float), random.integers(9, size=31).astype(float)
    statistic = stats.mannwhitneyu(rule, policy).statistic
    assert unpaired_probability_of_improvement(policy, rule).value == pytest.approx(statistic / (23 * 31))


def test_unpaired_bounds_solve_the_score_equation() -> None:
    random = np.random.default_rng(52)
    interval = unpaired_probability_of_improvement(random.normal(size=15), 0.8 + random.normal(size=25))
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
    for interval in (probability_of_improvement(np.zeros(20), np.ones(20)), unpaired_probability_of_improvement(np.zeros(20), np.ones(20))):
        assert interval.value == interval.high == 1
        assert 0.75 < interval.low < 0.95


@pytest.mark.parametrize("ahead", [0.0, 1.0, 2.0])
def test_probabilities_cover_the_truth(ahead: float) -> None:
    truth = NormalDist().cdf(ahead / math.sqrt(2))
    random = np.random.default_rng(53)
    samples = [(random.normal(size=30), ahead + random.normal(size=30)) for _ in range(1500)]
    for measure in (probability_of_improvement, unpaired_probability_of_improvement):
        intervals = [measure(*sample) for sample in samples]
        assert_covers(sum(i.low <= truth <= i.high for i in intervals), 1500, 0.95)


# Tests of hypotheses


def test_sign_flip_enumerates_few_differences() -> None:
    # |sum| = 4; of the 16 sign patterns of 1, 2, 3, 4 those with |sum| >= 4: sums 10 8 6 4 4 and their negatives.
    assert sign_flip_p_value([1.0, -2.0, -3.0, 8.0 - 4.0 - 4.0]) == 1.0 * sum(abs(a + b + c) >= 4 for a in (1, -1) for b in (2, -2) for c in (3, -3)) / 8
    assert sign_flip_p_value([1.0, 2.0, -3.0, 4.0]) == 10 / 16


def test_sign_flip_is_scipys_permutation_test() -> None:
    differences = np.random.default_rng(60).normal(0.4, 1.0, size=11)
    expected = stats.permutation_test((differences,), np.sum, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip_p_value(differences) == pytest.approx(expected.pvalue)


def test_sign_flip_of_many_differences_is_close_to_students() -> None:
    differences = np.random.default_rng(61).normal(0.15, 1.0, size=200)
    assert sign_flip_p_value(differences) == pytest.approx(stats.ttest_1samp(differences, 0.0).pvalue, abs=0.01)
    assert sign_flip_p_value(differences) == pytest.approx(stats.wilcoxon(differences).pvalue, abs=0.05)


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
    rejected = sum(sign_flip_p_value(random.laplace(size=40)) <= 0.05 for _ in range(400))
    assert_covers(rejected, 400, 0.05)


def test_holm_hand_worked() -> None:
    # Sorted 0.005 0.01 0.03 0.04 times 4 3 2 1 = 0.02 0.03 0.06 0.04; the last may not be below the one before it.
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
    result = compare({"ATCS": rule, "ppo": policy, "twin": rule}, versus="ATCS")
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
    result = compare({"ATCS": rule, "ppo": runs}, versus="ATCS")["ppo"]
    assert result.training_seeds == 3
    assert result.difference == mean_difference(runs, rule)
    assert result.p_value == sign_flip_p_value(runs.mean(axis=0) - rule)


def test_comparison_with_a_free_rule_has_no_ratio() -> None:
    result = compare({"free": np.zeros(20), "dear": np.ones(20)}, versus="free")["dear"]
    assert result.ratio is None
    assert result.difference.value == 1


def test_results_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        mean_interval([1.0, 2.0]).value = 3.0  # type: ignore[misc]


# Determinism and refusals

REPEATED = """
import numpy as np
from evaluation.statistics import compare, interquartile_mean, mean_of_ratios
random = np.random.default_rng(5)
rule, policy = random.lognormal(size=100), random.lognormal(size=100)
np.random.seed({global_seed}); np.random.random()
if {earlier_calls}:
    mean_of_ratios({{"x": (policy[:50], rule[:50])}})
print(repr(compare({{"rule": rule, "policy": policy}}, "rule")), interquartile_mean({{"a": rule, "b": policy}}), mean_of_ratios({{"a": (policy, rule), "b": (rule, policy)}}))
"""


def test_equal_inputs_give_byte_equal_results_in_any_process() -> None:
    runs = [
        subprocess.run(
            [sys.executable, "-c", REPEATED.format(global_seed=seed, earlier_calls=seed)], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        for seed in (0, 1)
    ]
    assert runs[0] == runs[1]
    assert "Comparison(versus='rule'" in runs[0]


def test_fewest_resampled_divides_student_from_bootstrap() -> None:
    values = np.random.default_rng(70).lognormal(size=FEWEST_RESAMPLED)
    few, enough = mean_interval(values[1:]), mean_interval(values)
    assert few.high - few.value == pytest.approx(few.value - few.low)
    assert enough.high - enough.value > 1.1 * (enough.value - enough.low)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_interval([1.0]), r"values has shape \[1\]; .* 2 episodes or more"),
        (lambda: mean_interval(np.zeros((2, 2, 2))), r"values has shape \[2, 2, 2\]"),
        (lambda: mean_interval(np.zeros((0, 5))), r"values has shape \[0, 5\]"),
        (lambda: mean_interval([[1.0, 2.0], [3.0, math.nan]]), r"values\[1, 1\] \(training seed, episode\) = nan; values must be finite"),
        (lambda: mean_difference([1.0, 2.0, 3.0], [1.0, 2.0]), "policy has 3 episodes, rule has 2; they must be the same"),
        (lambda: mean_difference([1.0, 2.0], [[1.0, 2.0], [1.0, 2.0]]), r"rule has shape \[2, 2\]; here it must be \[episodes\]"),
        (lambda: ratio_of_means([1.0, 2.0], [0.0, 0.0]), "rule costs 0.0 at least and 0.0 on average; .* Compare by difference"),
        (lambda: mean_of_ratios({"green": ([1.0, 2.0], [-1.0, 2.0])}), "rule of scenario green costs -1.0 at least"),
        (lambda: mean_of_ratios({}), "scenarios is empty"),
        (lambda: mean_of_ratios({"a": ([1.0, 2.0], [1.0, 2.0]), "b": ([[1.0, 2.0]] * 2, [1.0, 2.0])}), r"\[1, 2\] training seeds; all must have the same"),
        (lambda: interquartile_mean({}), "scores is empty"),
        (lambda: interquartile_mean({"a": [1.0, math.inf]}), r"scores of scenario a\[0, 1\]"),
        (lambda: holm([0.1, 1.2]), r"p_values = \[0.1, 1.2\]; each must lie in \[0, 1\]"),
        (lambda: holm([0.1, math.nan]), "each must lie in"),
        (lambda: compare({"a": [1.0, 2.0]}, versus="b"), "versus = 'b'; it has no costs. Choose one of a"),
    ],
)
def test_nonsense_is_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()

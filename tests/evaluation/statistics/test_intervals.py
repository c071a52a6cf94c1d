"""Intervals of means, differences and ratios: closed forms, SciPy, hand-worked cases, coverage."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import astuple

import numpy as np
import pytest
from scipy import stats

from evaluation.statistics.improvement import (
    probability_of_improvement,
    unpaired_probability_of_improvement,
)
from evaluation.statistics.intervals import (
    MIN_RESAMPLED,
    Interval,
    mean_difference,
    mean_interval,
    mean_of_ratios,
    ratio_of_means,
)
from evaluation.statistics.resampling import (
    RESAMPLES,
    FloatArray,
    middle_95,
    resampled_counts,
    student_quantile,
)
from tests.builders.cost_samples import assert_close, assert_covers, costs

Draw = Callable[[np.random.Generator, int], FloatArray]

SAMPLES: dict[str, tuple[Draw, float]] = {
    "normal": (lambda random, n: random.normal(size=n), 0.0),
    "exponential": (lambda random, n: random.exponential(size=n), 1.0),
    "log-normal": (lambda random, n: random.lognormal(size=n), math.exp(0.5)),
}
"""Draw of n values, and the true mean."""


# Means


@pytest.mark.parametrize(
    ("sample", "size", "trials", "share"),
    [
        ("normal", 20, 1000, 0.95),
        ("exponential", 20, 1000, 0.95),
        ("log-normal", 20, 1000, 0.92),  # too skewed for 20 values; the module says so
        ("normal", 256, 200, 0.95),
        ("exponential", 256, 200, 0.95),
        ("log-normal", 256, 200, 0.95),
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
    assert_close(
        mean_interval(values),
        Interval(float(values.mean()), values.mean() - high * error, values.mean() - low * error),
    )


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
    assert_close(
        mean_interval(np.full(50, constant)), Interval(constant, constant, constant), 1e-15
    )


def test_bootstrap_error_is_that_of_scipy() -> None:
    values = np.random.default_rng(4).exponential(size=60)
    ours = (
        np.concatenate([counts @ np.sort(values) for counts in resampled_counts(0, 0, 60, 60)]) / 60
    )
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=RESAMPLES, method="percentile", rng=np.random.default_rng(5)
    )
    assert ours.std() == pytest.approx(theirs.standard_error, rel=0.06)
    assert middle_95(ours) == pytest.approx(tuple(theirs.confidence_interval), rel=0.05)


def test_resamples_hold_as_many_values_as_the_sample_whatever_is_held_at_once() -> None:
    for held in (7, 400_000):
        counts = np.concatenate(list(resampled_counts(0, 0, 7, held)))
        assert counts.shape == (RESAMPLES, 7)
        assert (counts.sum(axis=1) == 7).all()
        assert np.abs(counts.mean(axis=0) - 1).max() < 5 * math.sqrt(6 / 7 / RESAMPLES)


@pytest.mark.parametrize(
    ("freedom", "tolerance"),
    [(2, 0.01), (3, 2e-3), (5, 2e-4), (9.5, 2e-5), (30, 1e-6), (1e6, 1e-9)],
)
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
    assert_close(
        mean_difference(policy + 2, rule), Interval(base.value + 2, base.low + 2, base.high + 2)
    )
    assert_close(
        mean_difference(60 * policy, 60 * rule),
        Interval(60 * base.value, 60 * base.low, 60 * base.high),
    )
    # Change of sides; bounds are order statistics of the same resamples in reversed order, hence
    # equal but for sampling.
    assert_close(mean_difference(rule, policy), Interval(-base.value, -base.high, -base.low), 0.03)


def test_ratio_follows_scale() -> None:
    policy, rule = costs(8)
    base = ratio_of_means(policy, rule)
    assert base.value == pytest.approx(policy.mean() / rule.mean())
    assert_close(ratio_of_means(60 * policy, 60 * rule), base)
    assert_close(
        ratio_of_means(2 * policy, rule), Interval(2 * base.value, 2 * base.low, 2 * base.high)
    )


@pytest.mark.parametrize(
    "measure",
    [
        mean_difference,
        ratio_of_means,
        probability_of_improvement,
        unpaired_probability_of_improvement,
    ],
)
def test_order_of_the_pairs_does_not_matter(
    measure: Callable[[FloatArray, FloatArray], Interval],
) -> None:
    policy, rule = costs(9)
    order = np.random.default_rng(1).permutation(policy.size)
    assert_close(measure(policy[order], rule[order]), measure(policy, rule))


def test_ratio_to_a_constant_rule_is_the_mean_in_its_units() -> None:
    policy, _ = costs(10)
    mean = mean_interval(policy)
    assert_close(
        ratio_of_means(policy, np.full(policy.size, 4.0)),
        Interval(mean.value / 4, mean.low / 4, mean.high / 4),
    )


def test_ratio_interval_is_the_studentised_bootstrap_worked_out_value_by_value() -> None:
    policy, rule = costs(22, 12)
    ratio = policy.mean() / rule.mean()
    order = np.argsort(
        policy - ratio * rule
    )  # the order in which the module numbers the pairs it draws
    policy, rule = policy[order], rule[order]
    error = (policy - ratio * rule).std(ddof=1) / math.sqrt(12) / rule.mean()
    statistics = []
    for counts in np.concatenate(list(resampled_counts(0, 0, 12, 12))).astype(int):
        y, x = np.repeat(policy, counts), np.repeat(rule, counts)
        drawn = y.mean() / x.mean()
        statistics.append(
            (drawn - ratio) / max((y - drawn * x).std(ddof=1) / math.sqrt(12) / x.mean(), error / 3)
        )
    low, high = middle_95(np.array(statistics))
    assert_close(
        ratio_of_means(policy, rule), Interval(ratio, ratio - high * error, ratio - low * error)
    )


def test_proportional_costs_have_a_known_ratio() -> None:
    _, rule = costs(11)
    assert_close(ratio_of_means(0.25 * rule, rule), Interval(0.25, 0.25, 0.25), 1e-12)


def test_ratio_interval_is_that_of_the_linearised_ratio_for_many_episodes() -> None:
    policy, rule = costs(12, 2000)
    interval = ratio_of_means(policy, rule)
    error = (policy - interval.value * rule).std(ddof=1) / math.sqrt(2000) / rule.mean()
    assert (interval.low, interval.high) == pytest.approx(
        (interval.value - 1.96 * error, interval.value + 1.96 * error), abs=0.3 * error
    )


@pytest.mark.parametrize(("size", "trials"), [(20, 500), (256, 100)])
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
    assert base.value == pytest.approx(
        (ratio_of_means(*small).value + ratio_of_means(*large).value) / 2
    )
    assert_close(
        mean_of_ratios({"large": (1000 * large[0], 1000 * large[1]), "small": small}), base
    )


def test_mean_of_ratios_covers_the_truth() -> None:
    truth = 0.7 * np.mean([1, 1.1, 1.2, 1.3])
    hits = 0
    for trial in range(200):
        scenarios = {}
        for index in range(4):
            policy, rule = costs(5000 + 4 * trial + index, 24)
            scenarios[str(index)] = ((1 + index / 10) * policy, rule)
        interval = mean_of_ratios(scenarios)
        hits += interval.low <= truth <= interval.high
    assert_covers(hits, 200, 0.95)


def test_scenarios_drawn_alike_do_not_share_their_resamples() -> None:
    # Were the resamples shared, two equal scenarios would be as uncertain as one.
    pair = costs(16, 200)
    single, double = mean_of_ratios({"a": pair}), mean_of_ratios({"a": pair, "b": pair})
    assert (double.high - double.low) / (single.high - single.low) == pytest.approx(
        1 / math.sqrt(2), rel=0.08
    )


# Over training seeds


def two_way(
    random: np.random.Generator, seeds: int, of_seed: float, of_episode: float, of_both: float
) -> FloatArray:
    """Return differences of mean 0, [seeds, episodes], with effects of seed, episode and both.

    The effect of an episode, which all seeds share, is skewed.
    """
    episode = random.exponential(of_episode, size=48) - of_episode if of_episode else np.zeros(48)
    return np.asarray(
        random.normal(0, of_seed, size=(seeds, 1))
        + episode
        + random.normal(0, of_both, size=(seeds, 48))
    )


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("effects", [(1.0, 1.0, 1.0), (0.3, 3.0, 1.0), (1.0, 0.1, 0.1)])
def test_interval_over_training_seeds_covers_whatever_varies(
    seeds: int, effects: tuple[float, float, float]
) -> None:
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
    assert astuple(mean_interval(np.repeat(levels[:, None], 30, axis=1))) == pytest.approx(
        (levels.mean(), low, high), abs=2e-3
    )


def test_equal_training_seeds_are_no_more_certain_than_the_episodes() -> None:
    policy, rule = costs(17, 200)
    single, many = ratio_of_means(policy, rule), ratio_of_means(np.stack([policy] * 5), rule)
    assert many.value == pytest.approx(single.value)
    assert many.high - many.low == pytest.approx(single.high - single.low, rel=0.1)


def test_training_seeds_count_across_scenarios() -> None:
    # A seed that is better everywhere leaves as much doubt over four scenarios as in one.
    levels = np.array([0.6, 0.7, 0.8])[:, None]
    rule = np.linspace(1, 2, 50)
    single = mean_of_ratios({"a": (levels * rule, rule)})
    four = mean_of_ratios(dict.fromkeys("abcd", (levels * rule, rule)))
    assert_close(four, single)
    assert single.value == pytest.approx(0.7)
    assert single.high - 0.7 == pytest.approx(student_quantile(2) * 0.1 / math.sqrt(3))


def test_fewest_resampled_divides_student_from_bootstrap() -> None:
    values = np.random.default_rng(70).lognormal(size=MIN_RESAMPLED)
    few, enough = mean_interval(values[1:]), mean_interval(values)
    assert few.high - few.value == pytest.approx(few.value - few.low)
    assert enough.high - enough.value > 1.1 * (enough.value - enough.low)

"""A policy that is dearer than its rule raises an alarm; one that is cheaper does not."""

from __future__ import annotations

import pytest

from agents.rules.registry import make_rule
from scheduler.outcomes.paired_differences import MeanInterval
from scheduler.outcomes.policy_monitor import RENEWAL_PERIODS, relative_saving, weigh_savings
from scheduler.outcomes.schema import Completion
from tests.builders.plant_days import RulePolicy, monitor_of, play_snapshots, with_demand
from tests.builders.snapshots import FACTORY, RULE

PLANT = with_demand(FACTORY, num_orders=200)
"""Some 23 periods of four hours."""
DUE_FIRST = make_rule("EDD")
"""Blind to changeovers, and so much dearer here."""


@pytest.fixture(scope="module")
def days() -> list:
    """The snapshots of one plant that runs by the better rule."""
    return list(play_snapshots(PLANT, RULE, seed=7))


def test_a_policy_of_another_plant_raises_an_alarm(days: list) -> None:
    monitor, periods = monitor_of(PLANT, RulePolicy(DUE_FIRST), RULE, hours=4.0, futures=4), []
    for snapshot in days:
        monitor.observe(snapshot)
        if monitor.state().alarm is not None:
            periods.append(monitor.state().periods)
    assert periods
    state = monitor.state()
    assert state.verdict == "rule is cheaper"
    assert state.alarm is not None
    assert state.alarm.startswith(f"{RULE} would cost ")
    assert state.saving is not None
    assert state.saving < 0
    assert state.realised_cost is not None
    assert state.rule_estimate is not None
    assert state.rule_estimate < state.realised_cost


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_a_policy_that_is_cheaper_raises_none(seed: int) -> None:
    monitor = monitor_of(PLANT, RulePolicy(RULE), DUE_FIRST, hours=4.0, futures=4)
    for number, snapshot in enumerate(play_snapshots(PLANT, RULE, seed)):
        monitor.observe(snapshot)
        if number % 40 == 0:
            assert monitor.state().alarm is None
    state = monitor.state()
    assert state.alarm is None
    assert state.saving is not None
    assert state.saving > 0


def test_a_policy_that_is_the_rule_saves_nothing(days: list) -> None:
    monitor = monitor_of(PLANT, RulePolicy(RULE), RULE, hours=8.0, futures=2)
    for snapshot in days[:400]:
        monitor.observe(snapshot)
    state = monitor.state()
    assert state.periods > 2
    assert (state.saving, state.relative_saving) == (0.0, 0.0)
    assert state.alarm is None


def test_reported_completions_change_the_realised_cost(days: list) -> None:
    """An order that was done later than the snapshots show was later for the customer, too."""
    monitor = monitor_of(PLANT, RulePolicy(RULE), RULE, hours=4.0, futures=1)
    number = 0
    while not monitor.state().periods:
        monitor.observe(days[number])
        number += 1
    period = monitor._compared[0].period
    late = max(order.due_date for order in days[number].orders) + 10_000
    monitor.report(
        [Completion(order=name, completion_date=late) for name in period.order_ids()], []
    )
    state = monitor.state()
    assert state.realised_cost is not None
    assert state.realised_cost > 10_000


def test_a_floor_that_is_sent_again_counts_once(days: list) -> None:
    monitor = monitor_of(PLANT, RulePolicy(RULE), RULE, hours=1000.0)
    asked = []
    monitor._drift.observe = asked.append  # type: ignore[method-assign]
    for clock in range(3):
        monitor.observe(days[5].model_copy(update={"clock": days[5].clock + clock}))
    monitor.observe(days[9])
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("count", "compared"), [(1, 1), (59, 59), (60, 30), (61, 31), (89, 59), (90, 30)]
)
def test_a_comparison_ends_when_the_one_after_it_is_long_enough(
    days: list, count: int, compared: int
) -> None:
    monitor = monitor_of(PLANT, RulePolicy(RULE), RULE)
    monitor._count = count
    monitor._compared.extend(range(min(count, 2 * RENEWAL_PERIODS)))  # type: ignore[arg-type]
    assert len(monitor._newest()) == compared


@pytest.mark.parametrize(
    ("saving", "relative", "verdict"),
    [
        (None, None, "collecting"),
        (MeanInterval(-9.0, None), MeanInterval(-0.2, None), "collecting"),
        (MeanInterval(-9.0, 99.0), MeanInterval(-0.2, 0.1), "rule is cheaper"),
        (MeanInterval(9.0, 99.0), MeanInterval(-0.2, 0.1), "undecided"),
        (MeanInterval(9.0, 99.0), MeanInterval(0.2, 0.1), "policy pays"),
        (MeanInterval(-9.0, 1.0), MeanInterval(-0.2, 0.3), "undecided"),
    ],
)
def test_the_relative_saving_decides_if_that_in_currency_agrees(
    saving: MeanInterval | None, relative: MeanInterval | None, verdict: str
) -> None:
    assert weigh_savings(saving, relative) == verdict


def test_savings_are_relative_to_the_mean_of_both_costs() -> None:
    assert relative_saving(90.0, 110.0) == pytest.approx(0.2)
    assert relative_saving(0.0, 0.0) == 0.0

"""Dispatching rules with nothing to start: detours, changeovers ahead, waits; RANDOM."""

from __future__ import annotations

import numpy as np
import pytest

from agents.policy import play
from agents.rules.registry import RULES, Rule, make_rule
from envs.batch import Batch
from envs.seed_splits import episode_seeds
from factory.io.catalogue import find_single_factory
from tests.builders.loose_factories import with_loose_due_dates
from tests.builders.rule_tables import JOBS, WAIT, A, B, C, D, machine_rows, table

all_rules = pytest.mark.parametrize("rule", RULES.values(), ids=str)

AHEAD = {
    "process_time": 5,
    "operation_due_in": 9,
    "weight": 1,
    "setup_time": 4,
    "setup_cost": 1,
    "ready_in": 3,
    "family_upcoming": 1,
}
PLAIN = [rule for rule in RULES.values() if not rule.uses_changeovers]


@pytest.mark.parametrize("rule", PLAIN, ids=str)
def test_a_plain_rule_waits_rather_than_change_over_ahead(rule: Rule) -> None:
    assert rule.decide(table([], [AHEAD], wait={"family_upcoming": 1})) == WAIT


@all_rules
def test_a_rule_takes_the_first_detour_rather_than_wait(rule: Rule) -> None:
    detour = AHEAD | {"family_ready": 1, "ready_in": 0, "family_upcoming": 0}
    assert rule.decide(table([], [AHEAD, detour, detour], wait={"family_upcoming": 1})) == JOBS + 1


@all_rules
def test_a_rule_takes_a_job_rather_than_a_detour(rule: Rule) -> None:
    assert rule.decide(table([A], [AHEAD | {"family_ready": 1, "weight": 99}], wait={})) == 0


@all_rules
def test_a_rule_takes_the_first_legal_row_where_it_may_not_wait(rule: Rule) -> None:
    assert rule.decide(table([], [AHEAD])) == JOBS


@all_rules
def test_nothing_legal_gives_row_0(rule: Rule) -> None:
    observation = table([A, B])
    observation["action_mask"][:] = False
    assert rule.decide(observation) == 0


def test_only_atcsr_changes_over_ahead_and_only_holding_waits_with_work_at_hand() -> None:
    assert [rule.name for rule in RULES.values() if rule.uses_changeovers] == ["ATCSR"]
    assert [rule.name for rule in RULES.values() if rule.uses_wait] == ["ATCS+HOLD"]


def test_atcsr_changes_over_ahead_when_idle() -> None:
    assert make_rule("ATCSR").decide(table([], [AHEAD], wait={"family_upcoming": 1})) == JOBS


def test_atcsr_starts_ready_work_first() -> None:
    assert (
        make_rule("ATCSR").decide(table([A], [AHEAD | {"weight": 99}], wait={"family_upcoming": 1}))
        == 0
    )


def test_atcsr_keeps_a_setup_that_work_on_its_way_needs() -> None:
    """Two operations are on their way and one changeover is offered.

    The other operation wants the mounted setup.
    """
    assert make_rule("ATCSR").decide(table([], [AHEAD], wait={"family_upcoming": 2})) == WAIT


def test_atcsr_weighs_urgency_against_the_time_until_ready() -> None:
    """Priorities with p_bar = 5 and s_bar = 4.

    Soon: log 0.2 - 1/10 - 2 - 3/(5 k3). Later but heavier: log 0.8 - 0 - 2 - 8/(5 k3).
    """
    later = AHEAD | {"weight": 4, "ready_in": 8}
    observation = table([], [AHEAD, later], wait={"family_upcoming": 2})
    assert make_rule("ATCSR", k3=1).decide(observation) == JOBS + 1  # -4.31 against -3.82
    assert make_rule("ATCSR", k3=0.5).decide(observation) == JOBS  # -4.91 against -5.42


def test_holding_waits_for_work_on_its_way_rather_than_change_over_for_a_job_without_hurry() -> (
    None
):
    """B alone: slack 8 over 2 * 4, changeover 6 over 0.5 * 6: exp(-1 - 2) = 0.0498."""
    observation = table([B], wait={"family_upcoming": 1})
    assert make_rule("ATCS+HOLD", hold=0.0499).decide(observation) == WAIT
    assert make_rule("ATCS+HOLD", hold=0.0497).decide(observation) == 0


def test_bug_holding_does_not_wait_where_no_machine_is_at_work() -> None:
    """Else other machines might hold back the work on its way in the same manner, for ever."""
    observation = table([B], wait={"family_upcoming": 1})
    for statuses, row in ((["is_idle", "is_down"], WAIT), (["is_idle", "is_idle"], 0)):
        observation["machines"] = machine_rows(statuses)
        assert make_rule("ATCS+HOLD", hold=1).decide(observation) == row


def test_bug_holding_waits_no_longer_for_the_next_work_than_the_changeover_takes() -> None:
    """B needs a changeover of 6; the next work is ready in 4 and needs one of 2, or of 3."""
    for setup, row in ((2, WAIT), (3, 0)):
        arrival = {"first_arrival_in": 4, "first_arrival_setup_time": setup}
        observation = table([B], wait={"family_upcoming": 1, **arrival})
        assert make_rule("ATCS+HOLD", hold=1).decide(observation) == row
        assert make_rule("ATCS+HOLD", hold=1, within=7 / 6).decide(observation) == WAIT


def test_bug_holding_with_default_parameters_costs_no_more_than_atcs_if_due_dates_are_far() -> None:
    """It used to hold every job that needed a changeover until its due date was near."""
    factory = with_loose_due_dates(find_single_factory("microfactory"), 20)
    costs = {}
    for name in ("ATCS", "ATCS+HOLD"):
        batch = Batch([factory], num_envs=4)
        play(batch, make_rule(name), episode_seeds("validate", 4))
        costs[name] = batch.shop.cost.sum()
    assert costs["ATCS+HOLD"] < 1.1 * costs["ATCS"]


def test_holding_starts_a_job_that_needs_no_changeover() -> None:
    assert make_rule("ATCS+HOLD", hold=1).decide(table([A], wait={"family_upcoming": 1})) == 0


def test_holding_starts_work_when_none_is_on_its_way_or_it_may_not_wait() -> None:
    assert make_rule("ATCS+HOLD", hold=1).decide(table([B], wait={"family_upcoming": 0})) == 0
    observation = table([B], wait={"family_upcoming": 1})
    observation["action_mask"][WAIT] = False
    assert make_rule("ATCS+HOLD", hold=1).decide(observation) == 0


def test_chance_is_fair_and_keyed_by_its_seed() -> None:
    observation = table([A, B, C, D], wait={})
    chosen = [int(make_rule("RANDOM", seed=seed).decide(observation)) for seed in range(2000)]
    shares = np.bincount(chosen, minlength=4) / 2000
    assert shares.shape == (4,)
    assert np.abs(shares - 0.25).max() < 0.04  # four standard deviations
    assert chosen == [
        int(make_rule("RANDOM", seed=seed).decide(observation)) for seed in range(2000)
    ]

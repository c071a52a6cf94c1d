"""After an alarm the rule decides if told to, until the bundle is reloaded."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("onnxscript", reason="exporting needs the extra `scheduler`")

from scheduler.decisions.bundle_files import BundleError
from scheduler.outcomes.active_policy import ActivePolicy
from scheduler.outcomes.policy_monitor import MonitorSettings
from scheduler.outcomes.schema import OnDrift
from tests.builders.snapshots import FACTORY, RULE

REASON = "ATCS would cost 9.00 less for a period"


def policy_of(folder: Path | None, on_drift: OnDrift = "rule") -> tuple[ActivePolicy, list]:
    policy = ActivePolicy(FACTORY, folder, monitoring=MonitorSettings(), on_drift=on_drift)
    told: list[str | None] = []
    policy.alarm_listener = told.append
    policy.watch.wait()
    return policy, told


def test_an_alarm_hands_the_decisions_to_the_rule(bundle_folder: Path) -> None:
    policy, told = policy_of(bundle_folder)
    assert policy.loaded.bundle is not None
    policy._take_alarm(REASON, policy.loaded.bundle)
    assert (policy.loaded.bundle, str(policy.loaded.rule)) == (None, str(RULE))
    assert policy.loaded.fault == f"the policy was put aside: {REASON}"
    assert policy.outcome_state().put_aside
    assert told == [REASON]
    policy.watch.close()


def test_the_end_of_the_alarm_leaves_the_rule_in_place(bundle_folder: Path) -> None:
    policy, told = policy_of(bundle_folder)
    bundle = policy.loaded.bundle
    assert bundle is not None
    for reason in (REASON, None):
        policy._take_alarm(reason, bundle)
    assert policy.loaded.bundle is None
    assert policy.outcome_state().put_aside
    assert told == [REASON, None]
    policy.watch.close()


def test_a_reload_lets_the_policy_decide_again(bundle_folder: Path) -> None:
    policy, _ = policy_of(bundle_folder)
    assert policy.loaded.bundle is not None
    policy._take_alarm(REASON, policy.loaded.bundle)
    policy.reload()
    assert policy.loaded.bundle is not None
    assert not policy.outcome_state().put_aside
    policy.watch.close()


def test_an_alarm_about_a_policy_that_was_replaced_counts_for_nothing(bundle_folder: Path) -> None:
    policy, told = policy_of(bundle_folder)
    before = policy.loaded.bundle
    assert before is not None
    policy.reload()
    policy._take_alarm(REASON, before)
    assert policy.loaded.bundle is not None
    assert told == []
    policy.watch.close()


def test_an_alarm_about_the_policy_before_a_reload_after_another_counts_for_nothing(
    bundle_folder: Path,
) -> None:
    policy, told = policy_of(bundle_folder)
    before = policy.loaded.bundle
    assert before is not None
    policy.reload()
    assert policy.loaded.bundle is not None
    policy._take_alarm(REASON, policy.loaded.bundle)
    policy._take_alarm("another reason", before)
    assert told == [REASON]
    policy.watch.close()


def test_a_warning_leaves_the_policy_in_place(bundle_folder: Path) -> None:
    policy, told = policy_of(bundle_folder, "warn")
    bundle = policy.loaded.bundle
    assert bundle is not None
    policy._take_alarm(REASON, bundle)
    assert policy.loaded.bundle is bundle
    assert not policy.outcome_state().put_aside
    assert told == [REASON]
    policy.watch.close()


def test_a_rule_alone_has_nothing_to_compare() -> None:
    policy, _ = policy_of(None)
    assert policy.outcome_state().verdict == "no policy"
    with pytest.raises(BundleError, match="started without a bundle"):
        policy.reload()
    policy.watch.close()

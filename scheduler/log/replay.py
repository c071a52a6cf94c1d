"""A log of decisions taken again: whether each comes out as it did, and, from shadow mode, where
policy and rule differ and what that would cost."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from factory.progress import Progress
from scheduler.decisions.decider import Choice, Decider
from scheduler.log.decision_log import Entry, read_entries
from scheduler.plans.planner import Planner


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class Deviation(_Record):
    """A decision that came out otherwise."""

    entry: int
    date: str
    machine: str
    logged: Choice | None  # None: there was no such decision
    replayed: Choice | None


class Replay(_Record):
    """What came of taking a log's decisions again."""

    entries: int
    decisions: int
    by_fallback: int  # that the fallback rule had taken
    skipped: int  # entries of another policy, rule or factory
    deviations: tuple[Deviation, ...]


class Dispute(_Record):
    """A decision in which policy and rule differ; costs of finishing the known orders, in
    currency."""

    entry: int
    date: str
    machine: str
    rule: Choice
    policy: Choice
    # mean over futures of (cost after the policy's choice - cost after the rule's), the policy
    # going on in both
    difference: float
    standard_error: float


class ShadowReport(_Record):
    """Policy against rule in a log of shadow mode."""

    decisions: int
    agreed: int
    undecided: int  # in which the policy had failed
    disputes: tuple[Dispute, ...]
    futures: int
    mean_difference: float | None  # over the disputes; negative: the policy's choices are cheaper
    standard_error: float | None


def replay(decider: Decider, path: Path | str, policy: str, first: int = 1) -> Replay:
    """Take the decisions of a log again, by whom they were taken then, and compare.

    How long each takes now makes no difference.

    Parameters
    ----------
    policy
        SHA-256 of the decider's policy; entries of others, and of other rules, are skipped and
        counted.

    Raises
    ------
    JournalError
        If the log cannot be read, or an entry is damaged.
    """
    entries = decisions = by_fallback = skipped = 0
    deviations = list[Deviation]()
    for entry in _told(read_entries(path, first), "taking the decisions of the log again"):
        entries += 1
        if (entry.policy, entry.rule, entry.factory) != (
            policy,
            str(decider.fallback),
            decider.floor.factory.name,
        ):
            skipped += 1
            continue
        decisions += len(entry.decisions)
        by_fallback += sum(decision.decided_by == "fallback" for decision in entry.decisions)
        deviations += _retake(decider, entry)
    return Replay(
        entries=entries,
        decisions=decisions,
        by_fallback=by_fallback,
        skipped=skipped,
        deviations=tuple(deviations),
    )


def _told(entries: Iterable[Entry], what: str) -> Iterator[Entry]:
    """Yield entries, with a word about how many were read where that takes long."""
    with Progress(what) as progress:
        for entry in entries:
            yield entry
            progress.step()


def _retake(decider: Decider, entry: Entry) -> Iterable[Deviation]:
    by_rule = {
        place
        for place, decision in enumerate(entry.decisions)
        if decision.decided_by in ("fallback", "rule")
    }
    budget, decider.budget = decider.budget, math.inf
    try:
        replayed = decider.decide(entry.snapshot, by_rule)
    finally:
        decider.budget = budget
    for place in range(max(len(entry.decisions), len(replayed))):
        then = entry.decisions[place] if place < len(entry.decisions) else None
        now = replayed[place] if place < len(replayed) else None
        if (
            then is None
            or now is None
            or (then.choice, then.machine, then.until) != (now.choice, now.machine, now.until)
        ):
            one = then or now
            assert one is not None
            machine, logged, again = (
                one.machine,
                then.choice if then else None,
                now.choice if now else None,
            )
            yield Deviation(
                entry=entry.number, date=entry.date, machine=machine, logged=logged, replayed=again
            )


def report_shadow(
    planner: Planner, path: Path | str, *, futures: int = 16, most: int = 100, first: int = 1
) -> ShadowReport:
    """Where policy and rule differ in a log of shadow mode, and what the simulation says of it.

    Each dispute is judged by playing the known orders to their end under the policy, once after the
    policy's choice and once after the rule's, in the same sampled futures without new orders.

    Parameters
    ----------
    most
        Disputes that are judged; they are the first ones.
    """
    decisions = agreed = undecided = 0
    disputes = list[Dispute]()
    for entry in _told(
        read_entries(path, first), "judging where policy and rule differ, entry by entry"
    ):
        if not entry.shadow or entry.factory != planner.decider.floor.factory.name:
            continue
        for place, decision in enumerate(entry.decisions):
            if decision.decided_by != "rule":
                continue
            decisions += 1
            undecided += decision.policy_choice is None
            agreed += decision.policy_choice == decision.choice
            if decision.policy_choice not in (None, decision.choice) and len(disputes) < most:
                disputes.append(_judge(planner, entry, place, futures))
    differences = np.array([dispute.difference for dispute in disputes])
    return ShadowReport(
        decisions=decisions,
        agreed=agreed,
        undecided=undecided,
        disputes=tuple(disputes),
        futures=futures,
        mean_difference=float(differences.mean()) if len(differences) else None,
        standard_error=(
            float(differences.std(ddof=1) / np.sqrt(len(differences)))
            if len(differences) > 1
            else None
        ),
    )


def _judge(planner: Planner, entry: Entry, place: int, futures: int) -> Dispute:
    decision = entry.decisions[place]
    assert decision.policy_choice is not None
    before = [(one.machine, one.choice) for one in entry.decisions[:place]]
    after_policy, after_rule = (
        planner.costs_after(
            entry.snapshot,
            [*before, (decision.machine, choice)],
            futures=futures,
            seed=entry.number,
        )
        for choice in (decision.policy_choice, decision.choice)
    )
    difference = after_policy - after_rule
    return Dispute(
        entry=entry.number,
        date=entry.date,
        machine=decision.machine,
        rule=decision.choice,
        policy=decision.policy_choice,
        difference=float(difference.mean()),
        standard_error=float(difference.std(ddof=1) / np.sqrt(futures)),
    )

"""Replay of a decision log, and comparison of policy and rule in a log of shadow mode."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from factory.progress import Progress
from scheduler.decisions.decider import Decider
from scheduler.decisions.decision import Choice, Decision
from scheduler.log.entry_format import Entry
from scheduler.log.log_reader import read_entries
from scheduler.portfolio.planner import Planner


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class Deviation(_Record):
    """A decision that came out differently."""

    entry: int
    date: str
    machine: str
    logged: Choice | None  # None: there was no such decision
    replayed: Choice | None


class Replay(_Record):
    """Result of replaying a log."""

    entries: int
    decisions: int
    by_fallback: int  # decisions of the fallback rule
    skipped: int  # entries of another policy, rule or factory
    deviations: tuple[Deviation, ...]


class Dispute(_Record):
    """A decision in which policy and rule differ."""

    entry: int
    date: str
    machine: str
    rule: Choice
    policy: Choice
    # mean over futures of (cost after the policy's choice - cost after the rule's), in currency.
    # The policy decides afterwards, and costs are those of finishing the known orders
    difference: float
    standard_error: float


class ShadowReport(_Record):
    """Comparison of policy and rule in a log of shadow mode."""

    decisions: int
    agreed: int
    undecided: int  # decisions in which the policy failed
    disputes: tuple[Dispute, ...]
    futures: int
    mean_difference: float | None  # over the disputes; negative: the policy's choices are cheaper
    standard_error: float | None


def replay(decider: Decider, path: Path | str, policy: str, first: int = 1) -> Replay:
    """Repeat the decisions of a log, each by its policy or rule, and compare.

    The time that a decision takes has no effect.

    Parameters
    ----------
    policy
        SHA-256 of the decider's policy; entries of other policies, rules and factories are skipped
        and counted.

    Raises
    ------
    DecisionLogError
        If the log cannot be read, or an entry is damaged.
    """
    entries = decisions = by_fallback = skipped = 0
    deviations = list[Deviation]()
    for entry in _with_progress(read_entries(path, first), "replaying the log"):
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
        deviations += _repeat(decider, entry)
    return Replay(
        entries=entries,
        decisions=decisions,
        by_fallback=by_fallback,
        skipped=skipped,
        deviations=tuple(deviations),
    )


def _with_progress(entries: Iterable[Entry], what: str) -> Iterator[Entry]:
    """Yield entries, and report their number if that takes long."""
    with Progress(what) as progress:
        for entry in entries:
            yield entry
            progress.step()


def _repeat(decider: Decider, entry: Entry) -> Iterator[Deviation]:
    """Repeat the decisions of an entry, and yield those that come out differently."""
    by_rule = {
        i
        for i, decision in enumerate(entry.decisions)
        if decision.decided_by in ("fallback", "rule")
    }
    budget, decider.budget = decider.budget, math.inf
    try:
        replayed = decider.decide(entry.snapshot, by_rule)
    finally:
        decider.budget = budget
    for before, after in itertools.zip_longest(entry.decisions, replayed):
        decision = before or after
        if decision is not None and _outcome(before) != _outcome(after):
            yield Deviation(
                entry=entry.number,
                date=entry.date,
                machine=decision.machine,
                logged=before.choice if before else None,
                replayed=after.choice if after else None,
            )


def _outcome(decision: Decision | None) -> tuple[Choice, str, int | None] | None:
    return None if decision is None else (decision.choice, decision.machine, decision.until)


def report_shadow(
    planner: Planner, path: Path | str, *, futures: int = 16, most: int = 100, first: int = 1
) -> ShadowReport:
    """Compare policy and rule in a log of shadow mode, by simulation where they differ.

    The known orders are simulated to their end under the policy, once after the policy's choice and
    once after the rule's, in the same sampled futures without new orders.

    Parameters
    ----------
    futures
        Number of sampled futures for each dispute.
    most
        Maximum number of disputes to simulate; the first ones of the log.
    first
        Number of the first entry.
    """
    decisions = agreed = undecided = 0
    disputes = list[Dispute]()
    for entry in _with_progress(read_entries(path, first), "comparing policy and rule"):
        if not entry.shadow or entry.factory != planner.decider.floor.factory.name:
            continue
        for i, decision in enumerate(entry.decisions):
            if decision.decided_by != "rule":
                continue
            decisions += 1
            undecided += decision.policy_choice is None
            agreed += decision.policy_choice == decision.choice
            if decision.policy_choice not in (None, decision.choice) and len(disputes) < most:
                disputes.append(_simulate_dispute(planner, entry, i, futures))
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


def _simulate_dispute(planner: Planner, entry: Entry, index: int, futures: int) -> Dispute:
    decision = entry.decisions[index]
    assert decision.policy_choice is not None
    before = [(earlier.machine, earlier.choice) for earlier in entry.decisions[:index]]
    after_policy, after_rule = (
        planner.costs_after(
            entry.snapshot,
            [*before, (decision.machine, choice)],
            futures=futures,
            seed=entry.number,
        ).sum(axis=1)
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

"""Comparison of policy and rule on what a plant has reported, period by period."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from factory.cost_terms import HOLDING, TARDINESS
from factory.tick_dates import TickDates
from scheduler.decisions.decider import Decider
from scheduler.decisions.explanations import ask_first
from scheduler.outcomes.comparison_periods import ComparisonPeriod, PeriodTracker
from scheduler.outcomes.paired_differences import MeanInterval
from scheduler.outcomes.schema import (
    Completion,
    DriftedColumn,
    OutcomeState,
    PolicyVerdict,
    WindowCosts,
)
from scheduler.outcomes.sequential_bound import sequential_interval
from scheduler.outcomes.training_drift import DriftMonitor
from scheduler.plans.errors import PlanError
from scheduler.portfolio.planner import Planner
from scheduler.snapshot.schema import Snapshot

RENEWAL_PERIODS = 30
"""Number of periods after which another comparison begins.

Each ends when it is twice as long. The older of two is reported, so that a policy that was better
for long is noticed when it no longer is.
"""
_TERMS = [TARDINESS, HOLDING]
"""Cost terms that completions determine."""


class MonitorSettings(NamedTuple):
    """Length of a period in hours of the plant, and sampled futures of each."""

    hours: float = 24.0
    futures: int = 16


class _Compared(NamedTuple):
    period: ComparisonPeriod
    costs: WindowCosts
    difference: float  # of rule and policy in the terms that completions determine


_FloorKey = tuple[int | None, tuple[Any, ...], tuple[str, ...]]


class PolicyMonitor:
    """Monitor of one policy, which compares it with its fallback rule.

    Parameters
    ----------
    decider
        Decider with the policy; nothing else uses it.
    settings
        Length of a period, and number of futures.
    max_seconds
        Time limit of one simulation.
    """

    def __init__(
        self, decider: Decider, settings: MonitorSettings, max_seconds: float = np.inf
    ) -> None:
        assert decider.bundle is not None
        self.bundle = decider.bundle
        self._decider, self._futures = decider, settings.futures
        self._planner = Planner(decider, max_seconds)
        factory = decider.floor.factory
        minutes = factory.tick_minutes
        self._tracker = PeriodTracker(max(1, round(60 * settings.hours / minutes)))
        self._drift = DriftMonitor(self.bundle.manifest, TickDates(minutes, factory.start_hour))
        self._asked: _FloorKey | None = None
        self._compared = deque[_Compared](maxlen=2 * RENEWAL_PERIODS)
        self._count = 0  # of all periods
        self._fault: str | None = None
        self._seed = 0

    def observe(self, snapshot: Snapshot) -> None:
        """Take a snapshot; where it ends a period, simulate that by policy and rule."""
        ended = self._tracker.update(snapshot)
        machine, _ = ask_first(self._decider.floor, snapshot)
        key = _floor_key(snapshot, machine)
        if machine is not None and key != self._asked:  # a floor sent again counts once
            self._drift.observe(self._decider.observation())
        self._asked = key
        if ended is not None and ended.order_ids():
            self._compare(ended)
        self._settle()

    def report(self, completions: Iterable[Completion], cancelled: Iterable[str]) -> None:
        """Take completions and cancellations from the plant."""
        dates = [(completion.order, completion.completion_date) for completion in completions]
        self._tracker.report(dates, cancelled)
        self._settle()

    def state(self) -> OutcomeState:
        """Return the comparison so far."""
        costs = [compared.costs for compared in self._newest()]
        saving, relative = (None, None) if not costs else _savings(costs)
        drifted, verdict = self._drift.drifted(), weigh_savings(saving, relative)
        settled = [
            (each.realised_cost, each.rule_estimate)
            for each in costs
            if each.realised_cost is not None and each.rule_estimate is not None
        ]
        return OutcomeState(
            verdict=verdict,
            periods=len(costs),
            saving=None if saving is None else saving.mean,
            half_width=None if saving is None else saving.half_width,
            relative_saving=None if relative is None else relative.mean,
            relative_half_width=None if relative is None else relative.half_width,
            newest=costs[-1] if costs else None,
            realised_cost=float(np.mean([pair[0] for pair in settled])) if settled else None,
            rule_estimate=float(np.mean([pair[1] for pair in settled])) if settled else None,
            drift_known=self._drift.is_known,
            snapshots=self._drift.snapshots,
            drifted=drifted,
            alarm="; ".join([*self._loss(verdict, saving, relative), *_drift_reason(drifted)])
            or None,
            fault=self._fault,
        )

    def _loss(
        self, verdict: PolicyVerdict, saving: MeanInterval | None, relative: MeanInterval | None
    ) -> list[str]:
        """Return the reason of an alarm about costs, if there is one."""
        if verdict != "rule is cheaper" or saving is None or relative is None:
            return []
        return [
            f"{self._decider.fallback} would cost {-saving.mean:,.2f} less for a period:"
            f" {-relative.mean:.1%} (+- {relative.half_width or 0:.1%}) over"
            f" {len(self._newest())} periods"
        ]

    def _newest(self) -> list[_Compared]:
        """Return the periods of the older running comparison."""
        first = max(0, self._count // RENEWAL_PERIODS - 1) * RENEWAL_PERIODS
        return list(self._compared)[len(self._compared) - (self._count - first) :]

    def _compare(self, period: ComparisonPeriod) -> None:
        """Simulate a period by policy and rule, in the same sampled futures."""
        snapshot, self._seed = period.starting_snapshot(), self._seed + 1
        try:
            policy, rule = (
                self._planner.costs_of(snapshot, by, futures=self._futures, seed=self._seed)
                for by in ("policy", "rule")
            )
        except (PlanError, ValueError) as error:
            self._fault = str(error)
            return
        self._fault = None
        difference = float((rule - policy)[:, _TERMS].sum(axis=1).mean())
        costs = WindowCosts(
            start_date=period.start.clock,
            end_date=period.end_date,
            orders=len(period.order_ids()),
            policy_cost=float(policy.sum(axis=1).mean()),
            rule_cost=float(rule.sum(axis=1).mean()),
        )
        self._compared.append(_Compared(period, costs, difference))
        self._count += 1

    def _settle(self) -> None:
        """Add the realised cost of the periods whose orders are all completed."""
        settled = self._tracker.take_settled()
        plant = self._decider.floor.arrays.plant[0]
        rates = float(plant.tardiness_rate), float(plant.holding_rate)
        for i, compared in enumerate(self._compared):
            if any(compared.period is other for other in settled):
                realised = compared.period.realised_cost(*rates)
                estimate = realised + compared.difference
                update = {"realised_cost": realised, "rule_estimate": estimate}
                costs = compared.costs.model_copy(update=update)
                self._compared[i] = compared._replace(costs=costs)


def _savings(costs: list[WindowCosts]) -> tuple[MeanInterval, MeanInterval]:
    """Return the mean savings of the policy for a period, in currency and relative."""
    size = float(np.mean([(each.policy_cost + each.rule_cost) / 2 for each in costs]))
    savings = [each.rule_cost - each.policy_cost for each in costs]
    relative = [relative_saving(each.policy_cost, each.rule_cost) for each in costs]
    return sequential_interval(savings, size), sequential_interval(relative)


def relative_saving(policy_cost: float, rule_cost: float) -> float:
    """Return the cost of the rule minus that of the policy, relative to the mean of both.

    So periods with much and with little congestion count alike.
    """
    size = (policy_cost + rule_cost) / 2
    return 0.0 if size == 0 else (rule_cost - policy_cost) / size


def weigh_savings(saving: MeanInterval | None, relative: MeanInterval | None) -> PolicyVerdict:
    """Return the verdict: the relative saving decides, if that in currency has the same sign."""
    if saving is None or relative is None or relative.half_width is None:
        return "collecting"
    if relative.high < 0 and saving.mean < 0:
        return "rule is cheaper"
    return "policy pays" if relative.low > 0 and saving.mean > 0 else "undecided"


def _drift_reason(drifted: tuple[DriftedColumn, ...]) -> list[str]:
    """Return the reason of an alarm about drift, if there is one."""
    if not drifted:
        return []
    more = f"; and {len(drifted) - 3} more" if len(drifted) > 3 else ""
    listed = "; ".join(each.sentence for each in drifted[:3])
    return [f"the floor has left the range of the training: {listed}{more}"]


def _floor_key(snapshot: Snapshot, machine: int | None) -> _FloorKey:
    """Return what tells two floors with a decision apart: a question is new if this is."""
    work = tuple((name, state.status, state.order) for name, state in snapshot.machines.items())
    return machine, work, tuple(order.order_id for order in snapshot.orders)

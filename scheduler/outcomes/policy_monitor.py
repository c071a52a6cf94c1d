"""Comparison of policy and rule on what a plant has reported, period by period."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from factory.simulation.arrays import HOLDING, TARDINESS
from scheduler.decisions.decider import Decider
from scheduler.decisions.explanations import ask_first
from scheduler.outcomes.comparison_periods import ComparisonPeriod, PeriodTracker
from scheduler.outcomes.paired_differences import MeanInterval, paired_mean
from scheduler.outcomes.schema import Completion, OutcomeState, Verdict, WindowCosts
from scheduler.outcomes.training_drift import DriftMonitor
from scheduler.plans.errors import PlanError
from scheduler.portfolio.planner import Planner
from scheduler.snapshot.schema import Snapshot

MIN_PERIODS = 5
"""Number of periods before there is a verdict."""
MAX_PERIODS = 60
"""Number of the newest periods in the comparison."""
_CONFIDENCE = 0.99
_TERMS = [TARDINESS, HOLDING]
"""Cost terms that completions determine."""


class MonitorSettings(NamedTuple):
    """Length of a period in hours of the plant, and sampled futures of each."""

    hours: float = 24.0
    futures: int = 16


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
        minutes = decider.floor.factory.tick_minutes
        self._tracker = PeriodTracker(max(1, round(60 * settings.hours / minutes)))
        self._drift = DriftMonitor(self.bundle.manifest)
        self._compared = deque[tuple[ComparisonPeriod, WindowCosts, float]](maxlen=MAX_PERIODS)
        self._fault: str | None = None
        self._seed = 0

    def observe(self, snapshot: Snapshot) -> None:
        """Take a snapshot; where it ends a period, simulate that by policy and rule."""
        ended = self._tracker.update(snapshot)
        machine, _ = ask_first(self._decider.floor, snapshot)
        if machine is not None:
            self._drift.observe(self._decider.observation())
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
        saving = self._saving()
        drifted, verdict = self._drift.drifted(), self._verdict(saving)
        costs = [costs for _, costs, _ in self._compared]
        settled = [
            (each.realised_cost, each.rule_estimate)
            for each in costs
            if each.realised_cost is not None and each.rule_estimate is not None
        ]
        reasons = []
        if verdict == "rule is cheaper" and saving is not None:
            reasons.append(
                f"the rule would cost {-saving.mean:,.2f} less for a period"
                f" (+- {saving.half_width or 0:,.2f}, {len(costs)} periods)"
            )
        if drifted:
            names = ", ".join(f"{each.table}.{each.column}" for each in drifted[:3])
            reasons.append(f"columns lie outside of the training: {names}")
        return OutcomeState(
            verdict=verdict,
            periods=len(costs),
            saving=None if saving is None else saving.mean,
            half_width=None if saving is None else saving.half_width,
            newest=costs[-1] if costs else None,
            realised_cost=float(np.mean([pair[0] for pair in settled])) if settled else None,
            rule_estimate=float(np.mean([pair[1] for pair in settled])) if settled else None,
            drift_known=self._drift.is_known,
            snapshots=self._drift.snapshots,
            drifted=drifted,
            alarm="; ".join(reasons) or None,
            fault=self._fault,
        )

    def _saving(self) -> MeanInterval | None:
        """Return the mean cost of the rule minus that of the policy for a period."""
        if not self._compared:
            return None
        savings = [costs.rule_cost - costs.policy_cost for _, costs, _ in self._compared]
        return paired_mean(savings, _CONFIDENCE)

    def _verdict(self, saving: MeanInterval | None) -> Verdict:
        if saving is None or len(self._compared) < MIN_PERIODS:
            return "collecting"
        if saving.high < 0:
            return "rule is cheaper"
        return "policy pays" if saving.low > 0 else "undecided"

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
        self._compared.append((period, costs, difference))

    def _settle(self) -> None:
        """Add the realised cost of the periods whose orders are all completed."""
        settled = self._tracker.take_settled()
        plant = self._decider.floor.arrays.plant[0]
        rates = float(plant.tardiness_rate), float(plant.holding_rate)
        for i, (period, costs, difference) in enumerate(self._compared):
            if any(period is other for other in settled):
                realised = period.realised_cost(*rates)
                update = {"realised_cost": realised, "rule_estimate": realised + difference}
                self._compared[i] = (period, costs.model_copy(update=update), difference)

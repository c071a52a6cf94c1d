"""Metrics of the service for Prometheus."""

from __future__ import annotations

import math
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from scheduler.decisions.decision import Decision
from scheduler.log.decision_log import LogState
from scheduler.outcomes.schema import OutcomeState

if TYPE_CHECKING:
    from scheduler.service.engine import Engine

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


class Metrics:
    """Counters of one service."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "changeover_requests", "Requests answered", ["path", "status"], registry=self.registry
        )
        self.request_seconds = Histogram(
            "changeover_request_seconds",
            "Time to answer",
            ["path"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.decisions = Counter(
            "changeover_decisions",
            "Decisions taken",
            ["decided_by", "action"],
            registry=self.registry,
        )
        self.decision_seconds = Histogram(
            "changeover_decision_seconds",
            "Time for one decision",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.plan_seconds = Histogram(
            "changeover_plan_seconds", "Time for one plan", buckets=_SECONDS, registry=self.registry
        )
        self.waiting = Gauge(
            "changeover_waiting_requests",
            "Requests that wait for their turn",
            registry=self.registry,
        )
        self.policy_loaded = Gauge(
            "changeover_policy_loaded",
            "1 with a policy, 0 where the rule decides",
            registry=self.registry,
        )
        self._add_log_and_access_figures()
        self._add_state_figures()
        self._add_outcome_figures()

    def _add_state_figures(self) -> None:
        registry = self.registry
        ProcessCollector(namespace="changeover", registry=registry)
        build = Gauge(
            "changeover_build_info",
            "Version of the project and of Python",
            ["version", "python"],
            registry=registry,
        )
        build.labels(_project_version(), platform.python_version()).set(1)
        self.policy_info = Gauge(
            "changeover_policy_info",
            "Factory, SHA-256 of the policy, and fallback rule",
            ["factory", "policy", "rule", "shadow"],
            registry=registry,
        )
        self.plans_ready = Gauge(
            "changeover_plans_ready", "1 once the code of plans is loaded", registry=registry
        )
        self.snapshot_age = Gauge(
            "changeover_snapshot_age_seconds",
            "Time since the newest snapshot came; NaN if none has come",
            registry=registry,
        )

    def show_engine(self, engine: Engine) -> None:
        """Take over policy, plans, snapshot and log of an engine."""
        loaded = engine.loaded
        self.show_log(engine.decision_log.state())
        self.policy_loaded.set(loaded.bundle is not None)
        self.policy_info.clear()
        facts = (engine.factory.name, loaded.sha256, str(loaded.rule), str(engine.shadow).lower())
        self.policy_info.labels(*facts).set(1)
        self.plans_ready.set(engine.plans.is_warm)
        self.snapshot_age.set(engine.held.age)

    def _add_log_and_access_figures(self) -> None:
        registry = self.registry
        self.wrong_tokens = Counter(
            "changeover_wrong_tokens", "Requests with a missing or wrong token", registry=registry
        )
        self.log_refusals = Counter(
            "changeover_log_refusals",
            "Decisions that were refused because they could not be logged",
            registry=registry,
        )
        self.unlogged = Counter(
            "changeover_log_unlogged_answers",
            "Answers that went out without being logged",
            registry=registry,
        )
        self.log_failing = Gauge(
            "changeover_log_failing", "1 while the log cannot be written", registry=registry
        )
        self.log_entries = Gauge(
            "changeover_log_newest_entry", "Number of the newest entry", registry=registry
        )
        self.log_bytes = Gauge(
            "changeover_log_bytes", "Size of the log, without rotated files", registry=registry
        )
        self.log_rotated = Gauge(
            "changeover_log_rotated_files", "Number of rotated files", registry=registry
        )

    def show_log(self, state: LogState) -> None:
        """Take over the state of the decision log."""
        self.log_failing.set(state.fault is not None)
        self.log_entries.set(state.last)
        self.log_bytes.set(state.size)
        self.log_rotated.set(state.rotated)

    def _add_outcome_figures(self) -> None:
        registry = self.registry
        self.periods = Gauge(
            "changeover_policy_periods",
            "Periods in which policy and rule were compared",
            registry=registry,
        )
        self.saving, self.relative_saving = (
            _IntervalGauges(f"changeover_policy_{name}", text, registry)
            for name, text in (
                ("saving", "Mean cost of the rule minus that of the policy for a period"),
                ("relative_saving", "The same, relative to the mean of both costs"),
            )
        )
        self.drifted = Gauge(
            "changeover_drifted_columns",
            "Columns outside of the range of the training",
            registry=registry,
        )
        self.policy_alarm = Gauge(
            "changeover_policy_alarm",
            "1 while the policy no longer pays, or the floor has drifted",
            registry=registry,
        )
        self.put_aside = Gauge(
            "changeover_policy_put_aside",
            "1 while the rule decides because of an alarm",
            registry=registry,
        )

    def show_outcomes(self, state: OutcomeState) -> None:
        """Take over the comparison of policy and rule."""
        self.periods.set(state.periods)
        self.saving.show(state.saving, state.half_width)
        self.relative_saving.show(state.relative_saving, state.relative_half_width)
        self.drifted.set(len(state.drifted))
        self.policy_alarm.set(state.alarm is not None)
        self.put_aside.set(state.put_aside)

    def count_request(self, path: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        self.requests.labels(path, str(status)).inc()
        self.request_seconds.labels(path).observe(seconds)

    def count_decision(self, decision: Decision) -> None:
        """Count a decision."""
        self.decisions.labels(decision.decided_by, decision.action).inc()
        self.decision_seconds.observe(decision.microseconds / 1e6)

    def export(self, waiting: int) -> tuple[bytes, str]:
        """Return the metrics in the format of Prometheus, and its media type."""
        self.waiting.set(waiting)
        return generate_latest(self.registry), CONTENT_TYPE_LATEST


class _IntervalGauges:
    """Gauges of a mean and of both ends of its interval."""

    def __init__(self, name: str, text: str, registry: CollectorRegistry) -> None:
        self._gauges = [
            Gauge(f"{name}{end}", f"{text}{note}", registry=registry)
            for end, note in (("", ""), ("_low", ": low end"), ("_high", ": high end"))
        ]

    def show(self, mean: float | None, half_width: float | None) -> None:
        """Take over a mean; what is not known is NaN."""
        middle = math.nan if mean is None else mean
        width = math.nan if half_width is None else half_width
        for gauge, value in zip(
            self._gauges, (middle, middle - width, middle + width), strict=True
        ):
            gauge.set(value)


def _project_version() -> str:
    try:
        return version("changeover-optimiser")
    except PackageNotFoundError:  # a checkout that is not installed
        return "unknown"

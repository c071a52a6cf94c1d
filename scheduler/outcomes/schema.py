"""Schema of outcomes that a plant reports, and of the comparison of policy and rule."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from scheduler.snapshot.schema import MAX_ORDERS, Date, Name

PolicyVerdict = Literal["collecting", "policy pays", "undecided", "rule is cheaper", "no policy"]


OnDrift = Literal["rule", "warn"]
"""Let the fallback rule decide after an alarm, or only report it."""


class _Outcome(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Completion(_Outcome):
    """Completion of an order on the shop floor."""

    order: Name
    """Order id."""
    completion_date: Date
    """Date at which it was completed, in ticks."""


class OutcomesRequest(_Outcome):
    """Outcomes that the plant reports."""

    completions: Annotated[tuple[Completion, ...], Field(max_length=MAX_ORDERS)] = ()
    """Orders that have been completed."""
    cancelled: Annotated[tuple[Name, ...], Field(max_length=MAX_ORDERS)] = ()
    """Ids of orders that have been cancelled; they leave the comparison."""


class WindowCosts(_Outcome):
    """One period in which policy and rule are compared."""

    start_date: int
    """Clock of the snapshot that both are simulated from."""
    end_date: int
    """Clock of the snapshot that ended the period."""
    orders: int
    """Orders on the floor at its start, and orders that came until its end."""
    policy_cost: float
    """Mean simulated cost of finishing these orders by the policy, in currency."""
    rule_cost: float
    """The same by the fallback rule, in the same sampled futures."""
    realised_cost: float | None = None
    """Tardiness and holding cost of these orders on the floor; null until all are completed."""
    rule_estimate: float | None = None
    """Estimate of that cost under the rule: the realised cost, plus the simulated difference in
    tardiness and holding cost."""


class DriftedColumn(_Outcome):
    """A column that has left the range of the training."""

    table: str
    """Table of the observation."""
    column: str
    """Name of the column."""
    kind: Literal["values", "mean"]
    """``values``: outside of the range of the training in more than half of the newest snapshots;
    ``mean``: its mean over the newest snapshots is outside of the range of such means."""
    share: float
    """Share of the newest snapshots in which a value was outside."""
    low: float
    """Lowest value or mean of the training."""
    high: float
    """Highest value or mean of the training."""
    newest: float
    """Newest value outside, or the mean."""
    sentence: str
    """The drift in plain words, with units."""


class OutcomeState(_Outcome):
    """Comparison of policy and rule on what the plant has reported."""

    verdict: PolicyVerdict
    """``collecting``: too few periods for an interval; ``undecided``: the interval contains 0."""
    periods: int
    """Periods in the comparison. Every 30 periods another one begins; the older of the two that
    run is reported, so that there are at most 59."""
    saving: float | None = None
    """Mean simulated cost of the rule minus that of the policy for a period, in currency."""
    half_width: float | None = None
    """Half width of its interval, with the mean cost of a period as the unit; null before there
    are enough periods."""
    relative_saving: float | None = None
    """Mean of the saving of each period, relative to the mean cost of policy and rule in it. The
    verdict needs its interval and the sign of ``saving``."""
    relative_half_width: float | None = None
    """Half width of its interval. If policy and rule cost the same, the interval of a comparison
    ever excludes 0 with a probability of at most 1 %, however often it is looked at."""
    newest: WindowCosts | None = None
    """Newest period."""
    realised_cost: float | None = None
    """Mean realised tardiness and holding cost of the periods whose orders are all completed."""
    rule_estimate: float | None = None
    """Mean estimate of that cost under the rule."""
    drift_known: bool = False
    """The bundle has the ranges of its training."""
    snapshots: int = 0
    """Snapshots with a new decision that were compared with these, at most the newest 200."""
    drifted: tuple[DriftedColumn, ...] = ()
    """Columns outside of the training, the most frequent first."""
    alarm: str | None = None
    """Reason why the policy should no longer decide; null without one."""
    on_drift: OnDrift = "warn"
    """After an alarm the rule decides, or the alarm is only reported (``--on-drift``)."""
    put_aside: bool = False
    """The rule decides because of an alarm; a reload of the bundle ends that."""
    fault: str | None = None
    """Reason why the newest period could not be simulated."""

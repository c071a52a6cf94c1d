"""Priorities of dispatching rules, one short function for each: higher is sooner.

They are pure NumPy over the columns of :mod:`envs.observation.columns`. A docstring begins with the
name of the rule and its formula; docs/reference/rules.md shows it, and explains the symbols. F is
the operation's family: the operations in the queue that want the same setup; n_F is its size.
"""

from __future__ import annotations

import numpy as np

from agents.rules.rows import RowFlags, Rows, RowValues

_MIN_POSITIVE = 1e-9  # replaces a denominator of 0: no process time, a mean over nothing


def _positive(values: RowValues) -> RowValues:
    return np.maximum(values, _MIN_POSITIVE)


def _needs_changeover(rows: Rows) -> RowFlags:
    return rows["is_mounted"] == 0


def _over_weight(time: RowValues, weight: RowValues) -> RowValues:
    """Return time / weight; infinite for a weight of 0, so that such an order comes last."""
    return np.divide(time, weight, out=np.full_like(time, np.inf), where=weight > 0)


# --- in order of arrival, by process time ---------------------------------------------------------


def first_in_first_out(rows: Rows) -> RowValues:
    """FIFO: longest q. Conway, Maxwell and Miller (1967), Theory of Scheduling."""
    return rows["time_in_queue"]


def first_at_shop_first_served(rows: Rows) -> RowValues:
    """FASFS: longest t - r. Conway, Maxwell and Miller (1967), Theory of Scheduling."""
    return rows["time_in_shop"]


def shortest_process_time(rows: Rows) -> RowValues:
    """SPT: min p. Smith (1956), Various optimizers for single-stage production."""
    return -rows["process_time"]


def longest_process_time(rows: Rows) -> RowValues:
    """LPT: max p. Graham (1969), Bounds on multiprocessing timing anomalies."""
    return rows["process_time"]


def weighted_shortest_process_time(rows: Rows) -> RowValues:
    """WSPT: max w/p. Smith (1956), Various optimizers for single-stage production."""
    return rows["weight"] / _positive(rows["process_time"])


def shortest_remaining_process_time(rows: Rows) -> RowValues:
    """SRPT: min R. Conway, Maxwell and Miller (1967), Theory of Scheduling."""
    return -rows["work_left"]


# --- by due date ----------------------------------------------------------------------------------


def earliest_due_date(rows: Rows) -> RowValues:
    """EDD: min d. Jackson (1955), Scheduling a production line to minimize maximum tardiness."""
    return -rows["due_in"]


def weighted_earliest_due_date(rows: Rows) -> RowValues:
    """WEDD: min (d - t)/w, and (d - t) w once late; w = 0 last.

    A weight always adds urgency. After Jackson's EDD (1955).
    """
    due_in, weight = rows["due_in"], rows["weight"]
    return np.where(
        (due_in < 0) & (weight > 0), -due_in * weight, -_over_weight(np.maximum(due_in, 0), weight)
    )


def earliest_operation_due_date(rows: Rows) -> RowValues:
    """ODD: min o.

    Kanet and Hayya (1982), Priority dispatching with operation due dates in a job shop.
    """
    return -rows["operation_due_in"]


def modified_due_date(rows: Rows) -> RowValues:
    """MDD: min max(R, d - t).

    Baker and Bertrand (1982), A dynamic priority rule for scheduling against due-dates.
    """
    return -np.maximum(rows["work_left"], rows["due_in"])


def modified_operation_due_date(rows: Rows) -> RowValues:
    """MOD: min max(p, o - t).

    Baker and Kanet (1983), Job shop scheduling with modified due dates.
    """
    return -np.maximum(rows["process_time"], rows["operation_due_in"])


def weighted_modified_due_date(rows: Rows) -> RowValues:
    """WMDD: min max(R, d - t)/w.

    Kanet and Li (2004), A weighted modified due date rule for sequencing to minimize weighted
    tardiness.
    """
    return -_over_weight(np.maximum(rows["work_left"], rows["due_in"]), rows["weight"])


def weighted_modified_operation_due_date(rows: Rows) -> RowValues:
    """WMOD: min max(p, o - t)/w. Kanet and Li (2004), with the operation's due date."""
    return -_over_weight(np.maximum(rows["process_time"], rows["operation_due_in"]), rows["weight"])


def least_slack(rows: Rows) -> RowValues:
    """SLK: min d - t - R. Conway (1965), Priority dispatching and job lateness in a job shop."""
    return -rows["slack"]


def no_slack_left(rows: Rows) -> RowValues:
    """First key of SI: first if d - t - R <= 0.

    Oral and Malouin (1973), Evaluation of the shortest processing time scheduling rule with
    truncation process.
    """
    return (rows["slack"] <= 0).astype(np.float64)


def slack_per_remaining_operation(rows: Rows) -> RowValues:
    """S/RO: min (d - t - R)/n.

    Conway (1965), Priority dispatching and job lateness in a job shop.
    """
    return -rows["slack"] / _positive(rows["operations_left"])


def slack_per_operation(rows: Rows) -> RowValues:
    """S/OPN: min (d - t - R)/n, and (d - t - R) n once negative.

    A late order with more operations left is more urgent, not less. After Conway (1965).
    """
    slack, operations_left = rows["slack"], rows["operations_left"]
    return np.where(slack < 0, -slack * operations_left, -slack / _positive(operations_left))


def critical_ratio(rows: Rows) -> RowValues:
    """CR: min (d - t)/R.

    Berry and Rao (1975), Critical ratio scheduling: an experimental analysis.
    """
    return -rows["due_in"] / _positive(rows["work_left"])


def cost_over_time(rows: Rows, k: float) -> RowValues:
    """COVERT: max (w/p) max(0, 1 - max(0, d - t - R)/(k R)).

    k R is the expected wait. Vepsalainen and Morton (1987), section 2.
    """
    expected_wait = k * _positive(rows["work_left"])
    return weighted_shortest_process_time(rows) * np.maximum(
        0, 1 - np.maximum(0, rows["slack"]) / expected_wait
    )


def _discount_for_slack(rows: Rows, k: float) -> RowValues:
    slack = np.maximum(0, rows["operation_due_in"] - rows["process_time"])
    return slack / (k * _positive(rows.here("mean_process_time")))


def apparent_tardiness_cost(rows: Rows, k: float) -> RowValues:
    """ATC: max log (w/p) - max(0, o - t - p)/(k p_bar).

    Vepsalainen and Morton (1987), Priority rules for job shops with weighted tardiness costs.
    """
    return np.log(weighted_shortest_process_time(rows)) - _discount_for_slack(rows, k)


# --- by the next queue ----------------------------------------------------------------------------


def work_in_next_queue(rows: Rows) -> RowValues:
    """WINQ: min WINQ, the work at the next work centre per machine there.

    Haupt (1989), A survey of priority rule-based scheduling.
    """
    return -rows["next_queue_work"]


def process_time_and_next_queue(rows: Rows) -> RowValues:
    """PT+WINQ: min p + WINQ.

    Holthaus and Rajendran (1997), Efficient dispatching rules for scheduling in a job shop.
    """
    return -(rows["process_time"] + rows["next_queue_work"])


def process_time_next_queue_and_slack(rows: Rows) -> RowValues:
    """PT+WINQ+SL: min p + WINQ + min(0, d - t - R).

    Holthaus and Rajendran (1997), Efficient dispatching rules for scheduling in a job shop.
    """
    return -(rows["process_time"] + rows["next_queue_work"] + np.minimum(0, rows["slack"]))


def two_process_times_next_queue_and_next_process_time(rows: Rows) -> RowValues:
    """2PT+WINQ+NPT: min 2p + WINQ + NPT.

    Holthaus and Rajendran (2000), Efficient jobshop dispatching rules: further developments.
    """
    return -(2 * rows["process_time"] + rows["next_queue_work"] + rows["next_process_time"])


def evolved_rule(rows: Rows, unit: float) -> RowValues:
    """GECCO10: min p ((NPT - NPT/p) WINQ + max(p, n - q)(max(p - NPT, p/(t - r + p)) + 1) + 1).

    Times are in units of ``unit`` ticks. Hildebrandt, Heger and Scholz-Reiter (2010), Towards
    improved dispatching rules for complex shop floor scenarios. Evolved for process times of 1 to
    49 units; it adds times, counts and numbers, so that the unit matters.
    """
    p = _positive(rows["process_time"] / unit)
    npt = rows["next_process_time"] / unit
    winq = rows["next_queue_work"] / unit
    q = rows["time_in_queue"] / unit
    flow_time = rows["time_in_shop"] / unit  # t - r
    n = rows["operations_left"]
    last_factor = np.maximum(p - npt, p / (flow_time + p)) + 1
    return -p * ((npt - npt / p) * winq + np.maximum(p, n - q) * last_factor + 1)


# --- by changeovers -------------------------------------------------------------------------------


def shortest_setup_time(rows: Rows) -> RowValues:
    """SST: min s. Pickardt and Branke (2012), Setup-oriented dispatching rules - a survey."""
    return -rows["setup_time"]


def same_setup(rows: Rows) -> RowValues:
    """First key of SA>...: no changeover needed, not even one without time (setup avoidance).

    Pickardt and Branke (2012).
    """
    return (~_needs_changeover(rows)).astype(np.float64)


def shortest_setup_and_process_time(rows: Rows) -> RowValues:
    """SSPT: min s + p. Pickardt and Branke (2012)."""
    return -(rows["setup_time"] + rows["process_time"])


def shortest_normalised_setup_and_process_time(rows: Rows) -> RowValues:
    """SNSPT: min s/s_bar + p/p_bar. Pickardt and Branke (2012)."""
    setups = rows["setup_time"] / _positive(rows.here("mean_setup_time"))
    return -(setups + rows["process_time"] / _positive(rows.here("mean_process_time")))


def due_date_and_setup_penalty(rows: Rows, k: float) -> RowValues:
    """DK: min d + (k if a changeover is needed). Mahmoodi and Dooley (1991)."""
    return -(rows["due_in"] + k * _needs_changeover(rows))


def family_first_come(rows: Rows) -> RowValues:
    """FFCFS: the family with the longest q. Pickardt and Branke (2012)."""
    return rows["family_time_in_queue"]


def family_due_date(rows: Rows) -> RowValues:
    """First key of FEDD: the family with the least d. Pickardt and Branke (2012)."""
    return -rows["family_due_in"]


def family_critical_ratio(rows: Rows) -> RowValues:
    """First key of FCR: the family with the least (d - t)/R.

    Kim and Bobrowski (1994), Impact of sequence-dependent setup time on job shop scheduling.
    """
    return -rows["family_critical_ratio"]


def marginal_setup_time(rows: Rows) -> RowValues:
    """First key of MMS: min s/n_F. Arzi and Raviv (1998), via Pickardt and Branke (2012)."""
    return -rows["setup_time"] / np.maximum(rows["family_ready"], 1)


def mean_family_time(rows: Rows) -> RowValues:
    """First key of MASP: min (s + sum of p over F)/n_F. Pickardt and Branke (2012)."""
    return -(rows["setup_time"] + rows["family_ready_work"]) / np.maximum(rows["family_ready"], 1)


def weighted_batch_process_time(rows: Rows) -> RowValues:
    """WBPT: min s/n_F + p. Raman, Rachamadugu and Talbot (1989), via Pickardt and Branke (2012)."""
    return -(rows["setup_time"] / np.maximum(rows["family_ready"], 1) + rows["process_time"])


def _discount_for_setup(rows: Rows, k2: float) -> RowValues:
    return rows["setup_time"] / (k2 * _positive(rows.here("mean_setup_time")))


def apparent_tardiness_cost_with_setups(rows: Rows, k1: float, k2: float) -> RowValues:
    """ATCS: max log (w/p) - max(0, o - t - p)/(k1 p_bar) - s/(k2 s_bar).

    Lee, Bhaskaran and Pinedo (1997), with the operation's due date.
    """
    return apparent_tardiness_cost(rows, k1) - _discount_for_setup(rows, k2)


def apparent_tardiness_cost_in_open_time(rows: Rows, k1: float, k2: float) -> RowValues:
    """ATCS+OPEN: as ATCS, without the time c in which the machine is closed before the due date.

    max log (w/p) - max(0, o - c - t - p)/(k1 p_bar) - s/(k2 s_bar)

    Without calendars it is ATCS.
    """
    closed_time = rows["due_in"] - rows["open_due_in"]
    slack = np.maximum(0, rows["operation_due_in"] - closed_time - rows["process_time"])
    discount = slack / (k1 * _positive(rows.here("mean_process_time")))
    return np.log(weighted_shortest_process_time(rows)) - discount - _discount_for_setup(rows, k2)


# --- with changeovers ahead or waits --------------------------------------------------------------


def apparent_tardiness_cost_with_ready_times(
    rows: Rows, k1: float, k2: float, k3: float
) -> RowValues:
    """ATCSR: as ATCS, with ready dates r of operations on their way.

    max log (w/p) - max(0, o - p - max(t, r))/(k1 p_bar) - s/(k2 s_bar) - max(0, r - t)/(k3 p_bar)

    Pfund, Fowler, Gadkari and Chen (2008), Scheduling jobs on parallel machines with setup times
    and ready times. The means are over all rows, ready or on their way.
    """
    offered = (rows["is_job"] > 0) | (rows["is_changeover"] > 0)
    mean_process_time, mean_setup_time = (
        _positive(_mean_over(offered, rows[name])) for name in ("process_time", "setup_time")
    )
    ready_in = rows["ready_in"]
    slack = np.maximum(0, rows["operation_due_in"] - rows["process_time"] - ready_in)
    discount = (
        slack / (k1 * mean_process_time)
        + rows["setup_time"] / (k2 * mean_setup_time)
        + ready_in / (k3 * mean_process_time)
    )
    return np.log(weighted_shortest_process_time(rows)) - discount


def _mean_over(chosen: RowFlags, values: RowValues) -> RowValues:
    return np.sum(np.where(chosen, values, 0), axis=1, keepdims=True) / np.maximum(
        chosen.sum(axis=1, keepdims=True), 1
    )


def setup_serves_nothing_on_its_way(rows: Rows) -> RowFlags:
    """Return True if every known upcoming operation wants another setup, ``[E, 1]``.

    The families of the changeover rows then cover all of them. A rule that changes over ahead only
    then never undoes a changeover before it was used.
    """
    offered = np.sum(
        np.where(
            (rows["is_changeover"] > 0) & (rows["family_ready"] <= 0), rows["family_upcoming"], 0
        ),
        axis=1,
        keepdims=True,
    )
    return offered >= rows.of_wait("family_upcoming")


def apparent_tardiness_cost_with_holding(rows: Rows, k1: float, k2: float, **_: float) -> RowValues:
    """ATCS+HOLD: as ATCS, but can wait; :func:`changeover_is_not_urgent` reads the rest."""
    return apparent_tardiness_cost_with_setups(rows, k1, k2)


def changeover_is_not_urgent(
    rows: Rows, k1: float, k2: float, hold: float, within: float
) -> RowFlags:
    """Return True if ATCS+HOLD waits instead of starting the row's operation, ``[E, A]``.

    It needs a changeover, its ATCS priority is below ``hold`` times w/p, the next work on its way
    here can start within ``within`` times that changeover, and some machine is at work.
    """
    discount = _discount_for_slack(rows, k1) + _discount_for_setup(rows, k2)
    not_urgent = _needs_changeover(rows) & (np.exp(-discount) < hold)
    next_start = rows.of_wait("first_arrival_in") + rows.of_wait("first_arrival_setup_time")
    is_soon = next_start <= within * rows["setup_time"]
    return not_urgent & (rows.of_wait("family_upcoming") > 0) & is_soon & rows.any_busy()

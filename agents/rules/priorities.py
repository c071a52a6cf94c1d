"""Priorities of dispatching rules, one short function a rule: higher is sooner. Pure NumPy over the
columns of :mod:`envs.observation.columns`.

Symbols, as in docs/rules.md: p process time, w weight, d due date, o operation due date, t now, R
work left in the order (with this operation), n its operations left, s changeover time, p_bar and
s_bar the means of p and s over the queue, F the operation's family (the operations in the queue
that want the same setup), q the time since it joined the queue.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.observation.checks import as_mask, check_choices, check_type, find_table
from envs.observation.columns import CANDIDATE_INDEX, MACHINE_INDEX, SHOP_INDEX
from factory.validation.arguments import refusal

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Observation = Any  # Mapping[str, array], or a named tuple with the same names

_LEAST = 1e-9  # in place of 0 under a fraction: operations that take no time, means of nothing


_COLUMNS = (len(CANDIDATE_INDEX), len(MACHINE_INDEX), len(SHOP_INDEX))


class Rows:
    """Named columns of a batch of observations, in float64 whatever the observation's type, so that
    ties stay ties.

    Parameters
    ----------
    observation
        ``candidates [E, A, F]``, ``action_mask [E, A]``, ``machines [E, M, Fm]``, ``shop [E, Fs]``
        in a mapping or a named tuple; the leading axis may be absent.

    Raises
    ------
    TypeError
        A table is missing, or candidates or shop are not float32 or float64.
    ValueError
        The tables do not have the columns of ``envs/observation/columns.py``, their shapes do not
        fit each other, or a number that is read is not finite.
    """

    def __init__(self, observation: Observation) -> None:
        names = ("candidates", "machines", "shop", "action_mask")
        candidates, machines, shop, mask = (
            find_table("decide", observation, name) for name in names
        )
        columns = (*candidates.shape[-1:], *machines.shape[-1:], *shop.shape[-1:])
        if columns != _COLUMNS:
            raise refusal(
                ValueError,
                "decide: candidates, machines and shop",
                f"{columns} columns",
                f"must have {_COLUMNS} columns (envs/observation/columns.py)",
                "Observe with the same version of the project.",
            )
        self.is_single = candidates.ndim == 2
        self.candidates = candidates[None] if self.is_single else candidates
        self.machines = machines[None] if self.is_single else machines
        self.shop = shop[None] if self.is_single else shop
        legal = as_mask("decide: action_mask", mask)
        self.legal: Bools = legal[None] if self.is_single else legal
        self._check_shapes()
        check_type("decide: candidates", candidates)
        check_type("decide: machines", machines)
        check_type("decide: shop", shop)
        check_choices("decide", self.candidates, self.shop, self.legal)

    def _check_shapes(self) -> None:
        shape = self.candidates.shape[:2]
        envs = (self.machines.shape[:-2], self.shop.shape[:-1])
        if self.candidates.ndim != 3 or self.legal.shape != shape or envs != (shape[:1],) * 2:
            tables = (self.candidates, self.machines, self.shop, self.legal)
            raise refusal(
                ValueError,
                "decide: shapes of candidates, machines, shop, action_mask",
                ", ".join(str(table.shape) for table in tables),
                "must be (E, A, F), (E, M, Fm), (E, Fs), (E, A)",
                "Give the tables of one observation, with or without the leading axis.",
            )

    def __getitem__(self, column: str) -> Floats:
        """Column of the candidate table, ``[E, A]``."""
        return self.candidates[..., CANDIDATE_INDEX[column]].astype(np.float64)

    def here(self, column: str) -> Floats:
        """Column of the shop table, ``[E, 1]``."""
        return self.shop[:, SHOP_INDEX[column], None].astype(np.float64)

    def any_busy(self) -> Bools:
        """Return where a machine is in changeover, processing or under repair, ``[E, 1]``."""
        busy = [MACHINE_INDEX[name] for name in ("is_changing", "is_processing", "is_down")]
        busy_machines: Bools = self.machines[..., busy].max(axis=2) > 0
        return np.asarray(busy_machines.any(axis=1, keepdims=True))

    def of_wait(self, column: str) -> Floats:
        """Column of the candidate table in the wait row, ``[E, 1]``."""
        wait = np.argmax(self["is_wait"], axis=1)[:, None]
        return np.take_along_axis(self[column], wait, axis=1)


def _positive(values: Floats) -> Floats:
    return np.maximum(values, _LEAST)


def _needs_changeover(rows: Rows) -> Bools:
    return rows["is_mounted"] == 0


def _over_weight(time: Floats, weight: Floats) -> Floats:
    """Time / weight, infinite where the weight is 0: an order that nobody pays for comes last."""
    return np.divide(time, weight, out=np.full_like(time, np.inf), where=weight > 0)


# --- in order of arrival, by process time ---------------------------------------------------------


def first_in_first_out(rows: Rows) -> Floats:
    """FIFO: longest q. Conway, Maxwell and Miller (1967), Theory of Scheduling."""
    return rows["time_in_queue"]


def first_at_shop_first_served(rows: Rows) -> Floats:
    """FASFS: earliest release date. Conway, Maxwell and Miller (1967), Theory of Scheduling."""
    return rows["time_in_shop"]


def shortest_process_time(rows: Rows) -> Floats:
    """SPT: min p. Smith (1956), Various optimizers for single-stage production."""
    return -rows["process_time"]


def longest_process_time(rows: Rows) -> Floats:
    """LPT: max p. Graham (1969), Bounds on multiprocessing timing anomalies."""
    return rows["process_time"]


def weighted_shortest_process_time(rows: Rows) -> Floats:
    """WSPT: max w/p. Smith (1956), Various optimizers for single-stage production."""
    return rows["weight"] / _positive(rows["process_time"])


def shortest_remaining_process_time(rows: Rows) -> Floats:
    """SRPT: min R. Conway, Maxwell and Miller (1967), Theory of Scheduling."""
    return -rows["work_left"]


# --- by due date ----------------------------------------------------------------------------------


def earliest_due_date(rows: Rows) -> Floats:
    """EDD: min d. Jackson (1955), Scheduling a production line to minimize maximum tardiness."""
    return -rows["due_in"]


def weighted_earliest_due_date(rows: Rows) -> Floats:
    """WEDD: min (d - t)/w, and (d - t) w once late, so that weight always adds urgency; w = 0 last.
    After Jackson's EDD (1955)."""
    due_in, weight = rows["due_in"], rows["weight"]
    return np.where(
        (due_in < 0) & (weight > 0), -due_in * weight, -_over_weight(np.maximum(due_in, 0), weight)
    )


def earliest_operation_due_date(rows: Rows) -> Floats:
    """ODD: min o. Kanet and Hayya (1982), Priority dispatching with operation due dates in a job
    shop."""
    return -rows["operation_due_in"]


def modified_due_date(rows: Rows) -> Floats:
    """MDD: min max(R, d - t). Baker and Bertrand (1982), A dynamic priority rule for scheduling
    against due-dates."""
    return -np.maximum(rows["work_left"], rows["due_in"])


def modified_operation_due_date(rows: Rows) -> Floats:
    """MOD: min max(p, o - t). Baker and Kanet (1983), Job shop scheduling with modified due
    dates."""
    return -np.maximum(rows["process_time"], rows["operation_due_in"])


def weighted_modified_due_date(rows: Rows) -> Floats:
    """WMDD: min max(R, d - t)/w. Kanet and Li (2004), A weighted modified due date rule for
    sequencing to minimize weighted tardiness."""
    return -_over_weight(np.maximum(rows["work_left"], rows["due_in"]), rows["weight"])


def weighted_modified_operation_due_date(rows: Rows) -> Floats:
    """WMOD: min max(p, o - t)/w. Kanet and Li (2004), with the operation's due date."""
    return -_over_weight(np.maximum(rows["process_time"], rows["operation_due_in"]), rows["weight"])


def least_slack(rows: Rows) -> Floats:
    """SLK: min d - t - R. Conway (1965), Priority dispatching and job lateness in a job shop."""
    return -rows["slack"]


def no_slack_left(rows: Rows) -> Floats:
    """First key of SI: d - t - R <= 0. Oral and Malouin (1973), Evaluation of the shortest
    processing time scheduling rule with truncation process."""
    return (rows["slack"] <= 0).astype(np.float64)


def slack_per_remaining_operation(rows: Rows) -> Floats:
    """S/RO: min (d - t - R)/n. Conway (1965), Priority dispatching and job lateness in a job
    shop."""
    return -rows["slack"] / _positive(rows["operations_left"])


def slack_per_operation(rows: Rows) -> Floats:
    """S/OPN: min (d - t - R)/n, and (d - t - R) n once negative: a late order with more to do is
    more urgent, not less. After Conway (1965)."""
    slack, operations_left = rows["slack"], rows["operations_left"]
    return np.where(slack < 0, -slack * operations_left, -slack / _positive(operations_left))


def critical_ratio(rows: Rows) -> Floats:
    """CR: min (d - t)/R. Berry and Rao (1975), Critical ratio scheduling: an experimental
    analysis."""
    return -rows["due_in"] / _positive(rows["work_left"])


def cost_over_time(rows: Rows, k: float) -> Floats:
    """COVERT: max (w/p) max(0, 1 - max(0, d - t - R)/(k R)); k R is the wait to be expected.
    Vepsalainen and Morton (1987), section 2."""
    expected_wait = k * _positive(rows["work_left"])
    return weighted_shortest_process_time(rows) * np.maximum(
        0, 1 - np.maximum(0, rows["slack"]) / expected_wait
    )


def _discount_for_slack(rows: Rows, k: float) -> Floats:
    slack = np.maximum(0, rows["operation_due_in"] - rows["process_time"])
    return slack / (k * _positive(rows.here("mean_process_time")))


def apparent_tardiness_cost(rows: Rows, k: float) -> Floats:
    """ATC: max log (w/p) - max(0, o - t - p)/(k p_bar). Vepsalainen and Morton (1987), Priority
    rules for job shops with weighted tardiness costs."""
    return np.log(weighted_shortest_process_time(rows)) - _discount_for_slack(rows, k)


# --- with a look at the next queue ----------------------------------------------------------------


def work_in_next_queue(rows: Rows) -> Floats:
    """WINQ: min work in queue and left in process at the next work centre, per machine there. Haupt
    (1989), A survey of priority rule-based scheduling."""
    return -rows["next_queue_work"]


def process_time_and_next_queue(rows: Rows) -> Floats:
    """PT+WINQ: min p + WINQ. Holthaus and Rajendran (1997), Efficient dispatching rules for
    scheduling in a job shop."""
    return -(rows["process_time"] + rows["next_queue_work"])


def process_time_next_queue_and_slack(rows: Rows) -> Floats:
    """PT+WINQ+SL: min p + WINQ + min(0, d - t - R). Holthaus and Rajendran (1997), Efficient
    dispatching rules for scheduling in a job shop."""
    return -(rows["process_time"] + rows["next_queue_work"] + np.minimum(0, rows["slack"]))


def two_process_times_next_queue_and_next_process_time(rows: Rows) -> Floats:
    """2PT+WINQ+NPT: min 2p + WINQ + NPT. Holthaus and Rajendran (2000), Efficient jobshop
    dispatching rules: further developments."""
    return -(2 * rows["process_time"] + rows["next_queue_work"] + rows["next_process_time"])


def evolved_rule(rows: Rows, unit: float) -> Floats:
    """GECCO10: min p ((NPT - NPT/p) WINQ + max(p, n - q)(max(p - NPT, p/(t - r + p)) + 1) + 1),
    times in units of ``unit`` ticks.

    Hildebrandt, Heger and Scholz-Reiter (2010), Towards improved dispatching rules for complex shop
    floor scenarios. Evolved for process times of 1 to 49 units; it adds times, counts and numbers,
    so that the unit matters.
    """
    process_time, next_process_time, next_queue_work, time_in_queue, time_in_shop = (
        rows[name] / unit
        for name in (
            "process_time",
            "next_process_time",
            "next_queue_work",
            "time_in_queue",
            "time_in_shop",
        )
    )
    process_time = _positive(process_time)
    load_ahead = (next_process_time - next_process_time / process_time) * next_queue_work
    patience = np.maximum(process_time, rows["operations_left"] - time_in_queue)
    return -process_time * (
        load_ahead
        + patience
        * (
            np.maximum(
                process_time - next_process_time, process_time / (time_in_shop + process_time)
            )
            + 1
        )
        + 1
    )


# --- with an eye on changeovers -------------------------------------------------------------------


def shortest_setup_time(rows: Rows) -> Floats:
    """SST: min s. Pickardt and Branke (2012), Setup-oriented dispatching rules - a survey."""
    return -rows["setup_time"]


def same_setup(rows: Rows) -> Floats:
    """First key of SA>...: no changeover needed, not even one without time (setup avoidance).
    Pickardt and Branke (2012)."""
    return (~_needs_changeover(rows)).astype(np.float64)


def shortest_setup_and_process_time(rows: Rows) -> Floats:
    """SSPT: min s + p. Pickardt and Branke (2012)."""
    return -(rows["setup_time"] + rows["process_time"])


def shortest_normalised_setup_and_process_time(rows: Rows) -> Floats:
    """SNSPT: min s/s_bar + p/p_bar. Pickardt and Branke (2012)."""
    setups = rows["setup_time"] / _positive(rows.here("mean_setup_time"))
    return -(setups + rows["process_time"] / _positive(rows.here("mean_process_time")))


def due_date_and_setup_penalty(rows: Rows, k: float) -> Floats:
    """DK: min d + (k ticks if a changeover is needed). Mahmoodi and Dooley (1991), as given by
    Pickardt and Branke (2012)."""
    return -(rows["due_in"] + k * _needs_changeover(rows))


def family_first_come(rows: Rows) -> Floats:
    """FFCFS: the family with the longest q. Pickardt and Branke (2012)."""
    return rows["family_time_in_queue"]


def family_due_date(rows: Rows) -> Floats:
    """First key of FEDD: the family with the least d. Pickardt and Branke (2012)."""
    return -rows["family_due_in"]


def family_critical_ratio(rows: Rows) -> Floats:
    """First key of FCR: the family with the least (d - t)/R. Kim and Bobrowski (1994), Impact of
    sequence-dependent setup time on job shop scheduling."""
    return -rows["family_critical_ratio"]


def marginal_setup_time(rows: Rows) -> Floats:
    """First key of MMS: min s/|F|. Arzi and Raviv (1998), as given by Pickardt and Branke
    (2012)."""
    return -rows["setup_time"] / np.maximum(rows["family_ready"], 1)


def mean_family_time(rows: Rows) -> Floats:
    """First key of MASP: min (s + sum of p over F)/|F|. Pickardt and Branke (2012)."""
    return -(rows["setup_time"] + rows["family_ready_work"]) / np.maximum(rows["family_ready"], 1)


def weighted_batch_process_time(rows: Rows) -> Floats:
    """WBPT: min s/|F| + p. Raman, Rachamadugu and Talbot (1989), as given by Pickardt and Branke
    (2012)."""
    return -(rows["setup_time"] / np.maximum(rows["family_ready"], 1) + rows["process_time"])


def _discount_for_setup(rows: Rows, k2: float) -> Floats:
    return rows["setup_time"] / (k2 * _positive(rows.here("mean_setup_time")))


def apparent_tardiness_cost_with_setups(rows: Rows, k1: float, k2: float) -> Floats:
    """ATCS: max log (w/p) - max(0, o - t - p)/(k1 p_bar) - s/(k2 s_bar). Lee, Bhaskaran and Pinedo
    (1997), with the operation's due date."""
    return apparent_tardiness_cost(rows, k1) - _discount_for_setup(rows, k2)


# --- changeovers ahead, waits, chance -------------------------------------------------------------


def apparent_tardiness_cost_with_ready_times(rows: Rows, k1: float, k2: float, k3: float) -> Floats:
    """ATCSR: max log (w/p) - max(0, o - p - max(t, r))/(k1 p_bar) - s/(k2 s_bar) - max(0, r -
    t)/(k3 p_bar), r when it is expected to be ready.

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


def _mean_over(chosen: Bools, values: Floats) -> Floats:
    return np.sum(np.where(chosen, values, 0), axis=1, keepdims=True) / np.maximum(
        chosen.sum(axis=1, keepdims=True), 1
    )


def setup_serves_nothing_on_its_way(rows: Rows) -> Bools:
    """Whether every known upcoming operation wants another setup than the mounted one, ``[E, 1]``.

    The changeover rows then speak for all of them. A rule that changes over ahead only then never
    undoes a changeover before it was used.
    """
    offered = np.sum(
        np.where(
            (rows["is_changeover"] > 0) & (rows["family_ready"] <= 0), rows["family_upcoming"], 0
        ),
        axis=1,
        keepdims=True,
    )
    return offered >= rows.of_wait("family_upcoming")


def apparent_tardiness_cost_with_holding(rows: Rows, k1: float, k2: float, hold: float) -> Floats:
    """ATCS+HOLD ranks as ATCS does; ``hold`` only says when the winner must wait
    (:func:`changeover_is_not_urgent`)."""
    return apparent_tardiness_cost_with_setups(rows, k1, k2)


def changeover_is_not_urgent(rows: Rows, k1: float, k2: float, hold: float) -> Bools:
    """Return where ATCS+HOLD waits instead of starting the row's operation, ``[E, A]``.

    It needs a changeover, its ATCS priority is below ``hold`` times w/p, other work is on its way
    here, and some machine is at work: if none were, that other work might be held back as well,
    for ever.
    """
    discount = _discount_for_slack(rows, k1) + _discount_for_setup(rows, k2)
    not_urgent = _needs_changeover(rows) & (np.exp(-discount) < hold)
    return not_urgent & (rows.of_wait("family_upcoming") > 0) & rows.any_busy()


def chance(rows: Rows, seed: float) -> Floats:
    """RANDOM: a number hashed (splitmix64) from the seed and what the row says, so that the choice
    depends on no hidden state or order of rows."""
    bits = np.full(rows.legal.shape, int(seed), np.uint64)
    for column in range(rows.candidates.shape[-1]):
        said = np.ascontiguousarray(rows.candidates[..., column].astype(np.float64) + 0.0).view(
            np.uint64
        )
        bits = _mix(bits + said + np.uint64(0x9E3779B97F4A7C15))
    return (bits >> np.uint64(11)).astype(np.float64)


def _mix(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))

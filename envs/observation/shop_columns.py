"""Columns of the machine table and of the shop row, in the order of export.

"Here" is the asked machine or its work centre.
"""

from __future__ import annotations

from envs.observation.column_types import INFINITE, Column, column_indices, count, flag, real, ticks

MACHINES: tuple[Column, ...] = (
    flag(
        "exists",
        "the machine exists (rows beyond the factory's machines are 0)",
        "observe_machines",
    ),
    flag("is_asked", "the machine is the asked machine", "observe_machines"),
    flag(
        "same_centre",
        "the machine belongs to the asked machine's work centre",
        "observe_machines",
    ),
    flag("is_idle", "the machine is idle", "observe_status"),
    flag("is_changing", "the machine is in changeover", "observe_status"),
    flag("is_processing", "the machine is processing", "observe_status"),
    flag("is_down", "the machine is under repair", "observe_status"),
    flag("is_waiting", "the machine waits by choice", "observe_status"),
    ticks("busy_for", "expected time until the machine is idle", "observe_machines"),
    ticks("in_state_for", "time since the machine's present status began", "observe_status"),
    real("speed", "speed of the machine", "observe_machines", unit="ratio"),
    count("queue_length", "ready operations of the machine's work centre", "observe_queue"),
    count(
        "queue_fits",
        "ready operations that the machine could start without changeover time; 0 outside the "
        "asked machine's work centre",
        "observe_machines",
    ),
    ticks(
        "queue_work",
        "sum of the mean process times of the queue, per machine of the work centre",
        "observe_queue",
    ),
    count("upcoming_length", "upcoming operations of the machine's work centre", "observe_queue"),
    flag("is_closed", "the machine is closed by its calendar", "observe_machine_hours"),
    flag(
        "is_paused",
        "the machine has work that pauses: it is closed, or people are missing",
        "observe_machine_hours",
    ),
    ticks(
        "closing_in",
        "time until the machine closes, at most a week; 0 while it is closed",
        "observe_machine_hours",
    ),
    ticks(
        "opening_in",
        "time until the machine opens, at most a week; 0 while it is open",
        "observe_machine_hours",
    ),
    real(
        "maintenance_left",
        "smallest share of an interval of maintenance that is left until it is due, negative if it "
        "is overdue; 1 without maintenance",
        "observe_machine_hours",
        unit="ratio",
        low=-INFINITE,
        high=1.0,
    ),
)
"""Columns of ``machines``, float [M, Fm]."""

SHOP: tuple[Column, ...] = (
    ticks(
        "mean_process_time",
        "mean of the expected process times here of the ready operations that are eligible here",
        "group_ready",
    ),
    ticks(
        "mean_setup_time",
        "mean changeover time from the mounted setup of the ready operations that are eligible "
        "here, excluding forbidden changeovers",
        "group_ready",
    ),
    count("ready_here", "ready operations that are eligible here", "group_ready"),
    count("upcoming_here", "upcoming operations that are eligible here", "group_upcoming"),
    count(
        "fitting_ready",
        "ready operations eligible here that need no changeover time",
        "observe_fitting",
    ),
    count(
        "fitting_upcoming",
        "upcoming operations eligible here that need no changeover time",
        "observe_fitting",
    ),
    ticks(
        "fitting_ready_in",
        "minimum expected time until an operation counted in fitting_upcoming is ready, "
        "longest_wait if there is none",
        "observe_fitting",
    ),
    ticks(
        "fitting_slack",
        "minimum slack of the orders of the operations counted in fitting_upcoming, 0 if there is "
        "none",
        "observe_fitting",
        low=-INFINITE,
    ),
    count(
        "hidden_operations",
        "ready operations eligible here that have no job row",
        "observe_centre",
    ),
    ticks("longest_wait", "maximum length of a wait here", "observe_centre"),
    count("active_orders", "orders released and not completed", "observe_active_orders"),
    count("late_orders", "active orders past their due date", "observe_active_orders"),
    real(
        "late_weight",
        "sum of the weights of the late orders",
        "observe_active_orders",
        unit="weight",
    ),
    ticks("mean_slack", "mean slack of the active orders", "observe_active_orders", low=-INFINITE),
    ticks(
        "recent_interarrival_time",
        "mean interarrival time of the last (up to 8) releases, counted up to now",
        "observe_shop",
    ),
    count("crews_free", "free changeover crews, at most the number of machines", "observe_shop"),
    real(
        "price_now",
        "present price of electricity times the energy rate",
        "observe_prices",
        unit="currency/kWh",
    ),
    real(
        "price_soon",
        "mean of price_now over the four hours that follow the present one",
        "observe_prices",
        unit="currency/kWh",
    ),
    real(
        "processing_cost",
        "energy cost of an hour of processing here at the present price",
        "observe_centre",
        unit="currency/hour",
    ),
    real(
        "hour_sine",
        "sine of the hour of the day",
        "observe_prices",
        unit="ratio",
        low=-1.0,
        high=1.0,
    ),
    real(
        "hour_cosine",
        "cosine of the hour of the day",
        "observe_prices",
        unit="ratio",
        low=-1.0,
        high=1.0,
    ),
    real(
        "tardiness_rate",
        "cost of a tick of tardiness per unit of weight",
        "observe_shop",
        unit="currency/weight/tick",
    ),
    real(
        "holding_rate",
        "cost of a tick of an order in progress",
        "observe_shop",
        unit="currency/tick",
    ),
    real("cost_scale", "cost by which rewards are divided", "observe_shop", unit="currency"),
    ticks(
        "closing_in",
        "time until the asked machine closes, at most a week",
        "observe_asked_hours",
    ),
    ticks(
        "closure_time",
        "length of the asked machine's next closure, at most a week; 0 if it does not close within "
        "a week",
        "observe_asked_hours",
    ),
    real(
        "open_share_8h",
        "share of the next 8 hours in which the asked machine is open",
        "observe_asked_hours",
        unit="ratio",
        high=1.0,
    ),
    real(
        "open_share_24h",
        "share of the next 24 hours in which the asked machine is open",
        "observe_asked_hours",
        unit="ratio",
        high=1.0,
    ),
    real(
        "maintenance_left",
        "the asked machine's maintenance_left",
        "observe_asked_hours",
        unit="ratio",
        low=-INFINITE,
        high=1.0,
    ),
)
"""Columns of ``shop``, float [Fs]."""

MACHINE_COLUMN = column_indices("MachineColumn", MACHINES)
MACHINE_INDEX: dict[str, int] = MACHINE_COLUMN._asdict()
SHOP_COLUMN = column_indices("ShopColumn", SHOP)
SHOP_INDEX: dict[str, int] = SHOP_COLUMN._asdict()

"""Texts on a picture of the shop floor."""

from __future__ import annotations

from collections.abc import Sequence

from factory.schedule.gantt_style import shorten
from factory.schedule.shop_floor.floor_state import FloorMachine, FloorState, WaitingOperation
from factory.tick_dates import TickDates

_CHIP_LETTERS = 4
"""Letters of an order's id in a queue."""
_BOX_LETTERS, _SETUP_LETTERS = 19, 6
"""Letters of a line in a machine's box, and of a setup in it."""


def machine_lines(
    state: FloorMachine, order_id: str, product: str, dates: TickDates
) -> tuple[str, str]:
    """Return the two lines in a machine's box: its order and product, or its state; and the time
    that remains.

    Examples
    --------
    >>> minutes = TickDates(1.0)
    >>> machine_lines(FloorMachine("processing", (), None, 3, 0, 25), "17", "van", minutes)
    ('17 van', '25 min left')
    >>> setups = ("red",), ("blue",)
    >>> machine_lines(FloorMachine("changeover", *setups, 3, 0, 90), "17", "van", minutes)
    ('red → blue', '1 h 30 min, then 17')
    """
    order = shorten(order_id, 8)
    name = shorten(f"{order} {product}", _BOX_LETTERS)
    time = "" if state.remaining_time is None else dates.duration(state.remaining_time)
    if state.status == "processing":
        return name, f"{time} left"
    if state.status == "changeover":
        change = changeover_text(state)
        return change, time if state.order is None else f"{time}, then {order}"
    if state.status == "down":
        return "down", ", ".join(part for part in (time and f"{time} left", order) if part)
    if state.status == "reserved":
        return name, "is next"
    return ("waits", "") if state.status == "waiting" else ("idle", "")


def changeover_text(state: FloorMachine) -> str:
    """Return the values that a changeover exchanges, as ``red → blue``.

    Examples
    --------
    >>> changeover_text(FloorMachine("changeover", ("long", "sport"), ("short", "sport")))
    'long → short'
    """
    pairs = zip(state.setup, state.next_setup or state.setup, strict=True)
    changed = [(before, after) for before, after in pairs if before != after]
    if len(changed) == 1:
        is_long = sum(map(len, changed[0])) > 2 * _SETUP_LETTERS
        before, after = (shorten(v, _SETUP_LETTERS) if is_long else v for v in changed[0])
        return f"{before} → {after}"
    return "+".join(shorten(after, 6) for _, after in changed[:3]) or "changeover"


def chip_text(order_id: str) -> str:
    """Return the end of an order's id, by which orders differ.

    Examples
    --------
    >>> chip_text("17"), chip_text("order-0017")
    ('17', '…017')
    """
    return order_id if len(order_id) <= _CHIP_LETTERS else f"…{order_id[1 - _CHIP_LETTERS :]}"


def fit_chips(
    waiting: Sequence[WaitingOperation], slots: int
) -> tuple[Sequence[WaitingOperation], int]:
    """Return the operations for which there is a slot, and the number of the others; these need a
    slot of their own.

    Examples
    --------
    >>> queue = [WaitingOperation(order, 0, "ready", 0) for order in range(5)]
    >>> shown, hidden = fit_chips(queue, 4)
    >>> [operation.order for operation in shown], hidden
    ([0, 1, 2], 2)
    """
    if len(waiting) <= slots:
        return waiting, 0
    return waiting[: slots - 1], len(waiting) - slots + 1


def counter_text(state: FloorState, num_orders: int) -> str:
    """Return the line of counters: orders finished, in progress and late, and the cost so far."""
    parts = [
        f"{state.finished} of {num_orders} orders finished",
        f"{state.in_progress} in progress",
        f"{len(state.late_orders)} late",
    ]
    if state.cost is not None:
        parts.append(f"cost {state.cost:,.0f}")
    return ", ".join(parts)

"""Parsing and checking of snapshots; a problem is reported with path, value, rule and remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from pydantic import ValidationError

from factory.model import Factory
from factory.validation.errors import FactoryError, Problem
from factory.validation.text_files import drop_mark
from scheduler.snapshot.consistency import DISAGREEMENT
from scheduler.snapshot.date_checks import check_calendar_dates
from scheduler.snapshot.incremental_json import ABSENT, find_orders
from scheduler.snapshot.lock_checks import check_locks
from scheduler.snapshot.machine_checks import find_crew_problems, find_machine_problems
from scheduler.snapshot.order_checks import (
    check_in_process,
    count_operations_in_process,
    find_order_problems,
)
from scheduler.snapshot.order_tables import (
    FactoryNames,
    OrderRow,
    PreviousSnapshot,
    cache_tables,
    names_of,
    pack_rows,
    packed,
    put_together,
)
from scheduler.snapshot.parse_errors import MAX_PROBLEMS, format_errors
from scheduler.snapshot.schema import MAX_ORDERS, OrderState, Snapshot, SnapshotText

_MIN_ORDER_LENGTH = 64
"""Bytes of an order's JSON; a shorter text lacks some of its fields."""


class SnapshotError(ValueError):
    """A snapshot that cannot be used; the message has one line for each problem."""


def read_snapshot(text: str | bytes, factory: Factory) -> Snapshot:
    """Parse and check a snapshot for ``factory``.

    Raises
    ------
    SnapshotError
        With one line for each problem: path, value, rule, remedy.
    """
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    try:
        content = drop_mark(content, "snapshot")
    except FactoryError as error:
        raise SnapshotError(str(error)) from None
    return read_with_text(content, factory)[0]


def read_with_text(text: bytes, factory: Factory) -> tuple[Snapshot, SnapshotText | None]:
    """Parse and check a snapshot; return its text in parts too, if the parts are known."""
    parts = _read_incrementally(text, names_of(factory))
    if parts is None:
        return _check(lambda: Snapshot.model_validate_json(text), factory), None
    return check_snapshot(parts[0], factory), parts[1]


def parse_snapshot(data: object, factory: Factory) -> Snapshot:
    """Check a snapshot that was parsed from JSON into tables and lists.

    Raises
    ------
    SnapshotError
        With one line for each problem.
    """
    return _check(lambda: Snapshot.model_validate(data), factory)


def check_snapshot(snapshot: Snapshot, factory: Factory) -> Snapshot:
    """Check a snapshot against a factory and itself, and return it.

    Raises
    ------
    SnapshotError
        With one line for each problem.
    """
    tables = packed(snapshot, names_of(factory))
    calendar = check_calendar_dates(snapshot, tables, factory)
    problems = [*calendar, *_find_problems(snapshot, factory)]
    if problems:
        raise SnapshotError("\n".join(map(str, problems[:MAX_PROBLEMS])))
    return snapshot


def _check(parse: Callable[[], Snapshot], factory: Factory) -> Snapshot:
    try:
        snapshot = parse()
    except ValidationError as error:
        raise SnapshotError(format_errors(error, "snapshot")) from None
    return check_snapshot(snapshot, factory)


# --- reading only what has changed ----------------------------------------------------------------


def _read_incrementally(text: bytes, names: FactoryNames) -> tuple[Snapshot, SnapshotText] | None:
    """Read a snapshot, and reuse the orders whose text was in the previous one.

    None if the text is not that plain, or wrong: then pydantic must read all of it.
    """
    if b"\\" in text:
        return None
    letters, before = np.frombuffer(text, np.uint8), names.before
    room = min(MAX_ORDERS, len(text) // _MIN_ORDER_LENGTH) + 1
    spans, same = np.empty((room, 2), np.int64), np.empty(room, np.int64)
    count = find_orders(letters, spans, same, before.text, before.spans)
    if count == ABSENT:
        return None
    spans = spans[: count + 1].copy()
    first, last = spans[0].tolist()
    rest = b"%b[]%b" % (text[:first], text[last:])
    try:
        snapshot = Snapshot.model_validate_json(rest)
        orders = _reuse_orders(
            text, spans[1:].tolist(), same[1 : count + 1].tolist(), before.orders, names
        )
    except ValidationError:
        return None
    if orders is None:
        return None
    names.before = PreviousSnapshot(letters, spans, orders)
    tables, texts = put_together(orders, names)
    whole = snapshot.model_copy(update={"orders": tables.states})
    cache_tables(whole, tables, names)
    return whole, SnapshotText(rest, texts)


def _reuse_orders(
    text: bytes,
    spans: Sequence[tuple[int, int]],
    same: Sequence[int],
    before: Sequence[OrderRow],
    names: FactoryNames,
) -> list[OrderRow] | None:
    """Return the orders of a text; None if one does not fit the factory.

    Parameters
    ----------
    spans
        First and last byte of each order.
    same
        Span of the same text in the previous snapshot, or ABSENT.
    before
        Orders of the previous snapshot.
    """
    by_text = {order.text: order for order in before}
    known: list[OrderRow | None] = []
    new: list[bytes] = []
    for span, (start, end) in zip(same, spans, strict=True):
        order_text = text[start:end]
        order = before[span - 1] if span != ABSENT else by_text.get(order_text)
        known.append(order)
        if order is None:
            new.append(order_text)
    rows = pack_rows([OrderState.model_validate_json(order) for order in new], names, new)
    if rows is None:
        return None
    added = iter(rows)
    return [order or next(added) for order in known]


# --- does it fit the factory, and itself ----------------------------------------------------------


def _find_problems(snapshot: Snapshot, factory: Factory) -> Iterator[Problem]:
    if snapshot.factory != factory.name:
        rule = f"the policy works for {factory.name}"
        yield Problem("factory", snapshot.factory, rule, "Send the snapshot of that factory")
        return
    yield from _check_releases(snapshot)
    names = names_of(factory)
    tables = packed(snapshot, names)
    ids = [order.order_id for order in snapshot.orders] if tables is None else tables.ids
    orders = dict(zip(ids, snapshot.orders, strict=True))
    if len(orders) < len(snapshot.orders):
        rule, remedy = "order_id must be unique", "Give each order an id of its own"
        yield Problem("orders", _first_repeated(ids), rule, remedy)
        return
    in_process = count_operations_in_process(snapshot, names)
    if in_process == DISAGREEMENT:
        yield from find_order_problems(snapshot, factory)
    in_work: dict[tuple[str, str], str] = {}
    yield from find_machine_problems(snapshot, names, orders, in_work)
    if in_process != len(in_work):
        yield from check_in_process(snapshot, in_work)
    yield from find_crew_problems(snapshot, factory)
    if snapshot.locks:
        yield from check_locks(snapshot, orders, names.products, names.centres)


def _check_releases(snapshot: Snapshot) -> Iterator[Problem]:
    dates = snapshot.recent_releases
    if list(dates) != sorted(dates):
        yield Problem("recent_releases", dates, "they must rise", "Sort them")
    if any(date > snapshot.clock for date in dates):
        rule = f"none can lie after the clock at {snapshot.clock}"
        remedy = "Leave out orders that are still to come"
        yield Problem("recent_releases", dates, rule, remedy)


def _first_repeated(ids: Sequence[str]) -> str:
    seen = set[str]()
    for order_id in ids:
        if order_id in seen:
            return order_id
        seen.add(order_id)
    raise AssertionError("all ids differ")

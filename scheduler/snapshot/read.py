"""Parsing and checking of snapshots; a problem is reported with path, value, rule and remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from pydantic import ValidationError
from pydantic_core import from_json

from factory.model import Factory
from factory.validation.errors import FactoryError, Problem, list_problems
from factory.validation.text_files import drop_mark
from scheduler.snapshot.incremental_json import ABSENT, find_orders
from scheduler.snapshot.leniency import (
    BadOrder,
    ReadableParts,
    all_parts,
    drop_unreadable,
    is_no_json,
    name_bad_orders,
    put_aside,
    split_errors,
)
from scheduler.snapshot.order_tables import (
    FactoryNames,
    OrderRow,
    PreviousSnapshot,
    cache_tables,
    find_texts,
    names_of,
    pack_row,
    put_together,
    recall_rows,
)
from scheduler.snapshot.parse_errors import MAX_PROBLEMS, format_items
from scheduler.snapshot.problems import find_general_problems, find_problems
from scheduler.snapshot.schema import (
    MAX_ORDERS,
    OrderState,
    Snapshot,
    SnapshotText,
    write_rest,
)

_MIN_ORDER_LENGTH = 64
"""Bytes of an order's JSON; a shorter text lacks some of its fields."""


class SnapshotError(ValueError):
    """A snapshot that cannot be used; the message has one line for each problem."""


def read_snapshot(text: str | bytes, factory: Factory, *, strict: bool = True) -> Snapshot:
    """Parse and check a snapshot for ``factory``.

    Parameters
    ----------
    strict
        Refuse the snapshot if an order or a lock is bad. Otherwise bad ones are put aside and
        listed in ``set_aside`` of the result; a problem of anything else is refused.

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
    return read_with_text(content, factory, strict=strict)[0]


def read_with_text(
    text: bytes, factory: Factory, *, strict: bool = True
) -> tuple[Snapshot, SnapshotText | None]:
    """Parse and check a snapshot; return its text in parts too, if the parts are known."""
    read = read_plain(text, factory, strict=strict)
    if read is not None:
        return read
    try:
        snapshot = Snapshot.model_validate_json(text)
    except ValidationError as error:
        return _read_readable(lambda: from_json(text), error, factory, strict=strict), None
    return check_snapshot(snapshot, factory, strict=strict), None


def read_plain(
    text: bytes, factory: Factory, *, strict: bool = True
) -> tuple[Snapshot, SnapshotText | None] | None:
    """Read a snapshot as :func:`read_with_text`; None if pydantic must read all of the text."""
    names = names_of(factory)
    read = _read_incrementally(text, factory, strict=strict)
    if read is None:
        return None
    whole, written, parts = read
    if strict:
        return check_snapshot(whole, factory), written
    snapshot = check_parts(whole, factory, parts)
    if snapshot is whole:
        return snapshot, written
    texts = find_texts(snapshot, names)
    return snapshot, None if texts is None else SnapshotText(write_rest(snapshot), texts)


def parse_snapshot(data: Any, factory: Factory, *, strict: bool = True) -> Snapshot:
    """Check a snapshot that was parsed from JSON into tables and lists.

    Parameters
    ----------
    strict
        As for :func:`read_snapshot`.

    Raises
    ------
    SnapshotError
        With one line for each problem.
    """
    try:
        snapshot = Snapshot.model_validate(data)
    except ValidationError as error:
        return _read_readable(lambda: data, error, factory, strict=strict)
    return check_snapshot(snapshot, factory, strict=strict)


def check_snapshot(snapshot: Snapshot, factory: Factory, *, strict: bool = True) -> Snapshot:
    """Check a snapshot against a factory and itself.

    Parameters
    ----------
    strict
        As for :func:`read_snapshot`.

    Returns
    -------
    The same snapshot, or one without the orders and locks that were put aside.

    Raises
    ------
    SnapshotError
        With one line for each problem.
    """
    if strict:
        _refuse(find_problems(snapshot, factory))
        return snapshot
    return check_parts(snapshot, factory, all_parts(snapshot))


def check_parts(snapshot: Snapshot, factory: Factory, parts: ReadableParts) -> Snapshot:
    """Check the readable parts of a snapshot leniently, as :func:`check_snapshot` does."""
    is_usable = next(find_problems(snapshot, factory), None) is None
    if is_usable and not parts.set_aside:
        return snapshot
    recall_rows(names_of(factory))
    if is_usable:
        set_aside = (*snapshot.set_aside, *parts.set_aside)
        return snapshot.model_copy(update={"set_aside": set_aside})
    _refuse(find_general_problems(snapshot, factory))
    usable = put_aside(snapshot, factory, parts)
    _refuse(find_problems(usable, factory))
    return usable


def _refuse(problems: Iterable[Problem]) -> None:
    lines = list_problems(problems, MAX_PROBLEMS)
    if lines:
        raise SnapshotError("\n".join(lines))


def _read_readable(
    load: Callable[[], Any], error: ValidationError, factory: Factory, *, strict: bool
) -> Snapshot:
    """Check a snapshot without the orders and locks that an error names.

    Parameters
    ----------
    load
        Function that returns the tables and lists of the snapshot.
    """
    items = error.errors(include_url=False)
    general, single = split_errors(items, 0)
    if strict or general:
        raise SnapshotError(format_items(general if not strict else items, "snapshot"))
    data, parts = drop_unreadable(load(), single, 0)
    return check_parts(Snapshot.model_validate(data), factory, parts)


# --- reading only what has changed ----------------------------------------------------------------


def _read_incrementally(
    text: bytes, factory: Factory, *, strict: bool
) -> tuple[Snapshot, SnapshotText, ReadableParts] | None:
    """Read a snapshot, and reuse the orders whose text was in the previous one.

    None if the text is not that plain, or wrong: then pydantic must read all of it. Bad orders are
    left out, unless the reading is ``strict``.
    """
    if b"\\" in text:
        return None
    names = names_of(factory)
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
    except ValidationError:
        return None
    read = _reuse_orders(
        text, spans[1:].tolist(), same[1 : count + 1].tolist(), before.orders, names
    )
    bad = {i: order for i, order in enumerate(read) if not isinstance(order, OrderRow)}
    if bad and (strict or any(is_no_json(order) for order in bad.values())):
        return None
    rows = [order if isinstance(order, OrderRow) else None for order in read]
    names.before = PreviousSnapshot(letters, spans, rows)
    tables, texts = put_together([row for row in rows if row is not None], names)
    whole = snapshot.model_copy(update={"orders": tables.states})
    cache_tables(whole, tables, names)
    return whole, SnapshotText(rest, texts), name_bad_orders(whole, factory, len(rows), bad)


def _reuse_orders(
    text: bytes,
    spans: Sequence[tuple[int, int]],
    same: Sequence[int],
    before: Sequence[OrderRow | None],
    names: FactoryNames,
) -> list[OrderRow | BadOrder]:
    """Return the orders of a text.

    Parameters
    ----------
    spans
        First and last byte of each order.
    same
        Span of the same text in the previous snapshot, or ABSENT.
    before
        Orders of the previous snapshot.
    """
    by_text = {order.text: order for order in before if order is not None}
    read = list[OrderRow | BadOrder]()
    for span, (start, end) in zip(same, spans, strict=True):
        order_text = text[start:end]
        order = before[span - 1] if span != ABSENT else by_text.get(order_text)
        read.append(order or _read_order(order_text, names))
    return read


def _read_order(text: bytes, names: FactoryNames) -> OrderRow | BadOrder:
    try:
        state = OrderState.model_validate_json(text)
    except ValidationError as error:
        return BadOrder(text, None, error.errors(include_url=False))
    return pack_row(state, text, names) or BadOrder(text, state)

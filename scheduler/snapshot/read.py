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
    ReadableParts,
    all_parts,
    drop_unreadable,
    put_aside,
    split_errors,
)
from scheduler.snapshot.order_tables import (
    FactoryNames,
    OrderRow,
    PreviousSnapshot,
    cache_tables,
    names_of,
    pack_rows,
    put_together,
)
from scheduler.snapshot.parse_errors import MAX_PROBLEMS, format_items
from scheduler.snapshot.problems import find_general_problems, find_problems
from scheduler.snapshot.schema import MAX_ORDERS, OrderState, Snapshot, SnapshotText

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
    parts = _read_incrementally(text, names_of(factory))
    if parts is None:
        return None
    snapshot = check_snapshot(parts[0], factory, strict=strict)
    return snapshot, parts[1] if snapshot is parts[0] else None


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
    if next(find_problems(snapshot, factory), None) is None:
        if not parts.set_aside:
            return snapshot
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

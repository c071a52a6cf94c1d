"""Snapshots with problems are checked in linear time; counted are steps, not seconds."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from factory.validation import errors
from factory.validation.errors import MAX_LINES, Problem
from scheduler.service.request_reader import RequestReader
from scheduler.snapshot import lock_checks, problems
from scheduler.snapshot import read as reading
from scheduler.snapshot.order_tables import clear_previous
from scheduler.snapshot.parse_errors import MAX_PROBLEMS
from scheduler.snapshot.read import SnapshotError, parse_snapshot
from scheduler.snapshot.schema import Snapshot
from tests.builders.bad_snapshots import lock_waiting_orders, with_many_orders
from tests.builders.snapshots import FACTORY, snapshot_after
from tests.builders.workshop import (
    READY,
    UPCOMING,
    floor_of,
    idle,
    locked,
    order,
    packed_first,
)

STRICT = pytest.mark.parametrize("strict", [True, False], ids=["strict", "lenient"])


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Count closest-name searches, letter by letter comparisons, and formatted problems."""
    found = {"searches": 0, "comparisons": 0, "formatted": 0}

    def counted(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def count(*arguments: Any) -> Any:
            found[name] += 1
            return call(*arguments)

        return count

    search, set_name = errors.suggest, difflib.SequenceMatcher.set_seq1
    monkeypatch.setattr(errors, "suggest", counted("searches", search))
    monkeypatch.setattr(difflib.SequenceMatcher, "set_seq1", counted("comparisons", set_name))
    shown = Problem.statement
    assert isinstance(shown, property)
    assert shown.fget is not None
    monkeypatch.setattr(Problem, "statement", property(counted("formatted", shown.fget)))
    return found


def stale_locks(orders: int, locks: int) -> dict[str, Any]:
    data = with_many_orders(snapshot_after(200), orders)
    gone = [
        {"machine": "paint-1", "order": f"order-{9_000_000 + i}", "operation": "paint"}
        for i in range(locks)
    ]
    return data | {"locks": gone}


@pytest.mark.parametrize(("orders", "locks"), [(100, 50), (100, 400), (800, 50)])
def test_a_refusal_formats_and_searches_only_what_it_shows(
    orders: int, locks: int, counts: dict[str, int]
) -> None:
    data = stale_locks(orders, locks)
    with pytest.raises(SnapshotError) as refusal:
        parse_snapshot(data, FACTORY)
    lines = str(refusal.value).splitlines()
    assert len(lines) == min(locks, MAX_PROBLEMS)
    if locks > MAX_PROBLEMS:
        assert lines[-1] == f"and {locks - MAX_PROBLEMS + 1} more problems"
    assert counts["formatted"] == min(locks, MAX_PROBLEMS - (locks > MAX_PROBLEMS))
    assert counts["searches"] == MAX_LINES
    assert counts["comparisons"] <= MAX_LINES * (1 + errors._MAX_COMPARED)


@pytest.mark.parametrize(("orders", "locks"), [(100, 50), (100, 400), (800, 50)])
def test_what_is_put_aside_is_formatted_once_and_searched_for_a_few(
    orders: int, locks: int, counts: dict[str, int]
) -> None:
    read = parse_snapshot(stale_locks(orders, locks), FACTORY, strict=False)
    assert len(read.set_aside) == counts["formatted"] == locks
    assert counts["searches"] == MAX_LINES
    assert counts["comparisons"] <= MAX_LINES * (1 + errors._MAX_COMPARED)


@STRICT
def test_a_wrong_body_is_checked_once(strict: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    clear_previous(FACTORY)
    checked: list[int] = []

    def find(snapshot: Snapshot, factory: Any) -> Iterator[Problem]:
        checked.append(len(snapshot.locks))
        yield from problems.find_problems(snapshot, factory)

    monkeypatch.setattr(reading, "find_problems", find)
    body = json.dumps({"snapshot": stale_locks(100, 7)}).encode()
    reader = RequestReader(FACTORY)
    if strict:
        with pytest.raises(SnapshotError):
            reader.parse_snapshot(body, strict=True)
    else:
        reader.parse_snapshot(body)
    # what is left after the locks were put aside is checked too
    assert checked == ([7] if strict else [7, 0])


class Visits(dict[Any, Any]):
    """A table that counts how often it is looked into."""

    count = 0

    def __getitem__(self, key: Any) -> Any:
        self.count += 1
        return super().__getitem__(key)

    def get(self, key: Any, default: Any = None) -> Any:
        self.count += 1
        return super().get(key, default)

    def items(self) -> Any:
        self.count += len(self)
        return super().items()


def visits_of_locks(locks: int) -> int:
    """Return how often the tables of orders and machines are looked into for valid locks."""
    data = with_many_orders(snapshot_after(200), 20 + 2 * locks)
    snapshot = parse_snapshot(lock_waiting_orders(data, "test-1", "test", locks), FACTORY)
    assert len(snapshot.locks) == locks
    names = problems.names_of(FACTORY)
    orders = Visits((each.order_id, each) for each in snapshot.orders)
    centres = Visits(names.centres)
    assert not list(lock_checks.check_locks(snapshot, orders, names.products, centres))
    return orders.count + centres.count


def test_valid_locks_are_checked_in_linear_time() -> None:
    small, large = visits_of_locks(20), visits_of_locks(200)
    assert large <= 10 * small


def test_steps_of_a_blocked_or_crossed_sequence_are_visited_in_linear_time() -> None:
    """A ring: each step waits for the one before it, and the first for the last."""

    def visits(size: int) -> int:
        ring = Visits(((str(i), "step"), {(str((i - 1) % size), "step")}) for i in range(size))
        assert len(lock_checks._find_cyclic(ring)) == size
        return ring.count

    assert visits(1000) <= 10 * visits(100)


def test_a_long_circle_of_locks_is_named_in_part() -> None:
    """The booth is to paint A black before all others, and red after them."""
    factory = packed_first(("red", "pack", "black"))
    operations = {"red": READY, "pack": UPCOMING, "black": UPCOMING}
    names = ["A", *(f"B{i}" for i in range(20))]
    snapshot = floor_of(
        factory,
        {"paint-1": idle("white")},
        *(order(name, "black", operations=operations) for name in names),
    )
    steps = [("A", "black"), *((name, "red") for name in names[1:]), ("A", "red")]
    with pytest.raises(SnapshotError, match=r"before \.\.\.\. Change the sequence") as refusal:
        locked(snapshot, factory, *(("paint-1", name, step) for name, step in steps))
    assert str(refusal.value).count(" before ") == 8


@STRICT
def test_a_repeated_id_is_found_by_looking_once_at_each_order(strict: bool) -> None:
    data = with_many_orders(snapshot_after(200), 300)
    data["orders"].append(data["orders"][-1])
    if strict:
        with pytest.raises(SnapshotError, match="order_id must be unique"):
            parse_snapshot(data, FACTORY)
    else:
        (part,) = parse_snapshot(data, FACTORY, strict=False).set_aside
        assert part.place == "orders.300.order_id"

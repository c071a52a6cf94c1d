"""Snapshots are read as if each were the first: what was in the one before saves time and changes
nothing."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from scheduler.snapshot.incremental_json import ABSENT, find_orders
from scheduler.snapshot.order_tables import clear_previous
from scheduler.snapshot.read import SnapshotError, check_snapshot, read_snapshot, read_with_text
from scheduler.snapshot.schema import Snapshot
from tests.builders.repository import ROOT
from tests.builders.snapshots import FACTORY, snapshot_after

PLAIN = json.dumps(json.loads((ROOT / "examples" / "snapshot.json").read_text(encoding="utf-8")))
DATA: dict[str, Any] = json.loads(PLAIN)
ORDER = json.dumps(DATA["orders"][0])


def read_plainly(text: str) -> Snapshot | None:
    """By pydantic alone, and with nothing remembered; None if it is refused."""
    clear_previous(FACTORY)
    try:
        return check_snapshot(Snapshot.model_validate_json(text), FACTORY)
    except (ValidationError, SnapshotError):
        return None


def test_orders_that_were_there_before_are_not_read_again() -> None:
    clear_previous(FACTORY)
    moments = (snapshot_after(200), snapshot_after(201))
    before, after = (read_snapshot(moment.model_dump_json(), FACTORY) for moment in moments)
    known = {id(order) for order in before.orders}
    assert sum(id(order) in known for order in after.orders) > len(after.orders) / 2
    assert (before, after) == moments


def test_an_order_that_has_changed_is_read_anew() -> None:
    read_snapshot(PLAIN, FACTORY)
    changed = {**DATA, "orders": [{**DATA["orders"][0], "weight": 7.5}, *DATA["orders"][1:]]}
    assert read_snapshot(json.dumps(changed), FACTORY).orders[0].weight == 7.5


RESTING: dict[str, Any] = {
    **json.loads(PLAIN.replace('"in_process"', '"upcoming"')),
    "machines": {
        name: {"setup": state.get("setup", {}), "status": "idle", "since": 0}
        for name, state in DATA["machines"].items()
    },
}
SPELT = [json.dumps(order) for order in RESTING["orders"]]
CHANGED = [json.dumps({**order, "weight": 7.5}) for order in RESTING["orders"]]
ORDERS: dict[str, list[str]] = {
    "as they were": SPELT,
    "fewer": SPELT[:2] + SPELT[5:],
    "more": [SPELT[0], CHANGED[1].replace('"order_id": "', '"order_id": "new '), *SPELT[1:]],
    "changed": [SPELT[0], *CHANGED[1:4], *SPELT[4:]],
    "all changed": CHANGED,
    "backwards": SPELT[::-1],
    "none": [],
}


def spell(orders: Sequence[str], between: str = ", ") -> bytes:
    """A snapshot with these orders."""
    return (
        json.dumps({**RESTING, "orders": []})
        .replace('"orders": []', f'"orders": [{between.join(orders)}]')
        .encode()
    )


@pytest.mark.parametrize("orders", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("between", [", ", ",", " ,\n"], ids=["as before", "closer", "wider"])
def test_orders_come_go_change_and_move(orders: list[str], between: str) -> None:
    text = spell(orders, between)
    clear_previous(FACTORY)
    before, (result, parts) = read_snapshot(spell(SPELT), FACTORY), read_with_text(text, FACTORY)
    assert len(before.orders) > 8
    assert result == Snapshot.model_validate_json(text)
    assert parts is not None
    assert [order.decode() for order in parts.orders] == orders
    assert Snapshot.model_validate_json(parts.rest) == result.model_copy(update={"orders": ()})


def test_orders_that_stand_where_they_stood_are_noticed_without_reading_them() -> None:
    def find(
        text: bytes, known: bytes, spans: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], list[int]]:
        result, same = np.empty((len(SPELT) + 3, 2), np.int64), np.empty(len(SPELT) + 3, np.int64)
        count = find_orders(
            np.frombuffer(text, np.uint8), result, same, np.frombuffer(known, np.uint8), spans
        )
        return result[: count + 1], same[1 : count + 1].tolist()

    first, same = find(spell(SPELT), b"{}", np.zeros((0, 2), np.int64))
    count = len(SPELT)
    assert same == [ABSENT] * count
    assert find(spell(SPELT), spell(SPELT), first)[1] == [*range(1, count + 1)]
    assert find(spell(SPELT[2:]), spell(SPELT), first)[1] == [*range(3, count + 1)]
    assert find(spell([CHANGED[0], *SPELT]), spell(SPELT), first)[1] == [
        ABSENT,
        *range(1, count + 1),
    ]
    assert find(spell(CHANGED[:3] + SPELT[3:]), spell(SPELT), first)[1] == [ABSENT] * 3 + [
        *range(4, count + 1)
    ]


TEXTS: dict[str, Callable[[], str]] = {
    "as it is": lambda: PLAIN,
    "indented": lambda: json.dumps(DATA, indent=3),
    "orders first": lambda: json.dumps({"orders": DATA["orders"], **DATA}),
    "orders last": lambda: json.dumps(
        {
            **{name: part for name, part in DATA.items() if name != "orders"},
            "orders": DATA["orders"],
        }
    ),
    "orders twice": lambda: f'{{"orders": [], {PLAIN[1:]}',
    "orders twice, once in disguise": lambda: f'{PLAIN[:-1]}, "\\u006frders": []}}',
    "no orders": lambda: json.dumps(
        {name: part for name, part in DATA.items() if name != "orders"}
    ),
    "orders are none": lambda: json.dumps({**DATA, "orders": None}),
    "orders are a table": lambda: json.dumps({**DATA, "orders": {}}),
    "an order is a list": lambda: json.dumps({**DATA, "orders": [[]]}),
    "an order is none": lambda: PLAIN.replace(ORDER, "null"),
    "an order twice": lambda: PLAIN.replace(ORDER, f"{ORDER}, {ORDER}"),
    "a comma too many": lambda: PLAIN.replace(ORDER, f"{ORDER},", 1),
    "a comma missing": lambda: PLAIN.replace(f"{ORDER},", ORDER),
    "a comma after the last order": lambda: PLAIN.replace("}}}]", "}}},]"),
    "a bracket too many": lambda: PLAIN.replace(ORDER, f"{ORDER[:-1]}]", 1),
    "not closed": lambda: PLAIN[:-1],
    "closed twice": lambda: PLAIN + "}",
    "a quote missing": lambda: PLAIN.replace('"orders"', '"orders', 1),
    "ids with brackets": lambda: PLAIN.replace(
        f'"order_id": "{DATA["orders"][1]["order_id"]}"', '"order_id": "a ]}, [{ b"'
    ),
    "ids with a backslash": lambda: PLAIN.replace(
        f'"order_id": "{DATA["orders"][1]["order_id"]}"', '"order_id": "a \\"]} b"'
    ),
    "an id that is called orders": lambda: PLAIN.replace(
        f'"order_id": "{DATA["orders"][1]["order_id"]}"', '"order_id": "orders"'
    ),
    "orders within an order": lambda: PLAIN.replace(ORDER, f'{ORDER[:-1]}, "orders": []}}'),
    "an order that cannot be": lambda: PLAIN.replace('"product": "', '"product": "x', 1),
    "an order with a nan": lambda: PLAIN.replace(ORDER, f'{ORDER[:-1]}, "weight": NaN}}'),
    "a list instead of all": lambda: f"[{PLAIN}]",
    "a blank that is none": lambda: PLAIN.replace(", ", ",\x0b", 1),
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_whatever_the_text_looks_like_it_is_read_as_by_pydantic_alone(
    text: Callable[[], str],
) -> None:
    expected = read_plainly(text())
    clear_previous(FACTORY)
    for before in ("", PLAIN, text()):
        with contextlib.suppress(SnapshotError):
            read_snapshot(before, FACTORY)
        try:
            result: Snapshot | None = read_snapshot(text(), FACTORY)
        except SnapshotError:
            result = None
        assert result == expected


def test_what_is_refused_is_refused_in_the_same_words() -> None:
    wrong = PLAIN.replace('"weight"', '"wait"').replace('"due_date": ', '"due_date": "x', 1)
    with pytest.raises(ValidationError) as plain:
        Snapshot.model_validate_json(wrong)
    with pytest.raises(SnapshotError) as refusal:
        read_snapshot(wrong, FACTORY)
    assert len(str(refusal.value).splitlines()) == plain.value.error_count()


# --- dates that are no ticks ----------------------------------------------------------------------

CALENDAR_DATES = [
    (("clock",), 1774944000, "clock = 1774944000", "2026-03-31T08:00:00+00:00"),
    (("orders", 0, "due_date"), 20260331, "orders.0.due_date = 20260331", "2026-03-31"),
    (
        ("machines", "paint-1", "out_of_service_until"),
        202603310600,
        "machines.paint-1.out_of_service_until = 202603310600",
        "2026-03-31T06:00",
    ),
]


@pytest.mark.parametrize(
    ("keys", "number", "place", "date"),
    CALENDAR_DATES,
    ids=[place for *_, place, _ in CALENDAR_DATES],
)
def test_bug_a_calendar_date_in_a_snapshot_is_refused(
    keys: Sequence[Any], number: int, place: str, date: str
) -> None:
    """As ticks it lies decades ahead, and was believed."""
    content = json.loads(PLAIN)
    inside = content
    for key in keys[:-1]:
        inside = inside[key]
    inside[keys[-1]] = number
    for spelt in (
        json.dumps(content),
        json.dumps(content, ensure_ascii=True).replace('"factory"', '"\\u0066actory"'),
    ):  # read in parts, and whole
        with pytest.raises(SnapshotError) as refusal:
            read_snapshot(spelt, FACTORY)
        rule = f"dates are ticks of the factory, but this one reads as {date}"
        assert (
            f"{place}; {rule}. Count the ticks from the date of tick 0."
            in str(refusal.value).splitlines()
        )


def test_bug_the_arrival_of_a_part_is_no_calendar_date() -> None:
    content = json.loads(PLAIN)
    place, name = next(
        (place, name)
        for place, order in enumerate(content["orders"])
        for name, state in order["operations"].items()
        if state["status"] == "upcoming"
    )
    content["orders"][place]["operations"][name]["arrival_date"] = 20260331
    with pytest.raises(
        SnapshotError,
        match=rf"orders\.{place}\.operations\.{name}\.arrival_date = 20260331; dates are ticks",
    ):
        read_snapshot(json.dumps(content), FACTORY)


def test_far_dates_that_are_no_calendar_dates_stay_ticks() -> None:
    content = json.loads(PLAIN)
    content["orders"][0]["due_date"] = 99_999_999
    assert read_snapshot(json.dumps(content), FACTORY).orders[0].due_date == 99_999_999

"""Snapshots are read as if each were the first: what was in the one before saves time and changes nothing."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from agents.rules import make_rule
from factory.catalogue import find_single_factory
from scheduler.floor import Floor, take_snapshot
from scheduler.packing import forget
from scheduler.reading import SnapshotError, check_snapshot, read_snapshot
from scheduler.simulated import simulate
from scheduler.snapshot import Snapshot

FACTORY = find_single_factory("microfactory")
RULE = make_rule("ATCS", k1=2, k2=0.5)
MOMENTS = [take_snapshot(Floor(FACTORY), simulate(FACTORY, RULE, 5, decisions), 0) for decisions in (200, 201, 205)]
DATA: dict[str, Any] = MOMENTS[0].model_dump(mode="json", exclude_defaults=True)
PLAIN = json.dumps(DATA)
ORDER = json.dumps(DATA["orders"][0])


def read_plainly(text: str) -> Snapshot | None:
    """By pydantic alone, and with nothing remembered; None if it is refused."""
    forget(FACTORY)
    try:
        return check_snapshot(Snapshot.model_validate_json(text), FACTORY)
    except (ValidationError, SnapshotError):
        return None


def test_orders_that_were_there_before_are_not_read_again() -> None:
    forget(FACTORY)
    before, after = (read_snapshot(moment.model_dump_json(), FACTORY) for moment in MOMENTS[:2])
    known = {id(order) for order in before.orders}
    assert sum(id(order) in known for order in after.orders) > len(after.orders) / 2
    assert (before, after) == tuple(MOMENTS[:2])


def test_an_order_that_has_changed_is_read_anew() -> None:
    read_snapshot(PLAIN, FACTORY)
    changed = {**DATA, "orders": [{**DATA["orders"][0], "weight": 7.5}, *DATA["orders"][1:]]}
    assert read_snapshot(json.dumps(changed), FACTORY).orders[0].weight == 7.5


TEXTS: dict[str, Callable[[], str]] = {
    "as it is": lambda: PLAIN,
    "indented": lambda: json.dumps(DATA, indent=3),
    "orders first": lambda: json.dumps({"orders": DATA["orders"], **DATA}),
    "orders last": lambda: json.dumps({**{name: part for name, part in DATA.items() if name != "orders"}, "orders": DATA["orders"]}),
    "orders twice": lambda: f'{{"orders": [], {PLAIN[1:]}',
    "orders twice, once in disguise": lambda: f'{PLAIN[:-1]}, "\\u006frders": []}}',
    "no orders": lambda: json.dumps({name: part for name, part in DATA.items() if name != "orders"}),
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
    "ids with brackets": lambda: PLAIN.replace(f'"order_id": "{DATA["orders"][1]["order_id"]}"', '"order_id": "a ]}, [{ b"'),
    "ids with a backslash": lambda: PLAIN.replace(f'"order_id": "{DATA["orders"][1]["order_id"]}"', '"order_id": "a \\"]} b"'),
    "an id that is called orders": lambda: PLAIN.replace(f'"order_id": "{DATA["orders"][1]["order_id"]}"', '"order_id": "orders"'),
    "orders within an order": lambda: PLAIN.replace(ORDER, f'{ORDER[:-1]}, "orders": []}}'),
    "an order that cannot be": lambda: PLAIN.replace('"product": "', '"product": "x', 1),
    "an order with a nan": lambda: PLAIN.replace(ORDER, f'{ORDER[:-1]}, "weight": NaN}}'),
    "a list instead of all": lambda: f"[{PLAIN}]",
    "a blank that is none": lambda: PLAIN.replace(", ", ",\x0b", 1),
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_whatever_the_text_looks_like_it_is_read_as_by_pydantic_alone(text: Callable[[], str]) -> None:
    expected = read_plainly(text())
    forget(FACTORY)
    for before in ("", PLAIN, text()):
        with contextlib.suppress(SnapshotError):
            read_snapshot(before, FACTORY)
        try:
            found: Snapshot | None = read_snapshot(text(), FACTORY)
        except SnapshotError:
            found = None
        assert found == expected


def test_what_is_refused_is_refused_in_the_same_words() -> None:
    wrong = PLAIN.replace('"weight"', '"wait"').replace('"due_date": ', '"due_date": "x', 1)
    with pytest.raises(ValidationError) as plain:
        Snapshot.model_validate_json(wrong)
    with pytest.raises(SnapshotError) as found:
        read_snapshot(wrong, FACTORY)
    assert len(str(found.value).splitlines()) == plain.value.error_count()

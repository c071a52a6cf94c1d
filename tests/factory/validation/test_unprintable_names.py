"""Names that cannot be printed, or are too long, are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agents.rules.registry import make_rule
from factory.io.order_book_csv import write_order_book
from factory.model import Factory, Machine, Option, OptionValue, Order, OrderBook
from factory.validation.errors import FactoryError
from factory.validation.factory import check_factory
from factory.validation.names import MAX_NAME
from scheduler.floor.floor import ShopFloor
from scheduler.floor.shop_snapshot import take_snapshot
from scheduler.simulated_plant import simulate
from scheduler.snapshot.read import SnapshotError, read_snapshot
from tests.builders.hostile_names import UNPRINTABLE
from tests.builders.workshop import workshop

FACTORY = workshop()

ROLES = {
    "name": lambda name: Factory(
        name=name, work_centres=FACTORY.work_centres, products=FACTORY.products
    ),
    "work_centre.name": lambda name: _with_centre(name=name),
    "machine.name": lambda name: _with_centre(machines=(Machine(name=name),)),
    "product.name": lambda name: FACTORY.model_copy(
        update={"products": (FACTORY.products[0].model_copy(update={"name": name}),)}
    ),
    "option.name": lambda name: FACTORY.model_copy(
        update={"options": (Option(name=name, values=(OptionValue(name="v"),)),)}
    ),
    "option.colour.value.name": lambda name: FACTORY.model_copy(
        update={"options": (Option(name="colour", values=(OptionValue(name=name),)),)}
    ),
}


def _with_centre(**changes: Any) -> Factory:
    return FACTORY.model_copy(
        update={
            "work_centres": (
                FACTORY.work_centres[0].model_copy(update=changes),
                *FACTORY.work_centres[1:],
            )
        }
    )


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", UNPRINTABLE)
def test_bug_a_name_that_cannot_be_printed_is_refused_in_one_line(role: str, name: str) -> None:
    with pytest.raises(FactoryError) as refusal:
        check_factory(ROLES[role](name), "my_factory.toml")
    letter = next(letter for letter in name if not letter.isprintable())
    plural = {
        "name": "factories",
        "work_centre.name": "work centres",
        "machine.name": "machines",
        "product.name": "products",
        "option.name": "options",
    }
    rule = (
        f"the names of {plural.get(role, 'values')} must be printable, and the character"
        f" U+{ord(letter):04X} is not. Remove the character."
    )
    assert str(refusal.value) == f"my_factory.toml: {role} = {name!r}; {rule}"


def test_paths_in_errors_are_printable(tmp_path: Path) -> None:
    """A path consists of names, which may be wrong themselves."""
    centre = FACTORY.work_centres[0].model_copy(update={"name": "pa\nint\x1b[31m", "machines": ()})
    with pytest.raises(FactoryError) as refusal:
        check_factory(FACTORY.model_copy(update={"work_centres": (centre,)}), "my\nfactory.toml")
    lines = str(refusal.value).splitlines()
    assert len(lines) == 2
    assert all(
        line.isprintable() and line.startswith(r"my\nfactory.toml: work_centre.") for line in lines
    )


def test_a_name_of_more_than_200_characters_is_refused() -> None:
    check_factory(ROLES["name"]("x" * MAX_NAME))
    with pytest.raises(
        FactoryError, match=r"must have at most 200 characters, and this one has 201\. Shorten it\."
    ):
        check_factory(ROLES["name"]("x" * (MAX_NAME + 1)))


@pytest.mark.parametrize("name", UNPRINTABLE)
def test_bug_an_order_whose_name_cannot_be_printed_is_refused(name: str, tmp_path: Path) -> None:
    order = Order(order_id=name, release_date=0, due_date=9, weight=1.0, product="red")
    with pytest.raises(FactoryError, match="an order's name must be printable"):
        write_order_book(OrderBook(orders=(order,)), tmp_path / "orders.csv", FACTORY)
    snapshot = take_snapshot(
        ShopFloor(FACTORY), simulate(FACTORY, make_rule("FIFO"), 1, 1), 0
    ).model_dump(mode="json")
    snapshot["orders"][0]["order_id"] = name
    with pytest.raises(
        SnapshotError,
        match=(
            r"orders.0.order_id = .*; names must be printable, and the character U\+[0-9A-F]{4}"
            r" is not"
        ),
    ):
        read_snapshot(json.dumps(snapshot), FACTORY)

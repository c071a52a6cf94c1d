"""docs/factories.md lists every key of factory files, and every range of randomised factories."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest

from factory import model
from factory.generation.ranges import LIMITS, RandomisedRanges
from factory.io.order_list.layout import OrderListLayout
from factory.validation.references import BOOK_COLUMNS
from tests.builders.repository import ROOT

GUIDE = (ROOT / "docs" / "factories.md").read_text(encoding="utf-8")
MODELS = {
    "Top level": model.Factory,
    "`[[work_centres]]`": model.WorkCentre,
    "`[[work_centres.machines]]`": model.Machine,
    "`[[work_centres.attributes]]`": model.Attribute,
    "`[[products]]`": model.Product,
    "`[[products.operations]]`": model.Operation,
    "`[[options]]`": model.Option,
    "`[[options.values]]`": model.OptionValue,
    "`[[options.values.effects]]`": model.Effect,
    "`[demand]`": model.Demand,
    "`[[demand.regimes]]`": model.DemandRegime,
    "`[[demand.customers]]`": model.Customer,
    "`[[material]]`": model.SupplyRegime,
    "`[transport]`": model.Transport,
    "`[tariff]`": model.Tariff,
    "`[uncertainty]`": model.Uncertainty,
    "`[costs]`": model.Costs,
}
"""Sections of the guide, and the models whose keys they list."""


def section(title: str) -> dict[str, list[str]]:
    """Return the rows of the table below a heading, by key."""
    heading = rf"^##+ {re.escape(title)}$"
    (text,) = re.findall(rf"{heading}(.*?)(?=^##|\Z)", GUIDE, re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", text, re.MULTILINE)
    return {key: [cell.strip() for cell in cells.split("|")] for key, cells in rows}


@pytest.mark.parametrize("title", MODELS)
def test_guide_lists_exactly_the_keys_of_each_table_in_their_order(title: str) -> None:
    assert list(section(title)) == list(MODELS[title].model_fields)


@pytest.mark.parametrize("title", MODELS)
def test_guide_gives_each_keys_default(title: str) -> None:
    for key, (_, _, default, _, _) in section(title).items():
        field = MODELS[title].model_fields[key]
        value = field.default
        if field.is_required():
            assert default == "required", key
        elif isinstance(value, model.Model):
            assert default == "see below", key
        elif value in ((), {}):
            assert default == "none", key
        elif value == (0.0,) * 24:
            assert default == "all 0", key
        elif value is None:
            assert default not in ("", "required", "none"), key
        else:
            assert default == f"`{json.dumps(value)}`", key


def test_every_model_of_a_factory_has_a_section() -> None:
    classes = [value for value in vars(model).values() if isinstance(value, type)]
    models = {each for each in classes if issubclass(each, model.Model)}
    assert models - {model.Model, model.Order, model.OrderBook} == set(MODELS.values())


def test_guide_lists_the_ranges_of_randomised_factories_with_their_bounds() -> None:
    rows = section("Randomised factories")
    assert list(rows) == list(RandomisedRanges.model_fields)
    for key, (_, default, bounds, _) in rows.items():
        low, high = LIMITS[key]
        assert default == f"`{list(RandomisedRanges.model_fields[key].default)}`", key
        assert bounds == f"{low:g} to {high:g}", key


def test_guide_lists_the_keys_of_a_layout_in_their_order() -> None:
    rows = section("Lists as people have them")
    assert list(rows) == [field.name for field in dataclasses.fields(OrderListLayout)]


def test_guide_lists_the_columns_of_an_order_book_in_their_order() -> None:
    assert list(section("Order books")) == list(BOOK_COLUMNS)

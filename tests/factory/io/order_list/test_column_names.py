"""Names of columns: exact, nearly exact, synonyms, and mappings, which win."""

from __future__ import annotations

import pytest

from factory.io.order_list.column_names import SYNONYMS, ColumnNames, plain_name
from factory.model import Factory
from factory.validation.references import BOOK_COLUMNS
from tests.builders.kart_factory import karts


def columns_of(*header: str, **mapping: str) -> dict[str, str]:
    """Return the names in a file by column."""
    return ColumnNames(karts(), mapping).find_columns(header, 1, "orders.layout.toml").names


def with_option(name: str) -> Factory:
    """Return a factory whose option has this name."""
    factory = karts()
    (option,) = factory.options
    return factory.model_copy(update={"options": (option.model_copy(update={"name": name}),)})


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("order_id", "order_id"),
        ("Order-ID", "order_id"),
        ("ORDER ID", "order_id"),
        ("Auftrag", "order_id"),
        ("Auftrags-Nr.", "order_id"),
        ("Order No.", "order_id"),
        ("Liefertermin", "due_date"),
        ("Fällig am:", "due_date"),
        ("FAELLIG AM", "due_date"),
        ("Delivery date", "due_date"),
        ("Due", "due_date"),
        ("Freigabe", "release_date"),
        ("Start", "release_date"),
        ("Gewicht", "weight"),
        ("Priorität", "weight"),
        ("Priority", "weight"),
        ("Artikel", "product"),
        ("Article", "product"),
        ("Colour", "colour"),
    ],
)
def test_a_column_is_known_by_other_names(name: str, column: str) -> None:
    assert columns_of("Kunde", name) == {column: name}


def test_the_surest_name_of_a_column_wins() -> None:
    assert columns_of("Order", "order_id", "Order ID") == {"order_id": "order_id"}
    assert columns_of("Order", "Order ID") == {"order_id": "Order ID"}
    assert columns_of("order_id", "Order", Order="order_id") == {"order_id": "Order"}


def test_an_option_is_not_taken_for_a_synonym() -> None:
    names = ColumnNames(with_option("model"), {})
    assert names.find_columns(["Model", "Article"], 1, "").names == {
        "model": "Model",
        "product": "Article",
    }


def test_a_name_with_two_plain_meanings_must_be_exact() -> None:
    names = ColumnNames(with_option("Due Date"), {})
    assert names.find_columns(["Due Date", "due_date"], 1, "").names == {
        "Due Date": "Due Date",
        "due_date": "due_date",
    }


def test_no_synonym_has_two_meanings() -> None:
    plain = [plain_name(one) for synonyms in SYNONYMS.values() for one in synonyms.split(",")]
    assert len(plain) == len(set(plain))
    assert "" not in plain
    assert set(SYNONYMS) == set(BOOK_COLUMNS)


def test_extra_columns_keep_different_names() -> None:
    columns = ColumnNames(karts(), {}).find_columns(["Note", "Note", "Note"], 1, "")
    assert columns.extra == {"Note": 0, "Note (2)": 1, "Note (3)": 2}

"""Numbers with decimal comma or point and thousands separators, decided for a whole column."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.io.order_list.exact_cells import ExactNumber
from factory.io.order_list.number_formats import guess_decimal, read_decimal


@pytest.mark.parametrize(
    ("text", "decimal", "number"),
    [
        ("1.5", ".", 1.5),
        ("1,5", ",", 1.5),
        ("1,234.5", ".", 1234.5),
        ("1.234,5", ",", 1234.5),
        ("1.234.567", ",", 1234567),
        ("1'234.5", ".", 1234.5),
        ("1’234,5", ",", 1234.5),
        ("1 234,5", ",", 1234.5),
        ("1\u00a0234,5", ",", 1234.5),
        ("1\u202f234.5", ".", 1234.5),
        ("-1.234", ",", -1234),
        ("1.234", ".", 1.234),
        ("0.5", ".", 0.5),
        (",5", ",", 0.5),
        ("1e3", ".", 1000),
        ("1,5e3", ",", 1500),
    ],
)
def test_numbers_are_read_with_their_separators(text: str, decimal: str, number: float) -> None:
    assert read_decimal(text, decimal) == number


@pytest.mark.parametrize(
    ("text", "decimal"),
    [
        ("1,5", "."),
        ("1.5", ","),
        ("12,34", "."),
        ("1,2345", "."),
        ("0,500", "."),
        ("1,234'567", "."),
        ("1.234,567,8", ","),
        ("1_000", "."),
        ("\u0663", "."),
        ("", "."),
        ("nan", "."),
        ("1 kg", "."),
        ("9" * 400, "."),
    ],
)
def test_other_texts_are_no_numbers(text: str, decimal: str) -> None:
    assert math.isnan(read_decimal(text, decimal))


@pytest.mark.parametrize(
    ("texts", "decimal"),
    [
        (["1,5", "2"], ","),
        (["1.234", "0,5"], ","),
        (["1,234", "0.5"], "."),
        (["1,234", "1.5", "2.5", "3,5"], "."),
        (["1.234.567"], ","),
        (["0,500"], ","),
        (["1", "20", "1 000"], None),
        (["heavy"], None),
        ([], None),
    ],
)
def test_the_numbers_of_a_column_decide_together(texts: list[str], decimal: str | None) -> None:
    guess = guess_decimal(texts, is_point=False)
    assert (guess.decimal, guess.is_ambiguous) == (decimal, False)


def test_a_column_in_which_nothing_decides_is_ambiguous() -> None:
    assert guess_decimal(["7", "1,234", "2,500"], is_point=False).example == "1,234"
    assert guess_decimal(["1,234"], is_point=True).is_ambiguous
    assert guess_decimal(["1.234"], is_point=False).is_ambiguous


def test_a_point_is_decimal_in_files_with_commas_between_cells() -> None:
    assert guess_decimal(["1.234"], is_point=True).decimal == "."
    assert guess_decimal(["1.234", "0,5"], is_point=True).decimal == ","


def test_numbers_of_workbooks_need_no_guess() -> None:
    texts = [ExactNumber("1.234"), "1,5"]
    decimal = guess_decimal(texts, is_point=False).decimal
    assert decimal == ","
    assert [read_decimal(text, decimal) for text in texts] == [1.234, 1.5]


@given(st.floats(0, 1e9))
def test_written_numbers_are_read_back_in_both_conventions(number: float) -> None:
    assert read_decimal(repr(number), ".") == number
    assert read_decimal(repr(number).replace(".", ","), ",") == number


@given(st.text("0123456789.,' -+e", max_size=12), st.sampled_from(".,"))
def test_any_text_is_a_number_or_none(text: str, decimal: str) -> None:
    number = read_decimal(text, decimal)
    assert math.isnan(number) or any(letter.isdigit() for letter in text)

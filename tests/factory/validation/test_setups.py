"""Reachable setups where pairs are forbidden, and limits that keep numbers
small."""

from __future__ import annotations

import pytest

from factory.validation import factory as factory_checks
from factory.validation import setups
from factory.validation.errors import FactoryError
from factory.validation.factory import check_factory
from tests.builders.kart_factory import karts

Edit = tuple[str, str]

FORBIDDEN = '[["black", "white"]]'
NO_WAY_FROM_BLACK = (FORBIDDEN, '[["black", "white"], ["black", "red"]]')
COAL_IS_RED = ('time = 3, setup = { colour = "black" }', 'time = 3, setup = { colour = "red" }')
SECOND_BOOTH = (
    'name = "booth"\n',
    (
        'name = "booth"\n\n  [[work_centres.machines]]\n  name = "booth-2"\n  initial_setup = {'
        ' colour = "black" }\n'
    ),
)


def coated_on(machine: str) -> Edit:
    return ("process_time = 6", f"machine_times = {{ {machine} = 6 }}")


def problems_of(*edits: Edit) -> list[tuple[str, str]]:
    """Pairs of colours, and machines, where the checks miss a way."""
    try:
        karts(*edits)
    except FactoryError as error:
        lines = str(error).splitlines()
        assert all(
            line.startswith("karts.toml: work_centre.paint.colour.forbidden = ") for line in lines
        )
        return [
            (
                line.partition(" = ")[2].partition(";")[0],
                line.rpartition("on machine ")[2].partition(",")[0],
            )
            for line in lines
        ]
    return []


def test_a_way_round_a_forbidden_pair_suffices() -> None:
    assert problems_of(SECOND_BOOTH) == []


def test_from_what_is_mounted_at_the_start_a_way_must_lead_on() -> None:
    assert problems_of(SECOND_BOOTH, coated_on("booth-2"), COAL_IS_RED, NO_WAY_FROM_BLACK) == [
        ("'black' -> 'white'", "booth-2"),
        ("'black' -> 'red'", "booth-2"),
    ]


def test_machines_that_are_not_eligible_need_no_way() -> None:
    assert problems_of(SECOND_BOOTH, coated_on("booth"), COAL_IS_RED, NO_WAY_FROM_BLACK) == []


def test_from_what_operations_leave_mounted_a_way_must_lead_on() -> None:
    assert problems_of(SECOND_BOOTH, NO_WAY_FROM_BLACK) == [
        ("'black' -> 'white'", "booth"),
        ("'black' -> 'white'", "booth-2"),
    ]


def test_values_that_nobody_wants_need_no_way() -> None:
    assert problems_of((FORBIDDEN, '[["white", "red"], ["black", "red"]]')) == []


def test_options_matter_only_for_products_that_have_them() -> None:
    coated_trailer = (
        'name = "weld"\n  work_centre = "cell"\n  process_time = 7',
        'name = "coat"\n  work_centre = "paint"\n  process_time = 7',
    )
    for_trailers = ('products = ["kart"]', 'products = ["trailer"]')
    not_for_trailers = ('after = ["weld"]', 'after = ["weld"]\n  setup = { colour = "white" }')
    assert problems_of(coated_trailer, for_trailers, NO_WAY_FROM_BLACK) == [
        ("'black' -> 'white'", "booth")
    ]
    assert problems_of(coated_trailer, not_for_trailers, COAL_IS_RED, NO_WAY_FROM_BLACK) == []
    without_coal = (
        'effects = [{ operation = "coat", time = 3, setup = { colour = "black" } }]',
        "",
    )
    assert problems_of(coated_trailer, for_trailers, without_coal, NO_WAY_FROM_BLACK) == []


def test_products_and_values_are_counted_in_small_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    factory = karts()
    monkeypatch.setattr(factory_checks, "MAX_PRODUCTS", 1)
    monkeypatch.setattr(setups, "MAX_VALUES", 2)
    with pytest.raises(FactoryError) as refusal:
        check_factory(factory)
    assert str(refusal.value).splitlines() == [
        (
            "factory karts: work_centre.paint.colour.values = 3 values; must be at most 2. Split"
            " the attribute in two."
        ),
        "factory karts: products = 2 products; must be at most 1. Describe variants by options.",
    ]

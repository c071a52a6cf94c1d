"""Malformed factories: each problem is one line with file, place, value, rule and remedy."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from factory.io.factory_toml import load_factory
from factory.loading.load import load
from factory.model import Factory, Option, OptionValue
from factory.validation.errors import FactoryError
from factory.validation.factory import MAX_PRODUCTS, check_factory
from tests.builders.kart_factory import FACTORY, karts

Read = Callable[[str], Factory]


def test_the_factory_of_these_tests_is_valid(read: Read) -> None:
    factory = read(FACTORY)
    assert [machine.name for centre in factory.work_centres for machine in centre.machines] == [
        "cell-1",
        "cell-2",
        "booth",
    ]


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (
            "",
            [
                "name = nothing; is required. Add it.",
                "work_centres = nothing; is required. Add it.",
                "products = nothing; is required. Add it.",
            ],
        ),
        (
            'name = "x"\nwork_centres = []\nproducts = []',
            [
                "work_centres = []; must not be empty. Add at least one.",
                "products = []; must not be empty. Add at least one.",
            ],
        ),
        (
            'name = "x"\nwork_centres = 1\nproducts = [1]',
            [
                "work_centres = 1; must be a list. Put it in [brackets].",
                (
                    "products[0] = 1; must be a table. Write { key = value, ... }, or a [table] of"
                    " its own."
                ),
            ],
        ),
    ],
    ids=["nothing at all", "nothing inside", "no tables"],
)
def test_all_problems_of_a_factory_are_reported_at_once(
    read: Read, text: str, problems: list[str]
) -> None:
    with pytest.raises(FactoryError) as refusal:
        read(text)
    assert str(refusal.value).splitlines() == [f"karts.toml: {problem}" for problem in problems]


def test_empty_lists_inside_are_refused(read: Read) -> None:
    start, end = FACTORY.index("  [[demand.regimes]]"), FACTORY.index("[[material]]")
    with pytest.raises(FactoryError) as refusal:
        read(FACTORY[:start] + "regimes = []\ncustomers = []\n" + FACTORY[end:])
    assert str(refusal.value).splitlines() == [
        "karts.toml: demand.regimes = []; must not be empty. Add at least one.",
        "karts.toml: demand.customers = []; must not be empty. Add at least one.",
    ]


def test_routes_have_at_most_63_operations(read: Read) -> None:
    trailer = "\n".join(
        f'[[products.operations]]\nname = "step{i}"\nwork_centre = "cell"\nprocess_time = 7\n'
        for i in range(63)
    )
    with pytest.raises(FactoryError) as refusal:
        read(FACTORY.replace("[[options]]", f"{trailer}\n[[options]]", 1))
    assert (
        str(refusal.value)
        == "karts.toml: product.trailer.operations = 64 operations; must be at most 63. Merge"
        " operations, or split the product."
    )


def test_options_cannot_add_up_to_more_than_a_duration(read: Read) -> None:
    twice = '{ operation = "coat", time = 6000000 }, { operation = "coat", time = 6000000, setup'
    with pytest.raises(FactoryError) as refusal:
        read(FACTORY.replace('{ operation = "coat", time = 3, setup', twice, 1))
    rule = "the options can add this to operation coat, but must add at most 10000000"
    assert (
        str(refusal.value)
        == f"karts.toml: options = 12000000 ticks; {rule}. Use a coarser tick (tick_minutes) or"
        " smaller numbers."
    )


def test_a_missing_file_is_refused() -> None:
    with pytest.raises(FactoryError) as refusal:
        load_factory("nowhere.toml")
    assert (
        str(refusal.value)
        == "nowhere.toml: cannot be read (No such file or directory). Give the path of a TOML file."
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"name = karts", "Invalid value (at line 1, column 8)"),
        (b'name = "karts', "Unterminated string (at end of document)"),
        (b'name = "a"\nname = "b"', "Cannot overwrite a value (at end of document)"),
        (
            b"crews = " + b"9" * 5000,
            "Exceeds the limit (4300 digits) for integer string conversion",
        ),
        (b"crews = " + b"[" * 5000, "maximum recursion depth exceeded"),
    ],
    ids=["no quotes", "open string", "key twice", "endless number", "endless nesting"],
)
def test_a_file_that_is_not_toml_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("karts.toml").write_bytes(content)
    with pytest.raises(FactoryError) as refusal:
        load_factory("karts.toml")
    assert str(refusal.value).startswith(f"karts.toml: is not TOML ({reason}")
    assert str(refusal.value).endswith("). Correct the text there.")


def test_long_values_are_cut_short(read: Read) -> None:
    with pytest.raises(FactoryError) as refusal:
        read(FACTORY.replace("crews = 1", f"crews = {list(range(1000))}"))
    shown = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21..."
    assert (
        str(refusal.value)
        == f"karts.toml: crews = {shown}; must be a whole number. Write one, without quotes or"
        " decimal point."
    )


def test_bug_a_process_time_on_a_slow_machine_is_a_duration(read: Read) -> None:
    """9,000,000 ticks at speed 0.5 overflowed 32 bits in the verifier during an evaluation."""
    slow = FACTORY.replace("process_time = 6", "process_time = 9000000", 1).replace(
        'name = "booth"', 'name = "booth"\n  speed = 0.5', 1
    )
    assert slow.count("9000000") == slow.count("speed = 0.5") == 1
    with pytest.raises(FactoryError) as refusal:
        read(slow)
    rule = (
        "at speed 0.5 of booth that is 18000006 with up to 3 of its options, but must be at most"
        " 10000000"
    )
    remedy = "Correct one of them, or use a coarser tick (tick_minutes)"
    assert (
        str(refusal.value)
        == f"karts.toml: product.kart.coat.process_time = 9000000; {rule}. {remedy}."
    )


def test_bug_a_machine_time_on_a_slow_machine_is_a_duration(read: Read) -> None:
    with pytest.raises(FactoryError) as refusal:
        read(
            FACTORY.replace("cell-1 = 4", "cell-1 = 6000000").replace("speed = 1.0", "speed = 0.4")
        )
    rule = "at speed 0.4 of cell-1 that is 15000000, but must be at most 10000000"
    remedy = "Correct one of them, or use a coarser tick (tick_minutes)"
    assert (
        str(refusal.value)
        == f"karts.toml: product.kart.weld.machine_times = 6000000; {rule}. {remedy}."
    )


def test_bug_options_of_other_products_do_not_lengthen_an_operation(read: Read) -> None:
    """Only options of the product itself count."""
    longest = FACTORY.replace("process_time = 6", "process_time = 9999997", 1)
    assert read(longest).products[0].operations[1].process_time == 9_999_997
    with pytest.raises(FactoryError, match="that is 10000001 with up to 3"):
        read(longest.replace("9999997", "9999998"))


def test_bug_a_launch_date_is_no_calendar_date(read: Read) -> None:
    """As ticks, 20260401 minutes are 38 years: the product was never on sale."""
    with pytest.raises(FactoryError) as refusal:
        read(re.sub("launch_date = [0-9]+", "launch_date = 20260401", FACTORY))
    rule = "dates are ticks from the start, but this one reads as 2026-04-01"
    place = "product.trailer.launch_date = 20260401"
    assert str(refusal.value) == f"karts.toml: {place}; {rule}. Count the ticks up to it."


def test_bug_lists_are_short_enough_for_indices_of_16_bits() -> None:
    many = tuple(OptionValue(name=f"{n}", share=1.0) for n in range(MAX_PRODUCTS + 1))
    factory = karts().model_copy(
        update={"options": (Option(name="serial", values=many),), "demand": None}
    )
    with pytest.raises(FactoryError) as refusal:
        check_factory(factory)
    rule = "must be at most 32767. Group some of them"
    assert str(refusal.value) == f"factory karts: option.serial.values = 32768 entries; {rule}."


# --- factories built in Python --------------------------------------------------------------------


def test_a_factory_built_in_python_is_refused_when_it_is_loaded() -> None:
    factory = karts().model_copy(update={"start_hour": 25})
    with pytest.raises(FactoryError) as refusal:
        load([factory])
    assert (
        str(refusal.value)
        == "factory karts: start_hour = 25; must be from 0 to 23. Write the hour of the day at"
        " tick 0."
    )


def test_loading_needs_demand_or_an_order_book() -> None:
    factory = karts().model_copy(update={"demand": None})
    with pytest.raises(FactoryError) as refusal:
        load([factory])
    assert (
        str(refusal.value)
        == "factory karts: demand = nothing; without an order book there must be a demand. Add"
        " [demand], or give an order book."
    )


def test_loading_needs_a_book_or_none_for_each_factory() -> None:
    factory = karts()
    with pytest.raises(
        ValueError,
        match=(
            "load: 1 factories and 2 order books; there must be one book or None for each factory"
        ),
    ):
        load([factory], [None, None])
    with pytest.raises(ValueError, match="load: no factories; there must be at least one"):
        load([])

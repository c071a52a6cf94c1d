"""Lists of problems: equal problems share a line, and a message has at most twenty lines."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from factory.validation.errors import (
    MAX_LINES,
    FactoryError,
    Problem,
    Suggestion,
    list_problems,
    refuse,
    suggest,
    summarise_problems,
)


def weight(line: int, value: str) -> Problem:
    return Problem("weight", value, "must be a number", "Write 1", f"line {line}")


def test_rows_with_the_same_value_share_a_line() -> None:
    assert summarise_problems([weight(2, "x"), weight(3, "y"), weight(9, "x")]) == [
        "line 2: weight = 'x'; must be a number. Write 1. (2 rows have the same problem)",
        "line 3: weight = 'y'; must be a number. Write 1.",
    ]


def test_rows_with_other_values_share_a_line_if_there_are_too_many() -> None:
    problems = [weight(line, f"x{line}") for line in range(2, 962)]
    ids = [
        Problem("order_id", "A", f"another order is called so (line {line})", "Rename it", "line 5")
        for line in (2, 3)
    ]
    assert summarise_problems([*problems, *ids]) == [
        "line 2: weight = 'x2'; must be a number. Write 1. (960 rows have the same problem)",
        "line 5: order_id = 'A'; another order is called so (line 2). Rename it. (2 rows have the"
        " same problem)",
    ]


def test_items_of_a_list_share_a_line_only_if_there_are_too_many() -> None:
    def entries(size: int) -> list[Problem]:
        return [Problem(f"time[{i}][{i}]", 1, "must be 0", "Set it to 0") for i in range(size)]

    assert len(summarise_problems(entries(MAX_LINES))) == MAX_LINES
    assert summarise_problems(entries(MAX_LINES + 1)) == [
        f"time[0][0] = 1; must be 0. Set it to 0. ({MAX_LINES + 1} places have the same problem)"
    ]


def test_a_message_has_at_most_twenty_lines_and_counts_the_rest() -> None:
    problems = [
        Problem(f"machine.m{i}.speed", 0, "must be above 0", "Correct it") for i in range(50)
    ]
    with pytest.raises(FactoryError) as refusal:
        refuse(problems, "plant.toml")
    lines = str(refusal.value).splitlines()
    assert len(lines) == MAX_LINES == 20
    assert lines[0] == "plant.toml: machine.m0.speed = 0; must be above 0. Correct it."
    assert lines[-1] == "plant.toml: and 31 more problems"


def test_problems_may_come_from_a_generator_and_none_is_no_error() -> None:
    def no_problems() -> Iterator[Problem]:
        yield from ()

    refuse(no_problems(), "plant.toml")


def test_a_closest_name_is_looked_for_only_in_lines_that_are_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    searched: list[str] = []

    def suggest(name: str, _: object) -> str:
        searched.append(name)
        return "Write 'kart'"

    monkeypatch.setattr("factory.validation.errors.suggest", suggest)
    problems = [
        Problem("product", f"p{i}", "is unknown", Suggestion(f"p{i}", ["kart"]), f"line {i}")
        for i in range(1000)
    ]
    (line,) = summarise_problems(problems)
    assert line.endswith("Write 'kart'. (1000 rows have the same problem)")
    assert searched == ["p0"]


def test_a_list_of_problems_has_at_most_so_many_lines_and_counts_the_rest() -> None:
    problems = [Problem(f"orders.{i}", i, "is wrong", "Correct it") for i in range(7)]
    assert list_problems(iter(problems), 7) == [str(problem) for problem in problems]
    assert list_problems(iter(problems), 4) == [*map(str, problems[:3]), "and 4 more problems"]
    assert list_problems([], 4) == []


def test_the_rest_of_a_list_of_problems_is_not_formatted() -> None:
    class Value:
        shown = 0

        def __str__(self) -> str:
            Value.shown += 1
            return "value"

    list_problems((Problem("place", Value(), "is wrong", "Correct it") for _ in range(1000)), 10)
    assert Value.shown == 9


def test_beyond_the_twentieth_line_no_closest_name_is_looked_for() -> None:
    wrong = Problem("order", "B", "is unknown", Suggestion("B", ["A", "C"], "; or none"))
    lines = list_problems([wrong] * 30, 30)
    assert set(lines[:MAX_LINES]) == {
        "order = 'B'; is unknown. Write one of 'A', 'C'; or none.",
    }
    assert set(lines[MAX_LINES:]) == {"order = 'B'; is unknown. Correct it; or none."}


@pytest.mark.parametrize("name", ["ordr-700", "order-7000", "0rder-700", "order_700", "order-70"])
def test_a_name_with_one_wrong_letter_is_found_among_many(name: str) -> None:
    known = {f"order-{i}": None for i in range(1000)}
    close = suggest(name, known)
    assert close.startswith("Write 'order-")
    assert close.endswith("', if that is meant")


def test_a_long_place_and_value_are_shortened() -> None:
    line = str(Problem("x" * 10_000, "y" * 10_000, "is too long", "Shorten it"))
    assert len(line) < 500

"""The planning model: changeovers, dates of sequences and crews by hand, solves against hints."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import pytest

pytest.importorskip("ortools", reason="the extra `solver` (OR-Tools) is not installed")

from agents.rules.registry import make_rule
from agents.solver.changeovers import ChangeoverTable, SetupChange
from agents.solver.cp_sat import solve
from agents.solver.expected_shop import ExpectedShop
from agents.solver.known_state import KnownReader
from agents.solver.planning_window import cut_window
from agents.solver.problem import Rates, Sequences, Window, price, time_sequences
from envs.batch import Batch
from envs.observation.tables import as_observation
from factory.model import Attribute, Factory, OrderBook
from tests.builders.shop_floor_script import book, cell, coloured, job, painted, plant, product

PLAIN = Rates(tardiness=1.0, holding=0.0, changing=0.0, starting=0.0)
HOLDING = Rates(tardiness=1.0, holding=1.0, changing=0.0, starting=0.0)


def window_of(
    factory: Factory,
    orders: OrderBook,
    rates: Rates = PLAIN,
    max_tasks: int = 99,
    rule: str = "FIFO",
) -> tuple[Window, Sequences]:
    """Return the planning window at the first decision, and the rule's sequences for it."""
    batch = Batch([factory], [orders], num_envs=1)
    tables = batch.reset(np.array([1], np.uint64))
    known = KnownReader(batch.arrays).read(batch.shop, 0)
    expected = ExpectedShop(batch.arrays, batch.shop, batch.tables)
    expected.expect(batch.shop, 0, known)
    plan = expected.run(
        lambda seen: int(np.asarray(make_rule(rule).decide(seen))[0]), as_observation(tables), 999
    )
    assert plan is not None
    return cut_window(known, plan, max_tasks, ChangeoverTable(batch.arrays, 0), rates)


def keys(sequences: Sequences) -> dict[int, list[tuple[int, int]]]:
    return {machine: [key for key, _ in sequence] for machine, sequence in sequences.items()}


def changeovers(**fields: Any) -> ChangeoverTable:
    colour = Attribute(
        **{
            "name": "colour",
            "values": ("white", "red", "black"),
            "time": ((0, 2, 9), (3, 0, 1), (6, 5, 0)),
            **fields,
        }
    )
    batch = Batch(
        [plant((cell(attributes=(colour,)),), (product("kart", job()),))],
        [book((0, "kart"))],
        num_envs=1,
    )
    return ChangeoverTable(batch.arrays, 0)


def test_a_forbidden_changeover_makes_a_detour() -> None:
    """White to black by red: 2 + 1 ticks instead of 9."""
    assert changeovers().between(0, (0,), (2,)) == SetupChange(9, 0.0)
    assert changeovers(forbidden=(("white", "black"),)).between(0, (0,), (2,)) == SetupChange(
        3, 0.0
    )


def test_a_setup_that_cannot_be_reached_has_no_changeover() -> None:
    closed = (("white", "black"), ("red", "black"))
    assert changeovers(forbidden=closed).between(0, (0,), (2,)) is None


def test_a_value_that_an_operation_leaves_open_takes_no_changeover() -> None:
    assert changeovers().between(0, (1,), (-1,)) == (0, 0.0)


def test_sequences_start_as_early_as_changeovers_allow() -> None:
    """White is mounted.

    Red follows after 2 and ends at 6, black after 1 more and ends at 11, white after 6 more.
    """
    factory = plant((coloured(),), (painted("red"), painted("white"), painted("black")))
    window, _ = window_of(factory, book((0, "red"), (0, "white"), (0, "black")))
    timing = time_sequences(window, {0: [((0, 0), 0), ((2, 0), 0), ((1, 0), 0)]})
    assert timing.sequences == {0: [((0, 0), 2), ((2, 0), 7), ((1, 0), 17)]}
    assert timing.change_dates == {(0, 0): 0, (2, 0): 6, (1, 0): 11}


def test_changeovers_wait_for_the_only_crew() -> None:
    """Two cells need 2 ticks each to mount red: the second begins when the first has ended."""
    factory = plant((coloured(machines=2),), (painted("red"),), crews=1)
    window, _ = window_of(factory, book((0, "red"), (0, "red")))
    timing = time_sequences(window, {0: [((0, 0), 0)], 1: [((1, 0), 1)]})
    assert timing.sequences == {0: [((0, 0), 2)], 1: [((1, 0), 4)]}


def test_sequences_that_wait_for_each_other_are_refused() -> None:
    factory = plant((cell(),), (product("kart", job(4, "weld"), job(4, "test")),))
    window, _ = window_of(factory, book((0, "kart")))
    with pytest.raises(ValueError, match="wait for each other"):
        time_sequences(window, {0: [((0, 1), 0), ((0, 0), 4)]})


def all_sequences(window: Window) -> list[float]:
    """Return the price of every sequence on the only machine."""
    orders = permutations([task.key for task in window.tasks])
    return [
        price(
            window, time_sequences(window, {0: [(key, n) for n, key in enumerate(order)]}).sequences
        )
        for order in orders
    ]


@pytest.mark.parametrize("dues", [(9, 30, 12, 40, 22), (60, 6, 60, 20, 9), (5, 5, 5, 5, 5)])
def test_a_small_window_is_solved_to_the_best_of_all_sequences(dues: tuple[int, ...]) -> None:
    factory = plant((coloured(),), (painted("red"), painted("white", 7), painted("black", 3)))
    lines = [(0, "red"), (0, "black"), (0, "white"), (0, "black"), (0, "red")]
    listed = tuple(
        order.model_copy(update={"due_date": due})
        for order, due in zip(book(*lines).orders, dues, strict=True)
    )
    window, hint = window_of(factory, OrderBook(orders=listed), HOLDING)
    solution = solve(window, hint, 1.0)
    assert solution.money == pytest.approx(min(all_sequences(window)))
    assert solution.money < solution.hint_money


def test_crews_are_part_of_the_model() -> None:
    """One crew mounts red on four machines, 2 ticks each: the last order starts at 8."""
    factory = plant((coloured(machines=4),), (painted("red", 20),), crews=1)
    window, hint = window_of(factory, book(*[(0, "red")] * 4, due=1), HOLDING)
    solution = solve(window, hint, 0.5)
    assert sorted(start for sequence in solution.sequences.values() for _, start in sequence) == [
        2,
        4,
        6,
        8,
    ]


def test_without_time_the_hint_stands() -> None:
    factory = plant((coloured(),), (painted("red"), painted("white")))
    window, hint = window_of(factory, book((0, "red"), (0, "white"), (0, "red")))
    solution = solve(window, hint, 0.0)
    assert keys(solution.sequences) == keys(hint)
    assert (
        solution.money
        == solution.hint_money
        == price(window, time_sequences(window, hint).sequences)
    )
    assert not solution.improved


def test_an_order_beyond_the_window_is_completed_as_long_after_as_in_the_rules_plan() -> None:
    """Two steps take 4 and 6 ticks; 6 ticks follow the first, which alone is in the window."""
    factory = plant(
        (cell(), cell("bay")), (product("kart", job(4, "weld"), job(6, "test", "bay")),)
    )
    window, hint = window_of(factory, book((0, "kart"), due=5), max_tasks=1)
    assert [dict(delivery.tails) for delivery in window.deliveries] == [{(0, 0): 6}]
    assert price(window, hint) == 5.0


def test_where_only_the_end_costs_the_makespan_is_minimised() -> None:
    """A two-machine flow shop of Johnson (1954).

    Jobs (3, 6), (5, 2), (1, 2), (6, 6), (7, 5) take 24 in the order 3, 1, 4, 5, 2; as listed 27.
    """
    cars = [
        product(f"car{n}", job(a, "weld"), job(b, "test", "bay"))
        for n, (a, b) in enumerate(((3, 6), (5, 2), (1, 2), (6, 6), (7, 5)))
    ]
    factory = plant((cell(), cell("bay")), tuple(cars))
    window, hint = window_of(
        factory,
        book(*[(0, f"car{n}") for n in range(5)]),
        Rates(tardiness=0.0, holding=0.0, changing=0.0, starting=0.0, finishing=1.0),
    )
    assert price(window, hint) == 27
    assert solve(window, hint, 0.5).money == 24


def test_bug_no_changeover_begins_before_its_order_is_known() -> None:
    """An order released at 10 wants 2 ticks of changeover: it starts at 12."""
    factory = plant((coloured(),), (painted("red"),))
    window, hint = window_of(factory, book((0, "red")))
    late = replace(window.tasks[0], ready_date=10, change_date=10)
    later = replace(window, tasks=(late,))
    timing = time_sequences(later, {0: [((0, 0), 0)]})
    assert (timing.sequences, timing.change_dates) == ({0: [((0, 0), 12)]}, {(0, 0): 10})
    assert solve(later, hint, 0.1).sequences == {0: [((0, 0), 12)]}


@pytest.mark.parametrize("crews", [1, None])
def test_bug_where_no_changeover_is_made_ahead_it_follows_transport(crews: int | None) -> None:
    """Weld takes 4, mounting red 2 and paint 4: 10, or 8 if the booth may change over meanwhile."""
    for ahead, end in ((False, 10), (True, 8)):
        paint = job(4, "paint", "booth", setup={"colour": "red"})
        booth = coloured(name="booth", machines=2)
        factory = plant(
            (cell(), booth),
            (product("kart", job(4, "weld"), paint),),
            crews=crews,
            changeover_ahead=ahead,
        )
        window, hint = window_of(factory, book((0, "kart"), due=0))
        assert solve(window, hint, 0.1).money == end
        assert price(window, time_sequences(window, hint).sequences) == end


def test_bug_the_money_of_dates_far_off_fits_the_model() -> None:
    factory = plant((coloured(),), (painted("red"), painted("white")))
    window, _ = window_of(factory, book((0, "red"), (0, "white"), (0, "red")), HOLDING)
    far = replace(window, tasks=(*window.tasks[:2], replace(window.tasks[2], ready_date=2**40)))
    solution = solve(far, {0: [((1, 0), 0), ((0, 0), 4), ((2, 0), 2**40)]}, 0.1)
    assert solution.status in ("OPTIMAL", "FEASIBLE")

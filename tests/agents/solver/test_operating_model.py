"""Windows with shifts, people, maintenance and runs: dates by hand, and what the solver finds.

An hour is a tick; tick 0 is Monday 06:00, and the day shift lasts from 06:00 to 14:00, which is [0,
8), [24, 32), ... In the charts a letter is a tick of work, ``x`` one of a changeover, ``m`` one of
maintenance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("ortools", reason="the extra `solver` (OR-Tools) is not installed")

from agents.policy import play
from agents.rules.registry import make_rule
from agents.solver.changeovers import ChangeoverTable
from agents.solver.expected_shop import ExpectedShop
from agents.solver.known_state import KnownReader
from agents.solver.operating_builder import solve_operating
from agents.solver.operating_times import time_operating
from agents.solver.planning_window import cut_window
from agents.solver.problem import Rates, Sequences, Window
from agents.solver.rolling_horizon import RollingHorizonPolicy
from envs.batch import Batch
from envs.observation.tables import as_observation
from factory.model import (
    Attribute,
    Calendar,
    Costs,
    Factory,
    Machine,
    Maintenance,
    Operation,
    Order,
    OrderBook,
    Product,
    StaffGroup,
    StaffNeed,
    WorkCentre,
)

DAY = Calendar(name="day", open=("Mon-Sun 06:00-14:00",))
TOOL = Attribute(name="tool", values=("a", "b"), time=((0, 3), (3, 0)))
LATE = Rates(tardiness=1.0, holding=0.0, changing=0.0, starting=0.0)


def works(
    times: dict[str, int],
    operation: dict[str, Any] | None = None,
    machine: dict[str, Any] | None = None,
    centre: dict[str, Any] | None = None,
    **factory: Any,
) -> Factory:
    """Return one machine with the day shift, and products that want the tool of their initial."""
    settings = {"name": "cell", "calendar": "day"} | (machine or {})
    steps = {"name": "work", "work_centre": "centre"} | (operation or {})
    return Factory(
        name="works",
        tick_minutes=60.0,
        start="2026-01-05T06:00",
        calendars=(DAY,),
        costs=Costs(tardiness=1.0),
        work_centres=(
            WorkCentre(
                **({"name": "centre", "attributes": (TOOL,)} | (centre or {})),
                machines=(Machine(**settings),),
            ),
        ),
        products=tuple(
            Product(
                name=name,
                operations=(Operation(**steps, process_time=time, setup={"tool": name[0]}),),
            )
            for name, time in times.items()
        ),
        **factory,
    )


def orders(*lines: tuple[str, int]) -> OrderBook:
    """Return orders (product, due date) that are there at 0."""
    return OrderBook(
        orders=tuple(
            Order(order_id=f"{n}", release_date=0, due_date=due, weight=1.0, product=name)
            for n, (name, due) in enumerate(lines)
        )
    )


def window_of(factory: Factory, book: OrderBook) -> tuple[Window, Sequences]:
    """Return the planning window at 0, and the sequences of first come, first served."""
    batch = Batch([factory], [book], num_envs=1)
    tables = batch.reset(np.array([1], np.uint64))
    known = KnownReader(batch.arrays).read(batch.shop, 0)
    expected = ExpectedShop(batch.arrays, batch.shop, batch.tables)
    expected.expect(batch.shop, 0, known)
    rule = make_rule("FIFO")
    plan = expected.run(
        lambda seen: int(np.asarray(rule.decide(seen))[0]), as_observation(tables), 999
    )
    assert plan is not None
    return cut_window(known, plan, 99, ChangeoverTable(batch.arrays, 0), LATE)


def planned(factory: Factory, *lines: tuple[str, int]) -> list[tuple[int, int, int]]:
    """Return order, start and end of all tasks, first come, first served."""
    window, hint = window_of(factory, orders(*lines))
    timing = time_operating(window, hint)
    return [(key[0], start, timing.ends[key]) for key, start in timing.sequences[0]]


def improved(factory: Factory, *lines: tuple[str, int]) -> tuple[list[int], float]:
    """Return the orders in the sequence that the solver finds, and its cost."""
    window, hint = window_of(factory, orders(*lines))
    solution = solve_operating(window, hint, 0.3)
    assert solution.money <= solution.hint_money
    return [key[0] for key, _ in solution.sequences[0]], solution.money


def simulated_cost(factory: Factory, *lines: tuple[str, int]) -> float:
    """Return the cost of the episode that the policy plays."""
    batch = Batch([factory], [orders(*lines)], num_envs=1)
    policy = RollingHorizonPolicy(0.2, rule=make_rule("FIFO"), changing=0.0, starting=0.0)
    play(batch, policy, np.array([1], np.uint64))
    return float(batch.shop.cost[0].sum())


def test_work_pauses_over_the_night() -> None:
    """aaaaa aaa|aa: the second order has 3 ticks before the closing and 2 after the opening."""
    assert planned(works({"a": 5}), ("a", 99), ("a", 99)) == [(0, 0, 5), (1, 5, 26)]


def test_work_that_must_fit_starts_in_the_next_shift() -> None:
    """aaaaa...|aaaaa."""
    factory = works({"a": 5}, {"across_closures": "fit"})
    assert planned(factory, ("a", 99), ("a", 99)) == [(0, 0, 5), (1, 24, 29)]


def test_the_solver_fills_a_shift_with_what_fits() -> None:
    """aaabbb..|cccccc instead of cccccc..|aaabbb: an order of 6 ticks leaves 2 of the shift.

    First come, first served does one order of 6 ticks, and the two of 3 on the next day: 6 + 27 +
    30. The two short ones first, and the long one on the next day, end at 3, 6 and 30.
    """
    factory = works({"a": 6, "a2": 3}, {"across_closures": "fit"})
    lines = (("a", 0), ("a2", 0), ("a2", 0))
    assert [start for _, start, _ in planned(factory, *lines)] == [0, 24, 27]
    sequence, money = improved(factory, *lines)
    assert (sequence[-1], money) == (0, 3 + 6 + 30)
    assert simulated_cost(factory, *lines) == 3 + 6 + 30


def test_a_pause_that_is_too_long_is_not_planned() -> None:
    factory = works({"a": 5}, {"longest_pause": 15})
    assert planned(factory, ("a", 99), ("a", 99)) == [(0, 0, 5), (1, 24, 29)]


def test_an_oven_runs_through_the_night() -> None:
    factory = works({"a": 5}, {"across_closures": "finish"})
    assert planned(factory, ("a", 99), ("a", 99), ("a", 99)) == [
        (0, 0, 5),
        (1, 5, 10),
        (2, 24, 29),
    ]


def setters() -> dict[str, Any]:
    people = (StaffGroup(name="setters", skills=("fixture",), calendar="day"),)
    return {"machine": {"calendar": None}, "staff": people}


def test_a_changeover_waits_for_people_on_duty() -> None:
    """aaaaaaaaa...|xxx bbbbbbbbb: the setter goes home at 8, and the machine never closes."""
    factory = works(
        {"a": 9, "b": 9}, centre={"changeover_staff": StaffNeed(skill="fixture")}, **setters()
    )
    assert planned(factory, ("a", 99), ("b", 99)) == [(0, 0, 9), (1, 27, 36)]


def test_the_solver_changes_over_while_the_setter_is_there() -> None:
    """aaaaaaaaa aaaaaaaaa ...... xxx bbbbbbbbb: the two orders for a need nobody at night.

    They end at 9, 18 and 36. With b between them the setter is awaited twice.
    """
    factory = works(
        {"a": 9, "b": 9}, centre={"changeover_staff": StaffNeed(skill="fixture")}, **setters()
    )
    lines = (("a", 0), ("b", 0), ("a", 0))
    sequence, money = improved(factory, *lines)
    assert sequence[-1] == 1
    assert money == 9 + 18 + 36
    assert simulated_cost(factory, *lines) == money


def test_maintenance_is_planned_when_it_is_due() -> None:
    """aaa aaa mm aaa on a machine that is cleaned after 6 ticks of use."""
    clean = Maintenance(name="clean", every=6, time=2)
    factory = works({"a": 3}, machine={"calendar": None, "maintenance": (clean,)})
    assert planned(factory, ("a", 99), ("a", 99), ("a", 99)) == [(0, 0, 3), (1, 3, 6), (2, 8, 11)]


def test_maintenance_by_the_clock_blocks_what_is_not_done_by_then() -> None:
    """aaaa mm aaaa: it is due at 3, while the first order is in work."""
    clean = Maintenance(name="clean", every=3, by="clock", time=2)
    factory = works({"a": 4}, machine={"calendar": None, "maintenance": (clean,)})
    assert planned(factory, ("a", 99), ("a", 99))[1] == (1, 6, 10)


def test_a_run_ends_at_its_maximum() -> None:
    """aa aa xxx xxx aa: after two orders another tool must have been mounted."""
    tool = TOOL.model_copy(update={"max_run": 2})
    factory = works({"a": 2, "b": 2}, machine={"calendar": None}, centre={"attributes": (tool,)})
    assert [start for _, start, _ in planned(factory, ("a", 9), ("a", 9), ("a", 9))] == [0, 2, 10]


def test_the_solver_ends_a_run_with_work_of_another_tool() -> None:
    """aa aa xxx bb xxx aa: the change that the run forces serves the order for b.

    The third order for a directly after the second ends at 12, and b at 17; with b in between the
    ends are 2, 4, 9, 14.
    """
    tool = TOOL.model_copy(update={"max_run": 2})
    factory = works({"a": 2, "b": 2}, machine={"calendar": None}, centre={"attributes": (tool,)})
    lines = (("a", 0), ("a", 0), ("a", 0), ("b", 0))
    window, _ = window_of(factory, orders(*lines))
    in_line = {0: [((order, 0), order) for order in range(4)]}
    assert time_operating(window, in_line).ends == {(0, 0): 2, (1, 0): 4, (2, 0): 12, (3, 0): 17}
    solution = solve_operating(window, in_line, 0.3)
    assert [key[0] for key, _ in solution.sequences[0]].index(3) == 2
    assert solution.money == 2 + 4 + 9 + 14
    assert simulated_cost(factory, *lines) == solution.money

"""What a planner has fixed is kept, by decisions and by plans; what cannot be kept is refused in
words."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factory.io.catalogue import find_single_factory
from factory.lookups import FactoryLookup
from factory.model import Attribute, Factory, Operation, Product, Transport
from scheduler.decisions.decider import Choice, Decider
from scheduler.floor.floor import ShopFloor, take_snapshot
from scheduler.plans.planner import Planner
from scheduler.plans.schema import Plan
from scheduler.plans.stability import freeze
from scheduler.simulated_plant import simulate
from scheduler.snapshot.read import SnapshotError, check_snapshot, parse_snapshot
from scheduler.snapshot.schema import Lock, MachineState, OrderState, Snapshot
from tests.builders.random_factories import random_factory
from tests.builders.shop_floor_script import cell, job, product
from tests.builders.workshop import (
    ATCS,
    CROSSING,
    DONE,
    FIFO,
    IN_PROCESS,
    READY,
    UPCOMING,
    any_legal,
    busy,
    dates_of,
    floor_of,
    idle,
    locked,
    moments,
    order,
    packed_first,
    planner,
    three_orders,
    told,
    workshop,
)
from tests.oracles.plan_reader import Reading


def sequences(plan: Plan) -> dict[str, list[tuple[str, str]]]:
    """What each machine does, in turn; without what it was at."""
    found: dict[str, list[tuple[str, str]]] = {name: [] for name in plan.machines}
    for one in plan.operations:
        if not one.in_process:
            found[one.machine].append((one.order, one.operation))
    return found


def offers(decider: Decider, snapshot: Snapshot) -> list[Choice]:
    """What the first machine that is asked may do."""
    floor = decider.floor
    floor.place(snapshot)
    machine = floor.ask()
    assert machine is not None
    return (
        []
        if floor.held
        else [
            decider.describe(machine, row)
            for row in np.flatnonzero(floor.tables.action_mask[0]).tolist()
        ]
    )


# --- kept -----------------------------------------------------------------------------------------


def test_locked_operations_are_done_on_their_machine_in_their_sequence() -> None:
    """Booth 2 must do C (red), then B (white); booth 1 does the rest, D. One crew (``%``
    changeover, a column a tick)::

    paint-1  %%DDDD.............
    paint-2  ..%%%CCCC%%BBBB....
    pack-1   .......DD.CC....BB.
             10        20
    """
    factory = workshop(paints=2)
    machines = {"paint-1": idle("red"), "paint-2": idle("white")}
    free = floor_of(
        factory,
        machines,
        order("B", "white", ready=5),
        order("C", "red", ready=6),
        order("D", "white", ready=7),
    )
    plan = planner(factory).plan(
        locked(free, factory, ("paint-2", "C", "paint"), ("paint-2", "B", "paint"))
    )
    assert dates_of(plan) == [
        ("paint-1", "D", "paint", 10, 12, 16),
        ("paint-2", "C", "paint", 12, 15, 19),
        ("pack-1", "D", "pack", 17, 17, 19),
        ("pack-1", "C", "pack", 20, 20, 22),
        ("paint-2", "B", "paint", 19, 21, 25),
        ("pack-1", "B", "pack", 26, 26, 28),
    ]
    assert {(one.order, one.operation) for one in plan.operations if one.locked} == {
        ("C", "paint"),
        ("B", "paint"),
    }
    assert sequences(planner(factory).plan(free))["paint-2"] != [("C", "paint"), ("B", "paint")]


def test_a_machine_waits_for_what_is_locked_to_it_and_does_nothing_before() -> None:
    """Pack C first, though A is there from 13 on and B from 19::

    paint-1  AA%%BBBB%%%CCCC.......
    pack-1   ................CCAABB
             10        20        30
    """
    factory = workshop()
    plan = planner(factory).plan(locked(three_orders(factory), factory, ("pack-1", "C", "pack")))
    assert [one for one in dates_of(plan) if one[0] == "pack-1"] == [
        ("pack-1", "C", "pack", 26, 26, 28),
        ("pack-1", "A", "pack", 28, 28, 30),
        ("pack-1", "B", "pack", 30, 30, 32),
    ]


def test_nobody_else_takes_a_locked_operation() -> None:
    factory = workshop(paints=2)
    free = three_orders(factory, paint_2=idle("white"))
    decider = Decider(ShopFloor(factory), None, FIFO)
    assert [(one.machine, one.action, one.order) for one in decider.decide(free)] == [
        ("paint-2", "start", "B")
    ]
    both = locked(free, factory, ("paint-1", "C", "paint"), ("paint-1", "B", "paint"))
    assert [(one.machine, one.action) for one in decider.decide(both)] == [("paint-2", "wait")]
    assert sequences(planner(factory).plan(both))["paint-2"] == []


def test_a_machine_out_of_service_is_held_until_its_date() -> None:
    factory = workshop(paints=2)
    machines = {
        "paint-1": idle("red", out_of_service_until=16),
        "paint-2": idle("white", out_of_service_until=10),
    }
    snapshot = floor_of(factory, machines, order("B", "white", ready=5), order("C", "red", ready=6))
    found = [
        (one.machine, one.action, one.order, one.until, one.decided_by)
        for one in Decider(ShopFloor(factory), None, FIFO).decide(snapshot)
    ]
    held = ("paint-1", "wait", None, 16, "lock")
    assert found == [
        held,
        ("paint-2", "start", "B", None, "fallback"),
        held,
    ], "what the other one takes ends the wait, and it is held again"


def test_a_machine_with_nothing_legal_left_is_held_for_its_longest_wait() -> None:
    """Pack-1 is for B, whose booth is out of service: nothing is under way, so there is nothing to
    decide. Twice the mean pack time is 4."""
    factory = workshop()
    snapshot = floor_of(
        factory,
        {"paint-1": idle("red", out_of_service_until=16)},
        order("A", "red", operations={"paint": DONE, "pack": READY}),
        order("B", "white", ready=5),
    )
    decider, held = (
        Decider(ShopFloor(factory), None, FIFO),
        locked(snapshot, factory, ("pack-1", "B", "pack")),
    )
    decisions = decider.decide(held)
    assert [(one.machine, one.action, one.until, one.decided_by) for one in decisions] == [
        ("paint-1", "wait", 16, "lock"),
        ("pack-1", "wait", 14, "lock"),
    ]
    assert decider.tell(held, [(one.machine, one.choice) for one in decisions])
    assert not decider.tell(held, [(one.machine, one.choice) for one in reversed(decisions)])
    assert sequences(planner(factory).plan(held))["pack-1"] == [("B", "pack"), ("A", "pack")]


def test_a_locked_machine_prepares_for_its_next_operation_only() -> None:
    """Red and black are on their way to the white booth; black is locked to it, and red may not
    even be prepared for."""
    factory = packed_first(("pack", "red"), ("pack", "black"))
    orders = [
        order(
            name, name, operations={"pack": IN_PROCESS if name == "red" else READY, name: UPCOMING}
        )
        for name in ("red", "black")
    ]
    at_pack = busy("red", 13).model_copy(update={"setup": {}, "operation": "pack"})
    free = floor_of(factory, {"paint-1": idle("white"), "pack-1": at_pack}, *orders)
    decider = Decider(ShopFloor(factory), None, FIFO)
    assert [(one.action, one.order) for one in offers(decider, free)] == [
        ("changeover", "red"),
        ("changeover", "black"),
        ("wait", None),
    ]
    assert [
        (one.action, one.order)
        for one in offers(decider, locked(free, factory, ("paint-1", "black", "black")))
    ] == [
        ("changeover", "black"),
        ("wait", None),
    ]


def test_a_locked_operation_that_is_hidden_among_more_than_there_are_rows_is_started() -> None:
    factory = workshop()
    boxes = [
        OrderState(
            order_id=f"{n}",
            product="box",
            release_date=0,
            due_date=20 + n,
            operations={"pack": READY},
        )
        for n in range(40)
    ]
    snapshot, decider = (
        floor_of(factory, {"paint-1": idle("red")}, *boxes),
        Decider(ShopFloor(factory), None, FIFO),
    )
    assert [one.action for one in offers(decider, snapshot)] == ["start"] * 32 + ["wait"]
    assert "39" not in {one.order for one in offers(decider, snapshot)}
    fixed = locked(snapshot, factory, ("pack-1", "39", "pack"), ("pack-1", "38", "pack"))
    assert [(one.action, one.order) for one in offers(decider, fixed)] == [("start", "39")]
    assert sequences(planner(factory).plan(fixed))["pack-1"] == [
        (f"{n}", "pack") for n in (39, 38, *range(38))
    ]


def test_locks_are_forgotten_with_their_snapshot() -> None:
    factory = workshop(paints=2)
    free = three_orders(factory, paint_2=idle("white"))
    used, fresh = planner(factory), planner(factory)
    used.plan(
        locked(
            free,
            factory,
            ("paint-1", "C", "paint"),
            ("paint-1", "B", "paint"),
            ("pack-1", "C", "pack"),
        )
    )
    assert told(used.plan(free)) == told(fresh.plan(free))
    assert [one.choice for one in used.decider.decide(free)] == [
        one.choice for one in fresh.decider.decide(free)
    ]


def test_locks_that_keep_the_only_machine_from_what_comes_first_are_refused() -> None:
    """Red is wanted first, by nobody in particular; but the booth is to begin with black."""
    factory = packed_first(("red", "pack", "black"))
    snapshot = floor_of(
        factory,
        {"paint-1": idle("white")},
        order("A", "black", operations={"red": READY, "pack": UPCOMING, "black": UPCOMING}),
    )
    assert sequences(
        planner(factory).plan(
            locked(snapshot, factory, ("paint-1", "A", "red"), ("paint-1", "A", "black"))
        )
    )
    words = (
        r"locks\.0\.operation = 'black'; red of order A must be done before, by paint-1, which does"
        r" nothing before its locks\. Lock that one too"
    )
    with pytest.raises(SnapshotError, match=words):
        locked(snapshot, factory, ("paint-1", "A", "black"))


def test_a_second_machine_that_is_free_makes_locks_possible() -> None:
    """The same with two booths; with both of them kept for locks that wait for each other's
    unlocked work it is impossible again."""
    factory = packed_first(("red", "pack", "black"), paints=2)
    orders = [
        order(name, "black", operations={"red": READY, "pack": UPCOMING, "black": UPCOMING})
        for name in ("A", "B")
    ]
    snapshot = floor_of(factory, {"paint-1": idle("white"), "paint-2": idle("white")}, *orders)
    kept = locked(snapshot, factory, ("paint-1", "A", "black"))
    assert sequences(planner(factory).plan(kept))["paint-1"][0] == ("A", "black")
    assert sequences(
        planner(factory).plan(
            locked(
                snapshot,
                factory,
                ("paint-1", "A", "black"),
                ("paint-2", "A", "red"),
                ("paint-2", "B", "black"),
            )
        )
    )
    with pytest.raises(
        SnapshotError, match=r"locks\.0\.operation = 'black'; red of order A must be done before"
    ):
        locked(snapshot, factory, ("paint-1", "A", "black"), ("paint-2", "B", "black"))


# --- kept in plans of shipped factories -----------------------------------------------------------


@pytest.mark.parametrize("name", ["microfactory", "unreliable", "scarce_crew", "one_of_a_kind"])
def test_a_plan_with_all_of_a_previous_one_frozen_keeps_its_machines_and_sequences(
    name: str,
) -> None:
    factory, others = find_single_factory(name), 0
    for snapshot in moments(factory, 60, 150):
        previous = planner(factory, ATCS).plan(snapshot)
        frozen = freeze(snapshot, previous, 10**6, factory)
        assert len(frozen.locks) == sum(not one.in_process for one in previous.operations)
        for plan in (
            planner(factory, FIFO).plan(frozen),
            planner(factory, ATCS, any_legal(2)).plan(frozen),
        ):
            assert sequences(plan) == sequences(previous)
            assert all(one.locked != one.in_process for one in plan.operations)
            Reading(plan, frozen, factory).check()
        assert dates_of(planner(factory, ATCS).plan(frozen)) == dates_of(previous), (
            "who never waits of his own accord does the same again"
        )
        others += sequences(planner(factory, ATCS, any_legal(2)).plan(snapshot)) != sequences(
            previous
        )
    assert others, "without locks it would have been another plan"


def test_frozen_plans_of_random_factories_keep_their_machines_and_sequences() -> None:
    """Zero times, forbidden changeovers, routes that come back, crews, factories without waits:
    whatever the simulator knows."""
    frozen = 0
    for seed in range(40):
        factory, book = random_factory(random.Random(seed))
        if book is not None or factory.demand is None or factory.demand.num_orders < 6:
            continue
        snapshot = take_snapshot(ShopFloor(factory), simulate(factory, FIFO, seed, 4), 0)
        previous = planner(factory, FIFO).plan(snapshot)
        plan = planner(factory, FIFO, any_legal(seed)).plan(
            freeze(snapshot, previous, 10**9, factory)
        )
        assert sequences(plan) == sequences(previous), f"seed {seed}"
        frozen += len(plan.operations) > 5
    assert frozen > 5


@cache
def moment(name: str) -> tuple[Factory, Snapshot, Planner]:
    factory = find_single_factory(name)
    return factory, moments(factory, 200)[0], planner(factory, ATCS, any_legal(3))


@st.composite
def locked_moments(draw: st.DrawFn) -> tuple[str, Snapshot]:
    """A moment of a factory in which nothing comes back to a work centre, with some operations
    fixed to some machines in some sequence."""
    name = draw(st.sampled_from(["microfactory", "scarce_crew"]))
    factory, snapshot, _ = moment(name)
    plant = FactoryLookup(factory)
    left = [
        (one.order_id, step)
        for one in snapshot.orders
        for step in plant.route(one.product)
        if one.operations[step.operation.name].status in ("upcoming", "ready")
    ]
    locks = []
    for number in draw(st.lists(st.integers(0, len(left) - 1), unique=True, max_size=len(left))):
        name_of, step = left[number]
        machine = plant.machines[draw(st.sampled_from(sorted(step.base_times)))].name
        locks.append(Lock(machine=machine, order=name_of, operation=step.operation.name))
    stops = {
        one: draw(st.integers(0, 200))
        for one, state in snapshot.machines.items()
        if state.status == "idle" and draw(st.booleans())
    }
    machines = {
        one: (
            state.model_copy(update={"out_of_service_until": snapshot.clock + stops[one]})
            if one in stops
            else state
        )
        for one, state in snapshot.machines.items()
    }
    return name, snapshot.model_copy(update={"locks": tuple(locks), "machines": machines})


@settings(max_examples=100)
@given(locked_moments())
def test_any_locks_that_pass_the_check_lead_to_a_whole_plan_that_keeps_them(
    given_moment: tuple[str, Snapshot],
) -> None:
    name, snapshot = given_moment
    factory, _, used = moment(name)
    check_snapshot(snapshot, factory)
    plan = used.plan(snapshot, futures=2)
    Reading(plan, snapshot, factory).check()
    for machine, sequence in sequences(plan).items():
        fixed = [(lock.order, lock.operation) for lock in snapshot.locks if lock.machine == machine]
        assert sequence[: len(fixed)] == fixed


# --- refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("locks", "words"),
    [
        (
            [("paint-9", "C", "paint")],
            r"locks\.0\.machine = 'paint-9'; workshop has none of that name\. Write 'paint-2'",
        ),
        (
            [("paint-1", "C", "paint"), ("paint-1", "Z", "paint")],
            r"locks\.1\.order = 'Z'; there is no such order here\. Write one of 'A', 'B', 'C'",
        ),
        (
            [("paint-1", "C", "point")],
            r"locks\.0\.operation = 'point'; red has none of that name\. Write 'paint'",
        ),
        (
            [("pack-1", "C", "paint")],
            (
                r"locks\.0\.machine = 'pack-1'; it cannot do paint\. Correct the machine or the"
                r" operation"
            ),
        ),
        (
            [("paint-1", "A", "paint")],
            r"locks\.0\.operation = 'paint'; it is in_process already\. Leave out the lock",
        ),
        (
            [("paint-1", "D", "paint")],
            r"locks\.0\.operation = 'paint'; it is done already\. Leave out the lock",
        ),
        (
            [("paint-1", "C", "paint"), ("paint-2", "C", "paint")],
            (
                r"locks\.1\.operation = 'paint'; order C has it locked before\. Leave out one of"
                r" the locks"
            ),
        ),
        (
            [("paint-1", "", "paint")],
            r"locks\.0\.order = ''; string should have at least 1 character",
        ),
    ],
    ids=["machine", "order", "operation", "cannot do", "in process", "done", "twice", "empty"],
)
def test_a_lock_that_cannot_be_kept_is_refused_with_path_value_rule_and_remedy(
    locks: list[tuple[str, str, str]], words: str
) -> None:
    factory = workshop(paints=2)
    done = order("D", "red", operations={"paint": DONE, "pack": READY})
    data: dict[str, Any] = three_orders(factory, paint_2=idle("white")).model_dump()
    data["orders"] = (*data["orders"], done.model_dump())
    parse_snapshot(data, factory)
    data["locks"] = [
        {"machine": machine, "order": name, "operation": operation}
        for machine, name, operation in locks
    ]
    with pytest.raises(SnapshotError, match=f"^{words}[^\n]*$"):
        parse_snapshot(data, factory)


def test_a_machine_that_the_operation_does_not_name_is_refused() -> None:
    paint = Operation(name="paint", work_centre="paint", machine_times={"paint-2": 4})
    factory = workshop(
        paints=2, products=(*workshop().products, Product(name="special", operations=(paint,)))
    )
    snapshot = floor_of(
        factory,
        {"paint-1": idle("red"), "paint-2": idle("red")},
        order("A", "special", operations={"paint": READY}),
    )
    assert locked(snapshot, factory, ("paint-2", "A", "paint")).locks
    with pytest.raises(SnapshotError, match=r"locks\.0\.machine = 'paint-1'; it cannot do paint"):
        locked(snapshot, factory, ("paint-1", "A", "paint"))


@pytest.mark.parametrize("before", [[], [("paint-1", "B", "red")]], ids=["first", "third"])
def test_locks_against_the_route_of_an_order_are_refused(
    before: list[tuple[str, str, str]],
) -> None:
    factory = packed_first(("red", "pack", "black"))
    orders = [
        order(name, "black", operations={"red": READY, "pack": UPCOMING, "black": UPCOMING})
        for name in ("A", "B")
    ]
    snapshot = floor_of(factory, {"paint-1": idle("white")}, *orders)
    assert locked(
        snapshot, factory, *before, ("paint-1", "A", "red"), ("paint-1", "A", "black")
    ).locks
    words = (
        rf"locks = {len(before) + 2} locks; together with the routes they want .* of order A before"
        r" .*\. Change the sequence of one machine"
    )
    with pytest.raises(SnapshotError, match=words):
        locked(snapshot, factory, *before, ("paint-1", "A", "black"), ("paint-1", "A", "red"))


def test_locks_of_two_machines_that_wait_for_each_other_are_refused() -> None:
    """Each of the two machines is to begin with what the other one does first."""
    snapshot = floor_of(
        CROSSING,
        {"paint-1": idle("white")},
        order("R", "red", operations={"pack": READY, "red": UPCOMING}),
        order("B", "pack", operations={"black": READY, "pack": UPCOMING}),
    )
    crossed = [
        ("paint-1", "R", "red"),
        ("paint-1", "B", "black"),
        ("pack-1", "B", "pack"),
        ("pack-1", "R", "pack"),
    ]
    for kept in (crossed[1:], crossed[:2], crossed[2:]):
        assert planner(CROSSING).plan(locked(snapshot, CROSSING, *kept)).operations
    with pytest.raises(
        SnapshotError,
        match=(
            r"locks\.2\.operation = 'pack'; pack of order R must be done before, by pack-1, which"
            r" does nothing"
        ),
    ):
        locked(snapshot, CROSSING, *crossed[:3])
    with pytest.raises(
        SnapshotError,
        match=(
            r"locks = 4 locks; together with the routes they want .*\. Change the sequence of one"
            r" machine"
        ),
    ):
        locked(snapshot, CROSSING, *crossed)


# --- once wrong -----------------------------------------------------------------------------------


def one_cell(*products: Product, **cell_fields: Any) -> Factory:
    """The workshop with one work centre instead of its two."""
    return workshop(work_centres=(cell(**cell_fields),), products=products, transport=Transport())


def made(order_id: str, name: str, due_date: int = 100) -> OrderState:
    return OrderState(
        order_id=order_id,
        product=name,
        release_date=0,
        due_date=due_date,
        operations={"make": READY},
    )


def cell_floor(
    factory: Factory, machines: dict[str, MachineState], *orders: OrderState
) -> Snapshot:
    return check_snapshot(
        Snapshot(
            factory=factory.name, clock=10, machines=machines, orders=orders, more_orders=False
        ),
        factory,
    )


def test_bug_a_locked_operation_gets_the_detour_that_it_shares_with_another() -> None:
    """From black neither white nor grey can be mounted but by way of red; the row for red is told
    to be for the grey one, the lock is on the white one."""
    times = ((0, 3, 3, 3), (3, 0, 3, 3), (9, 2, 0, 9), (3, 3, 3, 0))
    colour = Attribute(
        name="colour",
        values=("white", "red", "black", "grey"),
        time=times,
        forbidden=(("black", "white"), ("black", "grey")),
    )
    factory = one_cell(
        product("red", job(setup={"colour": "grey"})),
        product("white", job(setup={"colour": "white"})),
        attributes=(colour,),
    )
    snapshot = cell_floor(factory, {"cell0": idle("black")}, made("1", "red"), made("2", "white"))
    plan = planner(factory).plan(locked(snapshot, factory, ("cell0", "2", "make")))
    assert [one.order for one in plan.operations] == ["2", "1"]
    assert [one.setup["colour"] for one in plan.changeovers] == ["red", "white", "grey"]


def test_bug_free_work_behind_locked_rows_is_done() -> None:
    """More operations are locked to one machine than there are rows; the other one does the rest at
    once."""
    factory = one_cell(product("red", job()), product("white", job()), machines=2)
    snapshot = cell_floor(
        factory,
        {"cell0": idle(), "cell1": idle()},
        *(made(f"{number}", "red", 50 + number) for number in range(45)),
    )
    plan = planner(factory).plan(
        locked(snapshot, factory, *(("cell0", f"{number}", "make") for number in range(40)))
    )
    free = [one for one in plan.operations if one.machine == "cell1"]
    assert {one.order for one in free} == {f"{number}" for number in range(40, 45)}
    assert min(one.selected_date for one in free) == snapshot.clock


def test_bug_a_machine_held_for_long_leaves_the_plan_whole() -> None:
    """Nothing but the end of the hold can happen for as long as 60,000 waits."""
    factory = workshop()
    machines = {"paint-1": idle("red", out_of_service_until=60_000), "pack-1": idle()}
    snapshot = floor_of(
        factory,
        machines,
        order("A", "red", ready=5),
        order("B", "red", operations={"paint": DONE, "pack": READY}),
    )
    plan = planner(factory).plan(
        locked(snapshot, factory, ("pack-1", "A", "pack"), ("pack-1", "B", "pack"))
    )
    assert [(one.machine, one.order) for one in plan.operations] == [
        ("paint-1", "A"),
        ("pack-1", "A"),
        ("pack-1", "B"),
    ]


def test_bug_more_changeovers_than_crews_are_refused() -> None:
    factory = workshop(paints=2)
    changing = MachineState(status="changing", setup={"colour": "red"}, since=5, expected_end=12)
    with pytest.raises(SnapshotError, match=r"2 are changing over; .* has crews for 1"):
        check_snapshot(floor_of(factory, {"paint-1": changing, "paint-2": changing}), factory)

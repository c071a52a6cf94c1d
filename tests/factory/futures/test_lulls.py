"""Far dates: how long a simulation that looks ahead works does not depend on how far off what it
waits for is.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from envs.observation.tables import allocate_observation_scratch, allocate_tables
from envs.step_kernels import reference_cost
from factory.futures.lulls import allocate_lulls
from factory.futures.sampled_futures import allocate_beliefs, pass_supply, wait_for_batch
from factory.io.catalogue import find_single_factory
from factory.lookups import FactoryLookup
from factory.model import Factory, Order, OrderBook, SupplyRegime
from factory.simulation import demand
from factory.simulation.allocation import allocate
from factory.simulation.arrays import NEVER, PROCESSING
from factory.simulation.load import load
from factory.verification import reference_world
from scheduler.__main__ import main
from scheduler.decisions.decider import Decider
from scheduler.floor.floor import ShopFloor
from scheduler.plans.planner import PlanError
from scheduler.plans.projection import init_sampled, repairable_copy
from scheduler.plans.schema import Plan
from scheduler.plans.what_if import Change, MachineDown, OrderTerms, change_snapshot
from scheduler.snapshot.read import check_snapshot
from scheduler.snapshot.schema import Lock, Snapshot
from tests.builders.shop_floor_script import cell, job, plant, product
from tests.builders.workshop import ATCS, busy, floor_of, idle, moments, order, planner, workshop
from tests.oracles.twin import Twin

DAY = 1440
NEAR, FAR = 70 * DAY, 700_000 * DAY
"""Ticks; whole days, so that the tariff is the same."""


class Counting:
    """A policy that counts what it is asked."""

    def __init__(self, choose: Callable[[NDArray[np.bool_]], int] | None = None) -> None:
        self.choose, self.asked = choose, 0

    def decide(self, observation: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
        self.asked += 1
        if self.asked > 50_000:
            pytest.fail("a plan does not come to an end")
        if self.choose is None:
            return np.asarray(ATCS.decide(observation))
        return np.array(
            [self.choose(mask) for mask in np.asarray(observation["action_mask"], np.bool_)]
        )


def wait_first(mask: NDArray[np.bool_]) -> int:
    """Wait wherever that is legal."""
    return len(mask) - 1 if mask[-1] else int(np.argmax(mask))


def change_over_first(job_rows: int) -> Callable[[NDArray[np.bool_]], int]:
    """Change over wherever that is legal, then wait."""

    def choose(mask: NDArray[np.bool_]) -> int:
        ahead = np.flatnonzero(mask[job_rows:-1])
        return job_rows + int(ahead[0]) if len(ahead) else wait_first(mask)

    return choose


def with_machine(snapshot: Snapshot, name: str, **fields: Any) -> Snapshot:
    return snapshot.model_copy(
        update={
            "machines": {
                **snapshot.machines,
                name: snapshot.machines[name].model_copy(update=fields),
            }
        }
    )


def on_its_way(snapshot: Snapshot) -> tuple[int, str] | None:
    """Place of an order with an operation that is in transport, and which one."""
    for place, one in enumerate(snapshot.orders):
        states = list(one.operations.items())
        for number, (name, state) in enumerate(states):
            if (
                number > 0
                and state.status == "upcoming"
                and all(other.status == "done" for _, other in states[:number])
            ):
                return place, name
    return None


def with_arrival(snapshot: Snapshot, date: int) -> Snapshot:
    """What is on its way arrives at a date."""
    found = on_its_way(snapshot)
    assert found is not None
    orders, (place, name) = list(snapshot.orders), found
    late = (
        orders[place]
        .operations[name]
        .model_copy(update={"arrival_date": date, "expected_date": date})
    )
    orders[place] = orders[place].model_copy(
        update={"operations": {**orders[place].operations, name: late}}
    )
    return snapshot.model_copy(update={"orders": tuple(orders)})


def work(
    factory: Factory,
    snapshot: Snapshot,
    choose: Callable[[NDArray[np.bool_]], int] | None = None,
    **fields: Any,
) -> tuple[Plan, int]:
    """A plan, and how many decisions it took."""
    policy = Counting(choose)
    return (
        planner(factory, ATCS, policy.decide).plan(check_snapshot(snapshot, factory), **fields),
        policy.asked,
    )


MOMENT = next(
    one
    for one in moments(find_single_factory("microfactory"), *range(60, 200, 3))
    if on_its_way(one)
).model_copy(update={"more_orders": False})
BUSY = next(name for name, state in MOMENT.machines.items() if state.status == "processing")

DELAYS: dict[str, Callable[[int], Snapshot]] = {
    "expected end": lambda date: with_machine(MOMENT, BUSY, expected_end=date),
    "arrival": lambda date: with_arrival(MOMENT, date),
    "out of service": lambda date: change_snapshot(
        MOMENT, [MachineDown(machine=BUSY, until=date)], find_single_factory("microfactory")
    ),
}


@pytest.mark.parametrize(
    "choose", [None, wait_first, change_over_first(64)], ids=["ATCS", "waiting", "changing over"]
)
@pytest.mark.parametrize("delay", DELAYS)
def test_bug_a_plan_takes_as_many_decisions_however_far_off_a_date_is(
    delay: str, choose: Callable[[NDArray[np.bool_]], int] | None
) -> None:
    factory = find_single_factory("microfactory")
    (near, near_work), (far, far_work) = (
        work(factory, DELAYS[delay](date), choose) for date in (NEAR, FAR)
    )
    assert near_work == far_work
    assert len(near.operations) == len(far.operations) > 10
    for early, late in zip(near.operations, far.operations, strict=True):
        moved = FAR - NEAR if early.end_date >= NEAR else 0
        assert (late.machine, late.order, late.operation, late.end_date) == (
            early.machine,
            early.order,
            early.operation,
            early.end_date + moved,
        )
    assert far.end_date - near.end_date == FAR - NEAR


def test_bug_futures_take_as_many_decisions_however_far_off_an_end_is() -> None:
    """Machines of this factory fail every few hours of work: what is said to end far off does not
    fail on the way.
    """
    factory = find_single_factory("unreliable")
    moment = moments(factory, 150)[0].model_copy(update={"more_orders": False})
    name = next(name for name, state in moment.machines.items() if state.status == "processing")
    near, far = (
        work(factory, with_machine(moment, name, expected_end=date), futures=4)
        for date in (NEAR, FAR)
    )
    assert near[1] == far[1]
    last = [max(one.completion_p90 or 0 for one in plan.orders) for plan, _ in (near, far)]
    assert last[1] - last[0] == FAR - NEAR


def test_bug_far_due_dates_take_as_many_decisions_as_distant_ones() -> None:
    factory = find_single_factory("microfactory")
    terms: Callable[[int], list[Change]] = lambda date: [
        OrderTerms(order=one.order_id, due_date=date) for one in MOMENT.orders
    ]  # noqa: E731
    (near, near_work), (far, far_work) = (
        work(factory, change_snapshot(MOMENT, terms(date), factory), wait_first)
        for date in (FAR // 100, FAR // 50)
    )
    assert near_work == far_work
    assert near.end_date == far.end_date < FAR // 100


def test_bug_a_machine_told_to_wait_until_a_far_date_starts_then() -> None:
    """B is locked to booth 1, which is to wait until 10 000; booth 2 has nothing to do but to wait,
    again and again.
    """
    factory = workshop(paints=2)
    for date in (10_000, 10_000_000):
        snapshot = floor_of(
            factory,
            {"paint-1": idle("white", waiting_until=date), "paint-2": idle("red")},
            order("B", "white", ready=5),
        )
        snapshot = check_snapshot(
            snapshot.model_copy(
                update={"locks": (Lock(machine="paint-1", order="B", operation="paint"),)}
            ),
            factory,
        )
        plan, asked = work(factory, snapshot)
        assert [(one.machine, one.start_date) for one in plan.operations] == [
            ("paint-1", date),
            ("pack-1", date + 5),
        ]
        assert asked < 100


def test_a_short_lull_changes_no_wait() -> None:
    """Waits stay as they are for sixteen of them and the longest changeover, and as long before the
    next event.
    """
    arrays = load([workshop()])
    lulls = allocate_lulls(arrays, 1)
    assert lulls.patience.tolist() == [[16 * 8 + 3, 16 * 4]]


def test_bug_a_plan_of_a_policy_that_only_waits_ends() -> None:
    factory = workshop()
    plan, _ = work(
        factory,
        floor_of(
            factory, {"paint-1": busy("A", 12)}, order("A", "red"), order("B", "white", ready=5)
        ),
        wait_first,
    )
    done = sorted((one.order, one.operation) for one in plan.operations)
    assert done == [("A", "pack"), ("A", "paint"), ("B", "pack"), ("B", "paint")]


def test_bug_a_pause_ages_no_machine() -> None:
    """A machine out of service for long works on as it would have: it neither fails in that time
    nor owes a failure afterwards.
    """
    factory = find_single_factory("unreliable")
    moment = moments(factory, 150)[0]
    name = next(name for name, state in moment.machines.items() if state.status == "processing")
    floor = ShopFloor(factory)
    machine = floor.machine_names.index(name)
    left = []
    for until in (None, moment.clock + FAR):
        snapshot = (
            moment
            if until is None
            else change_snapshot(moment, [MachineDown(machine=name, until=until)], factory)
        )
        floor.place(snapshot)
        arrays = repairable_copy(floor.arrays, len(snapshot.orders) + 20)
        shop = allocate(arrays, 8, job_rows=64, changeover_rows=16)
        init_sampled(
            arrays,
            floor.shop,
            floor.locks,
            allocate_beliefs(arrays),
            shop,
            np.uint64(1),
            0,
            int(NEVER) - 1,
        )
        state = shop.machines[:, machine]
        assert (state.status == PROCESSING).all()
        left.append(
            (
                state.time_to_failure - (state.date - state.state_date),
                state.process_left - (state.date - state.state_date),
            )
        )
    assert np.array_equal(left[0], left[1])
    assert (left[0][0] >= 0).all()


# --- regimes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "passing"), [("demand_swing", wait_for_batch), ("supply_shock", pass_supply)]
)
def test_bug_believing_in_regimes_takes_as_many_steps_however_long_nothing_is_seen(
    name: str, passing: Callable[..., int]
) -> None:
    arrays = load([find_single_factory(name)])
    beliefs = allocate_beliefs(arrays)
    belief = beliefs.demand if passing is wait_for_batch else beliefs.supply
    found = []
    for elapsed in (10**7, 2 * 10**7):
        belief[:] = 0.0
        belief[0] = 1.0
        found.append((passing(arrays, 0, belief, beliefs.before, elapsed), belief.tolist()))
    assert found[0][0] == pytest.approx(found[1][0], rel=0.05)
    assert found[0][0] < 10_000
    assert found[0][1] == pytest.approx(found[1][1], abs=1e-6)


SUPPLIES = tuple(
    SupplyRegime(name=name, duration=duration, late_probability=share, mean_lateness=50)
    for name, duration, share in (("calm", 30, 0.0), ("rough", 10, 1.0), ("short", 20, 0.5))
)


def supplied(*dates: int) -> tuple[Factory, OrderBook]:
    """Orders that all need material, released at dates."""
    factory = plant(
        (cell(),),
        (product("p", job(4).model_copy(update={"needs_material": True})),),
        material=SUPPLIES,
    )
    orders = tuple(
        Order(order_id=f"{n}", release_date=date, due_date=date + 9, weight=1.0, product="p")
        for n, date in enumerate(dates)
    )
    return factory, OrderBook(orders=orders)


def material_dates(factory: Factory, book: OrderBook, seed: int) -> list[int]:
    """As the kernel draws them."""
    arrays = load([factory], [book])
    shop = allocate(arrays, 1, job_rows=4, changeover_rows=4)
    shop.env.factory[0], shop.env.seed[0] = 0, seed
    demand.draw_orders(arrays, shop, 0)
    return [int(date) for date in shop.orders.material_date[0]]


@pytest.mark.parametrize("seed", range(5))
def test_material_of_orders_far_apart_is_drawn_alike_by_kernel_verifier_and_twin(seed: int) -> None:
    near = range(0, 600, 7)
    far = [start + date for start in (58_000, 61_000, 10**6, 10**9, 2**39) for date in near]
    factory, book = supplied(*near, *far)
    drawn = material_dates(factory, book, seed)
    assert drawn == [
        one.material_date for one in reference_world.book_orders(FactoryLookup(factory), book, seed)
    ]
    assert drawn == [one.material_date for one in Twin(factory, seed, book).orders]


def test_bug_drawing_supply_takes_as_many_stays_however_far_apart_orders_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    factory, book = supplied(0, 3_000_000, 6_000_000)
    count, draw = 0, reference_world.exponential_ticks

    def counted(*arguments: Any) -> int:
        nonlocal count
        count += 1
        return draw(*arguments)

    monkeypatch.setattr(reference_world, "exponential_ticks", counted)
    reference_world.book_orders(FactoryLookup(factory), book, 1)
    assert count < 100


def test_far_off_a_supply_regime_is_in_force_by_its_share_of_time() -> None:
    """Half the time calm, a sixth rough, a third short: 1/6 + 1/3 * 1/2 = 1/3 of the orders are
    late.
    """
    factory, book = supplied(*(10**6 * number for number in range(1, 3001)))
    late = np.mean(
        [
            one.material_date > one.release_date
            for one in reference_world.book_orders(FactoryLookup(factory), book, 7)
        ]
    )
    assert late == pytest.approx(1 / 3, abs=4 * np.sqrt(2 / 9 / 3000))


def test_bug_the_reference_cost_of_an_episode_takes_no_decision_more_for_a_longer_lull() -> None:
    """An order awaits its material; a machine that could change over ahead for it is asked again
    and again, whenever that comes.
    """
    factory = find_single_factory("microfactory")
    assert factory.demand is not None
    counts = []
    for lateness in (100_000, 10_000_000):
        supply = (SupplyRegime(name="late", late_probability=1.0, mean_lateness=lateness),)
        late = factory.model_copy(
            update={
                "material": supply,
                "demand": factory.demand.model_copy(update={"num_orders": 2}),
            }
        )
        arrays = load([late])
        shop = allocate(arrays, 1, job_rows=64, changeover_rows=16)
        working = (
            allocate_observation_scratch(shop),
            allocate_tables(arrays, shop, np.float32),
            allocate_lulls(arrays, 1),
        )
        reference_cost(arrays, shop, 0, 0, np.uint64(3), *working)
        counts.append(int(shop.env.decisions[0]))
    assert counts[0] == pytest.approx(counts[1], rel=0.1)


# --- the limit of work ----------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["plan", "what-if"])
def test_bug_a_plan_on_the_command_line_has_a_limit_and_says_how_far_it_came(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "snapshot.json").write_text(MOMENT.model_dump_json())
    (tmp_path / "manifest.json").write_text(
        json.dumps(
            {"fallback_rules": {"microfactory": "EDD"}, "training": {"factories": ["microfactory"]}}
        )
    )
    change = (
        ["--change", '{"change": "cancel_order", "order": "none"}'] if command == "what-if" else []
    )
    if command == "what-if":
        change[1] = json.dumps({"change": "machine_down", "machine": BUSY, "until": FAR})
    arguments = [command, str(tmp_path / "snapshot.json"), "--bundle", str(tmp_path), *change]
    assert main([*arguments, "--seconds", "1e-9"]) == 1
    assert "1e-09 s are over and the plan not finished" in capsys.readouterr().err
    assert main(arguments) == 0


def test_bug_a_limit_that_is_no_time_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for given in ("0", "-1", "nan"):
        with pytest.raises(SystemExit):
            main(
                [
                    "plan",
                    str(tmp_path / "snapshot.json"),
                    "--bundle",
                    str(tmp_path),
                    f"--seconds={given}",
                ]
            )
        assert f"--seconds: {given}; it must be a positive number" in capsys.readouterr().err


def test_the_refusal_for_want_of_time_names_futures_only_where_they_took_it() -> None:
    factory = workshop()
    snapshot = floor_of(
        factory, {"paint-1": busy("A", 12)}, order("A", "red"), order("B", "white", ready=5)
    )
    slow = planner(factory)
    slow.plan(snapshot)
    slow.max_seconds = 0.0
    with pytest.raises(
        PlanError, match=r"the plan not finished; .* Give it more time, or leave out orders\."
    ):
        slow.plan(snapshot, futures=4)
    with pytest.raises(
        PlanError,
        match=r"its 4 futures not finished; .* Give it more time, or sample fewer futures\.",
    ):
        slow.costs_after(snapshot, [], futures=4, seed=1)


def test_decisions_of_a_floor_with_far_dates_are_those_of_one_with_near_ones() -> None:
    factory = find_single_factory("microfactory")
    decider = Decider(ShopFloor(factory), None, ATCS)
    near, far = (
        decider.decide(check_snapshot(DELAYS["expected end"](date), factory))
        for date in (NEAR, FAR)
    )
    assert [(one.machine, one.choice) for one in near] == [(one.machine, one.choice) for one in far]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["decide", "s.json", "--budget=-1"], "--budget: -1; it must be a positive number"),
        (["decide", "s.json", "--budget=nan"], "--budget: nan; it must be a positive number"),
        (["serve", "--port=99999"], "--port: 99999; it must lie between 0 and 65535"),
    ],
)
def test_bug_numbers_of_the_command_line_are_checked(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([*arguments, "--bundle", "bundle"])
    assert words in capsys.readouterr().err

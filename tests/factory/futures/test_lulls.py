"""Far dates: how long a simulation that looks ahead works does not depend on how far off what it
waits for is.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from envs.observation.tables import allocate_observation_scratch, allocate_tables
from envs.reward_scale import reference_cost
from factory.futures.expected_future import repairable_copy
from factory.futures.lulls import allocate_lulls
from factory.futures.sampled_futures import allocate_beliefs
from factory.io.catalogue import find_single_factory
from factory.loading.allocation import allocate
from factory.loading.load import load
from factory.model import Factory, SupplyRegime
from factory.simulation.arrays import NEVER, PROCESSING
from scheduler.__main__ import main
from scheduler.decisions.decider import Decider
from scheduler.floor.floor import ShopFloor
from scheduler.plans import plan_simulation
from scheduler.plans.changes import Change, MachineDown, OrderTerms
from scheduler.plans.schema import Plan
from scheduler.plans.starting_floors import init_sampled
from scheduler.plans.what_if import change_snapshot
from scheduler.snapshot.read import check_snapshot
from scheduler.snapshot.schema import Lock, Snapshot
from tests.builders.workshop import ATCS, busy, floor_of, idle, moments, order, planner, workshop

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
    """Let the operation in transit arrive at a date."""
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


@cache
def moment() -> Snapshot:
    """Return a snapshot with an operation in transport, and no orders to come."""
    snapshots = moments(find_single_factory("microfactory"), *range(60, 200, 3))
    snapshot = next(item for item in snapshots if on_its_way(item))
    return snapshot.model_copy(update={"more_orders": False})


def busy_machine() -> str:
    """Return the first machine at work in :func:`moment`."""
    machines = moment().machines
    return next(name for name, state in machines.items() if state.status == "processing")


DELAYS: dict[str, Callable[[int], Snapshot]] = {
    "expected end": lambda date: with_machine(moment(), busy_machine(), expected_end=date),
    "arrival": lambda date: with_arrival(moment(), date),
    "out of service": lambda date: change_snapshot(
        moment(),
        [MachineDown(machine=busy_machine(), until=date)],
        find_single_factory("microfactory"),
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
    snapshot = moments(factory, 150)[0].model_copy(update={"more_orders": False})
    name = next(name for name, state in snapshot.machines.items() if state.status == "processing")
    near, far = (
        work(factory, with_machine(snapshot, name, expected_end=date), futures=4)
        for date in (NEAR, FAR)
    )
    assert near[1] == far[1]
    last = [max(one.completion_p90 or 0 for one in plan.orders) for plan, _ in (near, far)]
    assert last[1] - last[0] == FAR - NEAR


def test_bug_far_due_dates_take_as_many_decisions_as_distant_ones() -> None:
    factory = find_single_factory("microfactory")

    def terms(date: int) -> list[Change]:
        return [OrderTerms(order=item.order_id, due_date=date) for item in moment().orders]

    (near, near_work), (far, far_work) = (
        work(factory, change_snapshot(moment(), terms(date), factory), wait_first)
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
    assert lulls.margin.tolist() == [[16 * 8 + 3, 16 * 4]]


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
    command: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plan_simulation, "_DECISIONS_PER_CALL", 1)
    (tmp_path / "snapshot.json").write_text(moment().model_dump_json())
    (tmp_path / "manifest.json").write_text(
        json.dumps(
            {"fallback_rules": {"microfactory": "EDD"}, "training": {"factories": ["microfactory"]}}
        )
    )
    change = (
        ["--change", '{"change": "cancel_order", "order": "none"}'] if command == "what-if" else []
    )
    if command == "what-if":
        change[1] = json.dumps({"change": "machine_down", "machine": busy_machine(), "until": FAR})
    arguments = [command, str(tmp_path / "snapshot.json"), "--bundle", str(tmp_path), *change]
    assert main([*arguments, "--by", "rule", "--seconds", "1e-9"]) == 1
    assert "1e-09 s are over and the plan not finished" in capsys.readouterr().err
    assert main(arguments) == 0


def test_decisions_of_a_floor_with_far_dates_are_those_of_one_with_near_ones() -> None:
    factory = find_single_factory("microfactory")
    decider = Decider(ShopFloor(factory), None, ATCS)
    near, far = (
        decider.decide(check_snapshot(DELAYS["expected end"](date), factory))
        for date in (NEAR, FAR)
    )
    assert [(one.machine, one.choice) for one in near] == [(one.machine, one.choice) for one in far]

"""States of the shop floor: those of a schedule worked by hand, and those of the simulator."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from factory.lookups import FactoryLookup
from factory.model import Costs
from factory.schedule.columns import unload_columns
from factory.schedule.conversion import columns_of
from factory.schedule.records import FailureRecord, OperationRecord, OrderRecord, Schedule
from factory.schedule.shop_floor.floor_history import FloorHistory
from factory.schedule.shop_floor.floor_state import FloorMachine, FloorState
from factory.simulation.arrays import CHANGING, DOWN, IDLE, PROCESSING, READY
from factory.simulator import Simulator
from tests.builders.hand_made_schedule import (
    BUILD_2,
    PAINT_1,
    PAINT_2,
    TEST_1,
    hand_factory,
    hand_schedule,
    with_changeover,
    with_order,
)
from tests.builders.random_factories import random_factory, random_row

PAINT, BUILD, TEST = range(3)


def at(date: int, schedule: Schedule | None = None) -> FloorState:
    lookup = FactoryLookup(hand_factory())
    return FloorHistory(columns_of(schedule or hand_schedule(), lookup), lookup).state_at(date)


def waiting(state: FloorState, centre: int) -> list[tuple[int, int, str]]:
    return [(o.order, o.operation, o.status) for o in state.waiting[centre]]


def test_a_machine_changes_over_processes_and_is_idle() -> None:
    """paint-1 changes over from 0 to 2 for order A, and paints it from 2 to 12."""
    assert at(1).machines[PAINT_1] == FloorMachine(
        "changeover", ("white",), ("red",), 0, 0, remaining_time=1, elapsed_share=0.5
    )
    assert at(2).machines[PAINT_1] == FloorMachine(
        "processing", ("red",), None, 0, 0, remaining_time=10, elapsed_share=0.0
    )
    assert at(7).machines[PAINT_1].elapsed_share == 0.5
    assert at(12).machines[PAINT_1] == FloorMachine("idle", ("red",))


def test_a_changeover_ahead_has_no_order_and_follows_a_wait() -> None:
    """build-2 waits from 8 to 10, and changes over from 10 to 14 without an operation."""
    assert at(7).machines[BUILD_2].status == "idle"
    assert at(8).machines[BUILD_2].status == "waiting"
    ahead = at(10).machines[BUILD_2]
    assert (ahead.status, ahead.order, ahead.remaining_time) == ("changeover", None, 4)
    assert at(14).machines[BUILD_2] == FloorMachine("idle", ("big", "plain"))


def test_a_machine_under_repair_is_down_and_keeps_its_order() -> None:
    repair = FailureRecord(machine=PAINT_1, start_date=4, end_date=8)
    state = at(5, replace(hand_schedule(), failures=(repair,))).machines[PAINT_1]
    assert (state.status, state.order, state.remaining_time) == ("down", 0, 3)


def test_a_repair_in_progress_has_no_known_end() -> None:
    schedule = replace(
        hand_schedule(),
        operations=(),
        open_operations=(OperationRecord(0, 0, "paint", PAINT_1, 0, 2, 12, 10, 0),),
        open_failures=(FailureRecord(machine=PAINT_1, start_date=4, end_date=6),),
        end_date=6,
    )
    state = at(6, schedule).machines[PAINT_1]
    assert (state.status, state.order, state.remaining_time) == ("down", 0, None)


def test_an_overdue_operation_stays_on_its_machine() -> None:
    operation = OperationRecord(0, 0, "paint", PAINT_1, 0, 2, 6, 10, 0)
    schedule = replace(hand_schedule(), operations=(), open_operations=(operation,), end_date=6)
    assert at(6, schedule).machines[PAINT_1].status == "processing"
    assert (0, 0, "ready") not in waiting(at(6, schedule), PAINT)


def test_orders_move_from_queue_to_machine_to_transport_to_queue() -> None:
    """Order B is released at 5, painted from 9 to 15 by paint-2, and carried for a tick."""
    assert waiting(at(4), PAINT) == []
    assert at(5).machines[PAINT_2].order == 1
    assert waiting(at(15), BUILD) == [(1, 2, "in_transit")]
    assert waiting(at(16), BUILD) == []
    assert at(16).machines[BUILD_2].order == 1


def test_an_operation_waits_for_its_other_parts() -> None:
    """The kit of order A is tested by 3 and arrives at 4; its paint is done at 12."""
    assert waiting(at(2), BUILD) == []
    assert waiting(at(3), BUILD) == [(0, 2, "in_transit")]
    assert waiting(at(4), BUILD) == [(0, 2, "blocked")]


def test_an_operation_without_its_material_is_blocked() -> None:
    late = with_order(hand_schedule(), 0, material_date=7, completion_date=None)
    late = replace(late, operations=(), changeovers=(), waits=())
    assert (0, 0, "blocked") in waiting(at(6, late), PAINT)
    assert (0, 0, "ready") in waiting(at(7, late), PAINT)


def test_a_failed_attempt_is_back_in_the_queue() -> None:
    first, second = (
        OperationRecord(0, 1, "kit", TEST_1, 0, 0, 3, 3, 0),
        OperationRecord(0, 1, "kit", TEST_1, 10, 10, 13, 3, 1),
    )
    schedule = replace(hand_schedule(), operations=(first, second))
    assert (0, 1, "ready") in waiting(at(5, schedule), TEST)
    assert (0, 1, "ready") not in waiting(at(13, schedule), TEST)


def test_operations_from_before_the_schedule_are_done() -> None:
    """A plan begins with order A painted, and only builds it."""
    build = [o for o in hand_schedule().operations if (o.order, o.name) == (0, "build")]
    state = at(5, replace(hand_schedule(), operations=tuple(build), changeovers=()))
    assert [o for o in waiting(state, PAINT) if o[0] == 0] == []
    assert [o for o in waiting(state, TEST) if o[0] == 0] == []
    assert (0, 2, "ready") in waiting(state, BUILD)


def test_a_machine_begins_in_the_setup_of_its_first_changeover() -> None:
    """A plan can begin with another setup than an episode."""
    changed = with_changeover(hand_schedule(), 1, from_setup=("red",))
    assert at(4, changed).machines[PAINT_2].setup == ("red",)
    assert at(4).machines[PAINT_2].setup == ("white",)


def test_counters_count_orders_so_far() -> None:
    """A is completed in time at 25; B is due at 24 and completed at 28."""
    counts = [
        (state.finished, state.in_progress, sorted(state.late_orders))
        for state in map(at, (4, 24, 25, 28))
    ]
    assert counts == [(0, 1, []), (0, 2, []), (1, 1, [1]), (2, 0, [1])]


def test_costs_grow_to_the_bill() -> None:
    """Two painting changeovers cost 2 * 1 and 2 * 2, and 4 * 0.5 and 4 * 1 for waste."""
    factory = hand_factory(costs=Costs(changeover=2.0, waste=4.0))
    lookup = FactoryLookup(factory)
    history = FloorHistory(columns_of(hand_schedule(), lookup), lookup)
    assert [history.cost_until(date) for date in (0, 4, 5, 10)] == [4.0, 4.0, 12.0, 22.0]


def test_nothing_is_on_the_floor_of_an_empty_schedule() -> None:
    empty = replace(hand_schedule(), orders=(), operations=(), changeovers=(), waits=(), end_date=0)
    state = at(0, empty)
    assert {machine.status for machine in state.machines} == {"idle"}
    assert state.waiting == ((), (), ())
    assert (state.finished, state.in_progress, state.cost) == (0, 0, 0.0)


def test_a_schedule_of_another_factory_is_refused() -> None:
    other = OrderRecord("A", 0, "boat", {}, 0, 9, 1.0, 0, None)
    with pytest.raises(ValueError, match=r"orders\[0\] is of a product that factory hand made"):
        at(0, replace(hand_schedule(), orders=(other,), operations=(), changeovers=()))
    with pytest.raises(ValueError, match=r"failures\[0\] is on machine 9; factory hand made has 5"):
        at(0, replace(hand_schedule(), failures=(FailureRecord(9, 0, 1),)))


STATUS = {IDLE: {"idle", "waiting"}, CHANGING: {"changeover"}, PROCESSING: {"processing"}}


@pytest.mark.parametrize("seed", range(12))
def test_states_are_those_of_the_simulator(seed: int) -> None:
    """At each decision: statuses and setups of machines, queues, finished orders and the cost."""
    rng = random.Random(seed)
    factory, book = random_factory(rng)
    simulator, lookup = Simulator(factory, book), FactoryLookup(factory)
    simulator.reset(seed)
    for _ in range(60):
        if simulator.deciding is None:
            break
        compare(simulator, lookup)
        legal = [(choice.row, choice.kind) for choice in simulator.choices() if choice.legal]
        simulator.decide(random_row(legal, rng))


def compare(simulator: Simulator, lookup: FactoryLookup) -> None:
    columns = unload_columns(simulator.arrays, simulator.shop, 0)
    operations = simulator.shop.operations.view(np.ndarray)[0, : len(columns.orders.product)]
    failed = np.argwhere((operations["status"] == READY) & (operations["attempt"] > 0))
    repeated = [(int(order), int(number)) for order, number in failed]
    state = FloorHistory(columns, lookup, repeated).state_at(simulator.clock)
    machines: Any = simulator.shop.machines.view(np.ndarray)[0]
    for index, machine in enumerate(state.machines):
        status = int(machines["status"][index])
        assert machine.status in (STATUS | {DOWN: {"down"}})[status]
        if status != CHANGING:
            values = lookup.setup_values[lookup.centre_of[index]].values()
            mounted = simulator.shop.mounted[0, index].tolist()
            assert machine.setup == tuple(v[i] for v, i in zip(values, mounted, strict=False))
    ready = {
        (o.order, o.operation) for queue in state.waiting for o in queue if o.status == "ready"
    }
    assert ready == {
        (int(order), int(number)) for order, number in np.argwhere(operations["status"] == READY)
    }
    assert state.finished == int(simulator.shop.env[0].num_completed)
    assert state.cost == pytest.approx(sum(simulator.costs.values()), rel=1e-9, abs=1e-9)

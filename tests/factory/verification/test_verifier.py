"""The verifier: right schedules are accepted and billed to the cent, tampered ones rejected by rule
and place."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from factory.io.catalogue import find_single_factory, shipped
from factory.model import Factory, OrderBook, SupplyRegime, Uncertainty
from factory.schedule.bill import bill
from factory.schedule.records import ChangeoverRecord, FailureRecord, Schedule
from factory.simulator import Simulator
from factory.verification.verifier import verify
from factory.verification.violations import Constraint, VerificationError
from tests.builders.hand_made_schedule import (
    BUILD,
    BUILD_1,
    BUILD_2,
    KIT,
    PAINT,
    PAINT_1,
    PAINT_2,
    hand_book,
    hand_factory,
    hand_schedule,
    play,
    with_operation,
    with_order,
)
from tests.builders.random_factories import random_factory
from tests.builders.tampered_schedules import (
    A_KIT,
    A_PAINT,
    TAMPERINGS,
    with_changeovers,
    without_changeover,
)


def violations_of(
    schedule: Schedule, factory: Factory, book: OrderBook | None = None
) -> list[tuple[str, str]]:
    """(rule, place) of every fault."""
    with pytest.raises(VerificationError) as caught:
        verify(schedule, factory, book)
    return [(violation.constraint.value, violation.place) for violation in caught.value.violations]


def breakable(**changes: int) -> Factory:
    """The hand-made factory with a first paint machine that may fail."""
    centre = hand_factory().work_centres[0]
    first = centre.machines[0].model_copy(
        update={"mean_time_to_failure": 50, "mean_time_to_repair": 5} | changes
    )
    return hand_factory(
        work_centres=(
            centre.model_copy(update={"machines": (first, centre.machines[1])}),
            *hand_factory().work_centres[1:],
        )
    )


# --- accepted -------------------------------------------------------------------------------------


def test_hand_made_schedule_is_billed_as_on_paper() -> None:
    """Order B is 4 ticks (0.4 h) late; paint-1 draws 0.2 h * 5 kW, 1 h * 10 kW and 1.6 h * 1 kW at
    0.1 until 23:00, 0.2 until midnight, then 0.4."""
    account = verify(hand_schedule(), hand_factory(), hand_book())
    assert account.tardiness == pytest.approx(10 * 0.4 * 1)
    assert account.changeover == pytest.approx(2 * (1 + 2 + 5))
    assert account.waste == pytest.approx(4 * (0.5 + 1))
    assert account.energy == pytest.approx(
        1.5 * (0.2 * 5 * 0.1 + 0.8 * 10 * 0.1 + 0.2 * 10 * 0.2 + 0.8 * 0.2 + 0.8 * 0.4)
    )
    assert account.holding == pytest.approx(0.5 * (2.5 + 2.3))
    assert account.total == pytest.approx(31.07)
    assert (account.energy_kwh, account.waste_kg) == pytest.approx((12.6, 1.5))
    assert account.co2_kg == pytest.approx(0.5 * 12.6 + 2 * 1.5)


def test_orders_of_a_solver_without_a_book_are_taken_as_given() -> None:
    assert verify(hand_schedule(), hand_factory()) == verify(
        hand_schedule(), hand_factory(), hand_book()
    )


def test_a_repair_inside_processing_is_accepted_without_a_seed() -> None:
    broken = replace(hand_schedule(), failures=(FailureRecord(PAINT_1, 4, 5),))
    late = with_operation(broken, 0, PAINT, end_date=13)
    moved = with_operation(
        with_operation(late, 0, BUILD, selected_date=14, start_date=14, end_date=26),
        1,
        KIT,
        selected_date=6,
        start_date=6,
        end_date=9,
    )
    assert verify(with_order(moved, 0, completion_date=26), breakable(), hand_book()).total > 0


def test_changeovers_under_way_at_the_end_are_accepted() -> None:
    """They were begun for a setup that nobody needed any more."""
    begun = ChangeoverRecord(BUILD_1, 27, 31, ("small", "plain"), ("big", "plain"), None, None)
    schedule = replace(hand_schedule(), changeovers=(*hand_schedule().changeovers, begun))
    assert verify(schedule, hand_factory(), hand_book()).changeover == pytest.approx(
        2 * (1 + 2 + 5 + 5)
    )


def test_a_chain_of_changeovers_that_take_no_time_is_followed_in_order() -> None:
    """Both changeovers of build-2 happen at tick 10; whichever is listed first, the one that fits
    the mounted setup came first."""
    factory = hand_factory()
    build = factory.work_centres[1]
    free = tuple(
        attribute.model_copy(update={"time": ((0, 0), (0, 0))}) for attribute in build.attributes
    )
    factory = hand_factory(
        work_centres=(
            factory.work_centres[0],
            build.model_copy(update={"attributes": free}),
            factory.work_centres[2],
        )
    )
    chain = (
        ChangeoverRecord(BUILD_2, 10, 10, ("small", "rich"), ("big", "plain"), None, None),
        ChangeoverRecord(BUILD_2, 10, 10, ("small", "plain"), ("small", "rich"), None, None),
    )
    schedule = replace(hand_schedule(), changeovers=(*hand_schedule().changeovers[:2], *chain))
    assert verify(schedule, factory, hand_book()).changeover == pytest.approx(2 * (1 + 2 + 5))


# --- rejected -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampering_is_rejected_by_rule_and_place(name: str) -> None:
    tamper, rule, place = TAMPERINGS[name]
    assert (rule.value, place) in violations_of(
        tamper(hand_schedule()), hand_factory(), hand_book()
    )


def test_every_fault_is_reported_not_only_the_first() -> None:
    schedule = with_order(
        with_operation(hand_schedule(), 0, BUILD, end_date=24, process_time=11), 1, due_date=99
    )
    rules = {
        rule
        for rule, _ in violations_of(without_changeover(schedule, 2), hand_factory(), hand_book())
    }
    assert rules == {
        Constraint.DURATION,
        Constraint.ORDER_ALTERED,
        Constraint.CHANGEOVER_MISSING,
        Constraint.COMPLETION,
    }


def test_messages_name_operation_value_and_rule() -> None:
    with pytest.raises(VerificationError) as caught:
        verify(
            with_operation(hand_schedule(), 0, BUILD, end_date=24, process_time=11),
            hand_factory(),
            hand_book(),
        )
    assert (
        "  order A, operation build, on build-1: takes 11 ticks; it must take 12. [duration]"
        in str(caught.value).splitlines()
    )


def test_waits_are_rejected_where_machines_may_not_wait() -> None:
    assert violations_of(hand_schedule(), hand_factory(waiting=False), hand_book()) == [
        (Constraint.WAIT, "build-2, wait at 8")
    ]


def test_changeovers_ahead_are_rejected_where_the_factory_has_none() -> None:
    assert violations_of(hand_schedule(), hand_factory(changeover_ahead=False), hand_book()) == [
        (Constraint.CHANGEOVER_AHEAD, "build-2, changeover at 10")
    ]


def test_detours_are_accepted_where_the_factory_has_no_changeovers_ahead() -> None:
    detour = ChangeoverRecord(PAINT_2, 20, 25, ("black",), ("red",), None, None)
    violations = violations_of(
        with_changeovers(hand_schedule(), detour), hand_factory(changeover_ahead=False), hand_book()
    )
    assert violations == [(Constraint.CHANGEOVER_AHEAD, "build-2, changeover at 10")]


def test_an_operation_waits_for_its_material() -> None:
    supply = hand_factory(
        material=(SupplyRegime(name="late", late_probability=1.0, mean_lateness=5),)
    )
    late = with_order(hand_schedule(), 0, material_date=3)
    assert violations_of(late, supply, hand_book()) == [(Constraint.MATERIAL, A_PAINT)]


def test_a_failure_outside_processing_is_rejected() -> None:
    assert violations_of(
        replace(hand_schedule(), failures=(FailureRecord(PAINT_1, 14, 16),)),
        breakable(),
        hand_book(),
    ) == [(Constraint.FAILURE, "paint-1, failure at 14")]


def test_failures_of_one_machine_must_not_overlap() -> None:
    failures = (FailureRecord(PAINT_1, 4, 6), FailureRecord(PAINT_1, 5, 7))
    assert (Constraint.OVERLAP, "paint-1, failure at 5") in violations_of(
        replace(hand_schedule(), failures=failures), breakable(), hand_book()
    )


def test_uncertain_durations_are_free_without_a_seed_but_never_nothing() -> None:
    factory = hand_factory(uncertainty=Uncertainty(cv=0.5))
    shorter = with_operation(hand_schedule(), 0, KIT, end_date=2, process_time=2)
    assert verify(shorter, factory, hand_book()).total == pytest.approx(31.07)
    assert violations_of(
        with_operation(shorter, 0, KIT, end_date=0, process_time=0), factory, hand_book()
    ) == [(Constraint.DURATION, A_KIT)]


def test_the_witness_is_independent_of_kernel_and_observation() -> None:
    program = """
import sys, factory.verification.verifier
rooms = ("factory", "envs", "agents")
loaded = {name for name in sys.modules if name.split(".")[0] in rooms}
shared = {name for name in loaded if name.startswith("factory.simulation.")}
assert shared <= {"factory.simulation.arrays"}, sorted(shared)
assert not any(name.startswith(("envs", "agents")) for name in loaded), sorted(loaded)
"""
    subprocess.run([sys.executable, "-c", program], check=True)


# --- the simulator's schedules --------------------------------------------------------------------


@cache
def played(seed: int) -> tuple[Schedule, Factory, OrderBook | None, dict[str, float]]:
    """A complete episode of a random factory under random legal decisions, with the kernel's own
    costs."""
    factory, book = random_factory(random.Random(seed))
    simulator = play(factory, book, seed)
    return simulator.schedule(), factory, book, simulator.costs


@pytest.mark.parametrize("seed", range(40))
def test_schedules_of_the_simulator_are_accepted_and_billed_alike(seed: int) -> None:
    schedule, factory, book, costs = played(seed)
    account = verify(schedule, factory, book) if schedule.complete else bill(schedule, factory)
    assert account.terms == pytest.approx(costs, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("name", [name for name in shipped() if name != "randomised"])
def test_schedules_of_the_shipped_factories_are_accepted_and_billed_alike(name: str) -> None:
    """Always the first legal choice: operations first come, first served."""
    simulator = Simulator(find_single_factory(name))
    simulator.reset(11)
    while simulator.deciding is not None:
        simulator.decide(int(simulator.shop.legal[0].argmax()))
    assert verify(simulator.schedule(), simulator.factory).terms == pytest.approx(
        simulator.costs, rel=1e-6, abs=1e-6
    )


@pytest.mark.parametrize("decisions", [1, 7, 20, 45, 90])
@pytest.mark.parametrize("seed", range(8))
def test_a_partial_schedule_is_billed_for_what_has_happened(seed: int, decisions: int) -> None:
    factory, book = random_factory(random.Random(seed))
    simulator = play(factory, book, seed, decisions)
    assert bill(simulator.schedule(), factory).terms == pytest.approx(
        simulator.costs, rel=1e-6, abs=1e-6
    )


def first_schedule(
    suits: Callable[[Schedule, Factory], bool],
) -> tuple[Schedule, Factory, OrderBook | None]:
    """The first complete played schedule with the wanted property."""
    for seed in range(200):
        schedule, factory, book, _ = played(seed)
        if schedule.complete and suits(schedule, factory):
            return schedule, factory, book
    raise AssertionError("no random factory of 200 has the property")


def test_a_drawn_duration_cannot_be_altered() -> None:
    schedule, factory, book = first_schedule(
        lambda s, f: f.uncertainty.cv > 0 and any(o.process_time > 1 for o in s.operations[-1:])
    )
    last = schedule.operations[-1]
    altered = replace(last, end_date=last.end_date + 1, process_time=last.process_time + 1)
    rules = {
        rule
        for rule, _ in violations_of(
            replace(schedule, operations=(*schedule.operations[:-1], altered)), factory, book
        )
    }
    assert Constraint.DURATION in rules


def test_a_drawn_failure_cannot_be_left_out() -> None:
    schedule, factory, book = first_schedule(lambda s, f: len(s.failures) > 0)
    rules = {
        rule
        for rule, _ in violations_of(
            replace(schedule, failures=schedule.failures[1:]), factory, book
        )
    }
    assert {Constraint.FAILURE, Constraint.INTERRUPTION} <= rules


def test_a_drawn_failure_cannot_be_moved() -> None:
    schedule, factory, book = first_schedule(lambda s, f: len(s.failures) > 0)
    first = schedule.failures[0]
    moved = replace(first, start_date=first.start_date + 1, end_date=first.end_date + 1)
    rules = {
        rule
        for rule, _ in violations_of(
            replace(schedule, failures=(moved, *schedule.failures[1:])), factory, book
        )
    }
    assert Constraint.FAILURE in rules


def test_drawn_rework_cannot_be_left_out() -> None:
    schedule, factory, book = first_schedule(lambda s, f: any(o.attempt > 0 for o in s.operations))
    again = max(schedule.operations, key=lambda o: o.attempt)
    kept = tuple(o for o in schedule.operations if o is not again)
    rules = {rule for rule, _ in violations_of(replace(schedule, operations=kept), factory, book)}
    assert Constraint.REWORK in rules


def test_drawn_orders_cannot_be_altered() -> None:
    schedule, factory, book = first_schedule(lambda s, f: f.demand is not None)
    assert book is None
    assert violations_of(
        with_order(schedule, 0, due_date=schedule.orders[0].due_date + 1), factory
    ) == [(Constraint.ORDER_ALTERED, "order 1")]


def test_drawn_material_cannot_be_altered() -> None:
    schedule, factory, book = first_schedule(
        lambda s, f: any(o.material_date > o.release_date for o in s.orders)
    )
    number = next(o.number for o in schedule.orders if o.material_date > o.release_date)
    early = with_order(schedule, number, material_date=schedule.orders[number].release_date)
    assert violations_of(early, factory, book) == [
        (Constraint.MATERIAL_DATE, f"order {schedule.orders[number].order_id}")
    ]


def test_another_seed_is_another_world() -> None:
    schedule, factory, _ = first_schedule(
        lambda s, f: f.demand is not None and f.uncertainty.cv > 0
    )
    assert schedule.seed is not None
    rules = {rule for rule, _ in violations_of(replace(schedule, seed=schedule.seed + 1), factory)}
    assert Constraint.ORDER_ALTERED in rules

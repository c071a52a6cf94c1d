"""Tables that a verifier keeps between schedules: right whatever came before, never made twice."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from agents.policy import play as play_batch
from agents.rules.registry import make_rule
from envs.batch import Batch
from factory.cost_terms import COST_TERMS
from factory.io.catalogue import find_single_factory
from factory.lookups import FactoryLookup
from factory.model import Factory, OrderBook, Uncertainty
from factory.schedule.bill import Bill, bill
from factory.schedule.kpis import kpis
from factory.schedule.records import Schedule, unload
from factory.verification import verifier
from factory.verification.reference_world import ReferenceRealisation, draw_orders
from factory.verification.verifier import Verifier, verify
from factory.verification.violations import VerificationError
from tests.builders.hand_made_schedule import (
    BUILD_1,
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

SEEDS = (1, 2, 3)


def uncertain() -> Factory:
    """A small factory whose durations and rework are drawn."""
    return find_single_factory("tiny").model_copy(
        update={"uncertainty": Uncertainty(cv=0.3, rework_probability=0.2)}
    )


@cache
def played(seed: int) -> Schedule:
    """A complete episode of it under random decisions that the seed fixes."""
    return play(uncertain(), None, seed).schedule()


def judge(judged_by: Verifier, schedule: Schedule) -> Bill | str:
    """The bill, or what is wrong."""
    try:
        return judged_by.verify(schedule)
    except VerificationError as error:
        return str(error)


def judge_afresh(schedule: Schedule, factory: Factory, book: OrderBook | None = None) -> Bill | str:
    """The same of a verifier that has seen nothing before."""
    return judge(Verifier(factory, book), schedule)


def tamperings(schedule: Schedule) -> Sequence[Schedule]:
    """The schedule with one thing wrong in it."""
    first = schedule.operations[0]
    longer = {"end_date": first.end_date + 1, "process_time": first.process_time + 1}
    return (
        with_order(schedule, 0, due_date=schedule.orders[0].due_date + 1),
        with_order(schedule, 1, weight=schedule.orders[1].weight / 2),
        with_operation(schedule, first.order, first.name, **longer),
        replace(schedule, operations=schedule.operations[:-1]),
    )


def test_an_honest_schedule_is_billed_alike_whatever_was_verified_before() -> None:
    keeper = Verifier(uncertain())
    for seed in (*SEEDS, *SEEDS, *reversed(SEEDS)):
        assert (
            keeper.verify(played(seed))
            == verify(played(seed), uncertain())
            == bill(played(seed), uncertain())
        )


def test_a_tampered_schedule_is_refused_after_an_honest_one_of_its_seed() -> None:
    """With the same words as by a verifier that has seen nothing, and without harm to the honest
    one after it."""
    keeper = Verifier(uncertain())
    for seed in SEEDS:
        account = keeper.verify(played(seed))
        for tampered in tamperings(played(seed)):
            verdict = judge(keeper, tampered)
            assert isinstance(verdict, str)
            assert verdict == judge_afresh(tampered, uncertain())
            assert keeper.verify(played(seed)) == account


def test_a_schedule_under_another_seed_is_refused_after_both_seeds_were_met() -> None:
    keeper = Verifier(uncertain())
    for seed in SEEDS:
        keeper.verify(played(seed))
    for seed, other in ((1, 2), (2, 1), (3, 1)):
        verdict = judge(keeper, replace(played(seed), seed=other))
        assert isinstance(verdict, str)
        assert verdict == judge_afresh(replace(played(seed), seed=other), uncertain())


def test_a_schedule_without_a_seed_meets_no_world_of_a_seed() -> None:
    """Its orders are taken as given and its uncertain durations are free, even right after the
    world of a seed was drawn."""
    keeper = Verifier(uncertain())
    keeper.verify(played(1))
    free = replace(with_order(played(1), 0, weight=9.0), seed=None)
    assert keeper.verify(free) == verify(free, uncertain())
    assert isinstance(judge(keeper, replace(free, seed=1)), str)


def test_verifiers_of_two_factories_keep_apart() -> None:
    """Both factories have one name and one layout; one is more uncertain, so the same seed draws
    other durations."""
    wild = uncertain().model_copy(
        update={"uncertainty": Uncertainty(cv=0.6, rework_probability=0.2)}
    )
    wild_schedule = play(wild, None, 1).schedule()
    calm_keeper, wild_keeper = Verifier(uncertain()), Verifier(wild)
    for _ in range(2):
        assert isinstance(calm_keeper.verify(played(1)), Bill)
        assert isinstance(wild_keeper.verify(wild_schedule), Bill)
        assert isinstance(judge(calm_keeper, wild_schedule), str)
        assert isinstance(judge(wild_keeper, played(1)), str)


def test_verifiers_of_two_order_books_keep_apart() -> None:
    late = with_order(hand_schedule(), 1, due_date=30)
    late_order = hand_book().orders[1].model_copy(update={"due_date": 30})
    late_book = hand_book().model_copy(update={"orders": (hand_book().orders[0], late_order)})
    for seed in (None, 7):
        own, other = Verifier(hand_factory(), hand_book()), Verifier(hand_factory(), late_book)
        for _ in range(2):
            assert own.verify(replace(hand_schedule(), seed=seed)).tardiness == pytest.approx(4)
            assert other.verify(replace(late, seed=seed)).tardiness == 0
            assert "[order altered]" in str(judge(own, replace(late, seed=seed)))
            assert "[order altered]" in str(judge(other, replace(hand_schedule(), seed=seed)))


def test_random_tampering_is_judged_alike_with_and_without_memory() -> None:
    """Of random factories; one verifier meets the honest schedule and all tampered ones in turn."""
    refused = 0
    for seed in range(12):
        factory, book = random_factory(random.Random(seed))
        schedule = play(factory, book, seed).schedule()
        if not schedule.complete or len(schedule.orders) < 2:
            continue
        keeper = Verifier(factory, book)
        assert keeper.verify(schedule) == bill(schedule, factory)
        for tampered in tamperings(schedule):
            verdict = judge(keeper, tampered)
            assert verdict == judge_afresh(tampered, factory, book)
            refused += isinstance(verdict, str)
    assert refused > 20


# --- what is kept ---------------------------------------------------------------------------------


def count_worlds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Seeds whose orders are drawn from now on."""
    drawn: list[int] = []

    def note(plant: FactoryLookup, seed: int) -> object:
        drawn.append(seed)
        return draw_orders(plant, seed)

    monkeypatch.setattr(verifier, "draw_orders", note)
    return drawn


def test_the_world_of_a_seed_is_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = count_worlds(monkeypatch)
    keeper = Verifier(uncertain())
    for seed in (*SEEDS, *SEEDS):
        keeper.verify(played(seed))
    assert drawn == list(SEEDS)


def test_a_full_memory_forgets_what_was_needed_longest_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = count_worlds(monkeypatch)
    monkeypatch.setattr(verifier, "MAX_REALISATIONS", 2)
    keeper = Verifier(uncertain())
    for seed in (1, 2, 1, 3, 1, 2):
        assert keeper.verify(played(seed)) == bill(played(seed), uncertain())
    assert drawn == [1, 2, 3, 2]


def test_draws_that_are_kept_are_those_of_their_attempt() -> None:
    """A world that knows its orders keeps first attempts; one that knows none draws each time."""
    orders = draw_orders(FactoryLookup(uncertain()), 5)
    keeping, forgetting = ReferenceRealisation(5, orders, 3), ReferenceRealisation(5, None, 3)
    attempts = [
        (order, operation, attempt)
        for order in range(len(orders) + 2)
        for operation in range(3)
        for attempt in range(4)
    ]
    for _ in range(2):
        times = [keeping.realised_time(*attempt, expected=1000, cv=0.5) for attempt in attempts]
        assert times == [
            forgetting.realised_time(*attempt, expected=1000, cv=0.5) for attempt in attempts
        ]
        again = [keeping.is_reworked(*attempt, probability=0.5) for attempt in attempts]
        assert again == [forgetting.is_reworked(*attempt, probability=0.5) for attempt in attempts]
    assert len(set(times)) > 0.8 * len(times)
    assert {True, False} == set(again)


def test_orders_of_one_product_with_other_options_keep_apart() -> None:
    """A van is painted in its own colour, whatever colour was asked about before."""
    plant = FactoryLookup(hand_factory())
    for _ in range(2):
        assert [
            plant.tasks("van", {"colour": colour})[0].wanted for colour in ("red", "black", "white")
        ] == [("red",), ("black",), ("white",)]


def test_changeovers_of_machines_and_directions_keep_apart() -> None:
    """Painting black after white takes 4 ticks, the other way is forbidden; the assembly's times
    are its own."""
    plant = FactoryLookup(hand_factory())
    for _ in range(2):
        assert (
            plant.changeover(PAINT_1, ("white",), ("black",)).time
            == plant.changeover(PAINT_2, ("white",), ("black",)).time
            == 4
        )
        assert (
            plant.changeover(PAINT_1, ("black",), ("white",)).forbidden == "colour: black -> white"
        )
        assert plant.changeover(PAINT_1, ("white",), ("black",)).forbidden is None
        assert plant.changeover(BUILD_1, ("small", "plain"), ("small", "plain")) == (None, 0, 0, 0)


# --- what is handed on ----------------------------------------------------------------------------


def test_key_figures_take_the_bill_that_they_are_given() -> None:
    account = verify(hand_schedule(), hand_factory(), hand_book())
    assert kpis(hand_schedule(), hand_factory(), account) == kpis(hand_schedule(), hand_factory())
    assert (
        kpis(hand_schedule(), hand_factory(), replace(account, holding=100.0)).bill.holding == 100.0
    )


def test_schedules_of_factories_side_by_side_are_each_of_their_own_factory() -> None:
    """Unloaded from one batch whose factories differ in work centres, machines and setups."""
    factories = [find_single_factory("tiny"), find_single_factory("microfactory")]
    demand = factories[1].demand
    assert demand is not None
    factories[1] = factories[1].model_copy(
        update={"demand": demand.model_copy(update={"num_orders": 12})}
    )
    batch = Batch(factories, num_envs=2, log_length=1)
    play_batch(batch, make_rule("FIFO"), np.array([4, 4], np.uint64))
    for env, factory in enumerate(factories):
        schedule = unload(factory, None, batch.arrays, batch.shop, env)
        assert schedule.changeovers
        assert verify(schedule, factory).terms == pytest.approx(
            dict(zip(COST_TERMS, batch.shop.cost[env].tolist(), strict=True))
        )

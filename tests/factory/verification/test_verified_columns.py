"""Schedules in columns are judged, billed and measured like the same schedules in records."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from agents.policy import play as play_batch
from agents.rules.registry import make_rule
from envs.batch import Batch
from factory.io.catalogue import find_single_factory, shipped
from factory.lookups import FactoryLookup
from factory.model import (
    Factory,
    Machine,
    Operation,
    Order,
    OrderBook,
    Product,
    Uncertainty,
    WorkCentre,
)
from factory.schedule.bill import Bill
from factory.schedule.columns import ScheduleColumns, unload_columns
from factory.schedule.conversion import columns_of
from factory.schedule.kpis import ScheduleFigures, figures_of_columns, kpis
from factory.schedule.records import FailureRecord, Schedule, unload
from factory.validation.factory import MAX_TICKS
from factory.verification.verifier import Verifier, verify
from factory.verification.violations import Constraint, VerificationError
from tests.builders.changed_schedules import as_it_is_unloaded, change_number, random_changes
from tests.builders.hand_made_schedule import (
    PAINT_1,
    hand_book,
    hand_factory,
    hand_schedule,
    play,
    with_operation,
)
from tests.builders.random_factories import random_factory
from tests.builders.tampered_schedules import TAMPERINGS

NO_COLUMN = (
    "under another name",
    "another clock",
    "another factory",
    "a machine that does not exist",
    "an operation under another name",
    "an order under another id",
    "an order out of its place in the list",
    "processing stretched without a failure",
)
"""Ends of the names of tamperings with what a log in columns does not have: names, the clock and
process times.
"""


def like_the_log(schedule: Schedule, factory: Factory) -> ScheduleColumns:
    """The columns of a schedule, without process times, as the kernel's log has none."""
    columns = columns_of(schedule, FactoryLookup(factory))
    return columns._replace(operations=columns.operations._replace(process_time=None))


def refuse() -> Schedule:
    raise AssertionError("records were asked for, though nothing is wrong")


def verdict_on_columns(
    verifier: Verifier, schedule: Schedule, factory: Factory
) -> Bill | list[str]:
    """The bill of a schedule in columns, or its violations."""
    try:
        return verifier.verify_columns(like_the_log(schedule, factory), lambda: schedule)
    except VerificationError as error:
        return [str(violation) for violation in error.violations]


def verdict_on_records(verifier: Verifier, schedule: Schedule) -> Bill | list[str]:
    """The bill of a schedule in records, or its violations."""
    try:
        return verifier.verify(schedule)
    except VerificationError as error:
        return [str(violation) for violation in error.violations]


def selected_figures(schedule: Schedule, factory: Factory) -> ScheduleFigures:
    """The key figures that evaluations compare, from all key figures of the records."""
    figures = kpis(schedule, factory)
    return ScheduleFigures(*(getattr(figures, name) for name in ScheduleFigures._fields))


# --- accepted -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in shipped() if name != "randomised"])
def test_columns_of_the_log_are_accepted_and_billed_like_its_records(name: str) -> None:
    """To the last bit, and without making records."""
    factory = find_single_factory(name)
    batch = Batch([factory], num_envs=3, log_length=1)
    play_batch(batch, make_rule("ATCS"), np.arange(3, dtype=np.uint64))
    verifier = Verifier(factory)
    for env in range(3):
        columns = unload_columns(batch.arrays, batch.shop, env)
        schedule = unload(factory, None, batch.arrays, batch.shop, env)
        assert verifier.verify_columns(columns, refuse) == verify(schedule, factory)
        assert figures_of_columns(columns, factory) == selected_figures(schedule, factory)


def test_columns_of_factories_side_by_side_are_each_of_their_own_factory() -> None:
    """Unloaded from one batch whose factories differ in work centres, machines, options and
    setups."""
    factories = [find_single_factory(name) for name in ("tiny", "one_of_a_kind", "unreliable")]
    batch = Batch(factories, num_envs=3, log_length=1)
    play_batch(batch, make_rule("FIFO"), np.array([4, 4, 4], np.uint64))
    for env, factory in enumerate(factories):
        columns = unload_columns(batch.arrays, batch.shop, env)
        schedule = unload(factory, None, batch.arrays, batch.shop, env)
        assert Verifier(factory).verify_columns(columns, refuse) == verify(schedule, factory)


def test_bug_a_duration_far_above_its_mean_fits_the_tables() -> None:
    """An operation of 10 million ticks that happens to take 15 billion overflowed 32 bits."""
    operation = Operation(name="cure", work_centre="oven", process_time=MAX_TICKS)
    factory = Factory(
        name="long",
        work_centres=(WorkCentre(name="oven", machines=(Machine(name="oven-1"),)),),
        products=(Product(name="part", operations=(operation,)),),
        uncertainty=Uncertainty(cv=3.0),
    )
    book = OrderBook(
        orders=(Order(order_id="A", release_date=0, due_date=0, weight=1.0, product="part"),)
    )
    schedule = play(factory, book, 62_999).schedule()
    assert schedule.operations[0].process_time > 2**31
    verifier = Verifier(factory, book)
    for _ in range(2):
        assert verdict_on_columns(verifier, schedule, factory) == verify(schedule, factory, book)


def test_the_hand_made_schedule_is_accepted() -> None:
    schedule = replace(hand_schedule(), seed=7)
    verifier = Verifier(hand_factory(), hand_book())
    columns = like_the_log(schedule, hand_factory())
    assert verifier.verify_columns(columns, refuse) == verifier.verify(schedule)


@cache
def played(seed: int) -> tuple[Schedule, Factory, OrderBook | None]:
    """An episode of a random factory under random legal decisions."""
    factory, book = random_factory(random.Random(seed))
    return play(factory, book, seed).schedule(), factory, book


@pytest.mark.parametrize("seed", range(40))
def test_schedules_of_random_factories_are_billed_and_measured_alike(seed: int) -> None:
    schedule, factory, book = played(seed)
    if not schedule.complete:
        return
    columns = like_the_log(schedule, factory)
    assert Verifier(factory, book).verify_columns(columns, refuse) == verify(
        schedule, factory, book
    )
    assert figures_of_columns(columns, factory) == selected_figures(schedule, factory)


# --- rejected -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in TAMPERINGS if not name.endswith(NO_COLUMN)])
def test_tampering_is_rejected_in_columns_too(name: str) -> None:
    tampered = TAMPERINGS[name][0](replace(hand_schedule(), seed=7))
    verifier = Verifier(hand_factory(), hand_book())
    assert isinstance(verdict_on_columns(verifier, tampered, hand_factory()), list)


@pytest.mark.parametrize("seed", range(40))
def test_random_changes_are_judged_alike_in_columns_and_records(seed: int) -> None:
    """Most changes make the schedule wrong; a wait left out does not."""
    schedule, factory, book = played(seed)
    if not schedule.complete:
        return
    random_, wrong, verifier = random.Random(seed), 0, Verifier(factory, book)
    for _ in range(60):
        change = random_.choice(random_changes(schedule))
        changed = as_it_is_unloaded(change(schedule, random_), factory)
        if changed is not None:
            verdict = verdict_on_records(verifier, changed)
            wrong += isinstance(verdict, list)
            in_columns = verdict_on_columns(verifier, changed, factory)
            if isinstance(verdict, list) and any(": process_time = " in line for line in verdict):
                assert isinstance(in_columns, list)  # where process times are not listed
            else:
                assert in_columns == verdict
    assert wrong > 20


SHARP = {
    "orders": ("release_date", "due_date", "weight", "material_date", "completion_date"),
    "operations": ("selected_date", "start_date", "end_date", "process_time", "attempt"),
    "changeovers": ("start_date", "end_date"),
    "failures": ("start_date", "end_date"),
}
"""Numbers of a simulated schedule that follow from its decisions and its seed."""


@pytest.mark.parametrize("kind", SHARP)
def test_no_number_that_decisions_and_seed_fix_can_be_changed(kind: str) -> None:
    """By however little, in whatever record."""
    changed_numbers = 0
    for seed in range(40):
        schedule, factory, book = played(seed)
        if not schedule.complete or not getattr(schedule, kind):
            continue
        verifier, random_ = Verifier(factory, book), random.Random(seed)
        for field in SHARP[kind]:
            changed = change_number(kind, field)(schedule, random_)
            if changed != schedule:
                changed_numbers += 1
                assert isinstance(verdict_on_records(verifier, changed), list), field
    assert changed_numbers > 20


def test_operations_that_overlap_share_their_repairs_with_each_other() -> None:
    """A repair within two operations of one machine interrupts both."""
    centre = hand_factory().work_centres[0]
    frail = centre.machines[0].model_copy(
        update={"mean_time_to_failure": 50, "mean_time_to_repair": 5}
    )
    factory = hand_factory(
        work_centres=(
            centre.model_copy(update={"machines": (frail, centre.machines[1])}),
            *hand_factory().work_centres[1:],
        )
    )
    moved = with_operation(hand_schedule(), 1, "paint", machine=PAINT_1)
    schedule = replace(moved, failures=(FailureRecord(PAINT_1, 10, 11),))
    with pytest.raises(VerificationError) as caught:
        verify(schedule, factory, hand_book())
    interrupted = [
        violation.place
        for violation in caught.value.violations
        if violation.constraint is Constraint.INTERRUPTION
    ]
    assert interrupted == [
        "order A, operation paint, on paint-1",
        "order B, operation paint, on paint-1",
    ]


def test_an_unfinished_schedule_is_not_accepted() -> None:
    factory = find_single_factory("tiny")
    schedule = play(factory, None, 3, 5).schedule()
    assert not schedule.complete
    verdict = verdict_on_columns(Verifier(factory), schedule, factory)
    assert isinstance(verdict, list)
    assert any("[completion]" in violation for violation in verdict)

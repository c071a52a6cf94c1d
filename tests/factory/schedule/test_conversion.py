"""Records and columns are the same schedule; values that no column can hold are named."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from agents.policy import play as play_batch
from agents.rules.registry import make_rule
from envs.batch import Batch
from factory.io.catalogue import find_single_factory, shipped
from factory.lookups import FactoryLookup
from factory.schedule.columns import ScheduleColumns, process_times, unload_columns
from factory.schedule.conversion import UnreadableScheduleError, columns_of
from factory.schedule.records import Schedule, records_of, unload
from factory.verification.order_tables import FactoryTables
from factory.verification.verifier import Verifier, verify
from factory.verification.violations import Constraint, VerificationError
from tests.builders.hand_made_schedule import (
    KIT,
    hand_book,
    hand_factory,
    hand_schedule,
    play,
    with_changeover,
    with_operation,
    with_order,
)
from tests.builders.random_factories import random_factory


def assert_same(actual: ScheduleColumns, expected: ScheduleColumns, lookup: FactoryLookup) -> None:
    """All columns that the factory has are the same; other columns of a log may differ."""
    is_own = FactoryTables(lookup).num_values[expected.changeovers.machine] > 0
    num_options = len(lookup.option_values)
    for name, must_be in expected._asdict().items():
        is_now = getattr(actual, name)
        if not isinstance(must_be, tuple):
            assert is_now == must_be, name
            continue
        for field in must_be._fields:
            left, right = getattr(is_now, field), getattr(must_be, field)
            if field in ("from_setup", "to_setup"):
                width = is_own.shape[1]
                left, right = (np.where(is_own, side[:, :width], 0) for side in (left, right))
            if field == "options":
                left, right = left[:, :num_options], right[:, :num_options]
            if left is not None:
                assert left.tolist() == right.tolist(), f"{name}.{field}"


@pytest.mark.parametrize("name", [name for name in shipped() if name != "randomised"])
def test_columns_of_the_log_are_those_of_its_records(name: str) -> None:
    factory = find_single_factory(name)
    batch = Batch([factory], num_envs=2, log_length=1)
    play_batch(batch, make_rule("ATCS"), np.arange(2, dtype=np.uint64))
    lookup = FactoryLookup(factory)
    for env in range(2):
        columns = unload_columns(batch.arrays, batch.shop, env)
        schedule = unload(factory, None, batch.arrays, batch.shop, env)
        assert_same(columns, columns_of(schedule, lookup), lookup)
        listed = [operation.process_time for operation in schedule.operations]
        assert (
            process_times(columns.operations, columns.failures, columns.pauses).tolist() == listed
        )


@pytest.mark.parametrize("decisions", [3, 30, 3000])
@pytest.mark.parametrize("seed", range(12))
def test_records_come_back_from_their_columns(seed: int, decisions: int) -> None:
    """Partial schedules too, with operations in work and repairs in progress."""
    factory, book = random_factory(random.Random(seed))
    schedule = play(factory, book, seed, decisions).schedule()
    assert records_of(columns_of(schedule, FactoryLookup(factory)), factory, book) == schedule


def test_process_times_are_net_of_the_repairs_between_the_dates() -> None:
    """Seen by plain subtraction, on a factory whose machines fail."""
    factory = find_single_factory("unreliable")
    schedule = play(factory, None, 3).schedule()
    assert len(schedule.failures) > 5
    for operation in schedule.operations:
        repairs = sum(
            failure.end_date - failure.start_date
            for failure in schedule.failures
            if failure.machine == operation.machine
            and operation.start_date <= failure.start_date
            and failure.end_date <= operation.end_date
        )
        time = operation.end_date - operation.start_date
        assert operation.process_time == time - repairs


def test_a_log_that_was_too_short_is_an_error() -> None:
    batch = Batch([find_single_factory("tiny")], num_envs=1, log_length=1)
    play_batch(batch, make_rule("FIFO"), np.zeros(1, np.uint64))
    batch.shop.env.log_length[0] = batch.shop.log.shape[1] + 1
    with pytest.raises(RuntimeError, match="allocate a longer one"):
        unload_columns(batch.arrays, batch.shop, 0)


def test_whole_numbers_may_be_written_as_decimals() -> None:
    """JSON does not tell 3.0 from 3."""
    first, *others = hand_schedule().operations
    schedule = replace(hand_schedule(), operations=(replace(first, end_date=3.0), *others))
    assert verify(schedule, hand_factory(), hand_book()) == verify(
        hand_schedule(), hand_factory(), hand_book()
    )


Change = Callable[[Schedule], Schedule]

WRONG_VALUES: dict[str, tuple[Change, str, str]] = {
    "a date that is no number": (
        lambda s: with_operation(s, 0, KIT, end_date="3"),
        "operations[0]",
        "end_date = '3'; it must be a whole number.",
    ),
    "a date between ticks": (
        lambda s: with_operation(s, 0, KIT, end_date=3.5),
        "operations[0]",
        "end_date = 3.5; it must be a whole number.",
    ),
    "a date that is missing": (
        lambda s: with_operation(s, 0, KIT, start_date=None),
        "operations[0]",
        "start_date = None; it must be a whole number.",
    ),
    "a date that is not a number": (
        lambda s: with_operation(s, 0, KIT, end_date=float("nan")),
        "operations[0]",
        "end_date = nan; it must be a whole number.",
    ),
    "a date beyond all dates": (
        lambda s: with_operation(s, 0, KIT, end_date=2**63),
        "operations[0]",
        f"end_date = {2**63}; it must be at most {2**48}.",
    ),
    "a date far beyond all dates": (
        lambda s: with_operation(s, 0, KIT, end_date=10**400),
        "operations[0]",
        f"end_date = {10**400}; it must be at most {2**48}.",
    ),
    "a machine by its name": (
        lambda s: with_changeover(s, 1, machine="paint-2"),
        "changeovers[1]",
        "machine = 'paint-2'; it must be a whole number.",
    ),
    "a setup without names": (
        lambda s: with_changeover(s, 0, from_setup=None),
        "changeovers[0]",
        "from_setup = None; it must be a list of names.",
    ),
    "a weight that is no number": (
        lambda s: with_order(s, 0, weight="heavy"),
        "orders[0]",
        "weight = 'heavy'; it must be at most 1e+300.",
    ),
    "a weight without end": (
        lambda s: with_order(s, 0, weight=float("inf")),
        "orders[0]",
        "weight = inf; it must be at most 1e+300.",
    ),
    "a product that is no name": (
        lambda s: with_order(s, 1, product={"name": "van"}),
        "orders[1]",
        "product = {'name': 'van'}; it must be a name.",
    ),
    "options that are a list": (
        lambda s: with_order(s, 1, options=["red"]),
        "orders[1]",
        "options = ['red']; they must be names by name.",
    ),
    "a completion that is no date": (
        lambda s: with_order(s, 1, completion_date="late"),
        "orders[1]",
        "completion_date = 'late'; it must be a whole number.",
    ),
    "a seed below 0": (
        lambda s: replace(s, seed=-1),
        "seed",
        f"is -1; it must be a whole number from 0 to {2**64 - 1}.",
    ),
    "an end that is no date": (
        lambda s: replace(s, end_date="28"),
        "end_date",
        f"is '28'; it must be a whole number from {-(2**48)} to {2**48}.",
    ),
    "a number of orders that is no number": (
        lambda s: replace(s, num_orders="2"),
        "num_orders",
        f"is '2'; it must be a whole number from 0 to {2**48}.",
    ),
}


@pytest.mark.parametrize("name", WRONG_VALUES)
def test_values_that_no_column_can_hold_are_named(name: str) -> None:
    change, place, message = WRONG_VALUES[name]
    schedule = change(hand_schedule())
    with pytest.raises(VerificationError) as caught:
        verify(schedule, hand_factory(), hand_book())
    (violation,) = caught.value.violations
    assert (violation.constraint, violation.place, violation.message) == (
        Constraint.RECORD,
        place,
        message,
    )
    with pytest.raises(UnreadableScheduleError):
        columns_of(schedule, FactoryLookup(hand_factory()))


def test_every_wrong_value_is_named_not_only_the_first() -> None:
    schedule = with_order(with_operation(hand_schedule(), 0, KIT, end_date="3"), 1, weight=None)
    with pytest.raises(VerificationError) as caught:
        verify(schedule, hand_factory(), hand_book())
    places = [violation.place for violation in caught.value.violations]
    assert places == ["operations[0]", "orders[1]"]


@pytest.mark.parametrize("number", [2**40, -(2**40)])
@pytest.mark.parametrize(
    ("table", "fields"),
    [
        ("operations", ("order", "operation", "machine", "attempt", "process_time")),
        ("operations", ("selected_date", "start_date", "end_date")),
        ("changeovers", ("machine", "order", "operation", "start_date", "end_date")),
        ("waits", ("machine", "start_date", "end_date")),
        ("orders", ("release_date", "due_date", "material_date", "completion_date")),
    ],
)
def test_large_numbers_are_violations_not_crashes(
    table: str, fields: tuple[str, ...], number: int
) -> None:
    verifier = Verifier(hand_factory(), hand_book())
    for field in fields:
        records: list[Any] = list(getattr(hand_schedule(), table))
        records[0] = replace(records[0], **{field: number})
        with pytest.raises(VerificationError):
            verifier.verify(replace(hand_schedule(), **{table: tuple(records)}))


def test_a_huge_process_time_under_a_seed_asks_for_few_draws() -> None:
    """On a machine that fails every 50 ticks or so."""
    factory = find_single_factory("unreliable")
    schedule = play(factory, None, 3).schedule()
    first = schedule.operations[0]
    longer = replace(first, end_date=first.end_date + 2**40, process_time=2**40)
    with pytest.raises(VerificationError) as caught:
        verify(replace(schedule, operations=(longer, *schedule.operations[1:])), factory)
    assert Constraint.DURATION in {violation.constraint for violation in caught.value.violations}

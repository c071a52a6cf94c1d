"""Schedules in columns: the same as in records, accepted only where the verifier accepts, billed
and measured to the last bit."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

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
from factory.schedule.columns import (
    ChangeoverColumns,
    OperationColumns,
    OrderColumns,
    ScheduleColumns,
    SpanColumns,
    unload_columns,
)
from factory.schedule.kpis import figures_of, figures_of_columns, kpis
from factory.schedule.records import FailureRecord, Record, Schedule, WaitRecord, unload
from factory.validation.factory import MAX_TICKS
from factory.verification.order_tables import FactoryTables
from factory.verification.verifier import Verifier, verify
from factory.verification.violations import VerificationError
from tests.builders.hand_made_schedule import hand_book, hand_factory, hand_schedule, play
from tests.builders.random_factories import random_factory
from tests.builders.tampered_schedules import TAMPERINGS

NOT_IN_COLUMNS = ("under another name", "another clock", "another factory")
"""What tampering with it changes is not in the columns: names and the clock, which come from the
factory itself."""
UNKNOWN = 99


def columns_of(schedule: Schedule, factory: Factory) -> ScheduleColumns:
    """The columns of a schedule's records; what the factory does not have becomes a number that it
    does not have either."""
    plant = FactoryLookup(factory)
    products, width = list(plant.products), max(len(values) for values in plant.setup_values)

    def column(records: Any, name: str) -> Any:
        return np.array(
            [-1 if getattr(record, name) is None else getattr(record, name) for record in records],
            np.int64,
        )

    def spans(records: tuple[Record, ...]) -> SpanColumns:
        return SpanColumns(*(column(records, name) for name in SpanColumns._fields))

    def setup(machine: int, values: tuple[str, ...]) -> list[int]:
        known = list(plant.setup_values[plant.centre_of[machine]].values())
        numbers = [
            names.index(value) if value in names else UNKNOWN
            for names, value in zip(known, values, strict=False)
        ]
        return numbers + [0] * (width - len(numbers))

    def sides(name: str) -> Any:
        return np.array(
            [setup(record.machine, getattr(record, name)) for record in schedule.changeovers],
            np.int64,
        ).reshape(len(schedule.changeovers), width)

    options = [
        [
            values.index(order.options[option]) if option in order.options else -1
            for option, values in plant.option_values.items()
        ]
        for order in schedule.orders
    ]
    dates = {
        name: column(schedule.orders, name)
        for name in ("release_date", "due_date", "material_date", "completion_date")
    }
    changeovers = {
        name: column(schedule.changeovers, name)
        for name in ("machine", "start_date", "end_date", "order", "operation")
    }
    return ScheduleColumns(
        seed=schedule.seed or 0,
        num_orders=len(schedule.orders) if schedule.num_orders is None else schedule.num_orders,
        end_date=schedule.end_date,
        is_at_rest=not schedule.open_operations and not schedule.open_failures,
        orders=OrderColumns(
            product=np.array(
                [products.index(order.product) for order in schedule.orders], np.int64
            ),
            options=np.array(options, np.int64).reshape(
                len(schedule.orders), len(plant.option_values)
            ),
            weight=np.array([order.weight for order in schedule.orders]),
            **dates,
        ),
        operations=OperationColumns(
            *(column(schedule.operations, name) for name in OperationColumns._fields)
        ),
        changeovers=ChangeoverColumns(
            from_setup=sides("from_setup"), to_setup=sides("to_setup"), **changeovers
        ),
        failures=spans(schedule.failures),
        waits=spans(schedule.waits),
    )


def accepts(schedule: Schedule, factory: Factory, book: OrderBook | None) -> bool:
    """Whether the quick look alone is satisfied."""
    return Verifier(factory, book).quick.accept(columns_of(schedule, factory)) is not None


def is_right(schedule: Schedule, factory: Factory, book: OrderBook | None) -> bool:
    """Whether the full verifier is."""
    try:
        verify(schedule, factory, book)
    except VerificationError:
        return False
    return True


# --- the same schedule ----------------------------------------------------------------------------


def assert_same(actual: ScheduleColumns, expected: ScheduleColumns, factory: Factory) -> None:
    """All that the factory has is the same; padding may differ."""
    values = FactoryTables(FactoryLookup(factory)).values
    assert actual[:4] == expected[:4]
    for name in ("orders", "operations", "changeovers", "failures", "waits"):
        for field, is_now, must_be in zip(
            getattr(expected, name)._fields,
            getattr(actual, name),
            getattr(expected, name),
            strict=True,
        ):
            if field in ("from_setup", "to_setup"):
                used = values[expected.changeovers.machine] > 0
                is_now, must_be = (
                    np.where(used, is_now[:, : must_be.shape[1]], 0),
                    np.where(used, must_be, 0),
                )
            if field == "options":
                is_now = is_now[:, : must_be.shape[1]]
            assert is_now.tolist() == must_be.tolist(), f"{name}.{field}"


@pytest.mark.parametrize("name", [name for name in shipped() if name != "randomised"])
def test_columns_of_the_log_are_those_of_the_records(name: str) -> None:
    """Accepted, billed and measured alike as well, to the last bit, and the quick look is
    enough."""
    factory = find_single_factory(name)
    batch = Batch([factory], num_envs=3, log_length=1)
    play_batch(batch, make_rule("ATCS"), np.arange(3, dtype=np.uint64))
    verifier = Verifier(factory)
    for env in range(3):
        columns, schedule = (
            unload_columns(batch.arrays, batch.shop, env),
            unload(factory, None, batch.arrays, batch.shop, env),
        )
        assert_same(columns, columns_of(schedule, factory), factory)
        account = verify(schedule, factory)
        assert verifier.verify_columns(columns, _refuse) == account
        assert figures_of_columns(columns, factory) == figures_of(kpis(schedule, factory, account))


def test_columns_of_factories_side_by_side_are_each_of_their_own_factory() -> None:
    """Unloaded from one batch whose factories differ in work centres, machines, options and
    setups."""
    factories = [find_single_factory(name) for name in ("tiny", "one_of_a_kind", "unreliable")]
    batch = Batch(factories, num_envs=3, log_length=1)
    play_batch(batch, make_rule("FIFO"), np.array([4, 4, 4], np.uint64))
    for env, factory in enumerate(factories):
        columns, schedule = (
            unload_columns(batch.arrays, batch.shop, env),
            unload(factory, None, batch.arrays, batch.shop, env),
        )
        assert_same(columns, columns_of(schedule, factory), factory)
        assert Verifier(factory).verify_columns(columns, _refuse) == verify(schedule, factory)


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
    assert accepts(schedule, factory, book)
    verifier = Verifier(factory, book)
    for _ in range(2):
        assert verifier.quick.accept(columns_of(schedule, factory)) is not None
        assert verifier.verify(schedule) == verify(schedule, factory, book)


def test_a_log_that_was_too_short_is_an_error() -> None:
    batch = Batch([find_single_factory("tiny")], num_envs=1, log_length=1)
    play_batch(batch, make_rule("FIFO"), np.zeros(1, np.uint64))
    batch.shop.env.log_length[0] = batch.shop.log.shape[1] + 1
    with pytest.raises(RuntimeError, match="allocate a longer one"):
        unload_columns(batch.arrays, batch.shop, 0)


def _refuse() -> Schedule:
    raise AssertionError("the quick look is in doubt")


# --- no less strict -------------------------------------------------------------------------------


@cache
def played(seed: int) -> tuple[Schedule, Factory, OrderBook | None]:
    """An episode of a random factory under random legal decisions."""
    factory, book = random_factory(random.Random(seed))
    return play(factory, book, seed).schedule(), factory, book


def test_the_hand_made_schedule_is_accepted() -> None:
    assert accepts(replace(hand_schedule(), seed=7), hand_factory(), hand_book())


@pytest.mark.parametrize("name", [name for name in TAMPERINGS if not name.endswith(NOT_IN_COLUMNS)])
def test_tampering_is_never_accepted(name: str) -> None:
    tampered = TAMPERINGS[name][0](replace(hand_schedule(), seed=7))
    assert not is_right(tampered, hand_factory(), hand_book())
    if name != "a machine that does not exist":  # has no centre to look its name up in
        assert not accepts(tampered, hand_factory(), hand_book())


@pytest.mark.parametrize("seed", range(40))
def test_schedules_of_random_factories_are_billed_and_measured_alike(seed: int) -> None:
    schedule, factory, book = played(seed)
    if not schedule.complete:
        return
    columns, verifier = columns_of(schedule, factory), Verifier(factory, book)
    account = verify(schedule, factory, book)
    assert verifier.verify_columns(columns, lambda: schedule) == account
    assert figures_of_columns(columns, factory) == figures_of(kpis(schedule, factory, account))


def test_half_of_the_schedules_of_random_factories_leave_no_doubt() -> None:
    """Those that leave some have operations that take no time, or changeovers that take none at one
    date."""
    complete = [one for one in map(played, range(40)) if one[0].complete]
    assert sum(accepts(*one) for one in complete) >= 0.5 * len(complete)


Change = Callable[[Schedule, random.Random], Schedule]


def change_number(kind: str, *names: str) -> Change:
    """One number of one record, by a little; or what it says of another record."""

    def change(schedule: Schedule, random_: random.Random) -> Schedule:
        records = list(getattr(schedule, kind))
        place, name = random_.randrange(len(records)), random_.choice(names)
        other = random_.choice(records)
        value = getattr(records[place], name)
        if isinstance(value, int | float) and random_.random() < 0.7:
            records[place] = replace(
                records[place], **{name: value + random_.choice((-7, -1, 1, 1, 5))}
            )
        else:
            records[place] = replace(records[place], **{name: getattr(other, name)})
        return replace(schedule, **{kind: tuple(records)})

    return change


def shift_record(kind: str, *names: str) -> Change:
    """All dates of one record."""

    def change(schedule: Schedule, random_: random.Random) -> Schedule:
        records = list(getattr(schedule, kind))
        place, ticks = random_.randrange(len(records)), random_.choice((-20, -2, -1, 1, 3))
        records[place] = replace(
            records[place], **{name: getattr(records[place], name) + ticks for name in names}
        )
        return replace(schedule, **{kind: tuple(records)})

    return change


def drop_record(kind: str) -> Change:
    """One record left out."""

    def change(schedule: Schedule, random_: random.Random) -> Schedule:
        records = list(getattr(schedule, kind))
        del records[random_.randrange(len(records))]
        return replace(schedule, **{kind: tuple(records)})

    return change


def repeat_record(kind: str) -> Change:
    """One record twice."""

    def change(schedule: Schedule, random_: random.Random) -> Schedule:
        records = getattr(schedule, kind)
        return replace(schedule, **{kind: (*records, random_.choice(records))})

    return change


def add_span(kind: str, record: type[FailureRecord] | type[WaitRecord]) -> Change:
    """A failure or a wait that did not happen."""

    def change(schedule: Schedule, random_: random.Random) -> Schedule:
        start = random_.randrange(schedule.end_date + 1)
        span = record(
            random_.randrange(len(schedule.machine_names)), start, start + random_.randrange(4)
        )
        return replace(schedule, **{kind: (*getattr(schedule, kind), span)})

    return change


CHANGES: dict[str, tuple[Change, ...]] = {
    "orders": (
        change_number(
            "orders",
            "product",
            "options",
            "release_date",
            "due_date",
            "weight",
            "material_date",
            "completion_date",
        ),
        drop_record("orders"),
    ),
    "operations": (
        change_number(
            "operations",
            "order",
            "operation",
            "machine",
            "selected_date",
            "start_date",
            "end_date",
            "attempt",
        ),
        shift_record("operations", "selected_date", "start_date", "end_date"),
        drop_record("operations"),
        repeat_record("operations"),
    ),
    "changeovers": (
        change_number(
            "changeovers",
            "machine",
            "start_date",
            "end_date",
            "from_setup",
            "to_setup",
            "order",
            "operation",
        ),
        shift_record("changeovers", "start_date", "end_date"),
        drop_record("changeovers"),
        repeat_record("changeovers"),
    ),
    "failures": (
        change_number("failures", "machine", "start_date", "end_date"),
        drop_record("failures"),
        repeat_record("failures"),
    ),
    "waits": (
        change_number("waits", "machine", "start_date", "end_date"),
        drop_record("waits"),
        repeat_record("waits"),
    ),
}


def as_it_is_unloaded(schedule: Schedule, factory: Factory) -> Schedule | None:
    """With names and process times that follow from numbers and dates, as they do in columns; None
    where a machine or operation does not exist."""
    plant, records = FactoryLookup(factory), []
    numbers = range(len(plant.machines))
    if any(
        record.machine not in numbers
        for record in (*schedule.changeovers, *schedule.failures, *schedule.waits)
    ):
        return None
    for record in schedule.operations:
        if record.machine not in numbers or not 0 <= record.order < len(schedule.orders):
            return None
        route = plant.route(schedule.orders[record.order].product)
        if not 0 <= record.operation < len(route):
            return None
        repairs = sum(
            f.end_date - f.start_date
            for f in schedule.failures
            if f.machine == record.machine
            and record.start_date <= f.start_date
            and f.end_date <= record.end_date
        )
        records.append(
            replace(
                record,
                name=route[record.operation].operation.name,
                process_time=record.end_date - record.start_date - repairs,
            )
        )
    return replace(schedule, operations=tuple(records))


@pytest.mark.parametrize("seed", range(40))
def test_what_the_quick_look_accepts_the_verifier_accepts(seed: int) -> None:
    """After a random change of a schedule that is right; most changes make it wrong, a wait left
    out does not."""
    schedule, factory, book = played(seed)
    if not schedule.complete:
        return
    random_, wrong = random.Random(seed), 0
    keeper = Verifier(factory, book)
    changes = [
        change for kind, changes in CHANGES.items() if getattr(schedule, kind) for change in changes
    ]
    changes += [add_span("failures", FailureRecord), add_span("waits", WaitRecord)]
    for _ in range(60):
        changed = as_it_is_unloaded(random_.choice(changes)(schedule, random_), factory)
        if changed is not None and not is_right(changed, factory, book):
            wrong += 1
            assert keeper.quick.accept(columns_of(changed, factory)) is None
    assert wrong > 20


def test_a_schedule_in_doubt_is_judged_by_its_records() -> None:
    tampered = replace(hand_schedule(), seed=7, end_date=30)
    with pytest.raises(VerificationError, match="end date"):
        Verifier(hand_factory(), hand_book()).verify_columns(
            columns_of(tampered, hand_factory()), lambda: tampered
        )


def test_an_unfinished_schedule_is_not_accepted() -> None:
    factory = find_single_factory("tiny")
    schedule = play(factory, None, 3, 5).schedule()
    assert not schedule.complete
    assert not accepts(schedule, factory, None)

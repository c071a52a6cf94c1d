"""Random changes of right schedules, most of which make them wrong."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from factory.lookups import FactoryLookup
from factory.model import Factory
from factory.schedule.records import FailureRecord, Schedule, WaitRecord

Change = Callable[[Schedule, random.Random], Schedule]


def change_number(kind: str, *names: str) -> Change:
    """One number of one record, by a little; or what it says of another record."""

    def change(schedule: Schedule, random_: random.Random) -> Schedule:
        records = list(getattr(schedule, kind))
        index, name = random_.randrange(len(records)), random_.choice(names)
        other = random_.choice(records)
        value = getattr(records[index], name)
        if isinstance(value, int | float) and random_.random() < 0.7:
            records[index] = replace(
                records[index], **{name: value + random_.choice((-7, -1, 1, 1, 5))}
            )
        else:
            records[index] = replace(records[index], **{name: getattr(other, name)})
        return replace(schedule, **{kind: tuple(records)})

    return change


def shift_record(kind: str, *names: str) -> Change:
    """All dates of one record."""

    def change(schedule: Schedule, random_: random.Random) -> Schedule:
        records = list(getattr(schedule, kind))
        index, ticks = random_.randrange(len(records)), random_.choice((-20, -2, -1, 1, 3))
        records[index] = replace(
            records[index], **{name: getattr(records[index], name) + ticks for name in names}
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
    lookup, records = FactoryLookup(factory), []
    numbers = range(len(lookup.machines))
    if any(
        record.machine not in numbers
        for record in (*schedule.changeovers, *schedule.failures, *schedule.waits)
    ):
        return None
    for record in schedule.operations:
        if record.machine not in numbers or not 0 <= record.order < len(schedule.orders):
            return None
        route = lookup.route(schedule.orders[record.order].product)
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


def random_changes(schedule: Schedule) -> list[Change]:
    """Changes of the records that a schedule has, and additions to it."""
    changes = [
        change for kind, changes in CHANGES.items() if getattr(schedule, kind) for change in changes
    ]
    return [*changes, add_span("failures", FailureRecord), add_span("waits", WaitRecord)]

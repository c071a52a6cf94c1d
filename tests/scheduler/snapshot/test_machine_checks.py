"""Contradictions in the states of machines are refused with place, value, rule and remedy."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler.snapshot.read import SnapshotError
from scheduler.snapshot.schema import MachineState
from tests.builders.shop_floors import broken
from tests.builders.workshop import (
    busy,
    floor_of,
    idle,
    order,
    workshop,
)


@pytest.mark.parametrize(
    ("machine", "fields", "words"),
    [
        (
            MachineState(status="idle", since=0),
            {},
            (
                r"setup = 0 attributes; colour is missing\. Give the mounted value; where a"
                r" changeover was broken off"
            ),
        ),
        (
            idle("red", expected_end=12),
            {},
            (
                r"expected_end = 12; the machine is idle\. Leave it out; if the machine is"
                r" broken, its status is down"
            ),
        ),
        (
            busy("A", 12, status="idle").model_copy(update={"expected_end": None}),
            {},
            r"order = 'A'; the machine is idle\..* a paused operation is processing",
        ),
        (
            broken(expected_end=12, out_of_service_until=20),
            {},
            r"expected_end = 12; the machine is out of service until 20\. Add the time out",
        ),
        (
            broken(expected_end=12, waiting_until=20),
            {},
            r"waiting_until = 20; the machine is down, and only an idle machine waits\. Leave",
        ),
        (
            broken(since=11, expected_end=12),
            {},
            r"since = 11; it must not lie after the clock at 10",
        ),
        (
            idle("red"),
            {"release_date": 11},
            (
                r"status = 'ready'; the order is released at 11, after the clock at 10, so its"
                r" operations are upcoming"
            ),
        ),
    ],
)
def test_bug_what_contradicts_itself_is_refused_with_a_remedy(
    machine: MachineState,
    fields: dict[str, Any],
    words: str,
) -> None:
    factory = workshop()
    state = order("A", "red", **fields) if machine.order else order("A", "red", ready=6, **fields)
    with pytest.raises(SnapshotError, match=words):
        floor_of(factory, {"paint-1": machine}, state)


def test_an_operation_is_in_work_on_one_machine_and_a_machine_has_one_in_work() -> None:
    factory = workshop(paints=2)
    with pytest.raises(SnapshotError, match="paint-1 has it in work too"):
        floor_of(factory, {"paint-1": busy("A", 12), "paint-2": busy("A", 12)}, order("A", "red"))
    with pytest.raises(
        SnapshotError,
        match=r"orders\.1\.operations\.paint\.status = 'in_process'; no machine has it in work",
    ):
        floor_of(
            factory,
            {"paint-1": busy("A", 12), "paint-2": idle("red")},
            order("A", "red"),
            order("B", "red"),
        )

"""The verifier on calendars, people, maintenance and runs: right schedules are accepted, tampered
ones rejected by constraint."""

from __future__ import annotations

from dataclasses import replace

import pytest

from factory.io.catalogue import find_single_factory
from factory.model import Factory
from factory.schedule.records import Schedule
from factory.verification.verifier import verify
from factory.verification.violations import Constraint, VerificationError
from tests.builders.shift_schedule import PRINT, shift_book, shift_factory, shift_schedule
from tests.builders.shipped_factories import played
from tests.builders.tampered_shifts import SHIFT_TAMPERINGS


def constraints_of(schedule: Schedule, factory: Factory) -> set[Constraint]:
    """Return the constraints that a schedule breaks."""
    with pytest.raises(VerificationError) as caught:
        verify(schedule, factory, shift_book())
    return {violation.constraint for violation in caught.value.violations}


def test_a_hand_worked_schedule_is_accepted_and_billed() -> None:
    """The miller works 4 hours at 10; one cleaning wastes 1 kg."""
    account = verify(shift_schedule(), shift_factory(), shift_book())
    assert account.waste_kg == pytest.approx(1.0)
    assert account.overtime == 0.0


@pytest.mark.parametrize("name", SHIFT_TAMPERINGS)
def test_a_tampered_schedule_is_rejected_by_its_constraint(name: str) -> None:
    tamper, constraint = SHIFT_TAMPERINGS[name]
    assert constraint in constraints_of(tamper(shift_schedule()), shift_factory())


def test_a_closure_longer_than_the_longest_pause_is_rejected() -> None:
    cut = shift_factory().products[0]
    strict = cut.operations[0].model_copy(update={"longest_pause": 15})
    products = (
        cut.model_copy(update={"operations": (strict,)}),
        *shift_factory().products[1:],
    )
    broken = constraints_of(shift_schedule(), shift_factory(products=products))
    assert broken == {Constraint.LONGEST_PAUSE}


def test_a_run_beyond_its_maximum_is_rejected() -> None:
    centres = list(shift_factory().work_centres)
    ink = centres[PRINT].attributes[0].model_copy(update={"max_run": 1, "min_run": None})
    centres[PRINT] = centres[PRINT].model_copy(update={"attributes": (ink,)})
    broken = constraints_of(shift_schedule(), shift_factory(work_centres=tuple(centres)))
    assert broken == {Constraint.MAX_RUN}


def test_values_that_maintenance_mounts_are_followed() -> None:
    """Cleaning the printer would mount red, so the changeover from blue starts from nothing."""
    centres = list(shift_factory().work_centres)
    printer = centres[PRINT].machines[0]
    clean = centres[4].machines[0].maintenance[0]
    paint = clean.model_copy(
        update={"every": 3, "early": 0, "time": 1, "mounts": {"ink": "red"}, "skill": None}
    )
    machine = printer.model_copy(update={"maintenance": (paint,)})
    centres[PRINT] = centres[PRINT].model_copy(update={"machines": (machine,)})
    factory = shift_factory(work_centres=tuple(centres))
    base = shift_schedule()
    record = replace(base.maintenance[0], machine=PRINT, start_date=27, end_date=28)
    cleaned = replace(base, maintenance=(*base.maintenance, record))
    assert constraints_of(cleaned, factory) == {Constraint.FROM_SETUP}
    assert constraints_of(base, factory) == {Constraint.MAINTENANCE_DUE}


def test_due_dates_that_count_open_time_are_drawn_alike() -> None:
    """A verifier that counted all time would call every order altered that meets a closure."""
    factory = find_single_factory("two_shift")
    schedule = played(factory, seed=3)
    nights = [order for order in schedule.orders if order.due_date - order.release_date > 480]
    assert nights
    verify(schedule, factory)

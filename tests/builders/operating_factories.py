"""Small random factories with calendars, people, maintenance and runs, each switched on and off."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from hypothesis import strategies as st

from factory.model import (
    Attribute,
    Calendar,
    Factory,
    Machine,
    Maintenance,
    Operation,
    OperationStaff,
    OrderBook,
    StaffGroup,
    StaffNeed,
    WorkCentre,
)
from tests.builders.chooser import Chooser
from tests.builders.random_factories import build

SKILLS = ("weld", "paint", "fit")


@st.composite
def operating_factories(draw: st.DrawFn) -> tuple[Factory, OrderBook | None]:
    """Draw a factory, and an order book for it if it has no demand."""
    return build_operating(Chooser(lambda low, high: draw(st.integers(low, high))))


def random_operating_factory(rng: random.Random) -> tuple[Factory, OrderBook | None]:
    """Build a factory and perhaps an order book from a plain random generator."""
    return build_operating(Chooser(rng.randint))


def build_operating(choose: Chooser) -> tuple[Factory, OrderBook | None]:
    """Build a factory with some of the features."""
    factory, book = build(choose)
    update: dict[str, object] = {"tick_minutes": choose.pick([1.0, 5.0, 15.0, 60.0])}
    calendars: tuple[Calendar, ...] = ()
    if choose.perhaps() or choose.perhaps():
        month, day = choose.pick([(1, 5), (3, 28), (10, 24), (6, 12)])
        start = datetime(2026, month, day, choose.integer(0, 23))
        update["start"] = start.isoformat(timespec="minutes")
        update["start_hour"] = start.hour
        if choose.perhaps():
            update["time_zone"] = choose.pick(["Europe/London", "America/New_York", "UTC"])
        calendars = tuple(
            _build_calendar(choose, f"calendar{n}", start) for n in range(choose.integer(1, 3))
        )
    staff = _build_staff(choose, calendars) if choose.perhaps() else ()
    update |= {"calendars": calendars, "staff": staff}
    if staff:
        update["crews"] = None
    is_fine = not calendars or update["tick_minutes"] in (1.0, 5.0)
    needs = _Needs(choose, staff, factory.crews, is_fine)
    update["work_centres"] = tuple(
        _operate_centre(choose, centre, calendars, needs) for centre in factory.work_centres
    )
    update["products"] = tuple(
        product.model_copy(
            update={
                "operations": tuple(
                    _operate_operation(choose, operation, calendars, needs)
                    for operation in product.operations
                )
            }
        )
        for product in factory.products
    )
    rates = {"overtime": choose.integer(0, 8) * 1.0, "staff": choose.integer(0, 2) / 2}
    update["costs"] = factory.costs.model_copy(update=rates)
    if factory.demand is not None and calendars:
        allowance = choose.pick(["clock", "open"])
        update["demand"] = factory.demand.model_copy(update={"allowance_in": allowance})
    return factory.model_copy(update=update), book


# --- calendars and people -------------------------------------------------------------------------


def _build_calendar(choose: Chooser, name: str, start: datetime) -> Calendar:
    """Build hours with at least five in a row open on most days."""
    hours = choose.pick(
        [
            ("Mon-Sun 06:00-14:00", "Mon-Sun 14:30-22:00"),
            ("Mon-Fri 06:00-22:00",),
            ("Mon-Sun 22:00-06:00",),
            ("Mon-Sun 00:00-05:30", "Mon-Sun 05:50-11:20", "Mon-Sun 11:30-17:00"),
            ("Mon-Sun 00:00-05:30", "Mon-Sun 06:00-11:30", "Mon-Sun 12:00-23:00"),
            ("Mon-Sun 00:00-09:00", "Mon-Sun 09:05-23:55"),
            ("Mon,Wed,Fri-Sun 00:00-24:00",),
            ("Mon-Sun 00:00-24:00",),
        ]
    )
    closed, extra = (
        tuple(_build_dates(choose, start) for _ in range(choose.integer(0, 2))) for _ in range(2)
    )
    return Calendar(name=name, open=hours, closed=closed, extra=extra)


def _build_dates(choose: Chooser, start: datetime) -> str:
    if choose.perhaps(3):
        first = start + timedelta(days=choose.integer(0, 5))
        return f"{first:%Y-%m-%d}"
    first = start + timedelta(minutes=choose.integer(0, 600))
    last = first + timedelta(minutes=choose.integer(1, 240))
    return f"{first:%Y-%m-%d %H:%M}..{last:%Y-%m-%d %H:%M}"


def _build_staff(choose: Chooser, calendars: tuple[Calendar, ...]) -> tuple[StaffGroup, ...]:
    """Build groups; the first can do everything at any time, so that all work can be done."""
    count, cost = choose.integer(1, 2), choose.integer(0, 9) * 1.0
    groups = [StaffGroup(name="all", count=count, skills=None, cost=cost)]
    for n in range(choose.integer(0, 3)):
        groups.append(
            StaffGroup(
                name=f"group{n}",
                count=choose.integer(1, 2),
                skills=tuple(choose.subset(list(SKILLS))),
                calendar=_pick_calendar(choose, calendars),
                cost=choose.integer(0, 9) * 1.0,
            )
        )
    return tuple(groups)


def _pick_calendar(choose: Chooser, calendars: tuple[Calendar, ...]) -> str | None:
    return choose.pick(calendars).name if calendars and not choose.perhaps(3) else None


class _Needs:
    """Source of needs that the people of a factory can meet, and of rules about closures.

    ``may_fit`` says whether everything is short enough to end before a closing.
    """

    def __init__(
        self, choose: Chooser, staff: tuple[StaffGroup, ...], crews: int | None, may_fit: bool
    ) -> None:
        self.choose, self.staff = choose, staff
        self.most = staff[0].count if staff else min(2, crews or 1)
        self.any = bool(staff) or choose.perhaps(4)
        self.may_fit = may_fit

    def draw(self) -> StaffNeed | None:
        choose = self.choose
        if not self.any or choose.perhaps():
            return None
        return StaffNeed(skill=choose.pick(SKILLS), number=choose.integer(1, self.most))

    def across(self, through: str) -> str:
        return self.choose.pick(["pause", "pause", "fit" if self.may_fit else "pause", through])


# --- machines and operations ----------------------------------------------------------------------


def _operate_centre(
    choose: Chooser, centre: WorkCentre, calendars: tuple[Calendar, ...], needs: _Needs
) -> WorkCentre:
    attributes = tuple(_limit_runs(choose, attribute) for attribute in centre.attributes)
    machines = tuple(
        _operate_machine(choose, machine, attributes, calendars, needs)
        for machine in centre.machines
    )
    return centre.model_copy(
        update={
            "machines": machines,
            "attributes": attributes,
            "changeover_across_closures": needs.across("through"),
            "changeover_staff": needs.draw(),
        }
    )


def _limit_runs(choose: Chooser, attribute: Attribute) -> Attribute:
    low = choose.integer(1, 3) if choose.perhaps(3) else None
    high = (low or 0) + choose.integer(1, 4) if choose.perhaps(3) else None
    limits = {"min_run": low, "max_run": None if len(attribute.values) == 1 else high}
    return attribute.model_copy(update={**limits, "counts": choose.pick(["operations", "ticks"])})


def _operate_machine(
    choose: Chooser,
    machine: Machine,
    attributes: tuple[Attribute, ...],
    calendars: tuple[Calendar, ...],
    needs: _Needs,
) -> Machine:
    maintenance = tuple(
        _build_maintenance(choose, f"kind{n}", attributes, needs)
        for n in range(choose.integer(0, 2) if choose.perhaps() else 0)
    )
    return machine.model_copy(
        update={
            "calendar": _pick_calendar(choose, calendars),
            "closed_power": choose.integer(0, 4) / 4 if choose.perhaps() else None,
            "maintenance": maintenance,
        }
    )


def _build_maintenance(
    choose: Chooser, name: str, attributes: tuple[Attribute, ...], needs: _Needs
) -> Maintenance:
    by = choose.pick(["use", "clock", "operations"])
    every = choose.integer(2, 5) if by == "operations" else choose.integer(20, 60)
    mounted = choose.subset(list(attributes))
    return Maintenance(
        name=name,
        every=every,
        by=by,
        early=choose.integer(0, every) if choose.perhaps() else 0,
        time=choose.integer(1, 6),
        skill=choose.pick(SKILLS) if needs.any and choose.perhaps() else None,
        cost=choose.integer(0, 8) * 1.0,
        waste=choose.integer(0, 4) / 2,
        mounts={attribute.name: choose.pick(attribute.values) for attribute in mounted},
    )


def _operate_operation(
    choose: Chooser, operation: Operation, calendars: tuple[Calendar, ...], needs: _Needs
) -> Operation:
    across = needs.across("finish")
    update: dict[str, object] = {"across_closures": across}
    if across == "fit":  # so that overtime happens
        update["cv"] = choose.pick([0.7, 1.5])
    if across == "pause" and calendars and needs.may_fit and choose.perhaps(4):
        update["longest_pause"] = choose.pick([3, 60, 3000])
    need = needs.draw()
    if need is not None:
        update["staff"] = OperationStaff(
            skill=need.skill, number=need.number, during=choose.pick(["whole", "start"])
        )
    return operation.model_copy(update=update)

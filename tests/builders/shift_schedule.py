"""A small workshop with calendars, people, maintenance and runs, and a hand-worked schedule of
it."""

from __future__ import annotations

from typing import Any

from factory.model import (
    Attribute,
    Calendar,
    Factory,
    Machine,
    Maintenance,
    Operation,
    OperationStaff,
    Order,
    OrderBook,
    Product,
    StaffGroup,
    StaffNeed,
    WorkCentre,
)
from factory.schedule.records import (
    AssignmentRecord,
    ChangeoverRecord,
    MaintenanceRecord,
    OperationRecord,
    OrderRecord,
    PauseRecord,
    Schedule,
)

CUT, MILL, OVEN, PRINT, WASH = range(5)
NAMES = ("cut", "mill", "oven", "print", "wash")


def shift_factory(**changes: Any) -> Factory:
    """Return a workshop with ticks of an hour that starts on Monday at 6:00.

    All machines but the washer are open from 6:00 to 14:00. A miller and a setter are on duty then;
    a helper who can do everything is always there, and is taken last.
    """
    staff = (
        StaffGroup(name="helpers", count=1, calendar="always"),
        StaffGroup(name="millers", count=1, skills=("mill",), calendar="day", cost=10.0),
        StaffGroup(name="setters", count=1, skills=("set", "mill"), calendar="day"),
    )
    parts: dict[str, Any] = {
        "name": "shifts",
        "tick_minutes": 60.0,
        "start_hour": 6,
        "start": "2026-01-05T06:00",
        "calendars": (
            Calendar(name="day", open=("Mon-Sun 06:00-14:00",)),
            Calendar(name="always", open=("Mon-Sun 00:00-24:00",)),
        ),
        "staff": staff,
        "waiting": True,
        "work_centres": _work_centres(),
        "products": tuple(_product(name, **extra) for name, extra in _OPERATIONS.items()),
    }
    return Factory(**(parts | changes))


_OPERATIONS: dict[str, dict[str, Any]] = {
    "cut": {"process_time": 10, "longest_pause": 20},
    "mill": {"process_time": 4, "staff": OperationStaff(skill="mill")},
    "oven": {"process_time": 6, "across_closures": "fit"},
    "print red": {"process_time": 2, "setup": {"ink": "red"}},
    "print blue": {"process_time": 2, "setup": {"ink": "blue"}},
    "wash": {"process_time": 3},
}


def _product(name: str, **extra: Any) -> Product:
    operation = Operation(name=name, work_centre=name.split()[0], **extra)
    return Product(name=name, operations=(operation,))


def _work_centres() -> tuple[WorkCentre, ...]:
    ink = Attribute(name="ink", values=("red", "blue"), time=((0, 3), (3, 0)), min_run=2, max_run=3)
    cleaning = Maintenance(
        name="clean", every=2, by="operations", early=1, time=2, skill="set", cost=7.0, waste=1.0
    )
    return (
        WorkCentre(name="cut", machines=(Machine(name="cut", calendar="day"),)),
        WorkCentre(name="mill", machines=(Machine(name="mill", calendar="day"),)),
        WorkCentre(name="oven", machines=(Machine(name="oven", calendar="day"),)),
        WorkCentre(
            name="print",
            machines=(Machine(name="print", calendar="day"),),
            attributes=(ink,),
            changeover_staff=StaffNeed(skill="set"),
        ),
        WorkCentre(name="wash", machines=(Machine(name="wash", maintenance=(cleaning,)),)),
    )


_ORDERS = (
    *("cut", "mill", "oven", "print red", "print red", "print blue"),
    *("wash", "wash", "wash", "print red"),
)


def shift_book() -> OrderBook:
    """Return an order for each piece of work; the last red print is ordered at tick 30."""
    return OrderBook(
        orders=tuple(
            Order(
                order_id=f"{n}",
                release_date=30 if n == 9 else 0,
                due_date=100,
                weight=1.0,
                product=product,
            )
            for n, product in enumerate(_ORDERS)
        )
    )


def shift_schedule() -> Schedule:
    """Return a schedule; all machines but the washer are closed from 8 to 24 and from 32 to 48.

    ``%`` is a changeover or cleaning, ``+`` a pause; nights are shortened to one column.

    ::

        cut    00000000+00
        mill   1111
        oven   222222
        print  3344  %%+%55   %%+%99
        wash   666%%777888
    """
    return Schedule(
        factory_name="shifts",
        tick_minutes=60.0,
        start_hour=6,
        seed=None,
        machine_names=NAMES,
        machine_centres=NAMES,
        orders=tuple(
            OrderRecord(f"{n}", n, product, {}, release, 100, 1.0, release, end)
            for n, (product, release, end) in enumerate(
                zip(_ORDERS, (*(0,) * 9, 30), _ENDS, strict=True)
            )
        ),
        operations=tuple(OperationRecord(n, 0, _ORDERS[n], *rest) for n, rest in enumerate(_WORK)),
        changeovers=(
            ChangeoverRecord(PRINT, 6, 25, ("red",), ("blue",), 5, 0),
            ChangeoverRecord(PRINT, 30, 49, ("blue",), ("red",), 9, 0),
        ),
        maintenance=(MaintenanceRecord(WASH, 3, 5, "clean"),),
        pauses=(PauseRecord(CUT, 8, 24), PauseRecord(PRINT, 8, 24), PauseRecord(PRINT, 32, 48)),
        assignments=(
            AssignmentRecord(MILL, 0, 4, "millers", 1),
            AssignmentRecord(PRINT, 6, 8, "setters", 1),
            AssignmentRecord(PRINT, 24, 25, "setters", 1),
            AssignmentRecord(PRINT, 30, 32, "setters", 1),
            AssignmentRecord(PRINT, 48, 49, "setters", 1),
            AssignmentRecord(WASH, 3, 5, "setters", 1),
        ),
        end_date=51,
    )


# machine, selected, start, end, process time, attempt
_WORK = (
    (CUT, 0, 0, 26, 10, 0),
    (MILL, 0, 0, 4, 4, 0),
    (OVEN, 0, 0, 6, 6, 0),
    (PRINT, 0, 0, 2, 2, 0),
    (PRINT, 2, 2, 4, 2, 0),
    (PRINT, 6, 25, 27, 2, 0),
    (WASH, 0, 0, 3, 3, 0),
    (WASH, 5, 5, 8, 3, 0),
    (WASH, 8, 8, 11, 3, 0),
    (PRINT, 30, 49, 51, 2, 0),
)
_ENDS = tuple(work[3] for work in _WORK)

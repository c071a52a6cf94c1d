"""A small shop to work plans through by hand, and who plans in it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from agents.rules.registry import Rule, make_rule
from factory.model import (
    Attribute,
    Costs,
    Customer,
    Demand,
    DemandRegime,
    Factory,
    Machine,
    Operation,
    Product,
    SupplyRegime,
    Tariff,
    Transport,
    WorkCentre,
)
from scheduler.decisions.bundle import Bundle
from scheduler.decisions.decider import Decider
from scheduler.floor.floor import ShopFloor, take_snapshot
from scheduler.plans.planner import Planner
from scheduler.plans.schema import Plan
from scheduler.simulated_plant import simulate
from scheduler.snapshot.read import check_snapshot
from scheduler.snapshot.schema import Lock, MachineState, OperationState, OrderState, Snapshot
from tests.builders.shop_floor_script import COLOUR, job

ATCS = make_rule("ATCS", k1=2, k2=0.5)
FIFO = make_rule("FIFO")
READY, UPCOMING, DONE = (
    OperationState(status="ready", ready_date=0),
    OperationState(status="upcoming"),
    OperationState(status="done"),
)
IN_PROCESS = OperationState(status="in_process")


def workshop(paints: int = 1, **changes: Any) -> Factory:
    """One crew; paint (4 hours) in red or white, an hour's way, pack (2 hours); a tick is an hour,
    electricity costs 1, from 20 to 24 o'clock 3."""
    colour = Attribute(
        name="colour",
        values=("white", "red"),
        time=((0, 3), (2, 0)),
        cost=((0.0, 5.0), (4.0, 0.0)),
        waste=((0.0, 0.5), (1.0, 0.0)),
        forbidden=(),
    )
    booths = tuple(
        Machine(name=f"paint-{n + 1}", processing_power=2.0, changeover_power=1.0)
        for n in range(paints)
    )
    painted = tuple(
        Product(
            name=name,
            operations=(
                Operation(
                    name="paint", work_centre="paint", process_time=4, setup={"colour": name}
                ),
                Operation(name="pack", work_centre="pack", process_time=2),
            ),
        )
        for name in ("white", "red")
    )
    parts: dict[str, Any] = {
        "name": "workshop",
        "tick_minutes": 60.0,
        "crews": 1,
        "work_centres": (
            WorkCentre(name="paint", machines=booths, attributes=(colour,)),
            WorkCentre(name="pack", machines=(Machine(name="pack-1"),)),
        ),
        "products": (
            *painted,
            Product(
                name="box",
                operations=(
                    Operation(name="pack", work_centre="pack", process_time=2, needs_material=True),
                ),
            ),
        ),
        "demand": Demand(
            num_orders=4,
            regimes=(
                DemandRegime(name="calm", interarrival_time=20.0, mix={"white": 1.0, "red": 1.0}),
            ),
            customers=(Customer(name="all", share=1.0, weight=1.0, allowance=(2.0, 2.0)),),
        ),
        "material": (SupplyRegime(name="steady", late_probability=0.1, mean_lateness=30),),
        "transport": Transport(default=1),
        "tariff": Tariff(price=(1.0,) * 20 + (3.0,) * 4),
        "costs": Costs(
            tardiness=3.0, changeover=1.0, waste=2.0, energy=1.0, holding=0.5, scale=1.0
        ),
    }
    return Factory(**(parts | changes))


def idle(colour: str | None = None, **fields: Any) -> MachineState:
    return MachineState(
        status="idle", setup={} if colour is None else {"colour": colour}, since=0, **fields
    )


def busy(order: str, expected_end: int, colour: str = "red", **fields: Any) -> MachineState:
    """A booth with the paint of an order in work."""
    return MachineState(
        **{
            "status": "processing",
            "setup": {"colour": colour},
            "since": 8,
            "expected_end": expected_end,
            "order": order,
            "operation": "paint",
        }
        | fields
    )


def order(
    order_id: str, product: str, due_date: int = 100, ready: int | None = None, **fields: Any
) -> OrderState:
    """A painted order: its paint is ready since a date, or in process."""
    paint = IN_PROCESS if ready is None else OperationState(status="ready", ready_date=ready)
    known = {
        "order_id": order_id,
        "product": product,
        "release_date": 0,
        "due_date": due_date,
        "operations": {"paint": paint, "pack": UPCOMING},
    }
    return OrderState(**(known | fields))


def floor_of(
    factory: Factory, machines: dict[str, MachineState], *orders: OrderState, **fields: Any
) -> Snapshot:
    """A checked snapshot at 10 o'clock, where no orders are to come."""
    known = {
        "factory": factory.name,
        "clock": 10,
        "machines": {"pack-1": idle()} | machines,
        "orders": orders,
        "more_orders": False,
    }
    return check_snapshot(Snapshot(**(known | fields)), factory)


def three_orders(factory: Factory, **machines: MachineState) -> Snapshot:
    """A in the booth until 12, B (white) and C (red) in its queue."""
    orders = (
        order("A", "red", 8),
        order("B", "white", 30, 5),
        order("C", "red", 20, 6, weight=2.0),
    )
    return floor_of(
        factory,
        {
            "paint-1": busy("A", 12),
            **{name.replace("_", "-"): state for name, state in machines.items()},
        },
        *orders,
    )


def planner(
    factory: Factory,
    rule: Rule = FIFO,
    decide: Callable[..., Any] | None = None,
    max_seconds: float = math.inf,
) -> Planner:
    return Planner(
        Decider(ShopFloor(factory), None if decide is None else cast(Bundle, Stub(decide)), rule),
        max_seconds,
    )


class Stub:
    """Stands for a bundle; its answer is what it is told."""

    manifest: dict[str, Any] = {}

    def __init__(self, decide: Callable[[dict[str, NDArray[Any]]], Any]) -> None:
        self.decide = decide


def dates_of(plan: Plan) -> list[tuple[Any, ...]]:
    """Operations in few words, by start."""
    found = [
        (one.machine, one.order, one.operation, one.selected_date, one.start_date, one.end_date)
        for one in plan.operations
    ]
    return sorted(found, key=lambda one: (one[4], one[0]))


def told(plan: Plan) -> Plan:
    """What a plan says, whoever made it and however long it took."""
    return plan.model_copy(update={"microseconds": 0, "made_by": "", "fallbacks": 0, "faults": ()})


def moments(factory: Factory, *decisions: int, seed: int = 5) -> list[Snapshot]:
    return [
        take_snapshot(ShopFloor(factory), simulate(factory, ATCS, seed, number), 0)
        for number in decisions
    ]


def any_legal(seed: int) -> Callable[[dict[str, NDArray[Any]]], NDArray[np.int64]]:
    """A policy that chooses anything that it may."""
    random = np.random.default_rng(seed)

    def decide(observation: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
        mask = observation["action_mask"]
        return np.asarray(np.argmax(random.random(mask.shape) * mask, axis=1))

    return decide


def locked(snapshot: Snapshot, factory: Factory, *locks: tuple[str, str, str]) -> Snapshot:
    """The snapshot with locks (machine, order, operation), checked."""
    made = tuple(
        Lock(machine=machine, order=name, operation=operation) for machine, name, operation in locks
    )
    return check_snapshot(snapshot.model_copy(update={"locks": made}), factory)


def packed_first(*routes: tuple[str, ...], paints: int = 1) -> Factory:
    """The workshop with three colours and other routes: each of its last paint's colour, through
    ``pack``, ``red``, ``black`` (steps are called so)."""
    paint, pack = workshop(paints).work_centres
    products = tuple(
        Product(
            name=route[-1],
            operations=tuple(
                job(4, name, *(("pack",) if name == "pack" else ("paint",)), setup=wanted(name))
                for name in route
            ),
        )
        for route in routes
    )
    demand = workshop().demand
    assert demand is not None
    regimes = (demand.regimes[0].model_copy(update={"mix": {products[0].name: 1.0}}),)
    centres = (paint.model_copy(update={"attributes": (COLOUR,)}), pack)
    return workshop(
        work_centres=centres,
        products=products,
        demand=demand.model_copy(update={"regimes": regimes}),
    )


def wanted(step: str) -> dict[str, str]:
    return {} if step == "pack" else {"colour": step}


CROSSING = packed_first(("pack", "red"), ("black", "pack"))
"""Red is painted last, and black first (its product is called after its last step, pack)."""

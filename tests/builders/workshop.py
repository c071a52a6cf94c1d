"""A small shop for hand-worked plans, its snapshots and its planners."""

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
from scheduler.floor.floor import ShopFloor
from scheduler.floor.shop_snapshot import take_snapshot
from scheduler.plans.schema import Plan
from scheduler.portfolio.planner import Planner
from scheduler.simulated_plant import simulate
from scheduler.snapshot.read import check_snapshot
from scheduler.snapshot.schema import Lock, MachineState, OperationState, OrderState, Snapshot
from tests.builders.shop_floor_script import COLOUR, job

ATCS = make_rule("ATCS", k1=2, k2=0.5)
FIFO = make_rule("FIFO")
READY = OperationState(status="ready", ready_date=0)
UPCOMING = OperationState(status="upcoming")
DONE = OperationState(status="done")
IN_PROCESS = OperationState(status="in_process")


def workshop(paints: int = 1, **changes: Any) -> Factory:
    """Return a factory with one crew, booths that paint red or white (4 hours) and packing (2).

    Transport takes an hour, a tick is an hour; electricity costs 1, and 3 from 20 to 24 o'clock.

    Parameters
    ----------
    paints
        Number of booths.
    changes
        Fields of the factory that are set otherwise.
    """
    parts: dict[str, Any] = {
        "name": "workshop",
        "tick_minutes": 60.0,
        "crews": 1,
        "work_centres": _work_centres(paints),
        "products": _products(),
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


def _work_centres(paints: int) -> tuple[WorkCentre, ...]:
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
    return (
        WorkCentre(name="paint", machines=booths, attributes=(colour,)),
        WorkCentre(name="pack", machines=(Machine(name="pack-1"),)),
    )


def _products() -> tuple[Product, ...]:
    """Return painted products in white and red, and a box that is only packed."""
    pack = Operation(name="pack", work_centre="pack", process_time=2)
    painted = [
        Product(
            name=colour,
            operations=(
                Operation(
                    name="paint", work_centre="paint", process_time=4, setup={"colour": colour}
                ),
                pack,
            ),
        )
        for colour in ("white", "red")
    ]
    box = Product(name="box", operations=(pack.model_copy(update={"needs_material": True}),))
    return (*painted, box)


def idle(colour: str | None = None, **fields: Any) -> MachineState:
    return MachineState(
        status="idle", setup={} if colour is None else {"colour": colour}, since=0, **fields
    )


def busy(order: str, expected_end: int, colour: str = "red", **fields: Any) -> MachineState:
    """Return the state of a booth that paints an order."""
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
    """Return a painted order whose paint is ready since a date, or in process."""
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
    """Return a checked snapshot at 10 o'clock without later orders."""
    known = {
        "factory": factory.name,
        "clock": 10,
        "machines": {"pack-1": idle()} | machines,
        "orders": orders,
        "more_orders": False,
    }
    return check_snapshot(Snapshot(**(known | fields)), factory)


def three_orders(factory: Factory, **machines: MachineState) -> Snapshot:
    """Return a snapshot with A in the booth until 12, and B (white) and C (red) in its queue."""
    orders = (
        order("A", "red", 8),
        order("B", "white", 30, 5),
        order("C", "red", 20, 6, weight=2.0),
    )
    states = {"paint-1": busy("A", 12)}
    states |= {name.replace("_", "-"): state for name, state in machines.items()}
    return floor_of(factory, states, *orders)


def planner(
    factory: Factory,
    rule: Rule = FIFO,
    decide: Callable[..., Any] | None = None,
    max_seconds: float = math.inf,
) -> Planner:
    bundle = None if decide is None else cast(Bundle, Stub(decide))
    return Planner(Decider(ShopFloor(factory), bundle, rule), max_seconds)


class Stub:
    """A bundle whose decisions are those of a given function."""

    manifest: dict[str, Any] = {}

    def __init__(self, decide: Callable[[dict[str, NDArray[Any]]], Any]) -> None:
        self.decide = decide


def dates_of(plan: Plan) -> list[tuple[Any, ...]]:
    """Return machine, order, operation and dates of each operation, by start."""
    operations = sorted(plan.operations, key=lambda each: (each.start_date, each.machine))
    return [
        (
            each.machine,
            each.order,
            each.operation,
            each.selected_date,
            each.start_date,
            each.end_date,
        )
        for each in operations
    ]


def told(plan: Plan) -> Plan:
    """Return a plan without the fields about its maker and its duration."""
    return plan.model_copy(update={"microseconds": 0, "made_by": "", "fallbacks": 0, "faults": ()})


def moments(factory: Factory, *decisions: int, seed: int = 5) -> list[Snapshot]:
    return [
        take_snapshot(ShopFloor(factory), simulate(factory, ATCS, seed, count), 0)
        for count in decisions
    ]


def any_legal(seed: int) -> Callable[[dict[str, NDArray[Any]]], NDArray[np.int64]]:
    """Return a policy that chooses random legal rows."""
    random = np.random.default_rng(seed)

    def decide(observation: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
        mask = observation["action_mask"]
        return np.asarray(np.argmax(random.random(mask.shape) * mask, axis=1))

    return decide


def locked(snapshot: Snapshot, factory: Factory, *locks: tuple[str, str, str]) -> Snapshot:
    """Return the checked snapshot with locks (machine, order, operation)."""
    made = tuple(
        Lock(machine=machine, order=name, operation=operation) for machine, name, operation in locks
    )
    return check_snapshot(snapshot.model_copy(update={"locks": made}), factory)


def packed_first(*routes: tuple[str, ...], paints: int = 1) -> Factory:
    """Return the workshop with three colours and one product for each route.

    A route lists steps (``pack``, or a colour); the product has the name of its last step.
    """
    paint, pack = workshop(paints).work_centres
    products = tuple(
        Product(
            name=route[-1],
            operations=tuple(
                job(4, step, "pack" if step == "pack" else "paint", setup=wanted(step))
                for step in route
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
"""Two products: red is painted last, black first (named after its last step, pack)."""

"""Shop floors that no simulation reaches, and decisions and plans for them."""

from __future__ import annotations

from typing import Any

from factory.model import Factory, Machine
from scheduler.decisions.decider import Decider
from scheduler.decisions.decision import Decision
from scheduler.floor.floor import ShopFloor
from scheduler.plans.schema import Plan
from scheduler.snapshot.schema import MachineState, Snapshot
from tests.builders.workshop import (
    FIFO,
    planner,
    workshop,
)
from tests.oracles.plan_reader import Reading


def mending(paints: int = 1, repair: int = 6) -> Factory:
    """The workshop, where the last booth fails now and then."""
    plain = workshop(paints)
    booth = Machine(
        name=f"paint-{paints}",
        processing_power=2.0,
        changeover_power=1.0,
        mean_time_to_failure=10**6,
        mean_time_to_repair=repair,
    )
    paint, pack = plain.work_centres
    centres = (paint.model_copy(update={"machines": (*paint.machines[:-1], booth)}), pack)
    return plain.model_copy(update={"work_centres": centres})


def broken(colour: str = "red", since: int = 8, **fields: Any) -> MachineState:
    """A booth that is down without an operation."""
    return MachineState(status="down", setup={"colour": colour}, since=since, **fields)


def decide(factory: Factory, snapshot: Snapshot) -> list[Decision]:
    return Decider(ShopFloor(factory), None, FIFO).decide(snapshot)


def plan_of(factory: Factory, snapshot: Snapshot, **options: Any) -> Plan:
    """A plan that has been read without the kernel."""
    plan = planner(factory).plan(snapshot, **options)
    Reading(plan, snapshot, factory).check()
    return plan


def sequences(plan: Plan) -> dict[str, list[tuple[str, str]]]:
    """Return the operations of each machine in sequence, without those in process."""
    operations: dict[str, list[tuple[str, str]]] = {name: [] for name in plan.machines}
    for planned in plan.operations:
        if not planned.in_process:
            operations[planned.machine].append((planned.order, planned.operation))
    return operations

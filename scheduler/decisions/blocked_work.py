"""Work that cannot be done now, with the reason: closed, nobody free, a run, maintenance."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from factory.simulation.arrays import NEVER
from factory.tick_dates import TickDates
from scheduler.floor import blocks
from scheduler.floor.floor import ShopFloor

Cause = Literal["closed", "maintenance", "people", "run", "closing", "changeover", "paused"]
_CAUSES: dict[int, Cause] = {
    blocks.CLOSED: "closed",
    blocks.MAINTENANCE_DUE: "maintenance",
    blocks.PEOPLE_MISSING: "people",
    blocks.RUN_FULL: "run",
    blocks.RUN_SHORT: "run",
    blocks.CLOSING: "closing",
    blocks.FORBIDDEN_CHANGE: "changeover",
    blocks.PAUSED_WORK_LEFT: "paused",
}


class BlockedMachine(BaseModel):
    """A machine that can do nothing now."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    machine: str
    """Machine."""
    cause: Cause
    """Kind of the reason."""
    until: int | None = None
    """Date at which the reason ends, if it is known."""
    reason: str
    """Reason in words."""


class BlockedOperation(BaseModel):
    """A ready operation that the asked machine must not start now."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    order: str | None
    """Order."""
    operation: str
    """Operation."""
    cause: Cause
    """Kind of the reason."""
    reason: str
    """Reason in words."""


def find_blocked_machines(floor: ShopFloor, dates: TickDates) -> tuple[BlockedMachine, ...]:
    """Return the machines that could work, but may not.

    Parameters
    ----------
    floor
        Shop floor on which all decisions of its snapshot have been carried out.
    dates
        Dates of its ticks.
    """
    listed = []
    for machine, (code, detail) in enumerate(floor.machine_blocks()):
        if code == blocks.NO_BLOCK:
            continue
        known = code == blocks.CLOSED and detail != NEVER
        listed.append(
            BlockedMachine(
                machine=floor.machine_names[machine],
                cause=_CAUSES[code],
                until=detail if known else None,
                reason=_describe(floor, machine, code, detail, dates),
            )
        )
    return tuple(listed)


def find_blocked_operations(floor: ShopFloor, dates: TickDates) -> tuple[BlockedOperation, ...]:
    """Return the ready operations that the asked machine must not start now."""
    machine = int(floor.shop.env.deciding[0])
    listed = []
    for row, (code, detail) in enumerate(floor.row_blocks()):
        if code != blocks.NO_BLOCK:
            choice = floor.describe(machine, row)
            listed.append(
                BlockedOperation(
                    order=choice["order"],
                    operation=choice["operation"],
                    cause=_CAUSES[code],
                    reason=_describe(floor, machine, code, detail, dates),
                )
            )
    return tuple(listed)


def _describe(floor: ShopFloor, machine: int, code: int, detail: int, dates: TickDates) -> str:
    if code == blocks.CLOSED:
        return "closed" if detail == NEVER else f"closed until {dates.text(detail)}"
    if code == blocks.CLOSING:
        return f"does not fit before the closing at {dates.text(detail)}"
    if code == blocks.MAINTENANCE_DUE:
        kind = floor.kinds[machine][detail]
        return f"maintenance {kind} is due, and must be done first"
    if code == blocks.PEOPLE_MISSING:
        return _describe_need(floor, detail)
    return {
        blocks.RUN_FULL: "the run of its value has reached its maximum",
        blocks.RUN_SHORT: "the run of the mounted value is too short to change it",
        blocks.FORBIDDEN_CHANGE: "no direct changeover leads to it",
        blocks.PAUSED_WORK_LEFT: "its work is paused until people are free",
    }[code]


def _describe_need(floor: ShopFloor, need: int) -> str:
    if need < 0:
        return "no crew is free"
    skill, number = floor.hours.needs[need]
    who = "nobody" if number == 1 else f"fewer than {number} people"
    return f"{who} with the skill {skill} is free" if skill else f"{who} is free"

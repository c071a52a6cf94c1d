"""Changes to a snapshot: what is new since the last one, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from factory.model import Factory
from factory.validation.errors import Problem, Suggestion, Words
from scheduler.snapshot.parse_errors import format_errors
from scheduler.snapshot.read import SnapshotError, check_snapshot
from scheduler.snapshot.schema import (
    MAX_ORDERS,
    Date,
    Epoch,
    Lock,
    MachineState,
    Name,
    OrderState,
    SetAside,
    Snapshot,
    SnapshotText,
    Zone,
    write_rest,
)

_LISTS = ("orders", "machines")
"""Fields whose entries are merged; the other fields are replaced."""


class FloorChanges(BaseModel):
    """New values of the floor; what is left out stays as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    clock: Date | None = None
    """Now."""
    orders: Annotated[dict[Name, dict[str, Any] | None], Field(max_length=MAX_ORDERS)] = {}
    """New values of orders, by order id, merged with the old ones (RFC 7396): a field that is null
    gets its default, an order that is null is removed, and an unknown id is a new order.
    """
    machines: Annotated[dict[Name, dict[str, Any]], Field(max_length=MAX_ORDERS)] = {}
    """New values of machines, by name, merged in the same way."""
    recent_releases: Annotated[tuple[Date, ...], Field(max_length=8)] = ()
    """Release dates of the newest orders, instead of the old ones."""
    more_orders: bool = True
    """More orders may arrive."""
    crews: Annotated[int, Field(ge=0, le=MAX_ORDERS, strict=True)] | None = None
    """Changeover crews that are present; null: those of the factory."""
    staff: dict[Name, Date] | None = None
    """Number of people of each group that are present; null: those of the factory."""
    locks: Annotated[tuple[Lock, ...], Field(max_length=MAX_ORDERS)] = ()
    """All locks, instead of the old ones."""
    epoch: Epoch | None = None
    """Date of tick 0."""
    time_zone: Zone | None = None
    """Zone that dates are shown in."""


def change_floor(
    snapshot: Snapshot,
    text: SnapshotText,
    changes: FloorChanges,
    factory: Factory,
    *,
    strict: bool = False,
) -> tuple[Snapshot, SnapshotText]:
    """Return a snapshot with changes, and its text.

    Orders and machines must be right with the changes. Locks that they have made impossible are
    put aside, unless the reading is ``strict``.

    Parameters
    ----------
    text
        JSON of the snapshot.

    Raises
    ------
    SnapshotError
        With one line for each problem.
    """
    orders, texts = _change_orders(snapshot, text, changes.orders)
    given = {name: getattr(changes, name) for name in changes.model_fields_set - {*_LISTS}}
    if given.get("clock", 0) is None:
        raise SnapshotError("clock = null; a floor has a clock. Write the ticks, or leave it out.")
    update = {"machines": _change_machines(snapshot, changes.machines), "orders": orders, **given}
    kept = tuple(part for part in snapshot.set_aside if not _is_replaced(part, changes))
    changed = snapshot.model_copy(update=update | {"set_aside": kept})
    checked = check_snapshot(changed, factory, strict=strict)
    wrong = [part for part in checked.set_aside[len(kept) :] if not part.place.startswith("locks.")]
    if wrong:
        raise SnapshotError("\n".join(_name_orders(changed, wrong)))
    return checked, SnapshotText(write_rest(checked), texts)


def merge(old: Any, new: Any) -> Any:
    """Merge JSON as RFC 7396 says: tables key by key, null removes a key, the rest is replaced."""
    if not isinstance(new, dict):
        return new
    merged = dict(old) if isinstance(old, dict) else {}
    for key, value in new.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def _change_orders(
    snapshot: Snapshot, text: SnapshotText, changes: Mapping[str, dict[str, Any] | None]
) -> tuple[tuple[OrderState, ...], list[bytes]]:
    """Return the orders with their changes, and their texts; new ones come last."""
    states = {state.order_id: state for state in snapshot.orders}
    texts = dict(zip(states, text.orders, strict=True))
    lines = list[str]()
    for order_id, change in changes.items():
        place, old = f"orders.{order_id}", states.get(order_id)
        if change is None:
            if old is None:
                rule = "the floor has no such order"
                lines.append(str(Problem(place, None, rule, "Leave it out")))
                continue
            del states[order_id], texts[order_id]
            continue
        before = {} if old is None else old.model_dump(mode="json", exclude_defaults=True)
        merged = merge({"order_id": order_id} | before, change)
        if merged.get("order_id") != order_id:
            rule, value = f"it must be {order_id!r} here", merged.get("order_id")
            lines.append(str(Problem(f"{place}.order_id", value, rule, "Leave it out")))
            continue
        order_text = json.dumps(merged, separators=(",", ":")).encode()
        try:
            states[order_id] = OrderState.model_validate_json(order_text)
        except ValidationError as error:
            lines.append(format_errors(error, place, prefix=place))
        texts[order_id] = order_text
    if lines:
        raise SnapshotError("\n".join(lines))
    return tuple(states.values()), [*texts.values()]


def _change_machines(
    snapshot: Snapshot, changes: Mapping[str, dict[str, Any]]
) -> dict[str, MachineState]:
    machines, lines = dict(snapshot.machines), list[str]()
    for name, change in changes.items():
        place, old = f"machines.{name}", machines.get(name)
        if old is None:
            rule, known = "the floor has no such machine", list(machines)
            lines.append(str(Problem(place, Words("a table"), rule, Suggestion(name, known))))
            continue
        merged = merge(old.model_dump(mode="json", exclude_defaults=True), change)
        try:
            machines[name] = MachineState.model_validate_json(json.dumps(merged))
        except ValidationError as error:
            lines.append(format_errors(error, place, prefix=place))
    if lines:
        raise SnapshotError("\n".join(lines))
    return machines


def _is_replaced(part: SetAside, changes: FloorChanges) -> bool:
    """Return whether changes say something new about a part that was put aside before."""
    if part.place.startswith("locks."):
        return "locks" in changes.model_fields_set
    if part.place.startswith("machines."):
        return part.place.split(".")[1] in changes.machines
    return part.order in changes.orders


def _name_orders(snapshot: Snapshot, parts: list[SetAside]) -> Iterator[str]:
    """Yield a line for each part, with the id of an order instead of its index."""
    for part in parts:
        steps = part.place.split(".")
        if steps[0] == "orders":
            steps[1] = snapshot.orders[int(steps[1])].order_id
        yield f"{'.'.join(steps)} = {part.problem}"

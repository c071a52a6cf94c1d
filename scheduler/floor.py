"""A snapshot put into the simulator's own arrays, so that choices and observation come from the very code that policies were trained on."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.cost_scales import measure_cost_scales
from envs.observation import DEFAULT_CHANGEOVER_ROWS, DEFAULT_JOB_ROWS, allocate_scratch, allocate_tables, observe
from factory import kernel
from factory.arrays import CHANGING, DONE, DOWN, ENTRY_BITS, IDLE, IN_PROCESS, NEVER, PROCESSING, READY, UPCOMING, split_entry
from factory.load import load
from factory.model import Factory, operation_order
from factory.shop import allocate
from scheduler.locks import NOBODY, allocate_locks, hold, narrow_choices
from scheduler.placing import hide_future, settle_shop
from scheduler.snapshot import MachineState, OperationState, OrderState, Snapshot

OPERATION_STATUS = {"upcoming": UPCOMING, "ready": READY, "in_process": IN_PROCESS, "done": DONE}
MACHINE_STATUS = {"idle": IDLE, "changing": CHANGING, "processing": PROCESSING, "down": DOWN}
_ROOM_AT_FIRST = 128
_ORDER_COLUMNS = ("release_date", "due_date", "material_date", "completion_date", "weight", "product", "customer")
_ABSENT = tuple(OperationState(status="done").__dict__.values())
"""Stands where an order has fewer operations than there is room for."""


class Floor:
    """The shop floor of one factory, filled anew from each snapshot.

    Parameters
    ----------
    factory
        The factory; it needs a demand, from which its cost scale is measured if it gives none.
    """

    def __init__(self, factory: Factory) -> None:
        self.factory = factory
        self.arrays = load([factory])
        self._rows = {"job_rows": DEFAULT_JOB_ROWS, "changeover_rows": DEFAULT_CHANGEOVER_ROWS}
        measure_cost_scales(self.arrays, self._rows, np.float32)
        self.machine_names = [machine.name for centre in factory.work_centres for machine in centre.machines]
        self.centres = [centre for centre in factory.work_centres for _ in centre.machines]
        self.operation_names = [[product.operations[listed].name for listed in operation_order(product)] for product in factory.products]
        self.products = {product.name: number for number, product in enumerate(factory.products)}
        self._option_numbers = [(option.name, {value.name: number for number, value in enumerate(option.values)}) for option in factory.options]
        self.order_ids: list[str | None] = []
        self.held = False
        self._make_room(_ROOM_AT_FIRST)

    def place(self, snapshot: Snapshot) -> None:
        """Put a checked snapshot in place of what was there."""
        closed = Counter(snapshot.recent_releases) - Counter(order.release_date for order in snapshot.orders)
        orders: list[tuple[int, OrderState | None]] = [(order.release_date, order) for order in snapshot.orders]
        orders += [(date, None) for date in closed.elements()]
        orders.sort(key=lambda pair: pair[0])
        if len(orders) + 1 > self.shop.orders.shape[1]:
            self._make_room(2 * (len(orders) + 1))
        self.order_ids = [None if order is None else order.order_id for _, order in orders]
        floor = self.shop.floor
        floor.factory[0], floor.seed[0], floor.clock[0] = 0, 0, snapshot.clock
        floor.num_released[0] = len(orders)
        floor.num_orders[0] = len(orders) + snapshot.more_orders
        self.shop.orders["release_date"][0, len(orders)] = NEVER  # of the order that may come
        in_progress = {order.order_id: (number, order) for number, (_, order) in enumerate(orders) if order is not None}
        for machine, name in enumerate(self.machine_names):
            self._place_machine(machine, snapshot.machines[name], snapshot.clock, in_progress)
        hide_future(self.shop, len(self.machine_names))
        foreseen = self._place_orders(orders)
        self._place_locks(snapshot, in_progress)
        settle_shop(self.arrays, self.shop, foreseen)

    def ask(self) -> int | None:
        """Number of the machine that must decide, None if none is left.

        Its observation is in :attr:`tables` then, unless :attr:`held` says that locks leave it nothing to decide.
        """
        kernel.happen_now(self.arrays, self.shop, 0)
        machine = kernel.ask_machine(self.arrays, self.shop, 0)
        self.shop.floor.deciding[0] = machine
        if machine < 0:
            return None
        self.held = not narrow_choices(self.arrays, self.shop, 0, machine, self.locks)
        if self.held:
            return int(machine)
        tables = self.tables
        observe(self.arrays, self.shop, 0, self._scratch, tables.candidates[0], tables.machines[0], tables.shop[0], tables.action_mask[0])
        return int(machine)

    def carry_out(self, row: int) -> bool:
        """Carry out a row for the asked machine; False, and nothing has changed, if it is not legal."""
        return bool(kernel.decide(self.arrays, self.shop, 0, row))

    def hold(self) -> None:
        """Let the asked machine wait for what is locked to it, or until it is in service."""
        hold(self.arrays, self.shop, 0, self.shop.floor.deciding[0], self.locks)

    def setup_names(self, machine: int, values: NDArray[np.int16]) -> dict[str, str]:
        """A machine's setup in words."""
        attributes = self.centres[machine].attributes
        return {attribute.name: attribute.values[value] for attribute, value in zip(attributes, values.tolist(), strict=False)}

    # --- filling --------------------------------------------------------------------------------------------------------------

    def _make_room(self, orders: int) -> None:
        self.arrays.plant.num_orders[0] = orders
        self.shop = allocate(self.arrays, 1, **self._rows)
        self._orders, self._operations = (part.view(np.ndarray) for part in (self.shop.orders, self.shop.operations))  # fields of records are slow to reach
        self._scratch = allocate_scratch(self.shop)
        self.locks = allocate_locks(self.arrays, orders)
        self.tables = allocate_tables(self.arrays, self.shop, np.float32)

    def _place_machine(self, machine: int, state: MachineState, clock: int, in_progress: dict[str, tuple[int, OrderState]]) -> None:
        row = self.shop.machines[0, machine]
        row.status, row.state_date = MACHINE_STATUS[state.status], state.since
        row.start_date = row.process_start_date = state.since
        row.expected_end = state.since if state.expected_end is None else state.expected_end
        row.first_piece = state.first_piece
        row.wait_until = NEVER if state.waiting_until is None or state.waiting_until <= clock else state.waiting_until
        row.wait_start = clock
        row.entry = -1
        if state.order is not None and state.operation is not None:
            number, order = in_progress[state.order]
            row.entry = (number << ENTRY_BITS) | self.operation_names[self.products[order.product]].index(state.operation)
        values = [attribute.values.index(state.setup[attribute.name]) for attribute in self.centres[machine].attributes]
        self.shop.mounted[0, machine, : len(values)] = values

    def _place_locks(self, snapshot: Snapshot, in_progress: dict[str, tuple[int, OrderState]]) -> None:
        locks = self.locks
        for entry in locks.sequence[: locks.length[0]].tolist():
            locks.machine_of[split_entry(entry)] = NOBODY
        for place, lock in enumerate(snapshot.locks):
            number, order = in_progress[lock.order]
            operation = self.operation_names[self.products[order.product]].index(lock.operation)
            locks.sequence[place] = (number << ENTRY_BITS) | operation
            locks.machine_of[number, operation] = self.machine_names.index(lock.machine)
        locks.length[0] = len(snapshot.locks)
        for machine, name in enumerate(self.machine_names):
            until = snapshot.machines[name].out_of_service_until
            locks.out_of_service_until[machine] = NEVER if until is None else until

    def _place_orders(self, orders: list[tuple[int, OrderState | None]]) -> NDArray[np.bool_]:
        """Fill the columns of orders and operations; which orders say themselves what can be expected of them."""
        columns = [self._order_columns(release_date, order) for release_date, order in orders]
        for name, column in zip(_ORDER_COLUMNS, zip(*columns, strict=True), strict=bool(columns)):
            self._orders[name][0, : len(orders)] = column
        options = [[-1 if order is None else known.get(order.options.get(name, ""), -1) for name, known in self._option_numbers] for _, order in orders]
        self.shop.option_value[0, : len(orders), : len(self._option_numbers)] = np.array(options, np.int16).reshape(len(orders), len(self._option_numbers))
        return self._place_operations([order for _, order in orders])

    def _order_columns(self, release_date: int, order: OrderState | None) -> tuple[float, ...]:
        """Those of ``_ORDER_COLUMNS``; None is an order that has been completed."""
        if order is None:
            return (release_date, release_date, release_date, release_date, 0.0, 0, -1)
        material_date = release_date if order.material_here else int(NEVER)
        return (release_date, order.due_date, material_date, -1, order.weight, self.products[order.product], -1)

    def _place_operations(self, orders: list[OrderState | None]) -> NDArray[np.bool_]:
        """Fill the columns of operations; which orders foresee all that is upcoming. The fields are read in one go, as there are thousands of them."""
        most, absent = self.shop.operations.shape[2], _ABSENT
        states = [
            [] if order is None else [tuple(order.operations[name].__dict__.values()) for name in self.operation_names[self.products[order.product]]]
            for order in orders
        ]
        padded = [state for own in states for state in (*own, *(absent,) * (most - len(own)))]
        status, *others = zip(*padded, strict=True) if padded else ((),) * len(_ABSENT)
        shape = (len(orders), most)
        numbers = np.array([OPERATION_STATUS[word] for word in status], np.int8).reshape(shape)
        attempt, ready_date, arrival_date, expected_date, lead_time = (np.array(column, np.float64).reshape(shape) for column in others)  # None becomes nan
        release_date = self._orders["release_date"][0, : len(orders), None]
        filled = {
            "status": numbers,
            "attempt": attempt,
            "join_date": np.nan_to_num(ready_date),
            "arrival_date": np.where(np.isnan(arrival_date), release_date, arrival_date),
            "expected_date": np.nan_to_num(expected_date),
            "lead_time": np.nan_to_num(lead_time),
        }
        for name, column in filled.items():
            self._operations[name][0, : len(orders)] = column
        exists = np.array([len(own) for own in states], np.int64)[:, None] > np.arange(most)
        return np.asarray(~((numbers == UPCOMING) & exists & np.isnan(expected_date)).any(axis=1))


def take_snapshot(floor_of: Floor, shop: Any, env: int, *, order_ids: list[str] | None = None) -> Snapshot:
    """The snapshot of environment ``env`` of a simulated shop of the same factory: what is known there, expectations included.

    Parameters
    ----------
    floor_of
        Names of the factory's parts.
    order_ids
        Of the orders by number; by default ``"1"``, ``"2"``, ... as in schedules.
    """
    floor = shop.floor[env]
    released = int(floor.num_released)
    ids = order_ids or [f"{number + 1}" for number in range(released)]
    return Snapshot.model_validate(
        {
            "factory": floor_of.factory.name,
            "clock": int(floor.clock),
            "machines": {name: _machine_state(floor_of, shop, env, machine, ids) for machine, name in enumerate(floor_of.machine_names)},
            "orders": [_order_state(floor_of, shop, env, number, ids[number]) for number in shop.active[env, : int(floor.num_active)].tolist()],
            "recent_releases": [int(date) for date in shop.orders.release_date[env, max(0, released - 8) : released]],
            "more_orders": released < int(floor.num_orders),
        }
    )


def _order_state(floor_of: Floor, shop: Any, env: int, number: int, order_id: str) -> dict[str, Any]:
    """An order in progress as a snapshot tells it."""
    row, factory = shop.orders[env, number], floor_of.factory
    chosen = zip(factory.options, shop.option_value[env, number].tolist(), strict=False)
    names = floor_of.operation_names[int(row.product)]
    return {
        "order_id": order_id,
        "product": factory.products[int(row.product)].name,
        "options": {option.name: option.values[value].name for option, value in chosen if value >= 0},
        "release_date": int(row.release_date),
        "due_date": int(row.due_date),
        "weight": float(row.weight),
        "material_here": bool(row.material_date <= shop.floor.clock[env]),
        "operations": {name: _operation_state(shop.operations[env, number, operation]) for operation, name in enumerate(names)},
    }


def _operation_state(row: Any) -> dict[str, Any]:
    state: dict[str, Any] = {"status": next(word for word, status in OPERATION_STATUS.items() if status == row.status), "attempt": int(row.attempt)}
    if row.status == READY:
        state["ready_date"] = int(row.join_date)
    if row.status == UPCOMING:
        state |= {"arrival_date": int(row.arrival_date), "expected_date": int(row.expected_date), "lead_time": float(row.lead_time)}
    return state


def _machine_state(floor_of: Floor, shop: Any, env: int, machine: int, order_ids: list[str]) -> dict[str, Any]:
    """A machine as a snapshot tells it."""
    row = shop.machines[env, machine]
    state = {
        "status": next(word for word, status in MACHINE_STATUS.items() if status == row.status),
        "setup": floor_of.setup_names(machine, shop.mounted[env, machine]),
        "since": int(row.state_date),
        "expected_end": None if row.status == IDLE else int(row.expected_end),
        "first_piece": bool(row.first_piece),
        "waiting_until": None if row.wait_until == NEVER else int(row.wait_until),
    }
    if row.entry >= 0:
        number, operation = split_entry(row.entry)
        state |= {"order": order_ids[number], "operation": floor_of.operation_names[int(shop.orders.product[env, number])][operation]}
    return state

"""A snapshot put into the simulator's own arrays, so that choices and observation come from the
very code that policies were trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, SupportsInt

import numpy as np
from numpy.typing import NDArray

from agents.network.inference import NetworkScratch as Memory
from agents.network.inference import NetworkWeights
from envs.observation.tables import (
    DEFAULT_CHANGEOVER_ROWS,
    DEFAULT_JOB_ROWS,
    allocate_observation_scratch,
    allocate_tables,
)
from envs.reward_scale import measure_cost_scales
from factory.model import Factory
from factory.simulation import kernel
from factory.simulation.allocation import allocate
from factory.simulation.arrays import (
    CHANGING,
    DOWN,
    IDLE,
    NEVER,
    OPERATION_BITS,
    PROCESSING,
    READY,
    UPCOMING,
    split_operation_id,
)
from factory.simulation.load import load
from factory.validation.arguments import check_count, check_instance, check_row, refusal
from scheduler.floor.load_state import COMPLETED, line_up, place_all
from scheduler.floor.locks import NOBODY, allocate_locks, hold
from scheduler.floor.query import (
    CHANGEOVER_DECISION,
    HELD,
    START_DECISION,
    ask_and_observe,
    ask_network,
    tell_row,
)
from scheduler.snapshot.order_tables import (
    OPERATION_STATUS,
    PRODUCT_COLUMN,
    RELEASE_DATE,
    PackedOrders,
    names_of,
    packed,
)
from scheduler.snapshot.schema import MachineState, Snapshot

MACHINE_STATUS = {"idle": IDLE, "changing": CHANGING, "processing": PROCESSING, "down": DOWN}
_ROOM_AT_FIRST = 128


class ShopFloor:
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
        measure_cost_scales(self.arrays, [factory.name], self._rows, np.float32)
        self.machine_names = [
            machine.name for centre in factory.work_centres for machine in centre.machines
        ]
        self.centres = [centre for centre in factory.work_centres for _ in centre.machines]
        self._numbers = [
            [
                (attribute.name, {value: place for place, value in enumerate(attribute.values)})
                for attribute in centre.attributes
            ]
            for centre in self.centres
        ]
        self.names = names_of(factory)
        self._kinds = [*self.names.kinds.values()]
        self.operation_names = [kind.names for kind in self._kinds]
        self._ids: Sequence[str] = ()
        self._sources = np.zeros(0, np.int64)
        self.held = False
        self._make_room(_ROOM_AT_FIRST)

    def place(self, snapshot: Snapshot) -> None:
        """Put a checked snapshot in place of what was there.

        Raises
        ------
        ValueError
            If the snapshot does not fit the factory; :func:`scheduler.snapshot.read.check_snapshot`
            says why.
        """
        orders = packed(snapshot, self.names)
        if orders is None:
            raise ValueError(
                f"place: the snapshot does not fit {self.factory.name}. Check it with"
                " scheduler.snapshot.read.check_snapshot."
            )
        releases, sources, number_of = self._line_up(snapshot, orders)
        if len(releases) + 1 > self.shop.orders.shape[1]:
            self._make_room(2 * (len(releases) + 1))
        machines = np.array(
            [
                self._tell_machine(snapshot.machines[name], orders, number_of)
                for name in self.machine_names
            ],
            np.int64,
        )
        self._mount(snapshot)
        self._place_locks(snapshot, orders, number_of)
        more = int(snapshot.more_orders)
        crews = int(self.arrays.plant.crews[0]) if snapshot.crews is None else snapshot.crews
        known = (machines, (releases, sources), orders.orders, orders.operations)
        moment = (snapshot.clock, crews, more)
        place_all(self.arrays, self.shop, self.locks, moment, *known, self._foreseen)

    def ask(self) -> int | None:
        """Number of the machine that must decide, None if none is left.

        Its observation is in :attr:`tables` then, unless :attr:`held` says that locks leave it
        nothing to decide.
        """
        machine, held = ask_and_observe(
            self.arrays, self.shop, self.locks, self._scratch, self.tables
        )
        self.held = held == HELD
        return machine if machine >= 0 else None

    def ask_network(self, weights: NetworkWeights, memory: Memory) -> tuple[int | None, int]:
        """As :meth:`ask`, with the row that a network chooses, or what
        :func:`agents.network.inference.greedy_row` says instead of one."""
        self._check_network(weights, memory)
        machine, row = ask_network(
            self.arrays, self.shop, self.locks, self._scratch, self.tables, weights, memory
        )
        self.held = row == HELD
        return (machine if machine >= 0 else None), row

    def _check_network(self, weights: NetworkWeights, memory: Memory) -> None:
        """Check that a network's memory has room for all rows of this floor."""
        check_instance("ask_network: weights", weights, (NetworkWeights,), "weights of a network")
        check_instance("ask_network: memory", memory, (Memory,), "memory of a network")
        found, rows = memory.encoded.shape, self.tables.action_mask.shape[1]
        if found[0] < rows or found[1:] != weights.row_1_bias.shape:
            wanted = f"must be ({rows} or more, {len(weights.row_1_bias)})"
            remedy = "Take Bundle.memory(rows)."
            raise refusal(
                ValueError, "ask_network: memory.encoded.shape", str(found), wanted, remedy
            )

    def carry_out(self, row: int) -> bool:
        """Carry out a row for the asked machine; False, and nothing has changed, if it is not
        legal.

        Raises
        ------
        TypeError
            If the row is no integer.
        """
        return bool(
            kernel.apply_action(self.arrays, self.shop, 0, check_row("carry_out: row", row))
        )

    def hold(self) -> None:
        """Let the asked machine wait for what is locked to it, or until it is in service.

        Raises
        ------
        RuntimeError
            If no machine is asked.
        """
        machine = self.shop.env.deciding[0]
        if machine < 0:
            raise RuntimeError("hold(): no machine is asked. Call ask() first.")
        hold(self.arrays, self.shop, 0, machine, self.locks)

    def order_id(self, number: int) -> str | None:
        """What the snapshot calls an order; None: it has been completed."""
        place = int(self._sources[number])
        return None if place == COMPLETED else self._ids[place]

    def setup_names(self, machine: int, values: NDArray[np.int16]) -> dict[str, str]:
        """A machine's setup in words."""
        attributes = self.centres[machine].attributes
        return {
            attribute.name: attribute.values[value]
            for attribute, value in zip(attributes, values.tolist(), strict=False)
        }

    def describe(self, machine: int, row: int) -> dict[str, Any]:
        """What a row of the asked machine means, before it is carried out: the fields of
        :class:`scheduler.decisions.decider.Choice`.

        Raises
        ------
        TypeError, ValueError
            If there is no such machine or row.
        """
        last_machine, last_row = len(self.machine_names) - 1, self.shop.legal.shape[1] - 1
        machine = check_count("describe: machine", machine, 0, maximum=last_machine)
        row = check_count("describe: row", row, 0, maximum=last_row)
        action, order, operation, changes = tell_row(self.shop, machine, row, self._setup)
        if action not in (START_DECISION, CHANGEOVER_DECISION):
            return {"action": "wait"}
        kind = self.operation_names[int(self._products[0, order])]
        setup = self.setup_names(machine, self._setup) if changes else {}
        return {
            "action": "start" if action == START_DECISION else "changeover",
            "order": self.order_id(order),
            "operation": kind[operation],
            "setup": setup,
        }

    # --- filling ----------------------------------------------------------------------------------

    def _make_room(self, orders: int) -> None:
        self.arrays.plant.num_orders[0] = orders
        self.shop = allocate(self.arrays, 1, **self._rows)
        self._foreseen = np.zeros(orders + 1, np.bool_)
        self._products = self.shop.orders.view(np.ndarray)[
            "product"
        ]  # fields of records are slow to reach
        self._setup = np.zeros(self.shop.mounted.shape[2], np.int16)
        self._scratch = allocate_observation_scratch(self.shop)
        self.locks = allocate_locks(self.arrays, orders)
        self.tables = allocate_tables(self.arrays, self.shop, np.float32)

    def _line_up(
        self, snapshot: Snapshot, orders: PackedOrders
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """All orders by date of release: that date, the place in the snapshot (COMPLETED: not
        there), and where each of the snapshot's stands."""
        dates, recent = orders.orders[:, RELEASE_DATE], np.array(snapshot.recent_releases, np.int64)
        turn = (
            np.argsort(dates, kind="stable")
            if (dates[1:] < dates[:-1]).any()
            else np.arange(len(dates))
        )
        releases, sources, number_of = np.empty((3, len(dates) + len(recent)), np.int64)
        count = line_up(orders.orders, turn, recent, releases, sources, number_of)
        self._ids, self._sources = orders.ids, sources[:count]
        return releases[:count], self._sources, number_of

    def _tell_machine(
        self, state: MachineState, orders: PackedOrders, number_of: NDArray[np.int64]
    ) -> tuple[SupportsInt, ...]:
        """Columns of :func:`scheduler.floor.load_state.place_all`."""
        number, operation = -1, -1
        if state.order is not None and state.operation is not None:
            number, operation = self._find(state.order, state.operation, orders, number_of)
        return (
            MACHINE_STATUS[state.status],
            state.since,
            NEVER if state.expected_end is None else state.expected_end,
            state.first_piece,
            NEVER if state.waiting_until is None else state.waiting_until,
            number,
            operation,
            NEVER if state.out_of_service_until is None else state.out_of_service_until,
        )

    def _find(
        self, order: str, operation: str, orders: PackedOrders, number_of: NDArray[np.int64]
    ) -> tuple[int, int]:
        """An operation by its numbers."""
        place = orders.number_of[order]
        return (
            int(number_of[place]),
            self._kinds[int(orders.orders[place, PRODUCT_COLUMN])].places[operation],
        )

    def _mount(self, snapshot: Snapshot) -> None:
        mounted = self.shop.mounted[0]
        for machine, name in enumerate(self.machine_names):
            told = snapshot.machines[name].setup
            for attribute, (known, numbers) in enumerate(self._numbers[machine]):
                mounted[machine, attribute] = numbers[told[known]]

    def _place_locks(
        self, snapshot: Snapshot, orders: PackedOrders, number_of: NDArray[np.int64]
    ) -> None:
        locks = self.locks
        for operation_id in locks.sequence[: locks.length[0]].tolist():
            locks.machine_of[split_operation_id(operation_id)] = NOBODY
        for place, lock in enumerate(snapshot.locks):
            number, operation = self._find(lock.order, lock.operation, orders, number_of)
            locks.sequence[place] = (number << OPERATION_BITS) | operation
            locks.machine_of[number, operation] = self.machine_names.index(lock.machine)
        locks.length[0] = len(snapshot.locks)


def take_snapshot(
    floor_of: ShopFloor,
    shop: Any,
    env: int,
    *,
    order_ids: list[str] | None = None,
    finished: bool = False,
) -> Snapshot:
    """The snapshot of environment ``env`` of a simulated shop of the same factory: what is known
    there, expectations included.

    Parameters
    ----------
    floor_of
        Names of the factory's parts.
    order_ids
        Of the orders by number; by default ``"1"``, ``"2"``, ... as in schedules.
    finished
        List finished orders too, as a plant does that keeps them until they are booked.
    """
    floor = shop.env[env]
    released = int(floor.num_released)
    ids = order_ids or [f"{number + 1}" for number in range(released)]
    listed = range(released) if finished else shop.active[env, : int(floor.num_active)].tolist()
    return Snapshot.model_validate(
        {
            "factory": floor_of.factory.name,
            "clock": int(floor.clock),
            "machines": {
                name: _machine_state(floor_of, shop, env, machine, ids)
                for machine, name in enumerate(floor_of.machine_names)
            },
            "orders": [_order_state(floor_of, shop, env, number, ids[number]) for number in listed],
            "recent_releases": [
                int(date) for date in shop.orders.release_date[env, max(0, released - 8) : released]
            ],
            "more_orders": released < int(floor.num_orders),
        }
    )


def _order_state(
    floor_of: ShopFloor, shop: Any, env: int, number: int, order_id: str
) -> dict[str, Any]:
    """An order in progress as a snapshot tells it."""
    row, factory = shop.orders[env, number], floor_of.factory
    chosen = zip(factory.options, shop.option_value[env, number].tolist(), strict=False)
    names = floor_of.operation_names[int(row.product)]
    return {
        "order_id": order_id,
        "product": factory.products[int(row.product)].name,
        "options": {
            option.name: option.values[value].name for option, value in chosen if value >= 0
        },
        "release_date": int(row.release_date),
        "due_date": int(row.due_date),
        "weight": float(row.weight),
        "material_here": bool(row.material_date <= shop.env.clock[env]),
        "operations": {
            name: _operation_state(shop.operations[env, number, operation])
            for operation, name in enumerate(names)
        },
    }


def _operation_state(row: Any) -> dict[str, Any]:
    state: dict[str, Any] = {
        "status": next(word for word, status in OPERATION_STATUS.items() if status == row.status),
        "attempt": int(row.attempt),
    }
    if row.status == READY:
        state["ready_date"] = int(row.join_date)
    if row.status == UPCOMING:
        state |= {
            "arrival_date": int(row.arrival_date),
            "expected_date": int(row.expected_date),
            "lead_time": float(row.lead_time),
        }
    return state


def _machine_state(
    floor_of: ShopFloor, shop: Any, env: int, machine: int, order_ids: list[str]
) -> dict[str, Any]:
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
    if row.operation_id >= 0:
        number, operation = split_operation_id(row.operation_id)
        state |= {
            "order": order_ids[number],
            "operation": floor_of.operation_names[int(shop.orders.product[env, number])][operation],
        }
    return state

"""Snapshots in the simulator's arrays: choices and observations as in training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, SupportsInt

import numpy as np
from numpy.typing import NDArray

from agents.network.inference import NetworkScratch, NetworkWeights
from envs.observation.tables import (
    DEFAULT_CHANGEOVER_ROWS,
    DEFAULT_JOB_ROWS,
    allocate_observation_scratch,
    allocate_tables,
)
from factory.loading.allocation import allocate
from factory.model import Factory, OrderBook
from factory.simulation import kernel
from factory.simulation.arrays import (
    CHANGEOVER_WORK,
    CHANGING,
    DOWN,
    IDLE,
    NEVER,
    OPERATION_BITS,
    PAUSED,
    PROCESSING,
    PROCESSING_REST,
    PROCESSING_START,
    split_operation_id,
)
from factory.validation.arguments import check_count, check_instance, check_row, refusal
from scheduler.floor.blocks import find_blocks, find_row_blocks
from scheduler.floor.floor_hours import FloorHours
from scheduler.floor.load_hours import OperatingStates
from scheduler.floor.load_state import COMPLETED, line_up, place_all
from scheduler.floor.locks import NOBODY, allocate_locks, hold
from scheduler.floor.query import (
    CHANGEOVER_DECISION,
    HELD,
    MAINTENANCE_DECISION,
    START_DECISION,
    ask_and_observe,
    ask_network,
    decode_row,
)
from scheduler.snapshot.order_tables import (
    PRODUCT_COLUMN,
    RELEASE_DATE,
    PackedOrders,
    names_of,
    packed,
)
from scheduler.snapshot.schema import MachineState, Snapshot

MACHINE_STATUS = {
    "idle": IDLE,
    "changing": CHANGING,
    "processing": PROCESSING,
    "down": DOWN,
    "paused": PAUSED,
    "maintenance": CHANGING,
}
PAUSED_WORK = {
    "changeover": CHANGEOVER_WORK,
    "start": PROCESSING_START,
    "processing": PROCESSING_REST,
}
_INITIAL_ORDERS = 128


class ShopFloor:
    """Shop floor of one factory, filled from one snapshot after the other.

    Parameters
    ----------
    factory
        The factory.
    order_book
        Orders from which the cost scale is measured if the factory gives none and has no demand.
    """

    def __init__(self, factory: Factory, order_book: OrderBook | None = None) -> None:
        self.factory = factory
        self._rows = {"job_rows": DEFAULT_JOB_ROWS, "changeover_rows": DEFAULT_CHANGEOVER_ROWS}
        self.hours = FloorHours(factory, order_book, self._rows)
        self.arrays = self.hours.arrays
        self.machine_names = [
            machine.name for centre in factory.work_centres for machine in centre.machines
        ]
        self._machine_indices = {name: i for i, name in enumerate(self.machine_names)}
        self.centres = [centre for centre in factory.work_centres for _ in centre.machines]
        self._value_indices = [
            [
                (attribute.name, {value: i for i, value in enumerate(attribute.values)})
                for attribute in centre.attributes
            ]
            for centre in self.centres
        ]
        self.names = names_of(factory)
        self.kinds = [self.names.maintenance[name] for name in self.machine_names]
        self._product_schemas = [*self.names.products.values()]
        self.operation_names = [product.names for product in self._product_schemas]
        self._ids: Sequence[str] = ()
        self._sources = np.zeros(0, np.int64)
        self.held = False
        self._make_room(_INITIAL_ORDERS)

    def place(self, snapshot: Snapshot) -> None:
        """Fill the floor with a checked snapshot.

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
        releases, sources, slots = self._line_up(snapshot, orders)
        before, self.arrays = self.arrays, self.hours.arrays_of(snapshot)
        room = self.shop.orders.shape[1]
        if len(releases) + 1 > room:
            room = 2 * (len(releases) + 1)
        if self.arrays is not before or room > self.shop.orders.shape[1]:
            self._make_room(room)
        states = [snapshot.machines[name] for name in self.machine_names]
        rows = zip(states, self.kinds, strict=True)
        machines = np.array([self._machine_row(*row, orders, slots) for row in rows], np.int64)
        self._mount(snapshot)
        self._place_locks(snapshot, orders, slots)
        crews = int(self.arrays.plant.crews[0]) if snapshot.crews is None else snapshot.crews
        moment = (snapshot.clock, crews, int(snapshot.more_orders))
        lined_up = (releases, sources)
        tables = (machines, self._states(states), lined_up, orders.orders, orders.operations)
        place_all(self.arrays, self.shop, self.locks, moment, *tables, self._foreseen)

    @property
    def num_known(self) -> int:
        """Return the number of orders on the floor, those included that are released later."""
        return len(self._sources)

    def ask(self) -> int | None:
        """Return the index of the machine that must decide; None if none is left.

        :attr:`tables` then hold its observation, unless locks leave nothing to decide
        (:attr:`held`).
        """
        machine, held = ask_and_observe(
            self.arrays, self.shop, self.locks, self._scratch, self.tables
        )
        self.held = held == HELD
        return machine if machine >= 0 else None

    def ask_network(
        self, weights: NetworkWeights, memory: NetworkScratch
    ) -> tuple[int | None, int]:
        """Return the machine that must decide, as :meth:`ask`, and the network's row.

        :func:`agents.network.inference.greedy_row` lists the values for no row.
        """
        self._check_network(weights, memory)
        machine, row = ask_network(
            self.arrays, self.shop, self.locks, self._scratch, self.tables, weights, memory
        )
        self.held = row == HELD
        return (machine if machine >= 0 else None), row

    def _check_network(self, weights: NetworkWeights, memory: NetworkScratch) -> None:
        """Check that a network's memory has room for all rows of this floor."""
        check_instance("ask_network: weights", weights, (NetworkWeights,), "weights of a network")
        check_instance("ask_network: memory", memory, (NetworkScratch,), "memory of a network")
        shape, rows = memory.encoded.shape, self.tables.action_mask.shape[1]
        if shape[0] < rows or shape[1:] != weights.row_1_bias.shape:
            rule = f"must be ({rows} or more, {len(weights.row_1_bias)})"
            remedy = "Take Bundle.memory(rows)."
            raise refusal(ValueError, "ask_network: memory.encoded.shape", str(shape), rule, remedy)

    def carry_out(self, row: int) -> bool:
        """Carry out a row for the asked machine; return False, without a change, if it is illegal.

        Raises
        ------
        TypeError
            If the row is no integer.
        """
        return bool(
            kernel.apply_action(self.arrays, self.shop, 0, check_row("carry_out: row", row))
        )

    def hold(self) -> None:
        """Let the asked machine wait for its locked operation, or until it is in service.

        Raises
        ------
        RuntimeError
            If no machine is asked.
        """
        machine = self.shop.env.deciding[0]
        if machine < 0:
            raise RuntimeError("hold(): no machine is asked. Call ask() first.")
        hold(self.arrays, self.shop, 0, machine, self.locks)

    def order_id(self, order: int) -> str | None:
        """Return the id of an order in the snapshot; None if it has been completed."""
        row = int(self._sources[order])
        return None if row == COMPLETED else self._ids[row]

    def setup_names(self, machine: int, values: NDArray[np.int16]) -> dict[str, str]:
        """Return the names of a setup's values by attribute."""
        attributes = self.centres[machine].attributes
        return {
            attribute.name: attribute.values[value]
            for attribute, value in zip(attributes, values.tolist(), strict=False)
        }

    def describe(self, machine: int, row: int) -> dict[str, Any]:
        """Return the fields of a row's :class:`scheduler.decisions.decision.Choice`.

        The row must not have been carried out yet.

        Raises
        ------
        TypeError, ValueError
            If there is no such machine or row.
        """
        last_machine, last_row = len(self.machine_names) - 1, self.shop.legal.shape[1] - 1
        machine = check_count("describe: machine", machine, 0, maximum=last_machine)
        row = check_count("describe: row", row, 0, maximum=last_row)
        action, order, operation, changes = decode_row(self.shop, machine, row, self._setup)
        if action == MAINTENANCE_DECISION:
            return {"action": "maintenance", "maintenance": self.kinds[machine][operation]}
        if action not in (START_DECISION, CHANGEOVER_DECISION):
            return {"action": "wait"}
        names = self.operation_names[int(self._products[0, order])]
        setup = self.setup_names(machine, self._setup) if changes else {}
        return {
            "action": "start" if action == START_DECISION else "changeover",
            "order": self.order_id(order),
            "operation": names[operation],
            "setup": setup,
        }

    def machine_blocks(self) -> list[list[int]]:
        """Return the reason why each machine does nothing, and its detail.

        :mod:`scheduler.floor.blocks` lists them.
        """
        reasons = np.zeros((len(self.machine_names), 2), np.int64)
        find_blocks(self.arrays, self.shop, self.locks, reasons)
        return reasons.tolist()

    def row_blocks(self) -> list[list[int]]:
        """Return why each operation of the asked machine may not start; none if none is asked."""
        machine = int(self.shop.env.deciding[0])
        if machine < 0:
            return []
        reasons = np.zeros((self.shop.job_row.shape[1], 2), np.int64)
        find_row_blocks(self.arrays, self.shop, machine, reasons)
        return reasons[: int(self.shop.env.num_job_rows[0])].tolist()

    # --- filling ----------------------------------------------------------------------------------

    def _make_room(self, orders: int) -> None:
        self.arrays.plant.num_orders[0] = orders
        self.shop = allocate(self.arrays, 1, **self._rows)
        self._foreseen = np.zeros(orders + 1, np.bool_)
        # fields of record arrays are slow to reach
        self._products = self.shop.orders.view(np.ndarray)["product"]
        self._setup = np.zeros(self.shop.mounted.shape[2], np.int16)
        self._scratch = allocate_observation_scratch(self.shop)
        self.locks = allocate_locks(self.arrays, orders)
        self.tables = allocate_tables(self.arrays, self.shop, np.float32)

    def _line_up(
        self, snapshot: Snapshot, orders: PackedOrders
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Sort all orders by date of release.

        Returns
        -------
        releases, sources
            Dates of release, and rows of the snapshot's orders (COMPLETED: not in the snapshot).
        slots
            Index on the floor of each order of the snapshot.
        """
        dates = orders.orders[:, RELEASE_DATE]
        recent = np.array(snapshot.recent_releases, np.int64)
        sequence = np.arange(len(dates))
        if (dates[1:] < dates[:-1]).any():
            sequence = np.argsort(dates, kind="stable")
        releases, sources, slots = np.empty((3, len(dates) + len(recent)), np.int64)
        count = line_up(orders.orders, sequence, recent, releases, sources, slots)
        self._ids, self._sources = orders.ids, sources[:count]
        return releases[:count], self._sources, slots

    def _machine_row(
        self,
        state: MachineState,
        kinds: Sequence[str],
        orders: PackedOrders,
        slots: NDArray[np.int64],
    ) -> tuple[SupportsInt, ...]:
        """Return the columns of a machine for :func:`scheduler.floor.load_state.place_all`."""
        out, closes = state.out_of_service_until, self.hours.closes_machines
        paused = state.paused_work or ("changeover" if state.order is None else "processing")
        order, operation = -1, -1
        if state.order is not None and state.operation is not None:
            order, operation = self._find(state.order, state.operation, orders, slots)
        return (
            MACHINE_STATUS[state.status],
            state.since,
            NEVER if state.expected_end is None else state.expected_end,
            state.first_piece,
            NEVER if state.waiting_until is None else state.waiting_until,
            order,
            operation,
            NEVER if out is None or closes else out,
            -1 if state.in_maintenance is None else kinds.index(state.in_maintenance),
            PAUSED_WORK[paused],
            NEVER if state.work_left is None else state.work_left,
        )

    def _states(self, states: Sequence[MachineState]) -> OperatingStates:
        """Return counters, runs and people of the machines."""
        counters = np.zeros(self.shop.maintenance_count.shape[1:], np.int64)
        runs = np.zeros(self.shop.runs.shape[1:], np.int64)
        people = np.full(self.shop.held.shape[1:], -1, np.int64)
        groups = self.hours.group_names
        for m, state in enumerate(states):
            for kind, counter in state.maintenance.items():
                counters[m, self.kinds[m].index(kind)] = counter.used
            for i, (attribute, _) in enumerate(self._value_indices[m]):
                runs[m, i] = state.runs.get(attribute, 0)
            if state.people is not None:
                for group in dict.fromkeys(groups):  # those who are absent follow their group
                    people[m, groups.index(group)] = state.people.get(group, 0)
                if not groups:
                    people[m] = 0
        return OperatingStates(counters, runs, people)

    def _find(
        self, order: str, operation: str, orders: PackedOrders, slots: NDArray[np.int64]
    ) -> tuple[int, int]:
        """Return the indices of an order and of its operation."""
        row = orders.row_of[order]
        product = self._product_schemas[int(orders.orders[row, PRODUCT_COLUMN])]
        return int(slots[row]), product.index_of[operation]

    def _mount(self, snapshot: Snapshot) -> None:
        mounted = self.shop.mounted[0]
        for machine, name in enumerate(self.machine_names):
            setup = snapshot.machines[name].setup
            for i, (attribute, indices) in enumerate(self._value_indices[machine]):
                mounted[machine, i] = indices[setup[attribute]]

    def _place_locks(
        self, snapshot: Snapshot, orders: PackedOrders, slots: NDArray[np.int64]
    ) -> None:
        locks = self.locks
        locks.num_dated[0] = locks.num_changeovers[0] = locks.wake_date[:] = 0
        for operation_id in locks.sequence[: locks.length[0]].tolist():
            locks.machine_of[split_operation_id(operation_id)] = NOBODY
            locks.start_date[split_operation_id(operation_id)] = 0
        locks.length[0] = len(snapshot.locks)
        locks.first[:] = 0
        if not snapshot.locks:
            return
        ids, machines = np.zeros((2, len(snapshot.locks)), np.int64)
        for i, lock in enumerate(snapshot.locks):
            order, operation = self._find(lock.order, lock.operation, orders, slots)
            ids[i] = (order << OPERATION_BITS) | operation
            machines[i] = self._machine_indices[lock.machine]
            locks.machine_of[order, operation] = machines[i]
        locks.sequence[: len(ids)] = ids[np.argsort(machines, kind="stable")]
        locks.first[1:] = np.bincount(machines, minlength=len(self.machine_names)).cumsum()

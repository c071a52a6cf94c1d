"""Lenient reading: bad orders and locks are put aside and named, and the rest is used.

An order is bad if it cannot be read, does not fit the factory, contradicts itself or a machine, or
repeats the id of an earlier one. A lock is bad if it cannot be carried out. A machine with an order
that is not used stays occupied as long as it would have been.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from pydantic_core import from_json

from factory.model import Factory
from factory.validation.errors import MAX_LINES, Problem
from factory.validation.names import MAX_NAME, printable
from scheduler.snapshot.consistency import DISAGREEMENT
from scheduler.snapshot.lock_checks import (
    find_blocked_locks,
    find_cyclic_locks,
    find_impossible_locks,
)
from scheduler.snapshot.machine_checks import find_work_problems
from scheduler.snapshot.order_checks import (
    check_in_process,
    count_operations_in_process,
    find_order_problems,
)
from scheduler.snapshot.order_tables import find_unfit, names_of, packed
from scheduler.snapshot.parse_errors import explain_item
from scheduler.snapshot.problems import check_order_dates
from scheduler.snapshot.schema import Lock, MachineState, OrderState, SetAside, Snapshot

_Item = TypeVar("_Item", OrderState, Lock)
_LISTS = ("orders", "locks")
_OCCUPATIONS = {
    "processing": "busy with other work",
    "changing": "changing over for no order",
    "down": "down",
    "paused": "busy with other work",
    "maintenance": "in maintenance",
}


class ReadableParts(NamedTuple):
    """Orders and locks of a snapshot that could be read, and those that could not."""

    orders: Sequence[int]  # their indices in the snapshot that was sent
    locks: Sequence[int]
    set_aside: Sequence[SetAside] = ()


def all_parts(snapshot: Snapshot) -> ReadableParts:
    """Return the parts of a snapshot that could be read completely."""
    return ReadableParts(range(len(snapshot.orders)), range(len(snapshot.locks)))


# --- orders and locks that cannot be read ---------------------------------------------------------


def split_errors(
    items: Sequence[Any], depth: int
) -> tuple[list[Any], dict[tuple[str, int], list[Any]]]:
    """Split errors of pydantic into those of the whole and those of single orders and locks.

    Parameters
    ----------
    depth
        Number of keys that lead to the snapshot.

    Returns
    -------
    The errors of the whole, and the others by list and index.
    """
    general, single = list[Any](), dict[tuple[str, int], list[Any]]()
    for item in items:
        part = item["loc"][depth : depth + 2]
        if len(part) == 2 and part[0] in _LISTS and isinstance(part[1], int):
            single.setdefault(part, []).append(item)
        else:
            general.append(item)
    return general, single


def drop_unreadable(
    data: dict[str, Any], single: dict[tuple[str, int], list[Any]], depth: int
) -> tuple[dict[str, Any], ReadableParts]:
    """Return a snapshot's tables and lists without the orders and locks that have errors.

    Parameters
    ----------
    single, depth
        As in :func:`split_errors`.
    """
    set_aside = list[SetAside]()
    for (name, index), items in single.items():
        location = items[0]["loc"][depth:]
        set_aside.append(_name_unreadable(data[name][index], location, items, len(set_aside)))
    kept = {
        name: [i for i in range(len(data.get(name, ()))) if (name, i) not in single]
        for name in _LISTS
    }
    lists = {name: [data[name][i] for i in kept[name]] for name in _LISTS if name in data}
    return data | lists, ReadableParts(kept["orders"], kept["locks"], set_aside)


class BadOrder(NamedTuple):
    """An order that could not be read, or does not fit the factory."""

    text: bytes  # JSON
    state: OrderState | None  # None: it could not be read
    errors: Sequence[Any] = ()  # of pydantic


def is_no_json(order: object) -> bool:
    """Return whether an order is bad because its text is no JSON."""
    return isinstance(order, BadOrder) and any(
        item["type"] == "json_invalid" for item in order.errors
    )


def name_bad_orders(
    snapshot: Snapshot, factory: Factory, count: int, bad: Mapping[int, Any]
) -> ReadableParts:
    """Return the parts of a snapshot without its bad orders.

    Parameters
    ----------
    count
        Number of orders that were sent.
    bad
        Those that are bad, by their indices (:class:`BadOrder`).
    """
    set_aside = list[SetAside]()
    for i, order in bad.items():
        if order.state is None:
            location = ("orders", i, *order.errors[0]["loc"])
            data = from_json(order.text)
            set_aside.append(_name_unreadable(data, location, order.errors, len(set_aside)))
            continue
        alone = snapshot.model_copy(update={"orders": (order.state,)})
        problems = [problem for _, problem in find_order_problems(alone, factory, [0])]
        place = f"orders.{i}.{problems[0].place.removeprefix('orders.0.')}"
        first, order_id = problems[0]._replace(place=place), order.state.order_id
        set_aside.append(_describe(first, order_id, len(problems), len(set_aside)))
    orders = [i for i in range(count) if i not in bad]
    return ReadableParts(orders, range(len(snapshot.locks)), set_aside)


def _name_unreadable(
    data: Any, location: Sequence[str | int], items: Sequence[Any], before: int
) -> SetAside:
    """Return an order or lock that cannot be read, after others.

    Parameters
    ----------
    location
        Path of the first of its errors, from the snapshot on.
    """
    problem = explain_item(items[0] | {"loc": location}, "snapshot")
    assert isinstance(problem, Problem)  # text that is no JSON has no orders
    key = "order_id" if location[0] == "orders" else "order"
    value = data.get(key) if isinstance(data, dict) else None
    order = printable(value[:MAX_NAME]) if isinstance(value, str) else None
    return _describe(problem, order, len(items), before)


def _describe(problem: Problem, order: str | None, count: int, before: int) -> SetAside:
    """Return a part that is put aside for the first of ``count`` problems, after others."""
    statement = (problem if before < MAX_LINES else problem.without_search()).statement
    more = f" (and {count - 1} more problems)" if count > 1 else ""
    return SetAside(order=order, place=printable(problem.place), problem=statement + more)


# --- orders and locks that cannot be used ---------------------------------------------------------


def put_aside(snapshot: Snapshot, factory: Factory, parts: ReadableParts) -> Snapshot:
    """Return a snapshot without its bad orders and locks, which its ``set_aside`` lists.

    The factory, the clock and the machines must have no problem of their own
    (:func:`scheduler.snapshot.problems.find_general_problems`).
    """
    sieve = _Sieve(snapshot, factory, parts)
    sieve.drop_bad_orders()
    sieve.drop_repeated_orders()
    sieve.settle_machines()
    sieve.drop_bad_locks()
    return sieve.snapshot.model_copy(update={"set_aside": tuple(sieve.set_aside)})


class _Sieve:
    """Orders and locks of a snapshot that are left, and what was put aside."""

    def __init__(self, snapshot: Snapshot, factory: Factory, parts: ReadableParts) -> None:
        self.snapshot, self.factory, self.names = snapshot, factory, names_of(factory)
        self.set_aside = [*snapshot.set_aside, *parts.set_aside]
        self._places = {"orders": parts.orders, "locks": parts.locks}
        # ids of orders that were put aside; one that repeats an id is not among them
        self._gone = {part.order for part in self.set_aside if part.place.startswith("orders.")}

    def drop_bad_orders(self) -> None:
        """Put aside the orders that do not fit the factory, or contradict themselves."""
        unfit = find_unfit(self.snapshot, self.names)
        self._drop_orders(find_order_problems(self.snapshot, self.factory, unfit))
        if count_operations_in_process(self.snapshot, self.names) == DISAGREEMENT:
            self._drop_orders(find_order_problems(self.snapshot, self.factory))
        tables = packed(self.snapshot, self.names)
        self._drop_orders(check_order_dates(self.snapshot, tables, self.factory))

    def drop_repeated_orders(self) -> None:
        """Put aside the orders with the id of an earlier one."""
        rule, remedy = "an order before it has this id", "Give each order an id of its own"
        seen, repeated = set[str](), list[tuple[int, Problem]]()
        for i, order in enumerate(self.snapshot.orders):
            if order.order_id in seen:
                problem = Problem(f"orders.{i}.order_id", order.order_id, rule, remedy)
                repeated.append((i, problem))
            seen.add(order.order_id)
        self._drop_orders(repeated)
        self._gone -= seen

    def settle_machines(self) -> None:
        """Put aside the orders that contradict a machine, and keep their machines occupied."""
        snapshot, in_work, wrong = self.snapshot, dict[tuple[str, str], str](), dict[str, Problem]()
        orders = {order.order_id: order for order in snapshot.orders}
        for name, problem in find_work_problems(snapshot, self.names, orders, in_work):
            wrong[name] = problem
        indices = {order.order_id: i for i, order in enumerate(snapshot.orders)}
        states = ((snapshot.machines[name], problem) for name, problem in wrong.items())
        self._drop_orders(
            (indices[state.order], problem)
            for state, problem in states
            if state.order in indices and state.status != "idle"
        )
        self._drop_orders(check_in_process(self.snapshot, in_work))
        left = {order.order_id for order in self.snapshot.orders}
        machines = dict(snapshot.machines)
        for name, state in machines.items():
            if name in wrong or (state.order is not None and state.order not in left):
                self._note_machine(name, state, wrong.get(name))
                machines[name] = _without_order(state, snapshot.clock)
        self.snapshot = self.snapshot.model_copy(update={"machines": machines})

    def drop_bad_locks(self) -> None:
        """Put aside the locks that cannot be carried out."""
        orders = {order.order_id: order for order in self.snapshot.orders}
        products, centres = self.names.products, self.names.centres
        rule, remedy = "its order was put aside", "Correct the order"
        self._drop_locks(
            (i, Problem(f"locks.{i}.order", lock.order, rule, remedy))
            for i, lock in enumerate(self.snapshot.locks)
            if lock.order in self._gone
        )
        self._drop_locks(find_impossible_locks(self.snapshot, orders, products, centres))
        self._drop_locks(find_cyclic_locks(self.snapshot, orders, products))
        self._drop_locks(find_blocked_locks(self.snapshot, orders, products, centres))

    def _drop_orders(self, problems: Iterable[tuple[int, Problem]]) -> None:
        orders = self.snapshot.orders
        kept = self._drop("orders", orders, [state.order_id for state in orders], problems)
        if len(kept) < len(orders):
            self._gone |= {state.order_id for state in orders} - {state.order_id for state in kept}
            self.snapshot = self.snapshot.model_copy(update={"orders": tuple(kept)})

    def _drop_locks(self, problems: Iterable[tuple[int, Problem]]) -> None:
        locks = self.snapshot.locks
        kept = self._drop("locks", locks, [lock.order for lock in locks], problems)
        if len(kept) < len(locks):
            self.snapshot = self.snapshot.model_copy(update={"locks": tuple(kept)})

    def _drop(
        self,
        name: str,
        items: Sequence[_Item],
        ids: Sequence[str],
        problems: Iterable[tuple[int, Problem]],
    ) -> list[_Item]:
        """Put aside the items with problems, and return the others.

        Parameters
        ----------
        ids
            Ids of the orders of the items.
        problems
            Problems, with the indices of their items.
        """
        first, count = dict[int, Problem](), Counter[int]()
        for i, problem in problems:
            first.setdefault(i, problem)
            count[i] += 1
        places = self._places[name]
        for i, problem in first.items():
            here = f"{name}.{i}."
            if problem.place.startswith(here):
                place = f"{name}.{places[i]}.{problem.place.removeprefix(here)}"
                problem = problem._replace(place=place)
            self.set_aside.append(_describe(problem, ids[i], count[i], len(self.set_aside)))
        self._places[name] = [place for i, place in enumerate(places) if i not in first]
        return [item for i, item in enumerate(items) if i not in first]

    def _note_machine(self, name: str, state: MachineState, problem: Problem | None) -> None:
        """Note that a machine has no order any more; ``problem`` is its own, if it has one."""
        if problem is None or state.order in self._gone:
            place, rule = f"machines.{name}.order", "its order was put aside"
            problem = Problem(place, state.order, rule, "Correct the order")
        if state.status != "idle":
            end = _without_order(state, self.snapshot.clock).expected_end
            until = "it is repaired" if end is None else end
            effect = f"so the machine counts as {_OCCUPATIONS[state.status]} until {until}"
            problem = problem._replace(rule=f"{problem.rule}, {effect}")
        self.set_aside.append(_describe(problem, state.order, 1, len(self.set_aside)))


def _without_order(state: MachineState, clock: int) -> MachineState:
    """Return a machine's state without its order; a paused machine does other work."""
    update: dict[str, Any] = {"order": None, "operation": None}
    if state.status == "paused":
        update |= {"status": "processing", "paused_work": None, "work_left": None}
        update |= {"people": None, "in_maintenance": None}
        if state.expected_end is None:
            update["expected_end"] = clock + (state.work_left or 0)
    return state.model_copy(update=update)

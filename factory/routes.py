"""Routes of products: the order of their operations, and cycles that would block them."""

from __future__ import annotations

import heapq

from factory.model import Product


def operation_order(product: Product) -> tuple[int, ...]:
    """Return the topological order of the operations, as indices into ``product.operations``.

    The first listed operation that is available comes next (Kahn 1962). In all other modules, the
    number of an operation is its index in this order.

    Raises
    ------
    ValueError
        If operations wait for each other.

    Examples
    --------
    >>> from factory.model import Operation
    >>> test = Operation(name="test", work_centre="test", process_time=1, after=("weld",))
    >>> weld = Operation(name="weld", work_centre="cell", process_time=4, after=())
    >>> operation_order(Product(name="kart", operations=(test, weld)))
    (1, 0)
    """
    cycle = find_cycle(product)
    if cycle:
        waiting = " after ".join([*cycle, cycle[0]])
        raise ValueError(
            f"product {product.name}: {waiting}; operations that wait for each other can never"
            " start. Remove one of the entries in `after`."
        )
    return _available_first(_listed_predecessors(product))


def predecessors(product: Product) -> tuple[tuple[int, ...], ...]:
    """Return the ascending numbers of the predecessors of each operation.

    Operations are numbered by :func:`operation_order`.
    """
    order = operation_order(product)
    number = {listed: i for i, listed in enumerate(order)}
    before = _listed_predecessors(product)
    return tuple(tuple(sorted(number[p] for p in before[listed])) for listed in order)


def find_cycle(product: Product) -> tuple[str, ...]:
    """Return the names of the operations in a cycle, each after the next; empty without a cycle."""
    before = _listed_predecessors(product)
    blocked = set(range(len(before))) - set(_available_first(before))
    path: list[int] = []
    step = min(blocked, default=None)
    while step is not None and step not in path:
        path.append(step)
        step = next(p for p in before[step] if p in blocked)
    if step is None:
        return ()
    return tuple(product.operations[i].name for i in path[path.index(step) :])


def _available_first(before: list[list[int]]) -> tuple[int, ...]:
    """Return the operations in topological order, without operations in or after a cycle."""
    missing = [len(indices) for indices in before]
    after: list[list[int]] = [[] for _ in before]
    for i, indices in enumerate(before):
        for p in indices:
            after[p].append(i)
    available = [i for i, count in enumerate(missing) if count == 0]
    order = []
    while available:
        first = heapq.heappop(available)
        order.append(first)
        for i in after[first]:
            missing[i] -= 1
            if missing[i] == 0:
                heapq.heappush(available, i)
    return tuple(order)


def _listed_predecessors(product: Product) -> list[list[int]]:
    index = {operation.name: i for i, operation in enumerate(product.operations)}
    before = []
    for i, operation in enumerate(product.operations):
        if operation.after is None:
            before.append([i - 1] if i > 0 else [])
        else:
            before.append([index[name] for name in operation.after])
    return before

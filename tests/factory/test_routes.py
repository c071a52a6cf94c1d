"""Routes of products: operations in topological order, and cycles."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.model import Operation, Product
from factory.routes import find_cycle, operation_order, predecessors


def product(**after: tuple[str, ...] | None) -> Product:
    """Return a product with these predecessors of operations; None: the operation listed before."""
    return Product(
        name="kart",
        operations=tuple(
            Operation(name=name, work_centre="cell", process_time=1, after=names)
            for name, names in after.items()
        ),
    )


def test_by_default_an_operation_follows_the_operation_listed_before() -> None:
    kart = product(weld=None, coat=None, fit=None)
    assert operation_order(kart) == (0, 1, 2)
    assert predecessors(kart) == ((), (0,), (1,))


def test_an_empty_after_starts_a_branch() -> None:
    kart = product(body=None, paint=None, motor=(), join=("paint", "motor"))
    assert operation_order(kart) == (0, 1, 2, 3)
    assert predecessors(kart) == ((), (0,), (), (1, 2))


def test_operations_are_numbered_predecessors_first_then_as_listed() -> None:
    kart = product(test=("join",), join=("motor", "body"), motor=(), paint=("body",), body=())
    # motor, body, join, test, paint: of the available operations, the first listed
    assert operation_order(kart) == (2, 4, 1, 0, 3)
    assert predecessors(kart) == ((), (), (0, 1), (2,), (1,))


@given(st.data())
def test_numbers_of_predecessors_are_lower(data: st.DataObject) -> None:
    names = [f"o{i}" for i in range(data.draw(st.integers(1, 9)))]
    rank = data.draw(st.permutations(range(len(names))))
    after = {}
    for i, name in enumerate(names):
        earlier = [other for j, other in enumerate(names) if rank[j] < rank[i]]
        chosen = data.draw(st.sets(st.sampled_from(earlier))) if earlier else set()
        after[name] = tuple(chosen)
    kart = product(**after)
    order = operation_order(kart)
    assert sorted(order) == list(range(len(names)))
    for number, before in enumerate(predecessors(kart)):
        assert {names[order[p]] for p in before} == set(kart.operations[order[number]].after or ())
        assert all(p < number for p in before)
        assert list(before) == sorted(before)


def test_a_cycle_is_found_without_operations_before_and_after_it() -> None:
    kart = product(start=(), late=("c",), a=("start", "c"), b=("a",), c=("b",))
    assert sorted(find_cycle(kart)) == ["a", "b", "c"]
    cycle = find_cycle(kart)
    for name, before in zip(cycle, (*cycle[1:], cycle[0]), strict=True):
        assert before in (next(o for o in kart.operations if o.name == name).after or ())


def test_routes_without_cycles_have_none() -> None:
    assert find_cycle(product(body=None, paint=None, motor=(), join=("paint", "motor"))) == ()


def test_a_cycle_has_no_order() -> None:
    with pytest.raises(
        ValueError,
        match=(
            r"product kart: a after b after a; operations that wait for each other can never start."
            r" Remove one of the entries"
        ),
    ):
        operation_order(product(a=("b",), b=("a",)))

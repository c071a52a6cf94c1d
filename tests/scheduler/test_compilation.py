"""All that the service runs, for every factory, is compiled by ``warm``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from numba.core import config
from numba.core import event as numba_event

from agents.rules.registry import make_rule
from factory.io.catalogue import find_single_factory
from factory.jit.compile import is_project_file
from scheduler.compilation import PARTS, PLAN_PARTS, WAVES, compile_part, first_snapshot
from scheduler.decisions.decider import Decider
from scheduler.decisions.explanations import explain
from scheduler.floor.floor import ShopFloor
from scheduler.plans.changes import MachineDown
from scheduler.portfolio.planner import Planner
from scheduler.portfolio.portfolio_planner import SearchBudget
from scheduler.snapshot.read import check_snapshot
from tests.builders.snapshots import snapshots

FACTORIES = ("microfactory", "tiny")


class CompiledNames(numba_event.Listener):
    """Names of the functions of this project that are compiled."""

    def __init__(self) -> None:
        self.names = list[str]()

    def on_start(self, event: Any) -> None:
        function = getattr(event.data.get("dispatcher"), "py_func", None)
        if function is not None and is_project_file(Path(function.__code__.co_filename)):
            self.names.append(function.__qualname__)

    def on_end(self, event: Any) -> None:
        """Nothing is noted at the end."""


@pytest.fixture
def compiled_names() -> Iterator[list[str]]:
    listener = CompiledNames()
    numba_event.register("numba:compile", listener)
    yield listener.names
    numba_event.unregister("numba:compile", listener)


@pytest.mark.skipif(bool(config.DISABLE_JIT), reason="functions are interpreted")
def test_nothing_is_compiled_after_the_parts(
    bundle_folder: Path, compiled_names: list[str]
) -> None:
    """Decisions, plans, explanations and what-ifs with a bundle find all code ready."""
    from scheduler.decisions.bundle import Bundle

    for name in PARTS:
        compile_part(name)
    compiled_names.clear()
    snapshot = snapshots()[2]
    factory = find_single_factory(snapshot.factory)
    decider = Decider(ShopFloor(factory), Bundle(bundle_folder), make_rule("ATCS"), float("inf"))
    planner = Planner(decider, budget=SearchBudget(float("inf"), 2, 20))
    decider.decide(snapshot)
    explain(decider, snapshot)
    plan = planner.plan(snapshot, by="policy", futures=2)
    planner.plan(snapshot, by="rule", previous=plan, frozen=50)
    down = MachineDown(machine=plan.machines[0], until=snapshot.clock + 100)
    planner.what_if(snapshot, (down,), by="search", futures=2)
    assert compiled_names == []


def test_parts_are_compiled_once_and_decisions_need_none_of_the_plans() -> None:
    listed = [name for wave in WAVES for name in wave]
    assert sorted(listed) == sorted(PARTS)
    assert {"decisions", *PLAN_PARTS} == set(PARTS)
    assert "decisions" not in PLAN_PARTS


@pytest.mark.parametrize("name", FACTORIES)
def test_the_first_snapshot_has_every_product_and_needs_decisions(name: str) -> None:
    factory = find_single_factory(name)
    snapshot = first_snapshot(factory)
    check_snapshot(snapshot, factory)
    assert {order.product for order in snapshot.orders} == {
        product.name for product in factory.products
    }
    decider = Decider(ShopFloor(factory), None, make_rule("ATCS"), budget=float("inf"))
    assert decider.decide(snapshot)

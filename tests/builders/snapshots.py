"""Snapshots of the microfactory, as a simulation leaves it."""

from __future__ import annotations

from functools import cache
from typing import Any

from agents.rules.registry import make_rule
from factory.io.catalogue import find_single_factory
from scheduler.floor.floor import ShopFloor
from scheduler.floor.shop_snapshot import take_snapshot
from scheduler.simulated_plant import simulate
from scheduler.snapshot.schema import Snapshot

FACTORY = find_single_factory("microfactory")
RULE = make_rule("ATCS", k1=2, k2=0.5)


@cache
def snapshot_after(decisions: int, seed: int = 5, *, finished: bool = False) -> Snapshot:
    """Return the snapshot after some decisions of ATCS, with finished orders if asked for."""
    shop = simulate(FACTORY, RULE, seed, decisions)
    return take_snapshot(ShopFloor(FACTORY), shop, 0, finished=finished)


@cache
def snapshots() -> list[Snapshot]:
    """Return nine snapshots of one episode."""
    return [snapshot_after(decisions) for decisions in range(40, 400, 40)]


def request_of(snapshot: Snapshot) -> dict[str, Any]:
    """Return the body of a request with a snapshot."""
    return {"snapshot": snapshot.model_dump(mode="json", exclude_defaults=True)}


@cache
def request_body() -> dict[str, Any]:
    """Return the body of a request with the third snapshot."""
    return request_of(snapshots()[2])

"""Checks of the nodes of a Ray cluster before work begins, and compilation there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np

from factory.io.shipped_files import ROOT
from factory.jit.compile import PACKAGES
from factory.progress import say
from factory.work_units.ray_connection import ClusterError

_REMEDIES = {
    "folder": "Put project and run at the same path on every node, on shared storage",
    "sources": "Give every node the same files of the project",
    "numpy": "Install the version of this machine there",
    "numba": "Install the version of this machine there",
}


@cache
def hash_packages() -> str:
    """Return a hash of all Python files of the project's packages."""
    digest = hashlib.sha256()
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            text = path.read_bytes()
            digest.update(f"{path.relative_to(ROOT).as_posix()} {len(text)}\n".encode())
            digest.update(text)
    return digest.hexdigest()[:16]


def describe_this_node(folder: str) -> dict[str, str]:
    """Return what must be equal on all nodes: working folder, sources and versions."""
    return {
        "folder": folder if os.path.isdir(folder) else "missing",
        "sources": hash_packages(),
        "numpy": np.__version__,
        "numba": numba.__version__,
    }


def compare_node(name: str, here: dict[str, str], there: dict[str, str]) -> None:
    """Raise ClusterError if a node differs from this machine.

    Parameters
    ----------
    name
        Name of the node.
    here, there
        Results of :func:`describe_this_node` here and on the node; ``error`` in the latter is the
        reason why the project cannot be imported there.
    """
    if "error" in there:
        raise ClusterError(
            f"node {name}: the project cannot be imported ({there['error']}); it must lie at"
            f" {ROOT}, with its libraries. {_REMEDIES['folder']}."
        )
    for fact, expected in here.items():
        if there[fact] != expected:
            raise ClusterError(
                f"node {name}: {fact} = {there[fact]}; must be {expected}, as on this machine."
                f" {_REMEDIES[fact]}."
            )


def _make_inquiry() -> Callable[[str], dict[str, str]]:
    """Return a function that travels by value, so that it runs where the project is missing."""

    def inquire(folder: str) -> dict[str, str]:
        try:
            from factory.work_units import ray_nodes
        except Exception as error:
            return {"error": f"{type(error).__name__}: {error}"}
        return ray_nodes.describe_this_node(folder)

    return inquire


def prepare_nodes(ray: Any, prepare: Callable[[], object]) -> None:
    """Check each node that has cores, and compile there.

    A node that ends meanwhile is left out, and one that joins later compiles on demand.

    Parameters
    ----------
    ray
        The connected module.
    prepare
        Function that compiles; it is run once on each node.

    Raises
    ------
    ClusterError
        If no node has a core, or a node lacks the working folder or has other sources or versions.
    """
    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    if not nodes:
        raise ClusterError("the cluster has no cores. Start a node with cores: ray start.")
    folder = str(Path.cwd())
    here = describe_this_node(folder)
    for name, there in _on_each_node(ray, nodes, _make_inquiry(), folder):
        compare_node(name, here, there)
    say(f"compiling the simulator on the nodes of the cluster ({len(nodes)}) ...")
    _on_each_node(ray, nodes, prepare)


def _on_each_node(
    ray: Any, nodes: list[dict[str, Any]], function: Callable[..., Any], *arguments: Any
) -> list[tuple[str, Any]]:
    """Return name and result of each node that has not ended."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    running = [
        (
            f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})",
            ray.remote(function)
            .options(
                num_cpus=0,
                max_retries=0,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
            )
            .remote(*arguments),
        )
        for node in nodes
    ]
    results = []
    for name, reference in running:
        try:
            results.append((name, ray.get(reference)))
        except ray.exceptions.RayTaskError:
            raise
        except ray.exceptions.RayError:
            say(f"node {name} has ended or cannot be reached; the others go on")
    return results

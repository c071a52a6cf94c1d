"""Checks of nodes: the error names node, value and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from factory.work_units.ray_connection import ClusterError
from factory.work_units.ray_nodes import compare_node, describe_this_node


def test_equal_nodes_pass(tmp_path: Path) -> None:
    here = describe_this_node(str(tmp_path))
    compare_node("n2", here, describe_this_node(str(tmp_path)))
    assert here["folder"] == str(tmp_path)


@pytest.mark.parametrize("fact", ["sources", "numpy", "numba"])
def test_a_node_that_differs_is_named(tmp_path: Path, fact: str) -> None:
    here = describe_this_node(str(tmp_path))
    words = rf"node n2: {fact} = 0\.1; must be {here[fact]}, as on this machine\. (Give|Install)"
    with pytest.raises(ClusterError, match=words):
        compare_node("n2", here, {**here, fact: "0.1"})


def test_a_node_without_the_folder_is_named(tmp_path: Path) -> None:
    here = describe_this_node(str(tmp_path))
    there = {**describe_this_node(str(tmp_path / "none"))}
    words = r"node n2: folder = missing; must be .* Put project and run at the same path"
    with pytest.raises(ClusterError, match=words):
        compare_node("n2", here, there)


def test_a_node_without_the_project_is_named(tmp_path: Path) -> None:
    here = describe_this_node(str(tmp_path))
    with pytest.raises(ClusterError, match=r"node n2: the project cannot be imported \(No mod"):
        compare_node("n2", here, {"error": "No module named 'factory'"})

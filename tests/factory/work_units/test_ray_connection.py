"""Connections to Ray: one clear error where there is none, and an end with the block."""

from __future__ import annotations

import socket
import sys

import pytest

from factory.work_units.ray_connection import ClusterError, check_cluster_address, connected


@pytest.mark.parametrize(
    "address", ["", "host", "host:", ":6379", "host:port", "ray://host:10001", "host:６"]
)
def test_an_address_without_host_and_port_is_refused(address: str) -> None:
    with pytest.raises(ClusterError, match=r"is not HOST:PORT\. Write the address that"):
        check_cluster_address(address)


def test_an_address_where_nobody_answers_is_refused() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound, but it does not listen
        address = f"127.0.0.1:{free.getsockname()[1]}"
        words = rf"cluster address '{address}': nobody answers \(.+\)\. Start a cluster"
        with pytest.raises(ClusterError, match=words), connected(address):
            pytest.fail("it is connected")


def test_auto_takes_the_address_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    check_cluster_address("auto")
    monkeypatch.setenv("RAY_ADDRESS", "somewhere")
    with pytest.raises(ClusterError, match="'somewhere': is not HOST:PORT"):
        check_cluster_address("auto")


@pytest.mark.parametrize("address", [None, "auto", "10.0.0.7:6379"])
def test_without_ray_the_error_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, address: str | None
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    words = r"ray is not installed.* pip install 'changeover-optimiser\[cluster\]'"
    with pytest.raises(ClusterError, match=words), connected(address):
        pytest.fail("it is connected")

"""Connection to a Ray cluster, or to Ray on this machine only.

Ray is an extra (``cluster``). It is imported where a connection begins, and nowhere else: without a
cluster no process of the project loads it.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from factory.io.shipped_files import ROOT

CONNECT_SECONDS = 5.0
"""Time limit of the first connection to an address, by TCP."""

PROBE_SECONDS = 30.0
"""Time limit of the first connection by Ray, in a process of its own."""

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)
"""Environment of tasks whose linear algebra takes one core, as Ray counts it."""

_LOCAL_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Ray's name for the setting that binds every port to 127.0.0.1.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
}

_PROBE = """
import logging, sys, ray
ray.init(address=sys.argv[1], logging_level=logging.CRITICAL, log_to_driver=False)
"""


class ClusterError(ValueError):
    """A cluster that cannot be used: Ray is missing, or the address is wrong or dead."""


@contextmanager
def connected(
    address: str | None,
    *,
    num_cpus: int | None = None,
    env_vars: Mapping[str, str] | None = None,
) -> Iterator[Any]:
    """Connect to a Ray cluster inside the block, or start Ray by itself.

    Parameters
    ----------
    address
        ``HOST:PORT`` of a running cluster; ``auto`` for the one in ``RAY_ADDRESS``, or else on this
        machine; None to start Ray on this machine, bound to 127.0.0.1 if no earlier code of the
        process has imported it, without dashboard and usage statistics. That one ends with the
        block, however it ends.
    num_cpus
        Number of cores that Ray may use if it is started here; None for all.
    env_vars
        Environment variables of all tasks, such as :data:`ONE_THREAD`. ``PYTHONPATH`` is added
        where the project runs from a checkout, which lies at the same path on every node.

    Yields
    ------
    module
        The module ``ray``, connected. A connection that the process had before is used and kept.

    Raises
    ------
    ClusterError
        If Ray is not installed, or there is no cluster at the address.
    """
    is_local = address is None
    with _environment(_LOCAL_ENVIRONMENT if is_local else {}):
        ray = import_ray()
        if ray.is_initialized():
            yield ray
            return
        if address is not None:
            check_cluster_address(address)
            _probe(address)
        try:
            _init(ray, address, num_cpus, {**project_environment(), **(env_vars or {})})
            yield ray
        finally:
            ray.shutdown()


def import_ray() -> Any:
    """Return the module ``ray``.

    Raises
    ------
    ClusterError
        If it is not installed; the message names the extra that has it.
    """
    try:
        import ray
    except ImportError:
        raise ClusterError(
            "ray is not installed, and a cluster needs it. Install the extra that has it:"
            " pip install 'changeover-optimiser[cluster]'"
        ) from None
    return ray


def project_environment() -> dict[str, str]:
    """Return the variables by which tasks find the project; none where it is installed."""
    if not (ROOT / "pyproject.toml").is_file():
        return {}
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(paths)}


def check_cluster_address(address: str) -> None:
    """Raise ClusterError if an address is not well formed, or nobody answers there by TCP."""
    address = (os.environ.get("RAY_ADDRESS") or address) if address == "auto" else address
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or "://" in address or not (port.isascii() and port.isdigit()):
        raise ClusterError(
            f"cluster address {address!r}: is not HOST:PORT. Write the address that `ray start"
            " --head` has shown, such as 10.0.0.7:6379, or auto for the cluster of this machine."
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ClusterError(
            f"cluster address {address!r}: nobody answers ({reason}). Start a cluster (ray start"
            " --head) or correct the address."
        ) from None


def _probe(address: str) -> None:
    """Connect in a process of its own first, whose time and messages have limits.

    Ray itself tries for minutes to reach an address, and writes to stderr all the time.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROBE, address],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PROBE_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise ClusterError(
            f"cluster address {address!r}: Ray does not answer within {PROBE_SECONDS:g} seconds."
            " Start a cluster (ray start --head) or correct the address."
        ) from None
    if done.returncode != 0:
        raise _refused(address, done.stderr)


def _init(ray: Any, address: str | None, num_cpus: int | None, env_vars: dict[str, str]) -> None:
    own = {"num_cpus": num_cpus, "include_dashboard": False} if address is None else {}
    try:
        ray.init(
            address=address or "local",
            logging_level=logging.CRITICAL,
            log_to_driver=False,
            runtime_env={"env_vars": env_vars},
            **own,
        )
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise _refused(address or "local", str(error)) from None


def _refused(address: str, messages: str) -> ClusterError:
    """Return the error with the last line of what Ray has written."""
    lines = [line.strip() for line in messages.splitlines() if line.strip()]
    reason = lines[-1] if lines else "it ended without a message"
    return ClusterError(
        f"cluster address {address!r}: Ray cannot connect: {reason} Run this command on a node of"
        " a cluster (ray start), with the Python and Ray of the cluster."
    )


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables inside the block; those that are set already stay."""
    added = {name: value for name, value in variables.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)

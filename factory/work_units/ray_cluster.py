"""Workers in a Ray cluster: each unit is a task.

Project and files of the run lie at the same path on every node. Ray is imported when
:func:`open_workers` gets an address, and not before.
"""

from __future__ import annotations

import gc
import os
import pickle
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from factory.progress import be_quiet
from factory.work_units.child_processes import OBJECTS_A_COLLECTION
from factory.work_units.local_processes import LocalProcesses
from factory.work_units.ray_connection import ONE_THREAD, ClusterError, connected
from factory.work_units.ray_nodes import prepare_nodes
from factory.work_units.units import DIED, Failures, JsonObject, Unit, Workers, may_begin

ATTEMPTS = 4
"""Tries of a unit whose worker or node dies, before it counts as failed."""

TASKS_A_CORE = 2
"""Units in the cluster at once for each core, so that no core waits for its next unit."""


@contextmanager
def open_workers(
    cluster: str | None, processes: int, prepare: Callable[[], object]
) -> Iterator[Workers]:
    """Give the workers of a cluster, or processes of this machine.

    Parameters
    ----------
    cluster
        Address of a Ray cluster (:func:`factory.work_units.ray_connection.connected`); None for
        this machine, without Ray.
    processes
        Number of processes without a cluster.
    prepare
        Function that compiles; it is run once on each node of a cluster.

    Raises
    ------
    ClusterError
        If the cluster cannot be used.
    """
    if cluster is None:
        yield LocalProcesses(processes)
        return
    with connected(cluster, env_vars=ONE_THREAD) as ray:
        prepare_nodes(ray, prepare)
        yield RayCluster(ray)


class RayCluster:
    """The cores of a Ray cluster.

    Parameters
    ----------
    ray
        The connected module.
    """

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        # Units are tried again here and not by Ray, which would retry without end for some causes.
        self._run = ray.remote(num_cpus=1, max_retries=0)(_run_unit)
        self._lost = (
            ray.exceptions.WorkerCrashedError,
            ray.exceptions.NodeDiedError,
            ray.exceptions.OutOfMemoryError,
            ray.exceptions.ObjectLostError,
        )

    def work_off(
        self, units: Sequence[Unit], pending: Sequence[int], failures: Failures
    ) -> Generator[tuple[int, JsonObject]]:
        """Yield indices and results of units as they finish; units are begun in order.

        A unit whose worker or node dies is done again, and counts as failed after
        :data:`ATTEMPTS` tries.
        """
        waiting, attempts = deque(pending), Counter[int]()
        running: dict[Any, int] = {}
        folder = str(Path.cwd())
        try:
            while waiting or running:
                limit = TASKS_A_CORE * max(1, int(self._ray.cluster_resources().get("CPU", 0)))
                while waiting and len(running) < limit:
                    index = waiting.popleft()
                    if may_begin(index, units[index], failures):
                        running[self._run.remote(units[index], folder)] = index
                if not running:
                    continue
                for reference in self._ray.wait(list(running))[0]:
                    index = running.pop(reference)
                    attempts[index] += 1
                    result = self._fetch(reference)
                    if result is not None:
                        yield index, result
                    elif attempts[index] == ATTEMPTS:
                        yield index, DIED
                    else:
                        waiting.appendleft(index)
        finally:
            for reference in running:
                self._ray.cancel(reference, force=True)

    def _fetch(self, reference: Any) -> JsonObject | None:
        """Return a unit's result; None if its worker or node has died.

        An error that the unit raised is raised here.
        """
        exceptions = self._ray.exceptions
        try:
            return dict(pickle.loads(self._ray.get(reference)))
        except exceptions.RayTaskError as error:
            raise (error.cause or error) from None
        except self._lost:
            return None
        except exceptions.RayError as error:
            reason = str(error).strip().partition("\n")[0]
            raise ClusterError(f"the cluster cannot run a unit: {reason}") from None


def _run_unit(unit: Unit, folder: str) -> bytes:
    """Run a unit in a worker of the cluster; return its result, pickled.

    Arrays would otherwise come back read-only, in memory that Ray owns.
    """
    be_quiet()
    gc.set_threshold(OBJECTS_A_COLLECTION)
    os.chdir(folder)
    return pickle.dumps(unit.run(), protocol=pickle.HIGHEST_PROTOCOL)

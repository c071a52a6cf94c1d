"""Processes of this machine that do units of work."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from factory.work_units.child_processes import DetachedContext, begin_child
from factory.work_units.units import DIED, Failures, JsonObject, Unit, may_begin


@dataclass(frozen=True)
class LocalProcesses:
    """A number of processes of this machine.

    A unit whose process dies is tried once more alone, and then counts as failed.
    """

    count: int

    def work_off(
        self, units: Sequence[Unit], pending: Sequence[int], failures: Failures
    ) -> Generator[tuple[int, JsonObject]]:
        """Yield indices and results of units as they finish; units are begun in order.

        Units in work when a process died are done again, each alone.
        """
        waiting = deque(pending)
        while waiting:
            suspects = []
            for index, result in _run_pool(units, waiting, self.count, failures):
                if result is None:
                    suspects.append(index)
                else:
                    yield index, result
            for index in sorted(suspects):
                for _, result in _run_pool(units, deque([index]), 1, failures):
                    yield index, DIED if result is None else result


def _run_pool(
    units: Sequence[Unit], pending: deque[int], processes: int, failures: Failures
) -> Generator[tuple[int, JsonObject | None]]:
    """Do units from ``pending`` until it is empty or a process has died.

    None stands for a result that was lost with the process.
    """
    pool = ProcessPoolExecutor(
        min(processes, len(pending)), DetachedContext(), initializer=begin_child
    )
    running: dict[Future[JsonObject], int] = {}

    def begin_next() -> None:
        while pending and len(running) < processes:
            if may_begin(pending[0], units[pending[0]], failures):
                running[pool.submit(units[pending[0]].run)] = pending[0]
            pending.popleft()

    try:
        whole = True
        while (whole and pending) or running:
            try:
                begin_next()
            except BrokenProcessPool:
                whole = False
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                index = running[future]
                whole = whole and not isinstance(future.exception(), BrokenProcessPool)
                yield index, future.result() if whole else None
                del running[future]
    finally:
        _stop(pool, at_once=bool(running))


def _stop(pool: ProcessPoolExecutor, *, at_once: bool) -> None:
    """End the pool's processes, ``at_once`` in the middle of their work."""
    if at_once:
        for child in multiprocessing.active_children():
            child.kill()
    pool.shutdown(wait=True, cancel_futures=True)

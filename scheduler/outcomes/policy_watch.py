"""Monitor of the active policy beside the decisions, in a thread of its own."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from scheduler.decisions.bundle import Bundle
from scheduler.outcomes.policy_monitor import PolicyMonitor
from scheduler.outcomes.schema import OutcomesRequest, OutcomeState
from scheduler.snapshot.schema import Snapshot

_REST = 9.0
"""Rest after a snapshot, in times of the work on it."""


class PolicyWatch:
    """Watch over the active policy.

    Snapshots that come while the monitor is at work are skipped, but for the newest: the monitor
    needs the changes since the snapshot before, and no decision waits for it. After each snapshot
    it rests for nine times as long as that took, so that it takes a tenth of a processor from
    decisions.

    Parameters
    ----------
    make_monitor
        Function that returns a monitor of the active policy; None if nothing is to be watched.
    on_alarm
        Function called with the reason when an alarm begins, and with None when it ends, and with
        the bundle of the monitor.
    clock
        Clock of the rest, in seconds from any moment on; one that stands still: no rest.
    """

    def __init__(
        self,
        make_monitor: Callable[[], PolicyMonitor | None],
        on_alarm: Callable[[str | None, Bundle], None],
        clock: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._make, self._on_alarm = make_monitor, on_alarm
        self._clock, self._rests_until = clock, -math.inf
        self._thread = ThreadPoolExecutor(1, "watch")
        self._lock = threading.Lock()
        self._monitor: PolicyMonitor | None = None
        self._newest: Snapshot | None = None
        self._alarm: str | None = None
        self._state = OutcomeState(verdict="no policy", periods=0)
        self.restart()

    @property
    def state(self) -> OutcomeState:
        """Return the newest comparison."""
        return self._state

    def restart(self) -> None:
        """Begin anew with the policy that is active now."""
        self._thread.submit(self._restart)

    def offer(self, snapshot: Snapshot) -> None:
        """Take a snapshot; it is looked at later, or left out while the monitor rests."""
        with self._lock:
            is_idle = self._newest is None
            if is_idle and self._clock() < self._rests_until:
                return
            self._newest = snapshot
        if is_idle:
            self._thread.submit(self._look)

    def report(self, outcomes: OutcomesRequest) -> Future[OutcomeState]:
        """Take outcomes; the result is the comparison with them."""
        return self._thread.submit(self._report, outcomes)

    def wait(self) -> None:
        """Wait until all that was offered has been looked at."""
        self._thread.submit(int).result()

    def close(self) -> None:
        """Finish the simulation in progress; what waits is dropped."""
        self._thread.shutdown(cancel_futures=True)

    def _restart(self) -> None:
        self._monitor, self._alarm = self._make(), None
        if self._monitor is None:
            self._state = OutcomeState(verdict="no policy", periods=0)
        else:
            self._state = self._monitor.state()

    def _look(self) -> None:
        with self._lock:
            snapshot, self._newest = self._newest, None
        if snapshot is not None and self._monitor is not None:
            begin = self._clock()
            self._work(lambda monitor: monitor.observe(snapshot), self._monitor)
            end = self._clock()
            self._rests_until = end + _REST * (end - begin)

    def _report(self, outcomes: OutcomesRequest) -> OutcomeState:
        if self._monitor is not None:
            self._work(
                lambda monitor: monitor.report(outcomes.completions, outcomes.cancelled),
                self._monitor,
            )
        return self._state

    def _work(self, work: Callable[[PolicyMonitor], None], monitor: PolicyMonitor) -> None:
        """Let the monitor work; whatever fails in it, decisions go on."""
        try:
            work(monitor)
            state = monitor.state()
        except Exception as error:
            fault = f"{type(error).__name__}: {error}"
            self._state = self._state.model_copy(update={"fault": fault})
            return
        self._state = state
        if (state.alarm is None) != (self._alarm is None):
            self._on_alarm(state.alarm, monitor.bundle)
        self._alarm = state.alarm

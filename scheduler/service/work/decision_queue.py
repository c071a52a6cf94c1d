"""Queue of decisions: one after the other, each answered once it is in the log."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from factory.tick_dates import TickDates
from scheduler.decisions.blocked_work import find_blocked_machines
from scheduler.decisions.decider import Decider
from scheduler.decisions.decision import Decision
from scheduler.held_floor.held_floor import FloorVersion
from scheduler.log.decision_log import DecisionLog, LogFailure
from scheduler.log.entry_format import DecisionLogError
from scheduler.outcomes.active_policy import ActivePolicy
from scheduler.service.work.deadlines import Work
from scheduler.service.work.schemas import DatedDecision, DecideAnswer
from scheduler.snapshot.calendar import iso_date, snapshot_dates
from scheduler.snapshot.schema import Snapshot, SnapshotText

ReadSnapshot = Callable[[], tuple[Snapshot, SnapshotText | None]]
"""Function that returns a snapshot, and its JSON if it is known."""
KeepFloor = Callable[[Snapshot, SnapshotText | None], FloorVersion]
"""Function that keeps a snapshot that was decided on as the floor, before the log has it."""
_Result = TypeVar("_Result")


class DecisionQueue:
    """Queue of decisions of one factory.

    Parameters
    ----------
    decider
        Decider; nothing else uses it.
    policy
        Policy that decides.
    decision_log
        Log of the decisions.
    receive
        Function that keeps a snapshot as the floor, unless a decision has one of its own.
    log_failure
        Refuse decisions that cannot be written to the log, or answer them all the same.
    seconds
        Deadline of a decision.
    """

    def __init__(
        self,
        decider: Decider,
        policy: ActivePolicy,
        decision_log: DecisionLog,
        receive: KeepFloor,
        *,
        log_failure: LogFailure = "refuse",
        seconds: float = math.inf,
    ) -> None:
        self.decider, self.policy, self.decision_log = decider, policy, decision_log
        self.log_failure, self.seconds = log_failure, seconds
        self._receive = receive
        self._thread = ThreadPoolExecutor(1, "decide")
        self._reading = ThreadPoolExecutor(1, "read")
        self._deciding = threading.Lock()

    def decide(self, read: ReadSnapshot, keep: KeepFloor | None = None) -> Work[DecideAnswer]:
        """Decide for a snapshot; the answer comes once it is in the log.

        Parameters
        ----------
        keep
            Function that keeps the snapshot as the floor; None: that of the queue.
        """
        answer = Work[DecideAnswer]()
        self._thread.submit(self._decide_in_turn, read, keep, answer)
        return answer

    def decide_after(self, read: ReadSnapshot, keep: KeepFloor | None = None) -> Work[DecideAnswer]:
        """Decide as :meth:`decide`, but read first, in another thread than that of decisions."""
        answer = Work[DecideAnswer]()

        def read_first() -> None:
            try:
                answer.check()
                content = read()
            except BaseException as error:
                answer.set_exception(error)
            else:
                self._thread.submit(self._decide_in_turn, lambda: content, keep, answer)

        self._reading.submit(read_first)
        return answer

    def decide_at_once(
        self, read: ReadSnapshot, keep: KeepFloor | None = None
    ) -> Work[DecideAnswer]:
        """Decide as :meth:`decide`, but in this thread, unless another decision is in progress.

        A decision takes about a millisecond, less than handing it to another thread.
        """
        if not self._deciding.acquire(blocking=False):
            return self.decide(read, keep)
        answer = Work[DecideAnswer]()
        try:
            self._decide(read, keep, answer)
        finally:
            self._deciding.release()
        return answer

    def read(self, read: Callable[[Work[_Result]], _Result]) -> Work[_Result]:
        """Read or write something large in the thread that reads for decisions."""
        work = Work[_Result]()
        self._reading.submit(work.run, lambda: read(work))
        return work

    def close(self) -> None:
        """Finish the decisions in progress."""
        self._reading.shutdown()
        self._thread.shutdown()

    def _decide_in_turn(
        self, read: ReadSnapshot, keep: KeepFloor | None, answer: Work[DecideAnswer]
    ) -> None:
        with self._deciding:
            self._decide(read, keep, answer)

    def _decide(
        self, read: ReadSnapshot, keep: KeepFloor | None, answer: Work[DecideAnswer]
    ) -> None:
        try:
            answer.check()
            (snapshot, text), loaded = read(), self.policy.loaded
            loaded.use_in(self.decider)
            decisions = tuple(self.decider.decide(snapshot))
            answer.commit()  # what nobody waits for is not logged
            floor = (keep or self._receive)(snapshot, text)
            self.policy.watch.offer(snapshot)
            policy, rule, shadow = loaded.sha256, str(loaded.rule), self.decider.shadow
            dates = snapshot_dates(snapshot, self.decider.floor.factory)
            blocked = find_blocked_machines(self.decider.floor, dates)
            written = self.decision_log.submit(
                snapshot, decisions, policy=policy, rule=rule, shadow=shadow, text=text
            )
        except BaseException as error:
            answer.set_exception(error)
        else:
            content = DecideAnswer(
                decisions=tuple(date_decision(decision, dates) for decision in decisions),
                blocked=blocked,
                clock=snapshot.clock,
                clock_date=iso_date(dates, snapshot.clock),
                entry=None,
                logged=False,
                policy=policy,
                rule=rule,
                floor=floor.tag,
                set_aside=snapshot.set_aside,
            )
            written.add_done_callback(lambda _: self._resolve(written, answer, content))

    def _resolve(
        self, written: Future[int], answer: Future[DecideAnswer], content: DecideAnswer
    ) -> None:
        """Answer once the decisions are on the disk, or cannot be written there."""
        error = written.exception()
        if error is None:
            entry = {"entry": written.result(), "logged": True}
            answer.set_result(content.model_copy(update=entry))
        elif isinstance(error, DecisionLogError) and self.log_failure == "answer":
            answer.set_result(content)
        else:
            answer.set_exception(error)


def date_decision(decision: Decision, dates: TickDates) -> DatedDecision:
    """Return a decision with its date."""
    return DatedDecision(**vars(decision), until_date=iso_date(dates, decision.until))

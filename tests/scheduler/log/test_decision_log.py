"""The log of decisions: what is acknowledged is there after anything, damage is named, and
decisions can be taken again."""

from __future__ import annotations

import contextlib
import json
import math
import multiprocessing
import os
import queue
import shutil
import signal
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from agents.rules.registry import make_rule
from factory.io.catalogue import find_single_factory
from scheduler.decisions.bundle import Bundle
from scheduler.decisions.decider import Decider, Decision
from scheduler.floor.floor import ShopFloor, take_snapshot
from scheduler.log import decision_log as log_module
from scheduler.log.decision_log import DecisionLog, DecisionLogError, read_entries
from scheduler.log.replay import replay, report_shadow
from scheduler.plans.planner import Planner
from scheduler.simulated_plant import simulate
from scheduler.snapshot.read import read_with_text
from scheduler.snapshot.schema import OrderState, Snapshot
from scheduler.text_report import format_replay, format_shadow
from tests.builders.event_waits import Clock

FACTORY = find_single_factory("microfactory")
RULE = make_rule("ATCS", k1=2, k2=0.5)
ANSWERS = {"policy": "abc", "rule": str(RULE), "shadow": False}


class EarliestDueDate:
    """Stands for a bundle: the job that is due first, else the first legal row."""

    manifest: dict[str, Any] = {}

    def decide(self, observation: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
        return np.asarray(make_rule("EDD").decide(observation), np.int64)


class LateFailure(EarliestDueDate):
    """The same, but it fails at every second decision."""

    calls = 0

    def decide(self, observation: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
        self.calls += 1
        if self.calls % 2 == 0:
            raise FloatingPointError("not finite")
        return super().decide(observation)


@cache
def moments() -> list[Snapshot]:
    names = ShopFloor(FACTORY)
    return [
        take_snapshot(names, simulate(FACTORY, RULE, 5, decisions), 0)
        for decisions in range(40, 400, 40)
    ]


def decider(bundle: Any = None, **settings: Any) -> Decider:
    return Decider(ShopFloor(FACTORY), cast(Bundle, bundle), RULE, budget=math.inf, **settings)


def keep(path: Path, taker: Decider, **answers: Any) -> list[list[Decision]]:
    """Decide at some moments and log it."""
    taken = []
    with DecisionLog(path) as decision_log:
        for snapshot in moments():
            taken.append(taker.decide(snapshot))
            decision_log.append(snapshot, taken[-1], **{**ANSWERS, **answers})
    return taken


def test_what_is_appended_is_read_in_order_and_whole(tmp_path: Path) -> None:
    taken = keep(tmp_path / "log.sqlite", decider())
    entries = list(read_entries(tmp_path / "log.sqlite"))
    assert [entry.number for entry in entries] == list(range(1, len(taken) + 1))
    assert [entry.snapshot for entry in entries] == moments()
    assert [list(entry.decisions) for entry in entries] == taken
    assert {(entry.policy, entry.rule, entry.shadow, entry.factory) for entry in entries} == {
        ("abc", str(RULE), False, "microfactory")
    }
    assert [entry.number for entry in read_entries(tmp_path / "log.sqlite", first=4)] == list(
        range(4, len(taken) + 1)
    )


def test_a_log_goes_on_where_it_was(tmp_path: Path) -> None:
    for _ in range(2):
        keep(tmp_path / "log.sqlite", decider())
    assert len(list(read_entries(tmp_path / "log.sqlite"))) == 2 * len(moments())


def test_many_threads_append_and_every_number_is_given_once(tmp_path: Path) -> None:
    snapshot = moments()[0]
    decisions = decider().decide(snapshot)
    with DecisionLog(tmp_path / "log.sqlite") as decision_log, ThreadPoolExecutor(32) as pool:
        numbers = list(
            pool.map(lambda _: decision_log.append(snapshot, decisions, **ANSWERS), range(500))
        )  # type: ignore[arg-type]
    assert sorted(numbers) == list(range(1, 501))
    assert len(list(read_entries(tmp_path / "log.sqlite"))) == 500


def write_until_killed(path: Path, pipe: Connection) -> None:
    """Append for ever, telling each acknowledged number."""
    snapshot = moments()[0]
    decisions = decider().decide(snapshot)
    with DecisionLog(path) as decision_log:
        while True:
            pipe.send(decision_log.append(snapshot, decisions, **ANSWERS))  # type: ignore[arg-type]


def test_no_acknowledged_entry_is_missing_after_a_kill(tmp_path: Path) -> None:
    context, acknowledged = multiprocessing.get_context("spawn"), 0
    for kill in range(3):
        receiving, sending = context.Pipe(duplex=False)
        process = context.Process(
            target=write_until_killed, args=(tmp_path / "log.sqlite", sending)
        )
        process.start()
        sending.close()
        for _ in range(1 + 20 * kill):
            acknowledged = receiving.recv()
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        while receiving.poll():
            try:
                acknowledged = receiving.recv()
            except EOFError:
                break
        numbers = [entry.number for entry in read_entries(tmp_path / "log.sqlite")]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) >= acknowledged
    assert acknowledged > 40


def test_a_damaged_entry_is_named(tmp_path: Path) -> None:
    keep(tmp_path / "log.sqlite", decider())
    with sqlite3.connect(tmp_path / "log.sqlite") as connection:
        connection.execute(
            "UPDATE decisions SET decisions = replace(decisions, 'wait', 'rest'), rule = 'none'"
            " WHERE id = 3"
        )
    with pytest.raises(DecisionLogError, match="entry 3 is damaged"):
        list(read_entries(tmp_path / "log.sqlite"))


@pytest.mark.parametrize(
    "change",
    [
        lambda texts: texts.replace(b"due_date", b"dew_date"),
        lambda texts: texts[1:],
        lambda texts: b"",
    ],
)
def test_a_damaged_order_names_every_entry_that_has_it(
    tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    with DecisionLog(tmp_path / "log.sqlite") as decision_log:
        for snapshot in (moments()[0], moments()[3], moments()[3]):
            decision_log.append(snapshot, [], **ANSWERS)  # type: ignore[arg-type]
    with sqlite3.connect(tmp_path / "log.sqlite") as connection:
        (texts,) = connection.execute("SELECT texts FROM decisions WHERE id = 2").fetchone()
        connection.execute("UPDATE decisions SET texts = ? WHERE id = 2", (change(texts),))
    assert next(read_entries(tmp_path / "log.sqlite")).snapshot == moments()[0]
    for first, named in ((1, 2), (2, 2), (3, 3)):
        with pytest.raises(DecisionLogError, match=f"entry {named} is damaged"):
            list(read_entries(tmp_path / "log.sqlite", first))


@pytest.mark.parametrize(
    "change", ["substr(orders, 9)", "substr(orders, 2)", "x''", "zeroblob(length(orders))"]
)
def test_a_damaged_list_of_orders_is_named(tmp_path: Path, change: str) -> None:
    keep(tmp_path / "log.sqlite", decider())
    with sqlite3.connect(tmp_path / "log.sqlite") as connection:
        connection.execute(f"UPDATE decisions SET orders = {change} WHERE id = 2")
    with pytest.raises(DecisionLogError, match="entry 2 is damaged"):
        list(read_entries(tmp_path / "log.sqlite"))


def stored_orders(path: Path) -> list[bytes]:
    """Texts of orders in the log."""
    with sqlite3.connect(path) as connection:
        return [
            text
            for (texts,) in connection.execute("SELECT texts FROM decisions ORDER BY id")
            for text in texts.split(b"\0")
            if text
        ]


def test_an_order_that_the_entry_before_had_is_not_written_again(tmp_path: Path) -> None:
    before = moments()[3]
    fresh = before.orders[1].model_copy(update={"weight": 7.5})
    after = before.model_copy(update={"orders": (*before.orders[2:], fresh)})
    with DecisionLog(tmp_path / "log.sqlite") as decision_log:
        for snapshot in (before, before, after):
            decision_log.append(snapshot, [], **ANSWERS)  # type: ignore[arg-type]
    assert [
        OrderState.model_validate_json(text) for text in stored_orders(tmp_path / "log.sqlite")
    ] == [*before.orders, fresh]
    assert [entry.snapshot for entry in read_entries(tmp_path / "log.sqlite")] == [
        before,
        before,
        after,
    ]


def test_a_snapshot_is_logged_with_the_very_texts_it_came_in(tmp_path: Path) -> None:
    snapshot = moments()[2]
    text = json.dumps(snapshot.model_dump(mode="json"), indent=2).encode()
    read, parts = read_with_text(text, FACTORY)
    with DecisionLog(tmp_path / "log.sqlite") as decision_log:
        decision_log.submit(
            read, [], policy="abc", rule=str(RULE), shadow=False, text=parts
        ).result()
    assert all(order in text for order in stored_orders(tmp_path / "log.sqlite"))
    assert [entry.snapshot for entry in read_entries(tmp_path / "log.sqlite")] == [snapshot]


def test_a_snapshot_without_orders_is_logged(tmp_path: Path) -> None:
    empty = moments()[0].model_copy(update={"orders": ()})
    with DecisionLog(tmp_path / "log.sqlite") as decision_log:
        decision_log.append(empty, [], **ANSWERS)  # type: ignore[arg-type]
    assert [entry.snapshot for entry in read_entries(tmp_path / "log.sqlite")] == [empty]


@pytest.mark.parametrize(
    "content",
    [b"no database at all, but long enough to be taken for one" * 20, b""],
    ids=["text", "empty"],
)
def test_what_is_no_log_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "log.sqlite"
    path.write_bytes(content)
    if content:
        with pytest.raises(DecisionLogError, match=r"log\.sqlite"):
            DecisionLog(path)
    with pytest.raises(DecisionLogError, match=r"log\.sqlite"):
        list(read_entries(path))


def test_another_database_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.sqlite") as connection:
        connection.execute("CREATE TABLE customers (name TEXT)")
    with pytest.raises(DecisionLogError, match="its layout is 0; 2 is understood here"):
        DecisionLog(tmp_path / "other.sqlite")
    with pytest.raises(DecisionLogError, match="there is no such file"):
        list(read_entries(tmp_path / "none.sqlite"))
    with pytest.raises(DecisionLogError, match="Check that the folder can be written"):
        DecisionLog(tmp_path / "other.sqlite" / "log.sqlite")


def test_a_log_of_an_older_layout_is_refused_and_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "old.sqlite") as connection:
        connection.executescript(
            "CREATE TABLE decisions (id INTEGER PRIMARY KEY); PRAGMA user_version = 1"
        )
    for refused in (
        lambda: DecisionLog(tmp_path / "old.sqlite"),
        lambda: list(read_entries(tmp_path / "old.sqlite")),
    ):
        with pytest.raises(
            DecisionLogError, match=r"its layout is 1; 2 is understood here\. Name another file"
        ):
            refused()
    with sqlite3.connect(tmp_path / "old.sqlite") as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)


def fill(decision_log: DecisionLog, snapshot: Snapshot) -> None:
    for _ in range(200):
        decision_log.append(snapshot, [], **ANSWERS)  # type: ignore[arg-type]


def test_bug_an_unforeseen_fault_is_told_and_the_log_goes_on(tmp_path: Path) -> None:
    """It ended the thread that writes, and all answers waited for ever."""
    snapshot = moments()[0]
    with DecisionLog(tmp_path / "log.sqlite") as decision_log:
        with pytest.raises(DecisionLogError, match="no attribute"):
            decision_log.append(cast(Snapshot, None), [], **ANSWERS)  # type: ignore[arg-type]
        assert decision_log.append(snapshot, [], **ANSWERS) == 1  # type: ignore[arg-type]


def test_a_write_that_fails_is_not_acknowledged(tmp_path: Path) -> None:
    snapshot = moments()[0]
    with DecisionLog(tmp_path / "log.sqlite") as decision_log:
        assert decision_log.append(snapshot, [], **ANSWERS) == 1  # type: ignore[arg-type]
        decision_log._connection.execute("PRAGMA max_page_count = 1")
        with pytest.raises(DecisionLogError, match="full"):
            fill(decision_log, snapshot)
        decision_log._connection.execute("PRAGMA max_page_count = 1000000")
        last = decision_log.append(snapshot, [], **ANSWERS)  # type: ignore[arg-type]
    assert [entry.number for entry in read_entries(tmp_path / "log.sqlite")] == list(
        range(1, last + 1)
    )


def test_orders_of_a_write_that_failed_are_written_with_the_next(tmp_path: Path) -> None:
    before, after = moments()[3:5]
    with DecisionLog(tmp_path / "log.sqlite") as decision_log:
        decision_log.append(before, [], **ANSWERS)  # type: ignore[arg-type]
        decision_log._connection.execute(
            "CREATE TEMP TRIGGER refuse BEFORE INSERT ON decisions BEGIN SELECT RAISE(ABORT, 'no"
            " more'); END"
        )
        with pytest.raises(DecisionLogError, match="no more"):
            decision_log.append(after, [], **ANSWERS)  # type: ignore[arg-type]
        decision_log._connection.execute("DROP TRIGGER refuse")
        assert decision_log.append(after, [], **ANSWERS) == 2  # type: ignore[arg-type]
    assert [entry.snapshot for entry in read_entries(tmp_path / "log.sqlite")] == [before, after]


def test_what_is_written_ahead_is_moved_by_another_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.log.decision_log._CHECKPOINT_DELAY", 0.0)
    settled = note_settling(monkeypatch, log_module._checkpoint)
    with DecisionLog(tmp_path / "log.sqlite") as decision_log:
        decision_log.append(moments()[0], [], **ANSWERS)  # type: ignore[arg-type]
        settled.get()
        assert moved_entries(tmp_path / "log.sqlite", tmp_path / "copy.sqlite") == 1
        assert (tmp_path / "log.sqlite-wal").stat().st_size > 0


def note_settling(
    monkeypatch: pytest.MonkeyPatch, settle: Callable[[sqlite3.Connection], int]
) -> queue.SimpleQueue[None]:
    """Where an entry comes each time that the thread for it has let ``settle`` move what was
    written ahead."""
    settled: queue.SimpleQueue[None] = queue.SimpleQueue()
    really = log_module._checkpoint

    def settle_and_tell(connection: sqlite3.Connection) -> int:
        if threading.current_thread().name == "log writer":
            return really(connection)
        try:
            return settle(connection)
        finally:
            settled.put(None)

    monkeypatch.setattr("scheduler.log.decision_log._checkpoint", settle_and_tell)
    return settled


def moved_entries(path: Path, copy: Path) -> int:
    """Entries that are at their place already: in the file without what is written ahead of it."""
    shutil.copy(path, copy)
    with (
        contextlib.closing(sqlite3.connect(copy)) as connection,
        contextlib.suppress(sqlite3.Error),
    ):
        return int(connection.execute("SELECT count(*) FROM decisions").fetchone()[0])
    return 0


def test_the_file_for_what_is_written_ahead_stays_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the thread that moves it is always late."""
    monkeypatch.setattr("scheduler.log.decision_log._CHECKPOINT_DELAY", 0.0)
    monkeypatch.setattr("scheduler.log.decision_log.MAX_WAL_BYTES", 2**17)
    ahead, written, largest = tmp_path / "log.sqlite-wal", 0, 0
    settled = note_settling(monkeypatch, lambda connection: ahead.stat().st_size)
    with DecisionLog(tmp_path / "log.sqlite") as decision_log:
        while written < 2000:
            written = decision_log.append(moments()[0], [], **ANSWERS)  # type: ignore[arg-type]
            largest = max(largest, ahead.stat().st_size)
            settled.get()
    assert 2**17 < largest < 2**21 < written * 2**12  # each entry is a page at least
    assert not ahead.exists()
    assert len(list(read_entries(tmp_path / "log.sqlite"))) == written


# --- taking decisions again -----------------------------------------------------------------------


def test_a_replay_takes_every_decision_as_it_was_taken(tmp_path: Path) -> None:
    keep(tmp_path / "log.sqlite", decider(LateFailure()))
    found = replay(decider(EarliestDueDate()), tmp_path / "log.sqlite", "abc")
    assert found.entries == len(moments())
    assert found.decisions > found.by_fallback > 0
    assert not found.deviations
    assert found.skipped == 0
    assert "no decision differs" in format_replay(found)


def test_bug_a_replay_does_not_depend_on_how_long_decisions_take(tmp_path: Path) -> None:
    keep(tmp_path / "log.sqlite", decider(EarliestDueDate()))
    slow = Decider(
        ShopFloor(FACTORY),
        cast(Bundle, EarliestDueDate()),
        RULE,
        budget=0.05,
        clock=Clock(step=1.0),
    )
    found = replay(slow, tmp_path / "log.sqlite", "abc")
    assert found.decisions > found.by_fallback == 0
    assert not found.deviations
    assert slow.budget == 0.05


def test_a_replay_names_decisions_that_come_out_otherwise(tmp_path: Path) -> None:
    keep(tmp_path / "log.sqlite", decider(EarliestDueDate()))

    class Other(EarliestDueDate):
        def decide(self, observation: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
            return np.array([np.flatnonzero(observation["action_mask"][0])[-1]])

    found = replay(decider(Other()), tmp_path / "log.sqlite", "abc")
    assert found.deviations
    assert all(one.logged != one.replayed for one in found.deviations)
    assert f"{len(found.deviations)} decisions differ" in format_replay(found)
    assert replay(decider(Other()), tmp_path / "log.sqlite", "another policy").skipped == len(
        moments()
    )


def test_shadow_mode_lets_the_rule_decide_and_says_what_each_would_cost(tmp_path: Path) -> None:
    shadow, plain = decider(EarliestDueDate(), shadow=True), decider()
    taken = keep(tmp_path / "log.sqlite", shadow, shadow=True)
    for snapshot, decisions in zip(moments(), taken, strict=True):
        assert [one.choice for one in decisions] == [one.choice for one in plain.decide(snapshot)]
        assert {one.decided_by for one in decisions} == {"rule"}
    everything = [one for decisions in taken for one in decisions]
    agreed = sum(one.policy_choice == one.choice for one in everything)
    report = report_shadow(Planner(shadow), tmp_path / "log.sqlite", futures=4)
    assert (report.decisions, report.agreed, report.undecided) == (len(everything), agreed, 0)
    assert len(report.disputes) == len(everything) - agreed > 0
    assert report.mean_difference == pytest.approx(
        np.mean([one.difference for one in report.disputes])
    )
    assert all(one.rule != one.policy for one in report.disputes)
    assert f"differed in {len(report.disputes)}" in format_shadow(report)
    assert not replay(shadow, tmp_path / "log.sqlite", "abc").deviations


def test_a_choice_judged_against_itself_costs_nothing_more() -> None:
    snapshot = moments()[0]
    planner = Planner(decider(EarliestDueDate()))
    first = planner.decider.decide(snapshot)[0]
    one, other = (
        planner.costs_after(snapshot, [(first.machine, first.choice)], futures=3, seed=1)
        for _ in range(2)
    )
    np.testing.assert_array_equal(one, other)
    assert len(set(one)) == 3

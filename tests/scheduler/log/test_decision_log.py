"""Acknowledged entries of the decision log survive a kill, and damage is named."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import queue
import shutil
import signal
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import cast

import pytest

from scheduler.log import log_file as file_module
from scheduler.log.decision_log import DecisionLog
from scheduler.log.entry_format import DecisionLogError
from scheduler.log.log_reader import read_entries
from scheduler.snapshot.read import read_with_text
from scheduler.snapshot.schema import OrderState, Snapshot
from tests.builders.decision_logs import (
    ANSWERS,
    decider_with,
    log_decisions,
)
from tests.builders.snapshots import FACTORY, RULE, snapshots


def test_what_is_appended_is_read_in_order_and_whole(tmp_path: Path) -> None:
    taken = log_decisions(tmp_path / "log.sqlite", decider_with())
    entries = list(read_entries(tmp_path / "log.sqlite"))
    assert [entry.number for entry in entries] == list(range(1, len(taken) + 1))
    assert [entry.snapshot for entry in entries] == snapshots()
    assert [list(entry.decisions) for entry in entries] == taken
    assert {(entry.policy, entry.rule, entry.shadow, entry.factory) for entry in entries} == {
        ("abc", str(RULE), False, "microfactory")
    }
    assert [entry.number for entry in read_entries(tmp_path / "log.sqlite", first=4)] == list(
        range(4, len(taken) + 1)
    )


def test_a_log_goes_on_where_it_was(tmp_path: Path) -> None:
    for _ in range(2):
        log_decisions(tmp_path / "log.sqlite", decider_with())
    assert len(list(read_entries(tmp_path / "log.sqlite"))) == 2 * len(snapshots())


def test_many_threads_append_and_every_number_is_given_once(tmp_path: Path) -> None:
    snapshot = snapshots()[0]
    decisions = decider_with().decide(snapshot)
    with DecisionLog(tmp_path / "log.sqlite") as decision_log, ThreadPoolExecutor(32) as pool:
        numbers = list(
            pool.map(lambda _: decision_log.append(snapshot, decisions, **ANSWERS), range(500))
        )
    assert sorted(numbers) == list(range(1, 501))
    assert len(list(read_entries(tmp_path / "log.sqlite"))) == 500


def write_until_killed(path: Path, pipe: Connection) -> None:
    """Append for ever, telling each acknowledged number."""
    snapshot = snapshots()[0]
    decisions = decider_with().decide(snapshot)
    with DecisionLog(path) as decision_log:
        while True:
            pipe.send(decision_log.append(snapshot, decisions, **ANSWERS))


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
    log_decisions(tmp_path / "log.sqlite", decider_with())
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
        for snapshot in (snapshots()[0], snapshots()[3], snapshots()[3]):
            decision_log.append(snapshot, [], **ANSWERS)
    with sqlite3.connect(tmp_path / "log.sqlite") as connection:
        (texts,) = connection.execute("SELECT texts FROM decisions WHERE id = 2").fetchone()
        connection.execute("UPDATE decisions SET texts = ? WHERE id = 2", (change(texts),))
    assert next(read_entries(tmp_path / "log.sqlite")).snapshot == snapshots()[0]
    for first, named in ((1, 2), (2, 2), (3, 3)):
        with pytest.raises(DecisionLogError, match=f"entry {named} is damaged"):
            list(read_entries(tmp_path / "log.sqlite", first))


@pytest.mark.parametrize(
    "change", ["substr(orders, 9)", "substr(orders, 2)", "x''", "zeroblob(length(orders))"]
)
def test_a_damaged_list_of_orders_is_named(tmp_path: Path, change: str) -> None:
    log_decisions(tmp_path / "log.sqlite", decider_with())
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
    before = snapshots()[3]
    fresh = before.orders[1].model_copy(update={"weight": 7.5})
    after = before.model_copy(update={"orders": (*before.orders[2:], fresh)})
    with DecisionLog(tmp_path / "log.sqlite") as decision_log:
        for snapshot in (before, before, after):
            decision_log.append(snapshot, [], **ANSWERS)
    assert [
        OrderState.model_validate_json(text) for text in stored_orders(tmp_path / "log.sqlite")
    ] == [*before.orders, fresh]
    assert [entry.snapshot for entry in read_entries(tmp_path / "log.sqlite")] == [
        before,
        before,
        after,
    ]


def test_a_snapshot_is_logged_with_the_very_texts_it_came_in(tmp_path: Path) -> None:
    snapshot = snapshots()[2]
    text = json.dumps(snapshot.model_dump(mode="json"), indent=2).encode()
    read, parts = read_with_text(text, FACTORY)
    with DecisionLog(tmp_path / "log.sqlite") as decision_log:
        decision_log.submit(
            read, [], policy="abc", rule=str(RULE), shadow=False, text=parts
        ).result()
    assert all(order in text for order in stored_orders(tmp_path / "log.sqlite"))
    assert [entry.snapshot for entry in read_entries(tmp_path / "log.sqlite")] == [snapshot]


def test_a_snapshot_without_orders_is_logged(tmp_path: Path) -> None:
    empty = snapshots()[0].model_copy(update={"orders": ()})
    with DecisionLog(tmp_path / "log.sqlite") as decision_log:
        decision_log.append(empty, [], **ANSWERS)
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


def connection_of(decision_log: DecisionLog) -> sqlite3.Connection:
    """Connection that the log writes with."""
    assert decision_log._file is not None
    return decision_log._file.connection


def fill(decision_log: DecisionLog, snapshot: Snapshot) -> None:
    for _ in range(200):
        decision_log.append(snapshot, [], **ANSWERS)


def test_bug_an_unforeseen_fault_is_told_and_the_log_goes_on(tmp_path: Path) -> None:
    """It ended the thread that writes, and all answers waited for ever."""
    snapshot = snapshots()[0]
    with DecisionLog(tmp_path / "log.sqlite") as decision_log:
        with pytest.raises(DecisionLogError, match="no attribute"):
            decision_log.append(cast(Snapshot, None), [], **ANSWERS)
        assert decision_log.append(snapshot, [], **ANSWERS) == 1


def test_a_write_that_fails_is_not_acknowledged(tmp_path: Path) -> None:
    snapshot = snapshots()[0]
    with DecisionLog(tmp_path / "log.sqlite") as decision_log:
        assert decision_log.append(snapshot, [], **ANSWERS) == 1
        connection_of(decision_log).execute("PRAGMA max_page_count = 1")
        with pytest.raises(DecisionLogError, match="full"):
            fill(decision_log, snapshot)
        connection_of(decision_log).execute("PRAGMA max_page_count = 1000000")
        last = decision_log.append(snapshot, [], **ANSWERS)
    assert [entry.number for entry in read_entries(tmp_path / "log.sqlite")] == list(
        range(1, last + 1)
    )


def test_orders_of_a_write_that_failed_are_written_with_the_next(tmp_path: Path) -> None:
    before, after = snapshots()[3:5]
    with DecisionLog(tmp_path / "log.sqlite") as decision_log:
        decision_log.append(before, [], **ANSWERS)
        connection_of(decision_log).execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON decisions BEGIN SELECT RAISE(ABORT, 'no"
            " more'); END"
        )
        with pytest.raises(DecisionLogError, match="no more"):
            decision_log.append(after, [], **ANSWERS)
        with contextlib.closing(sqlite3.connect(tmp_path / "log.sqlite")) as other:
            other.execute("DROP TRIGGER refuse")
        assert decision_log.append(after, [], **ANSWERS) == 2
    assert [entry.snapshot for entry in read_entries(tmp_path / "log.sqlite")] == [before, after]


def test_what_is_written_ahead_is_moved_by_another_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.log.decision_log._CHECKPOINT_DELAY", 0.0)
    settled = note_settling(monkeypatch, file_module._checkpoint)
    with DecisionLog(tmp_path / "log.sqlite") as decision_log:
        decision_log.append(snapshots()[0], [], **ANSWERS)
        settled.get()
        assert moved_entries(tmp_path / "log.sqlite", tmp_path / "copy.sqlite") == 1
        assert (tmp_path / "log.sqlite-wal").stat().st_size > 0


def note_settling(
    monkeypatch: pytest.MonkeyPatch, settle: Callable[[sqlite3.Connection], int]
) -> queue.SimpleQueue[None]:
    """Return a queue with one item for each time that a thread has let ``settle`` move the log."""
    settled: queue.SimpleQueue[None] = queue.SimpleQueue()
    really = file_module._checkpoint

    def settle_and_tell(connection: sqlite3.Connection) -> int:
        if threading.current_thread().name == "log writer":
            return really(connection)
        try:
            return settle(connection)
        finally:
            settled.put(None)

    monkeypatch.setattr("scheduler.log.log_file._checkpoint", settle_and_tell)
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
            written = decision_log.append(snapshots()[0], [], **ANSWERS)
            largest = max(largest, ahead.stat().st_size)
            settled.get()
    assert 2**17 < largest < 2**21 < written * 2**12  # each entry is a page at least
    assert not ahead.exists()
    assert len(list(read_entries(tmp_path / "log.sqlite"))) == written

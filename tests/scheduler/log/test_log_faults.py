"""Faults of the log's file are noticed before anything is acknowledged, and nothing is lost."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scheduler.__main__ import main
from scheduler.log import decision_log as log_module
from scheduler.log.decision_log import DecisionLog, LogEvent
from scheduler.log.entry_format import DecisionLogError
from scheduler.log.log_file import LogFile
from scheduler.log.log_reader import read_entries
from scheduler.log.rotation import rotated_files
from tests.builders.decision_logs import ANSWERS, decider_with, log_decisions
from tests.builders.event_waits import wait_until
from tests.builders.snapshots import snapshots


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.sqlite"


@pytest.fixture
def events() -> list[LogEvent]:
    return []


@pytest.fixture
def opened(path: Path, events: list[LogEvent]) -> Iterator[DecisionLog]:
    """A log with five entries, all in its database file."""
    with DecisionLog(path) as decision_log:
        decision_log.listener = events.append
        for i in range(5):
            append(decision_log, i)
        assert decision_log._file is not None
        decision_log._file.checkpoint()
        yield decision_log


def append(decision_log: DecisionLog, index: int) -> int:
    return decision_log.append(snapshots()[index % 9], [], **ANSWERS)


def numbers(path: Path) -> list[int]:
    return [entry.number for entry in read_entries(path)]


# --- two writers ----------------------------------------------------------------------------------


def test_a_log_has_one_writer(path: Path, opened: DecisionLog) -> None:
    for name in ("log.sqlite", "link.sqlite"):
        if name != path.name:
            (path.parent / name).symlink_to(path)
        with pytest.raises(DecisionLogError, match=r"another process writes this log\. Stop"):
            DecisionLog(path.parent / name)
    assert append(opened, 5) == 6


def test_a_second_writer_ends_with_one_line(
    path: Path, opened: DecisionLog, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", "--port", "0", "--log", str(path)]) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"{path}: another process writes this log. Stop that process, or name another file with"
        " --log."
    ]


def test_a_closed_log_can_be_opened_again(path: Path) -> None:
    for _ in range(2):
        with DecisionLog(path) as decision_log:
            last = append(decision_log, 0)
    assert last == 2


def test_a_log_that_cannot_be_opened_stays_unlocked(path: Path) -> None:
    path.write_bytes(b"no database, but long enough to be taken for one" * 20)
    for _ in range(2):
        with pytest.raises(DecisionLogError, match="not a database"):
            DecisionLog(path)


def test_pipes_and_folders_are_no_logs(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DecisionLogError, match="is no regular file"):
        DecisionLog(tmp_path / "pipe")
    with pytest.raises(DecisionLogError, match="Is a directory"):
        DecisionLog(tmp_path)


# --- files that go away ---------------------------------------------------------------------------


def remove_all(path: Path) -> None:
    for file in path.parent.iterdir():
        file.unlink()


def rename_all(path: Path) -> None:
    for file in list(path.parent.iterdir()):
        file.rename(file.with_name(f"moved-{file.name}"))


def replace_by_copy(path: Path) -> None:
    shutil.copy(path, path.with_name("copy"))
    os.replace(path.with_name("copy"), path)


def replace_by_another_log(path: Path) -> None:
    other = path.with_name("other.sqlite")
    log_decisions(other, decider_with())
    os.replace(other, path)


def remove_part(part: str) -> Callable[[Path], None]:
    return lambda path: Path(f"{path}{part}").unlink()


@pytest.mark.parametrize(
    "spoil",
    [
        remove_all,
        rename_all,
        replace_by_copy,
        replace_by_another_log,
        *map(remove_part, ("", "-wal", "-shm")),
    ],
    ids=["all", "renamed", "copy", "another log", "file", "wal", "shm"],
)
def test_bug_entries_of_a_log_that_is_removed_or_replaced_are_kept(
    path: Path,
    opened: DecisionLog,
    events: list[LogEvent],
    spoil: Callable[[Path], None],
) -> None:
    """They were written to a file without a name, and acknowledged."""
    append(opened, 5)
    kept = [entry.snapshot for entry in read_entries(path)]
    spoil(path)
    newest = [append(opened, i) for i in (6, 7)]
    (rotated,) = rotated_files(path)
    assert [entry.snapshot for entry in read_entries(rotated.path)] == kept
    assert newest[1] == newest[0] + 1 >= 8
    assert set(newest) <= set(numbers(path))
    assert "its entries are in log." in events[0].name
    assert events[0].problem is not None
    assert re.search(r": was (removed|replaced)\. Leave the files", events[0].problem)
    assert opened.state().fault is None


def test_entries_of_a_log_that_is_removed_are_kept_when_it_is_closed(path: Path) -> None:
    with DecisionLog(path) as decision_log:
        append(decision_log, 0)
        remove_all(path)
    assert numbers(path) == [1]


def test_a_log_that_is_removed_is_noticed_while_nothing_is_written(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "_IDLE_SECONDS", 0.0)
    events = list[LogEvent]()
    with DecisionLog(path) as decision_log:
        decision_log.listener = events.append
        append(decision_log, 0)
        remove_all(path)
        wait_until(lambda: events and decision_log.state().fault is None)
        assert numbers(path) == [1]


@pytest.mark.parametrize("name", ["locked", "full"])
def test_the_name_of_a_folder_is_no_reason(tmp_path: Path, name: str) -> None:
    path = tmp_path / name / "log.sqlite"
    with DecisionLog(path) as decision_log:
        append(decision_log, 0)
        remove_all(path)
        append(decision_log, 1)
    assert numbers(path) == [1, 2]


def test_a_log_that_is_damaged_at_the_start_is_refused_in_words(path: Path) -> None:
    log_decisions(path, decider_with())
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    with pytest.raises(DecisionLogError, match="malformed"):
        DecisionLog(path)


def test_a_log_that_is_removed_without_entries_begins_anew(path: Path) -> None:
    with DecisionLog(path) as decision_log:
        path.unlink()
        assert append(decision_log, 0) == 1
    assert numbers(path) == [1]


def test_entries_are_kept_once_where_the_file_goes_between_write_and_check(
    path: Path, opened: DecisionLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = LogFile.insert

    def insert_and_remove(self: LogFile, rows: list[tuple[object]]) -> None:
        insert(self, rows)
        monkeypatch.undo()
        remove_all(path)

    monkeypatch.setattr(LogFile, "insert", insert_and_remove)
    assert append(opened, 5) == 6
    assert numbers(path) == [1, 2, 3, 4, 5, 6]


def test_a_foreign_file_at_the_logs_name_is_left_alone(
    path: Path, opened: DecisionLog, events: list[LogEvent]
) -> None:
    remove_all(path)
    path.write_bytes(b"notes of somebody, and long enough for a database" * 20)
    with pytest.raises(DecisionLogError, match="not a database"):
        append(opened, 5)
    assert path.read_bytes().startswith(b"notes of somebody")
    path.unlink()
    assert append(opened, 6) == 6
    assert numbers(path) == [1, 2, 3, 4, 5, 6]
    assert [event.name for event in events][-2:] == ["log fails", "log works again"]


# --- files that are changed -----------------------------------------------------------------------


def cut_short(path: Path) -> None:
    os.truncate(path, 4096)


def overwrite(path: Path) -> None:
    """Copy another database over the file, which keeps its inode."""
    other = path.with_name("larger")
    with contextlib.closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE orders (content)")
        connection.execute("INSERT INTO orders VALUES (zeroblob(1000000))")
        connection.commit()
    path.write_bytes(other.read_bytes())
    other.unlink()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [(cut_short, "was cut short"), (overwrite, "was overwritten")],
    ids=["cut short", "overwritten"],
)
def test_bug_a_damaged_log_is_set_aside_before_more_is_acknowledged(
    path: Path,
    opened: DecisionLog,
    events: list[LogEvent],
    spoil: Callable[[Path], None],
    reason: str,
) -> None:
    """Entries were acknowledged, and could not be read with the damaged ones before them."""
    spoil(path)
    assert append(opened, 5) == 6
    assert numbers(path) == [6]
    assert len(list(path.parent.glob("log.damaged-*.sqlite"))) == 1
    assert "log damaged; it lies in log.damaged-" in events[0].name
    assert reason in str(events[0].problem)


def test_bug_a_shorter_write_ahead_file_is_noticed(path: Path, opened: DecisionLog) -> None:
    append(opened, 5)
    os.truncate(f"{path}-wal", 0)
    assert append(opened, 6) == 7
    assert numbers(path) == [7]


def test_a_log_that_another_program_compacts_goes_on(path: Path, opened: DecisionLog) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("VACUUM")
        other.execute("PRAGMA wal_checkpoint(PASSIVE)")
    assert append(opened, 5) == 6
    assert numbers(path) == [1, 2, 3, 4, 5, 6]


# --- files that cannot be written -----------------------------------------------------------------


@contextlib.contextmanager
def limited_files(size: int) -> Iterator[None]:
    """Let no file grow beyond a size, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_bug_a_write_that_fails_is_reported_once_and_ends_by_itself(
    path: Path, opened: DecisionLog, events: list[LogEvent]
) -> None:
    """Only the client learnt of it."""
    with limited_files(1000):
        for i in range(5, 9):
            with pytest.raises(DecisionLogError, match=r"log\.sqlite: "):
                append(opened, i)
        state = opened.state()
        assert state.fault is not None
        assert state.fault.startswith("log.sqlite: ")
        assert state.since is not None
    assert append(opened, 5) == 6
    assert opened.state().fault is None
    assert numbers(path) == [1, 2, 3, 4, 5, 6]
    assert [event.name for event in events] == ["log fails", "log works again"]


def test_a_fault_is_probed_while_nothing_is_written(
    path: Path, opened: DecisionLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "_PROBE_SECONDS", 0.0)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DecisionLogError, match="database is locked"):
            append(opened, 5)
        assert opened.state().fault is not None
        other.execute("ROLLBACK")
        wait_until(lambda: opened.state().fault is None)
    assert append(opened, 6) == 6


def count_inserts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that gets the number of entries of each attempt to write."""
    insert, attempts = LogFile.insert, list[int]()

    def counted(self: LogFile, rows: list[tuple[object]]) -> None:
        attempts.append(len(rows))
        insert(self, rows)

    monkeypatch.setattr(LogFile, "insert", counted)
    return attempts


def test_a_locked_log_is_tried_twice_and_once_while_it_fails(
    path: Path, opened: DecisionLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "_PROBE_SECONDS", None)  # entries alone try it
    attempts = count_inserts(monkeypatch)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for tried in (2, 3, 4):
            with pytest.raises(DecisionLogError, match="end its transaction there"):
                append(opened, 5)
            assert len(attempts) == tried
        other.execute("ROLLBACK")
    assert append(opened, 5) == 6


def test_a_lock_that_ends_before_the_second_attempt_fails_nobody(
    path: Path, opened: DecisionLog, events: list[LogEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.closing(
        sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    ) as other:
        other.execute("BEGIN IMMEDIATE")
        leave = DecisionLog._leave

        def unlock(self: DecisionLog, *problem: Exception) -> DecisionLogError:
            other.execute("ROLLBACK")
            return leave(self, *problem)  # type: ignore[arg-type]

        monkeypatch.setattr(DecisionLog, "_leave", unlock)
        assert append(opened, 5) == 6
    assert events == []


def test_an_entry_that_cannot_be_encoded_fails_alone(path: Path, opened: DecisionLog) -> None:
    held, write = threading.Event(), opened._write

    def write_later(batch: Any) -> None:
        held.wait()
        write(batch)

    opened._write = write_later  # type: ignore[method-assign]
    first = opened.submit(snapshots()[5], [], **ANSWERS)
    wait_until(opened._waiting.empty)
    bad = opened.submit(None, [], **ANSWERS)  # type: ignore[arg-type]
    good = opened.submit(snapshots()[6], [], **ANSWERS)
    held.set()
    assert (first.result(), good.result()) == (6, 7)
    with pytest.raises(DecisionLogError, match="no attribute"):
        bad.result()
    assert opened.state().fault is None
    assert numbers(path) == [1, 2, 3, 4, 5, 6, 7]

"""Logs are rotated by day and size without losing entries, and old files are removed."""

from __future__ import annotations

import contextlib
import datetime
import multiprocessing
import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from scheduler.command_options import parse_options
from scheduler.log import log_reader as reader_module
from scheduler.log import rotation as rotation_module
from scheduler.log.decision_log import DecisionLog, LogEvent
from scheduler.log.entry_format import DecisionLogError
from scheduler.log.log_file import LogFile
from scheduler.log.log_reader import read_entries
from scheduler.log.replay import replay
from scheduler.log.rotation import (
    LogRetention,
    parse_retention,
    remove_expired,
    rotated_files,
    rotated_path,
)
from tests.builders.decision_logs import ANSWERS, EarliestDueDate, decider_with
from tests.builders.snapshots import snapshots

DAILY = LogRetention(days=90)


class Calendar:
    """A clock that a test sets to noon of a day of March."""

    day = 1

    def __call__(self) -> datetime.datetime:
        return datetime.datetime(2026, 3, self.day, 12, tzinfo=datetime.UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.sqlite"


def append(decision_log: DecisionLog, index: int = 0) -> int:
    return decision_log.append(snapshots()[index % 9], [], **ANSWERS)


def write_days(path: Path, days: range, retention: LogRetention = DAILY) -> list[LogEvent]:
    """Write two entries on each day, and return the events of the log."""
    calendar, events = Calendar(), list[LogEvent]()
    calendar.day = days[0]
    with DecisionLog(path, retention, calendar) as decision_log:
        decision_log.listener = events.append
        for calendar.day in days:
            for _ in range(2):
                append(decision_log, calendar.day)
    return events


def numbers(path: Path, first: int = 1) -> list[int]:
    return [entry.number for entry in read_entries(path, first)]


def names(path: Path) -> list[str]:
    return [file.path.name for file in rotated_files(path)]


# --- retention ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "retention"),
    [
        ("90d", LogRetention(90)),
        ("12w", LogRetention(84)),
        ("20GB", LogRetention(size=20 * 10**9)),
        ("500MB, 7d", LogRetention(7, 5 * 10**8)),
    ],
)
def test_a_retention_is_an_age_a_size_or_both(text: str, retention: LogRetention) -> None:
    assert parse_retention(text) == retention


@pytest.mark.parametrize("text", ["", "90", "0d", "-1d", "90d,", "90 days", "1e3d", "1.5GB"])
def test_another_retention_is_refused_with_examples(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse_options(["serve", f"--log-keep={text}"])
    assert f"{text}; it must be an age in days or weeks, a size" in capsys.readouterr().err


def touch(path: Path, *files: tuple[str, int], size: int = 0) -> None:
    for day, first in files:
        rotated_path(path, day, first).write_bytes(b"\0" * size)


def test_a_file_is_removed_once_its_newest_entry_is_too_old(path: Path) -> None:
    touch(path, ("2026-01-01", 1), ("2026-01-05", 40), ("2026-01-20", 70))
    ages = [("2026-01-15", 0), ("2026-01-16", 1), ("2026-01-30", 0), ("2026-01-31", 1)]
    for today, removed in ages:
        assert len(remove_expired(path, LogRetention(days=10), today)) == removed, today
    assert names(path) == ["log.2026-01-20.70.sqlite"]


def test_oldest_files_are_removed_until_all_are_small_enough(path: Path) -> None:
    path.write_bytes(b"\0" * 1000)
    touch(path, ("2026-01-01", 1), ("2026-01-02", 2), ("2026-01-03", 3), size=1000)
    assert not remove_expired(path, LogRetention(size=4000), "2026-01-04")
    remove_expired(path, LogRetention(size=2500), "2026-01-04")
    assert names(path) == ["log.2026-01-03.3.sqlite"]
    remove_expired(path, LogRetention(size=1), "2026-01-04")
    assert names(path) == []
    assert path.exists()


def test_files_are_ordered_by_their_first_entries(path: Path) -> None:
    touch(path, ("2026-01-02", 9), ("2026-01-02", 10), ("2026-01-01", 100), ("2026-01-02", 9))
    for other in ("log.2026-01-02.sqlite", "log.damaged-2026.sqlite", "blog.2026-01-02.1.sqlite"):
        path.with_name(other).touch()
    assert names(path) == [
        "log.2026-01-02.9.sqlite",
        "log.2026-01-02.9.2.sqlite",
        "log.2026-01-02.10.sqlite",
        "log.2026-01-01.100.sqlite",
    ]


# --- rotation -------------------------------------------------------------------------------------


def test_a_log_is_rotated_each_day_and_numbers_go_on(path: Path) -> None:
    events = write_days(path, range(1, 5))
    assert names(path) == [f"log.2026-03-0{day}.{2 * day - 1}.sqlite" for day in (1, 2, 3)]
    assert numbers(path) == list(range(1, 9))
    assert [entry.snapshot for entry in read_entries(path)] == [
        snapshots()[day] for day in (1, 1, 2, 2, 3, 3, 4, 4)
    ]
    assert events[0] == LogEvent("log rotated to log.2026-03-01.1.sqlite, 0 files removed")


def test_a_log_without_a_retention_is_one_file(path: Path) -> None:
    calendar = Calendar()
    with DecisionLog(path, clock=calendar) as decision_log:
        for calendar.day in range(1, 5):
            append(decision_log)
    assert names(path) == []


def test_a_log_goes_on_after_its_rotated_files(path: Path) -> None:
    write_days(path, range(1, 3))
    write_days(path, range(2, 4))
    assert numbers(path) == list(range(1, 9))
    assert names(path) == ["log.2026-03-01.1.sqlite", "log.2026-03-02.3.sqlite"]
    path.unlink()
    with DecisionLog(path) as decision_log:
        assert append(decision_log) == 7


def test_old_files_are_removed_while_newer_ones_are_written(path: Path) -> None:
    write_days(path, range(1, 12), LogRetention(days=3))
    assert names(path)[0] == "log.2026-03-07.13.sqlite"
    assert numbers(path) == list(range(13, 23))


def test_a_log_is_rotated_when_it_is_large(path: Path) -> None:
    with DecisionLog(path, LogRetention(size=8 * 100_000)) as decision_log:
        for i in range(120):
            append(decision_log, i)
    sizes = [file.path.stat().st_size for file in rotated_files(path)]
    assert 1 < len(sizes) < 30
    assert max(sizes) < 200_000
    assert numbers(path)[-1] == 120


def test_each_rotated_file_can_be_read_alone(path: Path) -> None:
    write_days(path, range(1, 4))
    assert [numbers(file.path) for file in rotated_files(path)] == [[1, 2], [3, 4]]


def test_a_reader_at_work_puts_a_rotation_off(path: Path) -> None:
    calendar = Calendar()
    with DecisionLog(path, DAILY, calendar) as decision_log:
        append(decision_log)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM decisions").fetchone()
            calendar.day = 2
            append(decision_log)
            assert names(path) == []
        decision_log._pause = 0
        append(decision_log)
        assert names(path) == ["log.2026-03-01.1.sqlite"]
    assert numbers(path) == [1, 2, 3]


def test_a_rotation_that_fails_stops_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calendar, events = Calendar(), list[LogEvent]()
    with DecisionLog(path, DAILY, calendar) as decision_log:
        decision_log.listener = events.append
        append(decision_log)
        calendar.day = 2
        with monkeypatch.context() as change:
            change.setattr("os.rename", lambda *_: os.stat(path / "no folder"))
            assert append(decision_log) == 2
        assert [event.name for event in events] == ["log not rotated"]
        decision_log._pause = 0
        assert append(decision_log) == 3
    assert names(path) == ["log.2026-03-01.1.sqlite"]
    assert numbers(path) == [1, 2, 3]


# --- readers --------------------------------------------------------------------------------------


def test_reading_begins_at_any_entry_and_opens_no_file_before_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_days(path, range(1, 5))
    opened = list[str]()
    connect = reader_module.connect_to_rotated

    def note(file: Path) -> sqlite3.Connection:
        opened.append(file.name)
        return connect(file)

    monkeypatch.setattr(reader_module, "connect_to_rotated", note)
    assert numbers(path, 6) == [6, 7, 8]
    assert opened == ["log.2026-03-03.5.sqlite"]


def test_a_reading_sees_entries_that_are_rotated_meanwhile(path: Path) -> None:
    write_days(path, range(1, 3))
    reading = read_entries(path)
    read = [next(reading).number]
    write_days(path, range(3, 6))
    read += [entry.number for entry in reading]
    assert read == list(range(1, 11))


def test_a_reading_sees_the_former_file_where_the_log_is_rotated_as_it_is_opened(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_days(path, range(1, 3))
    connect = reader_module._connect

    def rotate_first(uri: str) -> sqlite3.Connection:
        monkeypatch.undo()
        write_days(path, range(3, 4))
        return connect(uri)

    monkeypatch.setattr(reader_module, "_connect", rotate_first)
    assert numbers(path) == list(range(1, 7))


def test_files_that_are_removed_during_a_reading_are_passed_over(path: Path) -> None:
    write_days(path, range(1, 5))
    reading = read_entries(path)
    read = [next(reading).number]
    for file in rotated_files(path)[:2]:
        file.path.unlink()
    with pytest.raises(DecisionLogError, match=r"entries 3 to 4 are missing.* --first 5"):
        read += [entry.number for entry in reading]
    assert numbers(path) == [5, 6, 7, 8]


def test_a_damaged_entry_of_a_rotated_file_is_named_with_the_file(path: Path) -> None:
    write_days(path, range(1, 3))
    rotated = path.with_name("log.2026-03-01.1.sqlite")
    with contextlib.closing(sqlite3.connect(rotated, isolation_level=None)) as connection:
        connection.execute("UPDATE decisions SET rule = 'none' WHERE id = 2")
    with pytest.raises(DecisionLogError, match=r"log\.2026-03-01\.1\.sqlite: entry 2 is damaged"):
        numbers(path)


def test_a_replay_covers_rotated_files(path: Path) -> None:
    decider, calendar, decisions = decider_with(EarliestDueDate()), Calendar(), 0
    with DecisionLog(path, DAILY, calendar) as decision_log:
        for calendar.day, snapshot in enumerate(snapshots(), start=1):
            taken = decider.decide(snapshot)
            decisions += len(taken)
            decision_log.append(snapshot, taken, **ANSWERS)
    assert len(names(path)) == len(snapshots()) - 1
    result = replay(decider_with(EarliestDueDate()), path, "abc")
    assert (result.entries, result.decisions) == (len(snapshots()), decisions)
    assert not result.deviations


# --- kills ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def ending_at(place: Any, name: str, moment: str) -> Iterator[None]:
    """End the process before or after the first call of a function."""
    function: Callable[..., Any] = getattr(place, name)

    def end(*arguments: Any) -> Any:
        if moment == "after":
            function(*arguments)
        os._exit(9)

    setattr(place, name, end)
    yield


# The children only open a log of their own, so that threads of the parent are no matter.
forking = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")

STEPS = [
    (LogFile, "settle"),
    (LogFile, "_remove_remains"),
    (os, "rename"),
    (LogFile, "rename"),
    (rotation_module, "remove_expired"),
    (LogFile, "__init__"),
    (LogFile, "_prepare"),
    (LogFile, "insert"),
]
"""Steps of a rotation, in their sequence."""


def end_in_rotation(path: Path, step: int, moment: str) -> None:
    """Write an entry on one day, and end within the rotation before the next one."""
    from scheduler.log import decision_log as log_module

    calendar = Calendar()
    decision_log = DecisionLog(path, DAILY, calendar)
    append(decision_log)
    calendar.day = 2
    place, name = STEPS[step]
    if place is rotation_module:
        place = log_module
    with ending_at(place, name, moment):
        append(decision_log)


@forking
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", range(len(STEPS)), ids=[name for _, name in STEPS])
def test_an_end_at_any_step_of_a_rotation_loses_nothing(path: Path, step: int, moment: str) -> None:
    context = multiprocessing.get_context("fork")
    process = context.Process(target=end_in_rotation, args=(path, step, moment))
    process.start()
    process.join()
    assert process.exitcode == 9
    written = numbers(path)
    assert written in ([1], [1, 2])
    calendar = Calendar()
    calendar.day = 3
    with DecisionLog(path, DAILY, calendar) as decision_log:
        assert append(decision_log) == len(written) + 1
    assert numbers(path) == [*written, len(written) + 1]


def write_until_killed(path: Path, pipe: Connection) -> None:
    """Append for ever, rotating at every entry, and send each acknowledged number."""
    with DecisionLog(path, DAILY, Calendar()) as decision_log:
        while True:
            pipe.send(append(decision_log))


@forking
def test_no_acknowledged_entry_is_missing_after_a_kill_among_rotations(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation_module, "MAX_FILE_BYTES", 1)
    context, acknowledged = multiprocessing.get_context("fork"), 0
    for kill in range(6):
        receiving, sending = context.Pipe(duplex=False)
        process = context.Process(target=write_until_killed, args=(path, sending))
        process.start()
        sending.close()
        for _ in range(1 + 4 * kill):
            acknowledged = receiving.recv()
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        with contextlib.suppress(EOFError):
            while receiving.poll():
                acknowledged = receiving.recv()
        assert len(numbers(path)) >= acknowledged
        assert numbers(path) == list(range(1, len(numbers(path)) + 1))
    assert len(names(path)) > 40

"""The file of the board survives kills, and is never written over by two services."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scheduler.board.board_file import BoardError, BoardFile, ForeignBoardError
from scheduler.board.messages import BoardContent, CurrentPlan
from tests.builders.repository import ROOT

_WRITE_FOREVER = """
import itertools, sys
from pathlib import Path
from scheduler.board.board_file import BoardFile
from scheduler.board.messages import BoardContent, CurrentPlan

file = BoardFile(Path(sys.argv[1]))
for revision in itertools.count(file.content.current.revision + 1):
    file.write(BoardContent(current=CurrentPlan(revision=revision, published_by="x" * 200)))
    print(revision, flush=True)
"""


def content(revision: int) -> BoardContent:
    return BoardContent(current=CurrentPlan(revision=revision))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.sqlite.board.json"


def test_a_kill_loses_nothing_that_was_acknowledged(path: Path) -> None:
    acknowledged = 0
    for _ in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITE_FOREVER, str(path)], stdout=subprocess.PIPE, cwd=ROOT
        )
        assert writer.stdout is not None
        with writer.stdout:
            for _ in range(20):
                writer.stdout.readline()
            writer.send_signal(signal.SIGKILL)
            said = writer.stdout.read().split()
        assert writer.wait() == -signal.SIGKILL
        acknowledged += 20 + len(said)
        opened = BoardFile(path)
        assert opened.fault is None
        assert opened.content.current.revision in (acknowledged, acknowledged + 1)
        acknowledged = opened.content.current.revision
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_what_another_program_wrote_is_not_written_over(path: Path) -> None:
    first, second = BoardFile(path), BoardFile(path)
    first.write(content(1))
    with pytest.raises(ForeignBoardError, match="another program has changed this file"):
        second.write(content(7))
    assert BoardFile(path).content == content(1)
    assert second.content == content(0)


def test_a_removed_file_is_written_again(path: Path) -> None:
    file = BoardFile(path)
    file.write(content(1))
    path.unlink()
    file.write(content(2))
    assert BoardFile(path).content == content(2)


@pytest.mark.parametrize("damage", [b"{", b"\xff\xfe", b'{"current": {"revision": -1}}', b""])
def test_a_damaged_file_is_put_aside_and_told(path: Path, damage: bytes) -> None:
    path.write_bytes(damage)
    file = BoardFile(path)
    assert f"was renamed to {path.name}.damaged" in str(file.fault)
    assert path.with_name(f"{path.name}.damaged").read_bytes() == damage
    file.write(content(1))
    assert BoardFile(path).content == content(1)


def test_a_second_damaged_file_leaves_the_first(path: Path) -> None:
    for damage in ("first", "second"):
        path.write_text(damage)
        BoardFile(path)
    assert path.with_name(f"{path.name}.damaged").read_text() == "first"
    assert path.with_name(f"{path.name}.damaged-2").read_text() == "second"


def test_a_file_that_cannot_be_read_is_refused(path: Path) -> None:
    path.mkdir()
    with pytest.raises(BoardError, match="cannot be read"):
        BoardFile(path)


def test_unfinished_files_of_killed_services_are_removed(path: Path) -> None:
    remains, other = path.with_name(f".{path.name}-abc"), path.with_name(".another-abc")
    for file in (remains, other):
        file.write_text("half")
    BoardFile(path)
    assert (remains.exists(), other.exists()) == (False, True)


def test_a_file_that_cannot_be_written_leaves_the_content(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = BoardFile(path)
    file.write(content(1))

    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="full"):
        file.write(content(2))
    monkeypatch.undo()
    assert file.content == BoardFile(path).content == content(1)

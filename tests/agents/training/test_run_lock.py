"""Two processes never train in one folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agents.training.run_lock import LOCK_FILE, FolderLock, LockedFolderError
from tests.builders.event_waits import wait_for
from tests.builders.repository import ROOT

HOLDING = """
import signal, sys
from pathlib import Path
from agents.training.run_lock import FolderLock
with FolderLock(Path(sys.argv[1])):
    signal.pause()
"""


def test_a_locked_folder_is_refused_with_the_process_at_work(tmp_path: Path) -> None:
    message = f"process {os.getpid()} is training in this"
    with FolderLock(tmp_path), pytest.raises(LockedFolderError, match=message):
        FolderLock(tmp_path).__enter__()
    with FolderLock(tmp_path):
        pass


def test_the_lock_of_a_killed_process_blocks_nobody(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", HOLDING, str(tmp_path)], env=environment)
    lock = tmp_path / LOCK_FILE
    wait_for(process, lambda: lock.exists() and lock.read_text().strip())
    with pytest.raises(LockedFolderError, match=f"process {process.pid} is training"):
        FolderLock(tmp_path).__enter__()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert lock.exists()
    with FolderLock(tmp_path):
        assert lock.read_text() == f"{os.getpid()}\n"

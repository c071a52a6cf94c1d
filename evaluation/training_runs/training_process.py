"""Training runs in processes of their own, which end with the process that started them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agents.training.config import TrainingConfig, to_toml
from agents.training.run_lock import FolderLock, LockedFolderError
from factory.io.atomic_write import write_atomically

LOG_FILE = "training.log"
"""Output of the process, in the folder of the run."""
_CONFIG_FILE = "planned.toml"
_STOP_SECONDS = 30.0
_LAST_LINES = 12
_LOCK_LOOKS, _LOCK_SECONDS = 40, 0.25


class TrainingFailedError(RuntimeError):
    """A run that cannot be trained: the same command would fail again."""


class TrainingDiedError(RuntimeError):
    """A run whose process was killed; it goes on from its last checkpoint."""


class TrainingProcess:
    """A run of ``train.py`` in a process of its own.

    A run that was begun before goes on from its last checkpoint.

    Parameters
    ----------
    folder
        Folder of the run.
    config
        Config of the run; without effect on a run that was begun before.
    arguments
        Further arguments of ``train.py``.
    """

    def __init__(self, folder: Path, config: TrainingConfig, arguments: Sequence[str] = ()) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        _await_lock(folder)
        command = [sys.executable, "-m", "train", "--end-with-stdin", *self._source(config)]
        with (folder / LOG_FILE).open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *arguments],
                stdin=subprocess.PIPE,  # it ends when this process does
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(_search_path())},
                start_new_session=True,  # Ctrl-C is for the process that started it
            )

    def _source(self, config: TrainingConfig) -> list[str]:
        if (self.folder / "config.toml").is_file():
            return ["--resume", str(self.folder)]
        planned = self.folder / _CONFIG_FILE
        write_atomically(planned, to_toml(config))
        return ["--config", str(planned), "--out", str(self.folder)]

    @property
    def pid(self) -> int:
        """Return the number of the process."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Return whether the process has not ended."""
        return self._process.poll() is None

    def wait(self, seconds: float) -> bool:
        """Wait for the end of the process, at most so many seconds; return whether it has ended."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def check_end(self) -> None:
        """Check that the process, which has ended, has trained to its end.

        Raises
        ------
        TrainingFailedError
            If it ended with an error of its own.
        TrainingDiedError
            If it was killed.
        """
        status = self._process.wait()
        self.close_input()
        if status == 0:
            return
        if status < 0 or status > 128:
            name = signal.Signals(-status if status < 0 else status - 128).name
            raise TrainingDiedError(f"{self.folder}: the training was ended by {name}.")
        raise TrainingFailedError(f"{self.folder}: {self.last_words()}")

    def last_words(self) -> str:
        """Return the last lines of the output."""
        text = (self.folder / LOG_FILE).read_text(encoding="utf-8", errors="replace")
        lines = text.strip().splitlines()[-_LAST_LINES:]
        errors = [line for line in lines if line.startswith("train.py: ")]
        return "\n".join(errors or lines).replace("train.py: ", "")

    def stop(self) -> None:
        """End the process at its next checkpoint, or at once if that takes long."""
        if self.is_running:
            self._process.terminate()
            if not self.wait(_STOP_SECONDS):
                self._process.kill()
                self._process.wait()
        self.close_input()

    def close_input(self) -> None:
        """Close the standard input of the process, so that it ends at once."""
        if self._process.stdin is not None:
            self._process.stdin.close()


def _await_lock(folder: Path) -> None:
    """Wait a moment for the end of a process in the folder whose starter was killed."""
    for _ in range(_LOCK_LOOKS):
        try:
            with FolderLock(folder):
                return
        except LockedFolderError:
            time.sleep(_LOCK_SECONDS)


def _search_path() -> list[str]:
    """Return the folders in which Python finds this project, before all others."""
    root, path = str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")
    return [root, *(folder for folder in path.split(os.pathsep) if folder)]


def list_validations(folder: Path) -> list[dict[str, Any]]:
    """Return the validations of a run so far: ``step``, ``ratio`` and the cost of each factory."""
    try:
        content = json.loads((folder / "validation.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return content if isinstance(content, list) else []

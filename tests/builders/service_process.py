"""The scheduler's HTTP service as a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scheduler.access.access_tokens import TOKEN_VARIABLE
from tests.builders.repository import ROOT


class ServiceProcess:
    """``python -m scheduler serve`` on a free port, ready to be asked, and ended in the end.

    Parameters
    ----------
    bundle
        The exported policy; None leaves the rule to decide.
    folder
        Where the log of decisions is written.
    factory
        Name or file of the factory; None for the one that the policy was trained for.
    token
        Token that all requests must carry; empty for none.
    options
        Further options of the command; without a token, ``--no-token`` is the default.
    """

    def __init__(
        self,
        bundle: Path | None,
        folder: Path,
        *,
        factory: Path | str | None = None,
        token: str = "",
        options: Sequence[str] | None = None,
    ) -> None:
        self.log, self.lines = folder / "log.sqlite", list[str]()
        limits = ["--budget", "inf", "--plan-seconds", "inf", "--rate", "0"]
        limits += ["--decide-seconds", "inf", "--grace-seconds", "1e6"]
        files = ["--log", str(self.log)]
        files += [] if bundle is None else ["--bundle", str(bundle)]
        files += [] if factory is None else ["--factory", str(factory)]
        if options is None:
            options = [] if token else ["--no-token"]
        others = {name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "scheduler", "serve", "--port", "0", *files, *limits, *options],
            cwd=ROOT,
            env={**others, **({TOKEN_VARIABLE: token} if token else {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._listener = threading.Thread(target=self._hear_all, daemon=True)

    def __enter__(self) -> ServiceProcess:
        self.address: str = self._hear("starting")["address"]
        self._hear("ready")
        self._listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end(signal.SIGKILL)

    def _hear_all(self) -> None:
        """Note what is said until the process has ended."""
        assert self.process.stdout is not None
        with self.process.stdout as output:
            self.lines.extend(output)

    def _hear(self, event: str) -> dict[str, Any]:
        """Return the line of the log that tells of an event; fail if the process ends before."""
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            self.lines.append(line)
            if line.startswith("{") and (said := json.loads(line))["event"] == event:
                return dict(said)
        self.process.stdout.close()
        status, said_before = self.process.wait(), "".join(self.lines)
        raise AssertionError(f"it ended with {status} before {event}:\n{said_before}")

    def end(self, how: signal.Signals) -> int:
        """Send a signal, and return the exit status once all that was said has been heard."""
        self.process.send_signal(how)
        status = self.process.wait()
        self._listener.join()
        return status

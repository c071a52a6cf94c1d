"""Policies of others, each in a process of its own: it gets the observation and gives actions, and
that is all that passes between them.

So a guest cannot reach the shop, the seeds or the schedule; and when it breaks down or never
answers, only it has failed. Its answers are read as numbers and text, never unpickled.
"""

from __future__ import annotations

import importlib.util
import inspect
import math
import multiprocessing
import os
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.policy import Policy, StatefulPolicy
from evaluation.runner.foresight_audit import ForesightError
from factory.io.work_units import begin_child
from factory.model import Factory

START_SECONDS = 120.0
"""Seconds that a guest may take to be ready, or its patience if that is longer."""

_ANSWER, _TROUBLE, _GREEDY = b"answer", b"error!", b"greedy"
_TAG = len(_ANSWER)


class NoAnswerError(TimeoutError):
    """A guest did not answer in time."""


class SandboxError(RuntimeError):
    """A guest raised an error, ended, or answered something that cannot be actions."""


class SandboxedPolicy:
    """A policy at work in its own process; a context manager that ends it.

    Parameters
    ----------
    make
        Makes the policy there, from ``arguments``; both are pickled on their way.
    patience
        Longest time in seconds for one call of ``decide``; ``math.inf``: however long it takes.

    Raises
    ------
    SandboxError, NoAnswerError
        If the guest cannot be made.
    ForesightError
        If it asks for the shop (it has a method ``bind``).
    """

    def __init__(
        self, make: Callable[..., Any], arguments: tuple[Any, ...], patience: float
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self._patience = patience
        self._line, far_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(far_end, make, arguments), daemon=True)
        self._process.start()
        far_end.close()
        self._hear(max(START_SECONDS, patience))

    def decide(self, observation: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
        """Actions ``[E]``; a copy of the tables is sent."""
        try:
            self._line.send({name: np.asarray(table) for name, table in observation.items()})
        except (BrokenPipeError, ConnectionError):
            raise SandboxError(self._obituary()) from None
        actions = np.frombuffer(self._hear(self._patience), np.int64)
        wanted = len(observation["action_mask"])
        if actions.shape != (wanted,):
            raise SandboxError(
                f"it answered {actions.size} actions for {wanted} environments; one row number for"
                " each is wanted."
            )
        return actions

    def _hear(self, seconds: float) -> bytes:
        """What the guest says next, without its tag."""
        if not self._line.poll(_limit(seconds)):
            self.close()
            raise NoAnswerError(f"no answer within {seconds:g} s")
        try:
            message = self._line.recv_bytes()
        except (EOFError, ConnectionError, OSError):
            raise SandboxError(self._obituary()) from None
        tag, content = message[:_TAG], message[_TAG + 1 :]
        if tag == _GREEDY:
            raise ForesightError(
                "it asks for the shop (a method bind); a guest may see the observation only. Remove"
                " the method."
            )
        if tag != _ANSWER:
            raise SandboxError(content.decode("utf-8", "replace"))
        return content

    def _obituary(self) -> str:
        self._process.join(_limit(self._patience))
        return f"its process ended (exit code {self._process.exitcode})"

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.join()
        self._line.close()

    def __enter__(self) -> SandboxedPolicy:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _limit(seconds: float) -> float | None:
    """Return a time limit as the standard library takes it: None where there is none."""
    return None if math.isinf(seconds) else seconds


def make_from_file(reference: str, factory: Factory) -> Any:
    """The policy that ``path.py:Name`` stands for: ``Name(factory)``, or ``Name()`` if it takes
    nothing."""
    path, _, name = reference.rpartition(":")
    maker = getattr(_import_file(Path(path)), name, None)
    if maker is None:
        raise AttributeError(
            f"{path} has no {name}. Name a class or function that makes the policy."
        )
    return maker(factory) if inspect.signature(maker).parameters else maker()


def _import_file(path: Path) -> ModuleType:
    sys.path.insert(0, str(path.resolve().parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


# --- in the guest's process -----------------------------------------------------------------------


def _serve(line: Connection, make: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """Make the policy, then answer observation after observation until the other end is closed."""
    begin_child()
    _be_silent()
    try:
        policy = make(*arguments)
        if isinstance(policy, StatefulPolicy):
            line.send_bytes(_GREEDY + b" ")
            return
        if not isinstance(policy, Policy):
            raise TypeError(
                f"{type(policy).__name__} has no method decide(observation). Give it one that"
                " returns the row of each environment."
            )
        line.send_bytes(_ANSWER + b" ")
        while True:
            observation = line.recv()
            line.send_bytes(_ANSWER + b" " + _as_rows(policy.decide(observation)).tobytes())
    except EOFError:
        return
    except BaseException as error:
        line.send_bytes(_TROUBLE + b" " + f"{type(error).__name__}: {error}".encode())


def _as_rows(actions: Any) -> NDArray[np.int64]:
    """Actions as integers, if that is what they are."""
    rows = np.asarray(actions)
    if not np.issubdtype(rows.dtype, np.integer):
        raise TypeError(
            f"decide() returned {rows.dtype} values; row numbers (integers) are wanted."
        )
    return np.ascontiguousarray(rows.ravel(), np.int64)


def _be_silent() -> None:
    """What a guest prints would break the progress bar."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)

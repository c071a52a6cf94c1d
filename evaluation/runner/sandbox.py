"""Sandboxed policies: each runs in a process of its own, receives observations and returns actions.

A sandboxed policy cannot reach the shop, the seeds or the schedule. If it crashes or does not
answer, only that policy has failed, and the failure has its traceback and the last of what it has
printed. Its answers are read as numbers and text, never unpickled.
"""

from __future__ import annotations

import faulthandler
import importlib.util
import inspect
import json
import math
import os
import sys
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.policy import Policy, StatefulPolicy
from evaluation.runner.errors import ForesightError, NoAnswerError, SandboxError
from factory.model import Factory
from factory.work_units.child_processes import DetachedContext, begin_child

START_SECONDS = 120.0
"""Shortest time limit in seconds for the start of a sandboxed policy."""

MAX_PRINTED = 8_000
"""Bytes of the prints of a sandboxed policy that are kept, from the end."""

_LAST_PRINTS = 5.0
"""Seconds that a policy's own children may keep its output open after its end."""

_ANSWER, _ERROR, _STATEFUL = b"answer", b"error!", b"states"
"""Tags of the messages of a sandboxed policy, all of one length."""
_TAG_LENGTH = len(_ANSWER)


class _Prints:
    """The last of what a process prints, read by a thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._tail, self._total = connection, b"", 0
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while True:
            try:
                part = os.read(self._connection.fileno(), 1 << 16)
            except OSError:
                part = b""
            if not part:
                return
            self._total += len(part)
            self._tail = (self._tail + part)[-MAX_PRINTED:]

    def finish(self) -> str:
        """Return the text after the process has ended."""
        self._thread.join(_LAST_PRINTS)
        text = self._tail.decode("utf-8", "replace")
        left_out = self._total - len(self._tail)
        return f"({left_out:,} bytes before this are left out)\n{text}" if left_out > 0 else text


class SandboxedPolicy:
    """A policy in a process of its own; a context manager that ends the process.

    Parameters
    ----------
    make, arguments
        Function that makes the policy in its process, and its arguments; both are pickled.
    call_timeout
        Time limit in seconds of one call of ``decide``; ``math.inf`` for none.

    Raises
    ------
    SandboxError, NoAnswerError
        If the policy cannot be made.
    ForesightError
        If the policy has a method ``bind``, by which it would receive the simulator's state.
    """

    def __init__(
        self, make: Callable[..., Any], arguments: tuple[Any, ...], call_timeout: float
    ) -> None:
        context = DetachedContext()
        self._call_timeout = call_timeout
        self._connection, far_end = context.Pipe()
        printed, output = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_serve, args=(far_end, output, make, arguments), daemon=True
        )
        self._process.start()
        far_end.close()
        output.close()
        self._prints = _Prints(printed)
        try:
            self._receive(max(START_SECONDS, call_timeout))
        except Exception as error:
            self._end(error)
            raise

    def decide(self, observation: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
        """Return actions ``[E]``; the policy receives a copy of the tables."""
        try:
            self._connection.send({name: np.asarray(table) for name, table in observation.items()})
        except (BrokenPipeError, ConnectionError):
            raise SandboxError(self._describe_end()) from None
        actions = np.frombuffer(self._receive(self._call_timeout), np.int64)
        num_envs = len(observation["action_mask"])
        if actions.shape != (num_envs,):
            raise SandboxError(
                f"decide() returned {actions.size} actions for {num_envs} environments; it must"
                " return one row number for each."
            )
        return actions

    def _receive(self, seconds: float) -> bytes:
        """Return the policy's next message without its tag."""
        if not self._connection.poll(_limit(seconds)):
            self.close()
            raise NoAnswerError(f"no answer within {seconds:g} s")
        try:
            message = self._connection.recv_bytes()
        except (EOFError, ConnectionError, OSError):
            raise SandboxError(self._describe_end()) from None
        tag, content = message[:_TAG_LENGTH], message[_TAG_LENGTH + 1 :]
        if tag == _STATEFUL:
            raise ForesightError(
                "it asks for the simulator's state (a method bind); a sandboxed policy receives the"
                " observation only. Remove the method."
            )
        if tag != _ANSWER:
            failure = json.loads(content)
            raise SandboxError(failure["message"], failure["trace"])
        return content

    def _describe_end(self) -> str:
        self._process.join(_limit(self._call_timeout))
        return f"its process ended (exit code {self._process.exitcode})"

    def close(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._process.join()
        self._connection.close()

    def _end(self, error: BaseException | None) -> None:
        """End the process; an error receives what the policy has printed, as ``printed``."""
        self.close()
        if error is not None:
            error.printed = self._prints.finish()  # type: ignore[attr-defined]

    def __enter__(self) -> SandboxedPolicy:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end(error)


def _limit(seconds: float) -> float | None:
    """Return a time limit as the standard library takes it: None where there is none."""
    return None if math.isinf(seconds) else seconds


def call_maker(maker: Any, factory: Factory) -> Any:
    """Return what a class or function makes: ``maker(factory)``, or ``maker()`` if it can do so.

    A parameter with a default receives the factory only if it is called ``factory``.
    """
    parameters = list(inspect.signature(maker).parameters.values())
    takes = parameters and (
        parameters[0].default is inspect.Parameter.empty or parameters[0].name == "factory"
    )
    return maker(factory) if takes else maker()


def make_from_file(reference: str, factory: Factory) -> Any:
    """Make the policy ``path.py:Name`` by :func:`call_maker`."""
    path, _, name = reference.rpartition(":")
    maker = getattr(_import_file(Path(path)), name, None)
    if maker is None:
        raise AttributeError(
            f"{path} has no {name}. Name a class or function that makes the policy."
        )
    return call_maker(maker, factory)


def _import_file(path: Path) -> ModuleType:
    sys.path.insert(0, str(path.resolve().parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


# --- in the process of the policy -----------------------------------------------------------------


def _serve(
    connection: Connection, output: Connection, make: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    """Make the policy, then answer observations until the other end is closed."""
    begin_child()
    _send_output(output)
    try:
        policy = make(*arguments)
        if isinstance(policy, StatefulPolicy):
            connection.send_bytes(_STATEFUL + b" ")
            return
        if not isinstance(policy, Policy):
            raise TypeError(
                f"{type(policy).__name__} has no method decide(observation). Give it one that"
                " returns the row of each environment."
            )
        connection.send_bytes(_ANSWER + b" ")
        while True:
            observation = connection.recv()
            connection.send_bytes(_ANSWER + b" " + _as_rows(policy.decide(observation)).tobytes())
    except EOFError:
        return
    except BaseException as error:
        connection.send_bytes(_ERROR + b" " + json.dumps(_describe_error(error)).encode())
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()


def _describe_error(error: BaseException) -> dict[str, str]:
    """Return message and traceback of an error; the message names the last file and line that are
    the policy's own.
    """
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename != __file__ and not frame.filename.startswith("<frozen importlib")
    ]
    message = "".join(traceback.format_exception_only(error)).strip()
    first = f"{type(error).__name__}: {error}" if isinstance(error, Exception) else message
    if frames and not isinstance(error, SyntaxError):
        last = frames[-1]
        first = f"{first} ({last.filename}, line {last.lineno}, in {last.name})"
    elif isinstance(error, SyntaxError):
        first = f"SyntaxError: {error.msg} ({error.filename}, line {error.lineno})"
    return {"message": first, "trace": "".join([*traceback.format_list(frames), message])}


def _as_rows(actions: Any) -> NDArray[np.int64]:
    """Return actions as integers; raise TypeError if they are not."""
    rows = np.asarray(actions)
    if not np.issubdtype(rows.dtype, np.integer):
        raise TypeError(
            f"decide() returned {rows.dtype} values; it must return row numbers (integers)."
        )
    return np.ascontiguousarray(rows.ravel(), np.int64)


def _send_output(output: Connection) -> None:
    """Send what the process prints to the other end, as it would break the progress bar; also the
    place at which it is killed by a signal.
    """
    for stream in (1, 2):
        os.dup2(output.fileno(), stream)
    output.close()
    faulthandler.enable()

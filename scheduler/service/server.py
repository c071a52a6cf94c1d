"""The service as a process."""

from __future__ import annotations

import contextlib
import gc
import logging
import signal
import socket
import sys
from collections.abc import Iterator
from types import FrameType

import uvicorn

from factory.progress import be_quiet
from scheduler.service.auth import is_loopback
from scheduler.service.engine import Engine
from scheduler.service.middleware import Middleware, log, logger

_STOP_SECONDS = 30
_SWITCH_SECONDS = 0.0005
"""Interval after which a planning thread lets other threads run."""


def serve(app: Middleware, engine: Engine, host: str, port: int) -> None:
    """Serve until SIGTERM or Ctrl-C; requests in progress are finished first.

    Parameters
    ----------
    app
        Service around the engine, see :func:`scheduler.service.app.create_app`.
    engine
        Engine; it is closed if the service cannot listen.
    host, port
        Address to listen on; port 0 takes any port that is free.

    Raises
    ------
    OSError
        If the service cannot listen on the address.
    """
    listening = _listen(engine, host, port)
    port = listening.getsockname()[1]
    sys.setswitchinterval(_SWITCH_SECONDS)
    be_quiet()  # stderr is the log, a line of JSON for each event
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.INFO)
    log(
        logging.INFO,
        "starting",
        address=f"http://{host}:{port}",
        loopback=is_loopback(host),
        token=bool(app.access_policy.token),
        decision_log=str(engine.decision_log.path),
    )
    log(logging.INFO, "warming up", factory=engine.factory.name)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    with _terminate_as_interrupt(), contextlib.suppress(KeyboardInterrupt):
        _Server(config, engine).run(sockets=[listening])


class _Server(uvicorn.Server):
    """Server that ends the event streams of open pages when it is told to stop."""

    def __init__(self, config: uvicorn.Config, engine: Engine) -> None:
        super().__init__(config)
        self.engine = engine

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop after the requests in progress; streams of events would never end."""
        self.engine.events.close()
        super().handle_exit(sig, frame)


@contextlib.contextmanager
def _terminate_as_interrupt() -> Iterator[None]:
    """Let SIGTERM raise KeyboardInterrupt, as Ctrl-C does.

    After a graceful shutdown, uvicorn sends the signal again. By default SIGTERM would end the
    process there, before the caller can finish.
    """
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _listen(engine: Engine, host: str, port: int) -> socket.socket:
    """Open the address; if that fails, close the engine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        engine.close()
        engine.decision_log.close()
        remedy = "Choose another with --host and --port; --port 0 takes any port that is free."
        reason = str(error.strerror).partition(" (while")[0]
        problem = f"{host}:{port}: cannot listen on this address ({reason})"
        raise OSError(f"{problem}. {remedy}") from None


def freeze_memory() -> None:
    """Freeze the objects of the start, so that the garbage collector skips them.

    Collecting them would take tens of milliseconds while requests wait.
    """
    gc.collect()
    gc.freeze()

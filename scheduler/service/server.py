"""The service as a process."""

from __future__ import annotations

import contextlib
import gc
import logging
import math
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from types import FrameType

import uvicorn

from factory.progress import be_quiet
from scheduler.access.auth import is_loopback
from scheduler.access.connection_limits import LimitedProtocol
from scheduler.service.engine import Engine
from scheduler.service.middleware import Middleware
from scheduler.service_log import log, write_to_stderr

GRACE_SECONDS = 10.0
"""Time from SIGTERM to the end of the process where none is given."""
_MAX_GRACE_SECONDS = 1e6
_FINISH_SHARE, _END_SHARE = 0.6, 0.75
"""Shares of that time after which requests are given up, and after which the process is ended; the
rest is for closing the log, and for a machine that is busy."""
_CLOSE_SECONDS = 1.0
"""Time for closing the log at the end of the grace time; all that was acknowledged is in it."""
_SWITCH_SECONDS = 0.0005
"""Interval after which a planning thread lets other threads run."""


def serve(
    app: Middleware, engine: Engine, host: str, port: int, grace_seconds: float = GRACE_SECONDS
) -> None:
    """Serve until SIGTERM or Ctrl-C; requests in progress are finished first.

    The process ends within the grace time with status 0, whatever is being worked on.

    Parameters
    ----------
    app
        Service around the engine, see :func:`scheduler.service.app.create_app`.
    engine
        Engine; it is closed if the service cannot listen.
    host, port
        Address to listen on; port 0 takes any port that is free.
    grace_seconds
        Time from SIGTERM or Ctrl-C to the end.

    Raises
    ------
    OSError
        If the service cannot listen on the address.
    """
    grace_seconds = min(grace_seconds, _MAX_GRACE_SECONDS)
    listening = _listen(engine, host, port)
    port = listening.getsockname()[1]
    sys.setswitchinterval(_SWITCH_SECONDS)
    be_quiet()  # stderr is the log, a line of JSON for each event
    write_to_stderr()
    log(
        logging.INFO,
        "starting",
        address=f"http://{_as_url_host(host)}:{port}",
        loopback=is_loopback(host),
        token=bool(app.access_policy.token or app.access_policy.token_file),
        decision_log=str(engine.decision_log.path),
    )
    _print_page(app, f"http://{_as_url_host(host)}:{port}")
    log(logging.INFO, "warming up", factory=engine.factory.name)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the middleware believes trusted proxies alone
        http=LimitedProtocol,
        ws="none",
        timeout_graceful_shutdown=math.ceil(grace_seconds * _FINISH_SHARE),
    )
    server = _Server(config, engine, grace_seconds)
    with _terminate_as_interrupt(), contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listening])
    server.end_is_due.cancel()


class _Server(uvicorn.Server):
    """Server whose process ends within the grace time of a signal."""

    def __init__(self, config: uvicorn.Config, engine: Engine, grace_seconds: float) -> None:
        super().__init__(config)
        self._engine, self._grace_seconds = engine, grace_seconds
        self.end_is_due = threading.Timer(grace_seconds * _END_SHARE, end_process, [engine])
        self.end_is_due.daemon = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop; a second signal ends the process without waiting for requests."""
        if not self.should_exit:
            log(
                logging.INFO,
                "stopping",
                signal=signal.Signals(sig).name,
                grace_seconds=self._grace_seconds,
            )
            self.end_is_due.start()
        self._engine.events.close()  # streams of events would never end
        super().handle_exit(sig, frame)


def end_process(engine: Engine) -> None:
    """End the process with status 0 although work is in progress; the log is closed before."""
    log(logging.WARNING, "work given up", problem="the grace time is over")
    closing = threading.Thread(target=engine.decision_log.close, daemon=True)
    closing.start()
    closing.join(_CLOSE_SECONDS)
    print("stopped", flush=True)
    os._exit(0)


def _as_url_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _print_page(app: Middleware, address: str) -> None:
    """Print the address of the page, with the token of planners if the token file has one."""
    file = app.access_policy.token_file
    token = file and (file.first_token("plan") or file.first_token("admin"))
    print(f"Page: {address}/{f'?token={token}' if token else ''}", flush=True)


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

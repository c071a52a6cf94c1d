"""The service as a process."""

from __future__ import annotations

import contextlib
import gc
import logging
import socket
import sys

import uvicorn

from factory.progress import be_quiet
from scheduler.service.app import create_app
from scheduler.service.auth import is_loopback
from scheduler.service.engine import Engine
from scheduler.service.middleware import AccessPolicy, log, logger

_STOP_SECONDS = 30
_SWITCH_SECONDS = 0.0005
"""How long a thread that plans keeps others from running."""


def serve(engine: Engine, host: str, port: int, *, token: str, rate: float) -> None:
    """Serve until SIGTERM or Ctrl-C; requests under way are finished first.

    Raises
    ------
    OSError
        If the address cannot be listened at.
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
        token=bool(token),
        decision_log=str(engine.decision_log.path),
    )
    log(logging.INFO, "warming up", factory=engine.factory.name)
    app = create_app(engine, AccessPolicy(token=token, rate=rate), when_ready=_settle_memory)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    with contextlib.suppress(KeyboardInterrupt):  # raised once all is finished
        uvicorn.Server(config).run(sockets=[listening])


def _listen(engine: Engine, host: str, port: int) -> socket.socket:
    """Open the address; without it the engine is closed."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        engine.close()
        engine.decision_log.close()
        remedy = "Choose another with --host and --port; --port 0 takes any port that is free."
        reason = str(error.strerror).partition(" (while")[0]
        problem = f"{host}:{port}: cannot be listened at ({reason})"
        raise OSError(f"{problem}. {remedy}") from None


def _settle_memory() -> None:
    """What has been loaded so far stays for good: whoever looks for garbage need not go through it,
    which takes tens of milliseconds, while requests wait."""
    gc.collect()
    gc.freeze()

"""The service as a process."""

from __future__ import annotations

import logging
import sys

import uvicorn

from scheduler.engine import Engine
from scheduler.guarding import is_loopback
from scheduler.service import Guards, create_app, log, logger

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
    sys.setswitchinterval(_SWITCH_SECONDS)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.INFO)
    log(logging.INFO, "starting", address=f"http://{host}:{port}", loopback=is_loopback(host), token=bool(token), journal=str(engine.journal.path))
    config = uvicorn.Config(
        create_app(engine, Guards(token=token, rate=rate)), host=host, port=port, log_config=None, access_log=False, timeout_graceful_shutdown=_STOP_SECONDS
    )
    uvicorn.Server(config).run()

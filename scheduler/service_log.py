"""Log of the service: lines of JSON on stderr."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any

logger = logging.getLogger("scheduler")
_OTHERS = ("uvicorn.error", "asyncio")
"""Loggers of libraries whose warnings go into the same log."""


def log(level: int, event: str, **facts: Any) -> None:
    """Log an event as one line of JSON."""
    if logger.isEnabledFor(level):
        logger.log(level, format_event(level, event, **facts))


def format_event(level: int, event: str, **facts: Any) -> str:
    """Return an event as one line of JSON."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = {"time": now, "level": logging.getLevelName(level), "event": event, **facts}
    return json.dumps(line)


class LibraryFormatter(logging.Formatter):
    """Formatter of the messages of libraries, which are plain text, as lines of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a message as an event with the name of its logger."""
        facts = {"problem": record.getMessage()}
        if record.exc_info:
            facts["traceback"] = self.formatException(record.exc_info)
        return format_event(record.levelno, record.name, **facts)


def write_to_stderr() -> None:
    """Write the log to stderr, with the warnings of libraries."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.INFO)
    of_libraries = logging.StreamHandler(sys.stderr)
    of_libraries.setFormatter(LibraryFormatter())
    for name in _OTHERS:
        library = logging.getLogger(name)
        library.handlers, library.propagate = [of_libraries], False
        library.setLevel(logging.WARNING)


def report_tokens(problem: str) -> None:
    """Log that a changed token file is not used."""
    log(logging.ERROR, "tokens not read", problem=problem)


def report_alarm(reason: str | None) -> None:
    """Write begin and end of an alarm of the policy to the log of the service."""
    if reason is None:
        log(logging.INFO, "policy alarm over")
    else:
        log(logging.ERROR, "policy alarm", problem=reason)

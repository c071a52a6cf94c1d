"""Code of users in a training run: the class of the network, and a logger."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from agents.training.config import NetworkSection, TrainingConfig
from agents.user_code import UserCode, UserCodeError, load_user_code

Scalars = Mapping[str, float]


def load_network_class(network: NetworkSection) -> UserCode | None:
    """Return the class of the network; None: this project's."""
    return None if network.class_ is None else load_user_code("network.class", network.class_)


class LoggingHook:
    """A user's logger, which receives every set of scalars of a run.

    The first error ends logging, not the training, and is printed.

    Parameters
    ----------
    code
        Function that makes the logger.
    log
        The logger: a function of scalars and step, perhaps with a method ``close``.
    """

    def __init__(self, code: UserCode, log: Callable[[dict[str, float], int], Any]) -> None:
        self._code, self._log = code, log
        self._has_failed = False

    def __call__(self, scalars: Scalars, step: int) -> None:
        """Pass scalars by tag to the logger, unless it has failed."""
        self._run(self._log, {tag: float(value) for tag, value in scalars.items()}, step)

    def close(self) -> None:
        """Call the logger's method ``close``, if it has one."""
        close = getattr(self._log, "close", None)
        if close is not None:
            self._run(close)

    def _run(self, function: Callable[..., Any], *arguments: Any) -> None:
        if self._has_failed:
            return
        try:
            self._code.call(function, *arguments)
        except UserCodeError as error:
            self._has_failed = True
            print(f"{error}\nThe training goes on without this logger.", file=sys.stderr)


def open_logging_hook(config: TrainingConfig, folder: Path) -> LoggingHook | None:
    """Return the logger of a run; None if the config names none.

    Raises
    ------
    UserCodeError
        If it cannot be loaded or made.
    """
    if config.logging.hook is None:
        return None
    code = load_user_code("logging.hook", config.logging.hook)
    log = code.call(code.function, folder, config.model_dump(mode="json", by_alias=True))
    if not callable(log):
        raise code.error(f"returned {type(log).__name__}; must return a function. Return one.")
    return LoggingHook(code, log)

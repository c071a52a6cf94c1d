"""Errors of policies under evaluation."""

from __future__ import annotations


class ForesightError(ValueError):
    """A policy decides differently when only the hidden future differs."""


class NoAnswerError(TimeoutError):
    """A sandboxed policy did not answer in time."""


class SandboxError(RuntimeError):
    """A sandboxed policy raised an error, ended, or returned something other than actions.

    Attributes
    ----------
    trace
        Traceback below the call of the policy, without the sandbox's own frames.
    """

    def __init__(self, message: str, trace: str = "") -> None:
        super().__init__(message)
        self.trace = trace

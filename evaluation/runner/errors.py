"""Errors of policies under evaluation."""

from __future__ import annotations


class ForesightError(ValueError):
    """A policy decides differently when only the hidden future differs."""


class NoAnswerError(TimeoutError):
    """A sandboxed policy did not answer in time."""


class SandboxError(RuntimeError):
    """A sandboxed policy raised an error, ended, or returned something other than actions."""

"""Errors of simulations."""

from __future__ import annotations


class IllegalActionError(ValueError):
    """The chosen row is not legal; nothing has changed."""


class StuckError(RuntimeError):
    """No event is to come and nothing can be chosen though orders are open.

    That is a defect of the factory model.
    """

"""Choices and decisions, as the service answers them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Choice(BaseModel):
    """A choice of a machine."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    action: Literal["start", "changeover", "wait", "maintenance"]
    """``start`` an operation, ``changeover`` without an operation, ``wait``, or do a
    ``maintenance``.
    """
    order: str | None = None
    """Order to start, or that the changeover is for."""
    operation: str | None = None
    """Operation to start, or that the changeover is for."""
    setup: dict[str, str] = {}
    """Values to mount first; empty: leave the setup as it is."""
    maintenance: str | None = None
    """Kind of maintenance to do."""


class Decision(Choice):
    """A decision for one machine."""

    machine: str
    """Machine."""
    until: int | None = None
    """``wait``: latest date to ask again. Ask earlier after any change at the work centre."""
    decided_by: Literal["policy", "fallback", "rule", "lock"] = "policy"
    """``rule``: in shadow mode; ``lock``: the locks leave no choice."""
    fault: str | None = None
    """Reason why the fallback rule decided; in shadow mode, the fault of the policy."""
    policy_choice: Choice | None = None
    """Shadow mode: the choice of the policy."""
    microseconds: int = 0
    """Computing time, without the time for loading compiled code."""

    @property
    def choice(self) -> Choice:
        """Return the choice alone."""
        return Choice(
            action=self.action,
            order=self.order,
            operation=self.operation,
            setup=self.setup,
            maintenance=self.maintenance,
        )

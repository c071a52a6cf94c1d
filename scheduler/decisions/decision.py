"""Choices and decisions, as the service answers them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Choice(BaseModel):
    """A choice of a machine."""

    model_config = ConfigDict(frozen=True)

    action: Literal["start", "changeover", "wait"]
    order: str | None = None  # to start, or that the changeover is for
    operation: str | None = None
    setup: dict[str, str] = {}  # values to mount first; empty: leave the setup as it is


class Decision(Choice):
    """A decision for one machine."""

    machine: str
    # wait: latest date to ask again; any change at the work centre ends the wait earlier
    until: int | None = None
    # rule: in shadow mode; lock: the locks leave no choice
    decided_by: Literal["policy", "fallback", "rule", "lock"] = "policy"
    # reason why the fallback rule decided; in shadow mode, the policy's fault
    fault: str | None = None
    policy_choice: Choice | None = None  # in shadow mode: the policy's choice
    microseconds: int = 0  # computing time, without the time for loading compiled code

    @property
    def choice(self) -> Choice:
        """Return the choice alone."""
        return Choice(
            action=self.action, order=self.order, operation=self.operation, setup=self.setup
        )

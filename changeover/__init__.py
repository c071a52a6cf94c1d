"""Public face of the changeover optimiser: environments, order lists, plans, policies.

Everything else lives in the packages ``factory``, ``envs``, ``agents``, ``evaluation`` and
``scheduler``, which are imported where they are needed.
"""

from __future__ import annotations

from changeover.api import (
    check,
    choices,
    evaluate,
    export,
    load_factory,
    load_policy,
    make,
    plan,
    play,
    read_orders,
    resume,
    train,
)

__all__ = [
    "check",
    "choices",
    "evaluate",
    "export",
    "load_factory",
    "load_policy",
    "make",
    "plan",
    "play",
    "read_orders",
    "resume",
    "train",
]

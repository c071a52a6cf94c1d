"""Public face of the changeover optimiser: environments, order lists, plans, policies.

Everything else lives in the packages ``factory``, ``envs``, ``agents``, ``evaluation`` and
``scheduler``, which are imported where they are needed.
"""

from __future__ import annotations

from changeover.api import (
    check,
    choices,
    evaluate,
    load_factory,
    load_policy,
    make,
    plan,
    play,
    read_orders,
)
from changeover.training_api import export, resume, train

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


def __getattr__(name: str) -> str:
    """Return ``__version__``, which is read when it is asked for, as that takes its time."""
    if name == "__version__":
        from importlib.metadata import version

        return version("changeover-optimiser")
    raise AttributeError(f"module 'changeover' has no attribute {name!r}")

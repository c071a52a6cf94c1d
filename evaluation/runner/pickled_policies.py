"""Policies that exist only in a process, such as classes of a notebook, for evaluations.

They travel to the processes of the evaluation by value, as cloudpickle writes them. Only the files
that this process has written are read.
"""

from __future__ import annotations

import inspect
import pickle
from pathlib import Path
from typing import Any

import cloudpickle

from evaluation.runner.sandbox import call_maker
from factory.io.atomic_write import write_atomically
from factory.model import Factory

PICKLED_SUFFIX = ".pickle"
"""End of the names of the files."""


def write_policy_maker(policy: Any, path: Path) -> None:
    """Write a policy, or a class or function that makes one, to a file.

    Raises
    ------
    ValueError
        If it cannot be pickled.
    """
    try:
        content = cloudpickle.dumps(policy)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        name = getattr(policy, "__name__", type(policy).__name__)
        raise ValueError(
            f"policy {name}: it cannot be sent to other processes ({error}). Write it to a file,"
            " and name it path.py:Name."
        ) from None
    write_atomically(path, content)


def make_from_pickle(reference: str, factory: Factory) -> Any:
    """Make the policy that :func:`write_policy_maker` has written.

    A class or function makes it by :func:`evaluation.runner.sandbox.call_maker`.
    """
    policy = pickle.loads(Path(reference).read_bytes())
    if not callable(policy) or (hasattr(policy, "decide") and not inspect.isclass(policy)):
        return policy
    return call_maker(policy, factory)

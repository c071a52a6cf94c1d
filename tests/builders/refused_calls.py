"""Entry points into compiled code, calls that they must refuse, and the check of a refusal."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from envs.batch import Batch
from envs.observation.tables import as_observation
from factory.io.catalogue import find_single_factory
from scheduler.portfolio.planner import PlanError
from tests.builders.entry_points import CALLERS, fingerprint, no_kernel
from tests.builders.refused_values import WRONG_COUNT, Call, E, altered, each

TINY = find_single_factory("tiny")
READ_BY_RULES = ("candidates", "shop", "action_mask")
"""Tables that rules read."""


@dataclass(frozen=True)
class Entry:
    """An entry point with calls that must be refused.

    Parameters
    ----------
    name
        Qualified name of the function.
    make
        Function that makes the argument of the calls.
    wrong
        Calls that must be refused, by name.
    """

    name: str
    make: Callable[[], Any]
    wrong: dict[str, Call]


def begun() -> Batch:
    """Return a batch of E environments whose episodes have begun."""
    batch = Batch([TINY], num_envs=E)
    batch.reset(np.arange(E, dtype=np.uint64))
    return batch


def blank_observation() -> dict[str, Any]:
    """Return an observation of the shapes of :func:`begun` with a legal first row."""
    tables = as_observation(Batch([TINY], num_envs=E).tables)
    tables["action_mask"][:, 0] = 1
    return tables


def wrong_observations(
    call: Callable[[Any, Any], Any], read: tuple[str, ...] = (*READ_BY_RULES, "machines")
) -> dict[str, Call]:
    """Return a refused call for each wrong observation, in the tables that a policy reads."""
    tables = {name: table for name, table in blank_observation().items() if name in read}
    calls = each(dict(altered(tables)), call)
    calls["nothing"] = lambda thing: call(thing, None)
    calls["a list"] = lambda thing: call(thing, [1, 2])
    return calls


def wrong_counts(make: Callable[..., Any], arguments: Iterable[str]) -> dict[str, Call]:
    """Return a refused call for each wrong count in each argument of a constructor."""
    return {
        f"{argument}: {fault}": lambda _, argument=argument, value=value: make(**{argument: value})
        for argument in arguments
        for fault, value in WRONG_COUNT.items()
    }


def wrong_settings(
    make: Callable[..., Any], settings: Mapping[str, dict[str, Any]]
) -> dict[str, Call]:
    """Return a refused call of a constructor for each wrong setting."""
    return {
        fault: lambda _, arguments=arguments: make(**arguments)
        for fault, arguments in settings.items()
    }


def nothing() -> None:
    """Make no argument; constructors need none."""


def cases_of(entries: Iterable[Entry]) -> list[Any]:
    """Return a parameter for each call: the function that makes its argument, and the call."""
    return [
        pytest.param(entry.make, call, id=f"{entry.name}: {fault}")
        for entry in entries
        for fault, call in entry.wrong.items()
    ]


def check_refused(make: Callable[[], Any], call: Call) -> None:
    """Check that a call is refused in one line, reaches no compiled code and changes nothing."""
    thing = make()
    before = fingerprint(thing)
    with no_kernel(), pytest.raises((TypeError, ValueError, PlanError)) as refusal:
        call(thing)
    message = str(refusal.value)
    assert re.fullmatch(r"[^\n;]+; [^\n]+\. [^\n]+\.", message), message
    assert len(message) < 500
    assert fingerprint(thing) == before


def check_callers(
    packages: Iterable[str], checked: Iterable[str], excused: Mapping[str, str]
) -> None:
    """Check that each caller of a compiled function in some packages is checked or excused."""
    names = tuple(packages)
    callers = {name for name in CALLERS if name.partition(".")[0] in names}
    unknown = sorted(callers - set(checked) - excused.keys())
    assert not unknown, (
        f"{unknown} call compiled functions; add cases to the entries, or the reason why none are"
        " needed"
    )
    assert sorted(excused.keys() - callers) == [], "these call no compiled function"
    assert sorted(excused.keys() & set(checked)) == [], "these have cases"

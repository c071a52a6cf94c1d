"""Policies of settled contenders, ready to decide."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from agents.policy import Policy
from agents.ppo.sb3_checkpoints import load_checkpoint
from agents.rules.registry import make_rule, parse_rule
from evaluation.runner.contenders import INTEGER_PARAMETERS, Contender
from evaluation.runner.pickled_policies import PICKLED_SUFFIX, make_from_pickle
from evaluation.runner.sandbox import SandboxedPolicy, make_from_file
from factory.model import Factory
from factory.validation.arguments import check_count


@contextmanager
def open_policy(
    contender: Contender, factory: Factory, training_seed: int, call_timeout: float
) -> Iterator[Policy]:
    """Yield the policy of a settled contender; one from outside runs in a sandbox.

    Parameters
    ----------
    contender
        The settled contender.
    factory
        Factory that a custom policy is made for.
    training_seed
        Index of the training run.
    call_timeout
        Time limit in seconds of one call of a sandboxed policy.
    """
    if not contender.is_sandboxed:
        yield make_policy(contender)
        return
    reference = contender.paths[training_seed]
    if contender.kind == "learned":
        sandbox = SandboxedPolicy(load_checkpoint, (reference,), call_timeout)
    else:
        make = make_from_pickle if reference.endswith(PICKLED_SUFFIX) else make_from_file
        sandbox = SandboxedPolicy(make, (reference, factory), call_timeout)
    with sandbox:
        yield sandbox


def make_policy(contender: Contender) -> Any:
    """Make the policy of a settled contender whose code is this project's."""
    values = dict(contender.parameters)
    if contender.kind == "rule":
        return make_rule(contender.base, **values)  # type: ignore[arg-type]
    if contender.kind == "index":
        from agents.index.policy import IndexPolicy

        return IndexPolicy(values)  # type: ignore[arg-type]
    numbers = {
        name: _as_integer(name, value) if name in INTEGER_PARAMETERS else value
        for name, value in values.items()
        if name != "rule"
    }
    if contender.kind == "lookahead":
        from agents.ppo.sb3_checkpoints import load_trained
        from agents.search.lookahead import LookaheadPolicy

        return LookaheadPolicy(load_trained(contender.paths[0]), **numbers)  # type: ignore[arg-type]
    rule = parse_rule(str(values["rule"]))
    if contender.base == "rollout":
        from agents.search.rollout import RolloutPolicy

        return RolloutPolicy(rule, **numbers)  # type: ignore[arg-type]
    if contender.base == "cpsat":
        from agents.solver.rolling_horizon import RollingHorizonPolicy

        return RollingHorizonPolicy(rule=rule, **numbers)  # type: ignore[arg-type]
    from agents.solver.foresight.clairvoyant import ClairvoyantPolicy

    return ClairvoyantPolicy(**numbers)  # type: ignore[arg-type]


def _as_integer(name: str, value: Any) -> int:
    """Return a parameter that was written as a number, such as 4 or 4.0, as an integer."""
    number = int(value) if isinstance(value, float) and value.is_integer() else value
    return check_count(name, number, 0)

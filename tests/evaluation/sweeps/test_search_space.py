"""Values that a sweep tries lie in its space, and keys whose conditions fail are left out."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from evaluation.sweeps.search_space import (
    SearchParameter,
    grid_values,
    is_used,
    suggest_values,
    values_within,
)

CONDITIONAL = {
    "network.prior": SearchParameter(choice=("index", "none")),
    "network.prior_scale": SearchParameter(
        uniform=(0.1, 2.0), points=3, when={"network.prior": ("index",)}
    ),
}


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({}, "exactly one of choice"),
        ({"uniform": (0, 1), "choice": (1,)}, "exactly one of choice"),
        ({"uniform": (1, 1)}, "first bound must be less"),
        ({"uniform": (2, 1)}, "first bound must be less"),
        ({"uniform": (0, float("inf"))}, "first bound must be less"),
        ({"log_uniform": (0, 1)}, "more than 0"),
        ({"log_integer": (0, 8)}, "more than 0"),
        ({"integer": (0.5, 3)}, "integer"),
        ({"choice": ()}, "at least 1 item"),
        ({"choice": (1, 1)}, "has a value twice"),
        ({"uniform": (0, 1), "points": 1}, "greater than or equal to 2"),
        ({"uniform": (0, 1), "low": 1}, "Extra inputs"),
    ],
)
def test_a_wrong_parameter_is_refused(fields: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValidationError, match=rule):
        SearchParameter(**fields)


@pytest.mark.parametrize(
    ("fields", "values"),
    [
        ({"choice": ("a", 2, True)}, ("a", 2, True)),
        ({"integer": (1, 4)}, (1, 2, 3, 4)),
        ({"integer": (1, 9), "points": 3}, (1, 5, 9)),
        ({"uniform": (0.0, 1.0), "points": 3}, (0.0, 0.5, 1.0)),
        ({"log_uniform": (0.01, 1.0), "points": 3}, (0.01, 0.1, 1.0)),
        ({"log_integer": (1, 4), "points": 5}, (1, 2, 3, 4)),
    ],
)
def test_a_grid_has_the_choices_or_points_of_a_range(
    fields: dict[str, Any], values: tuple[Any, ...]
) -> None:
    assert SearchParameter(**fields).grid() == pytest.approx(values)


def test_a_grid_has_no_point_twice_where_keys_are_not_used() -> None:
    points = list(grid_values(CONDITIONAL))
    assert len(points) == 4, "three with the index, one without a prior"
    assert points[-1] == {"network.prior": "none"}


def test_values_are_checked_against_the_space() -> None:
    own = {"network.prior": "index", "network.prior_scale": 0.5}
    assert values_within(CONDITIONAL, own) == own
    assert values_within(CONDITIONAL, {**own, "network.prior": "none"}) == {"network.prior": "none"}
    assert values_within(CONDITIONAL, {**own, "network.prior_scale": 3.0}) is None
    assert values_within(CONDITIONAL, {"network.prior": "other"}) is None
    assert not is_used(CONDITIONAL["network.prior_scale"], {})


def test_suggested_values_lie_in_the_space() -> None:
    optuna = pytest.importorskip("optuna", reason="sweeps need the extra `cluster`")
    space = {
        **CONDITIONAL,
        "learning.learning_rate": SearchParameter(log_uniform=(1e-4, 1e-2)),
        "learning.update_epochs": SearchParameter(integer=(1, 3)),
        "learning.num_steps": SearchParameter(log_integer=(16, 256)),
    }
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    drawn = [suggest_values(space, study.ask()) for _ in range(40)]
    assert all(values_within(space, values) == values for values in drawn)
    assert {values["learning.update_epochs"] for values in drawn} == {1, 2, 3}
    assert {"network.prior_scale" in values for values in drawn} == {True, False}
    assert space["learning.num_steps"].distribution() == optuna.distributions.IntDistribution(
        16, 256, log=True
    )

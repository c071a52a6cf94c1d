"""A sweep file that cannot be used is refused before anything trains, one line a problem."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agents.training.config import read_config
from agents.training.config_errors import ConfigError
from evaluation.sweeps.sweep_config import CHANGEABLE, Sweep, read_sweep

QUICK = Path("configs/sweeps/quick.toml")
REFUSED = {
    "trials=0": "trials = 0; must be at least 1",
    "trials=many": "trials = 'many'; ",
    "hours=-1": "hours = -1; must be more than 0",
    "seeds=0": "seeds = 0; must be at least 1",
    "gpus=-1": "gpus = -1; must be at least 0",
    "searcher=best": "searcher = 'best'; is not one of the choices",
    "metric=cost": "metric = 'cost'; is not one of the choices",
    "early_stopping.method=asah": "early_stopping.method = 'asah'; is not one of the choices",
    "early_stopping.reduction=1": "early_stopping.reduction = 1; must be more than 1",
    "early_stopping.grace_timesteps=9_000_000": "must be at most learning.total_timesteps",
    "trails=3": "there is no such key. Write 'trials'",
    "config=missing.toml": "missing.toml: cannot be read",
    "changes=['learning.rate=1']": "learning.rate = 1; there is no such key",
    "changes=['threads']": "is not section.key=value",
    "config=configs/training/full.toml": "trials are compared by PPO alone",
    "searcher=grid": "a grid needs the number of values",
    "space={}": "space = {}; ",
    "space={'seed'={integer=[0,4]}}": "space.seed; no sweep can change this key",
    "space={'learning.learning_rat'={uniform=[0,1]}}": "Write 'learning.learning_rate'",
    "space={'learning.total_timesteps'={integer=[1,4]}}": "no sweep can change this key",
    "space={'learning.clip_range'={uniform=[0,1]}}": "space.learning.clip_range: ",
    "space={'learning.update_epochs'={integer=[0,4]}}": "must be at least 1",
    "space={'network.hidden_size'={choice=[64,65]}}": "must be even",
    "space={'network.prior'={choice=['index','atsc']}}": "is not one of the choices",
    "space={'learning.clip_range'={uniform=[0.1,0.3],when={'network.prior'=['none']}}}": (
        "must be a key of the space before this one"
    ),
}


@pytest.mark.parametrize(("change", "problem"), REFUSED.items())
def test_a_wrong_sweep_is_refused(change: str, problem: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_sweep(QUICK, [change])
    assert problem in str(refused.value)
    assert all(line.endswith(".") for line in str(refused.value).splitlines())


def test_a_condition_on_a_value_that_is_never_tried_is_refused() -> None:
    space = (
        "space={'network.prior'={choice=['index','none']},"
        "'network.prior_scale'={uniform=[0.1,1.0],when={'network.prior'=['atcs']}}}"
    )
    with pytest.raises(ConfigError, match="must be values that the key's choice lists"):
        read_sweep(QUICK, [space])


def test_a_population_has_only_keys_that_may_change_in_a_run() -> None:
    with pytest.raises(ConfigError, match=r"space\.network\.prior_scale; population-based"):
        read_sweep(QUICK, ["early_stopping.method=pbt"])
    change = "space={'learning.ent_coef'={log_uniform=[0.01,0.1]}}"
    sweep = read_sweep(QUICK, ["early_stopping.method=pbt", change])
    assert set(sweep.settings.space) <= set(CHANGEABLE)


def test_a_trial_has_the_values_of_the_sweep_and_the_rest_of_the_config() -> None:
    sweep = read_sweep(QUICK)
    values = {"learning.learning_rate": 0.002, "network.prior_scale": 1.5}
    expected = read_config(
        Path("configs/training/quick.toml"),
        ["threads=1", "learning.learning_rate=0.002", "network.prior_scale=1.5"],
    )
    assert sweep.config_of(values) == expected
    assert sweep.own_values["learning.learning_rate"] == sweep.base.learning.learning_rate


def test_a_sweep_survives_json() -> None:
    sweep = read_sweep(QUICK, ["trials=7", "hours=1.5"])
    content: Any = json.loads(json.dumps(sweep.to_json()))
    again = Sweep.from_json(content)
    assert again.settings == sweep.settings
    assert again.base == sweep.base


def test_a_sweep_in_progress_may_become_longer_and_nothing_else() -> None:
    sweep = read_sweep(QUICK)
    assert sweep.changed(["trials=40", "hours=2"]).settings.trials == 40
    with pytest.raises(ConfigError, match="the trials so far depend on it"):
        sweep.changed(["seeds=3"])


def test_a_grid_has_as_many_trials_as_points() -> None:
    change = "space={'learning.update_epochs'={integer=[1,4]}}"
    assert read_sweep(QUICK, ["searcher=grid", change]).trials == 4
    assert read_sweep(QUICK, ["searcher=grid", change, "trials=3"]).trials == 3

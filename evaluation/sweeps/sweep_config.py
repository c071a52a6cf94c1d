"""Sweep files: which training config is tried with which values, and how long."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agents.training.config import (
    TrainingConfig,
    override,
    parse_config,
)
from agents.training.config_errors import ConfigError
from agents.training.config_files import override_key, read_tables, toml_value, validate_tables
from evaluation.sweeps.search_space import SearchParameter, Values, grid_values
from factory.field_notes import FieldNote
from factory.validation.errors import suggest
from factory.validation.names import printable

MAX_TRIALS = 10_000
"""Maximum number of trials of a sweep, and of points of a grid."""
CHANGEABLE = (
    "learning.update_epochs",
    "learning.minibatch_size",
    "learning.learning_rate",
    "learning.final_learning_rate",
    "learning.ent_coef",
    "learning.final_ent_coef",
    "learning.clip_range",
    "learning.target_kl",
    "learning.vf_coef",
    "learning.max_grad_norm",
    "learning.discount_time",
    "learning.gae_time",
    "learning.ema_decay",
)
"""Keys that may change in the middle of a run, as population-based training does."""
TUNABLE = (
    "network.prior",
    "network.prior_scale",
    "network.hidden_size",
    "scenario.num_generated",
    "learning.num_envs",
    "learning.num_steps",
    *CHANGEABLE,
)
"""Keys that a sweep may change: those that change what is learnt, not how it is measured."""
_FREE = ("trials", "hours", "concurrent_trials")
"""Keys that may change when a sweep is continued."""
_EXAMPLE = "configs/sweeps/quick.toml"


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class EarlyStopping(_Table):
    """Rule by which trials end before their training does."""

    method: Literal["asha", "pbt", "none"] = "asha"
    """``asha``: only the best share of the trials goes on after each rung (Li and others 2020);
    ``pbt``: every so often the worst trials continue from a copy of the best, with changed values
    (Jaderberg and others 2017); ``none``: all trials train to their end."""
    grace_timesteps: Annotated[
        Annotated[int, Field(ge=1)] | None, FieldNote(default="an eighth of the training")
    ] = None
    """Decisions before the first rung, or between two exchanges."""
    reduction: Annotated[float, Field(gt=1, le=100)] = 3.0
    """Of so many trials one goes on after a rung, and a rung is so many times as long as the one
    before."""
    quantile: Annotated[float, Field(gt=0, le=0.5)] = 0.25
    """Share of the trials that population-based training replaces."""


class SweepConfig(_Table):
    """A sweep over values of a training config."""

    config: Annotated[str, Field(min_length=1)]
    """Training config (TOML) of all trials."""
    changes: tuple[str, ...] = ()
    """Changes of that config for all trials, as ``--set`` of ``train.py`` takes them."""
    metric: Literal["validation_ratio", "total_cost"] = "validation_ratio"
    """Figure that is minimised, on the validation episodes: ``validation_ratio`` is the cost
    relative to the best rule's, ``total_cost`` the mean cost of the factories."""
    trials: Annotated[int, Field(ge=1, le=MAX_TRIALS)] = 24
    """Number of trials; a grid has as many as it has points, if that is less."""
    hours: Annotated[
        Annotated[float, Field(gt=0, le=100_000)] | None, FieldNote(default="no limit")
    ] = None
    """Time after which the sweep ends; unfinished trials go on with ``--resume``."""
    seeds: Annotated[int, Field(ge=1, le=1000)] = 1
    """Training seeds of each trial, whose mean counts; they train beside each other."""
    searcher: Literal["tpe", "random", "grid"] = "tpe"
    """``tpe``: tree-structured Parzen estimator (Bergstra and others 2011)."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seed of the searcher."""
    start_from_config: bool = True
    """Try the values of the training config first, if they lie in the space."""
    concurrent_trials: Annotated[
        Annotated[int, Field(ge=1, le=MAX_TRIALS)] | None,
        FieldNote(default="as many as there are processors for"),
    ] = None
    """Maximum number of trials at a time."""
    gpus: Annotated[float, Field(ge=0, le=64)] = 0.0
    """GPUs of each trial; a part of one if several share it."""
    early_stopping: EarlyStopping = EarlyStopping()
    """Rule by which trials end before their training does."""
    space: Annotated[dict[str, SearchParameter], Field(min_length=1)]
    """Parameters by key of the training config, in quotes."""


class Sweep:
    """A checked sweep: its settings, and the training config of each trial.

    Parameters
    ----------
    settings
        Settings of the sweep file.
    tables
        Tables of the training config with the sweep's own changes.
    where
        Sweep file, for errors.

    Raises
    ------
    ConfigError
        If the training config or the space cannot be used; one line for each problem.
    """

    def __init__(self, settings: SweepConfig, tables: dict[str, Any], where: str) -> None:
        self.settings, self._tables, self._where = settings, tables, where
        self.base = parse_config(tables, f"{where}: config")
        problems = list(itertools.islice(self._problems(), 20))
        if problems:
            raise ConfigError("\n".join(problems))

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Sweep:
        """Return the sweep that :meth:`to_json` has described."""
        settings = SweepConfig.model_validate(content["settings"])
        return cls(settings, content["tables"], content["where"])

    def to_json(self) -> dict[str, Any]:
        """Return all that the sweep depends on, the training config included."""
        settings = self.settings.model_dump(mode="json")
        return {"settings": settings, "tables": self._tables, "where": self._where}

    def changed(self, changes: Sequence[str]) -> Sweep:
        """Return the sweep with changes that a sweep in progress can follow.

        Raises
        ------
        ConfigError
            If a change is wrong, or the trials so far would not belong to the changed sweep.
        """
        data = self.settings.model_dump(mode="json", exclude_none=True)
        changed = [key for change in changes for key in override_key(data, change, (), "trials=40")]
        settings = validate_tables(SweepConfig, data, self._where, changed)
        for key in SweepConfig.model_fields:
            before, after = getattr(self.settings, key), getattr(settings, key)
            if before != after and key not in _FREE:
                raise ConfigError(
                    f"--set {key}: was {before!r} before; the trials so far depend on it. Change"
                    f" {', '.join(_FREE)} only, or start another sweep."
                )
        return Sweep(settings, self._tables, self._where)

    @property
    def name(self) -> str:
        """Return the name of the sweep: that of its file."""
        return Path(self._where).stem

    @property
    def metric_name(self) -> str:
        """Return what is minimised, in words."""
        if self.settings.metric == "validation_ratio":
            return "cost relative to the best rule's"
        return "mean cost"

    def tables_of(self, values: Values) -> dict[str, Any]:
        """Return the tables of the training config with the values of a trial."""
        tables = copy.deepcopy(self._tables)
        for key, value in values.items():
            override(tables, f"{key}={toml_value(value)}")
        return tables

    def config_of(self, values: Values) -> TrainingConfig:
        """Return the training config of a trial.

        Raises
        ------
        ConfigError
            If the values do not go together.
        """
        return parse_config(self.tables_of(values), f"{self._where}: values of a trial")

    @property
    def own_values(self) -> Values:
        """Return the values that the training config has for the keys of the space."""
        values = {}
        for key in self.settings.space:
            section, _, name = key.partition(".")
            values[key] = getattr(getattr(self.base, section), name)
        return values

    @property
    def trials(self) -> int:
        """Return the number of trials."""
        count = self.settings.trials
        if self.settings.searcher == "grid":
            points = itertools.islice(grid_values(self.settings.space), count)
            count = sum(1 for _ in points)
        return count

    @property
    def grace_timesteps(self) -> int:
        """Return the decisions before the first rung."""
        given = self.settings.early_stopping.grace_timesteps
        return given or max(1, self.base.learning.total_timesteps // 8)

    # --- checks -----------------------------------------------------------------------------------

    def _problems(self) -> Iterator[str]:
        settings, total = self.settings, self.base.learning.total_timesteps
        if self.base.expert_iteration.iterations:
            yield (
                f"{self._where}: config = {settings.config!r} with expert_iteration.iterations ="
                f" {self.base.expert_iteration.iterations}; trials are compared by PPO alone. Add"
                ' "expert_iteration.iterations=0" to changes.'
            )
        if settings.early_stopping.method != "none" and self.grace_timesteps > total:
            yield (
                f"{self._where}: early_stopping.grace_timesteps = {self.grace_timesteps}; must be"
                f" at most learning.total_timesteps = {total}. Write a smaller number."
            )
        for key, parameter in settings.space.items():
            yield from self._key_problems(key, parameter)

    def _key_problems(self, key: str, parameter: SearchParameter) -> Iterator[str]:
        place = printable(f"{self._where}: space.{key}")
        if key not in TUNABLE:
            yield f"{place}; no sweep can change this key. {suggest(key, TUNABLE)}."
            return
        method = self.settings.early_stopping.method
        if method == "pbt" and (key not in CHANGEABLE or parameter.when):
            yield (
                f"{place}; population-based training changes keys in the middle of a run, without"
                f" conditions. Leave it out, or choose among {', '.join(CHANGEABLE)}."
            )
        if self._needs_points(parameter):
            yield (
                f"{place}; a grid needs the number of values of this range. Write points = 5"
                " beside it."
            )
        yield from self._condition_problems(key, parameter, place)
        for value in parameter.extremes():
            try:
                self.config_of({key: value})
            except ConfigError as error:
                rule = str(error).partition("values of a trial: ")[2].partition("\n")[0]
                yield f"{place}: {rule}"

    def _needs_points(self, parameter: SearchParameter) -> bool:
        is_range = parameter.choice is None and not parameter.is_whole
        return self.settings.searcher == "grid" and is_range and parameter.points is None

    def _condition_problems(
        self, key: str, parameter: SearchParameter, place: str
    ) -> Iterator[str]:
        names = list(self.settings.space)
        for other, allowed in parameter.when.items():
            before = names[: names.index(key)]
            if other not in before:
                yield (
                    f"{place}.when: {printable(other)}; must be a key of the space before this one."
                    f" {suggest(other, before) if before else 'Put it there'}."
                )
                continue
            choices = self.settings.space[other].choice
            wrong = [value for value in allowed if choices is None or value not in choices]
            if wrong:
                rule = "must be values that the key's choice lists"
                yield (
                    f"{place}.when.{other} = {wrong}; {rule}. Write some of {list(choices or ())}."
                )


def read_sweep(path: Path, changes: Sequence[str] = ()) -> Sweep:
    """Read and check a sweep file and its training config.

    Parameters
    ----------
    path
        TOML file.
    changes
        Overrides of single keys of the sweep file, ``key=value``.

    Raises
    ------
    ConfigError
        If a file cannot be read or a key is wrong; the message has one line for each problem.
    """
    where = printable(str(path))
    data = read_tables(path, _EXAMPLE)
    changed = [
        key
        for change in changes
        for key in override_key(data, change, ("early_stopping", "space"), "trials=8")
    ]
    settings = validate_tables(SweepConfig, data, where, changed)
    tables = read_tables(Path(settings.config), "configs/training/quick.toml")
    for change in settings.changes:
        override(tables, change)
    return Sweep(settings, tables, where)

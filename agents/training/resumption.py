"""Settings of a run that may change when it is resumed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agents.training.config import (
    TrainingConfig,
    parse_config,
    read_config,
    section_names,
    to_toml,
)
from agents.training.config_errors import ConfigError
from factory.io.atomic_write import write_atomically

_GROWING = ("learning.total_timesteps", "expert_iteration.iterations")
"""Keys that may only grow: what a run has done stays done."""
_FREE = "logging"
"""Section that changes no weights but those that are chosen as the best."""


def change_resumed(folder: Path, changes: Sequence[str]) -> TrainingConfig:
    """Return the config of a run with changes that a resumed run can follow.

    Parameters
    ----------
    folder
        Folder of the run.
    changes
        Overrides, as for :func:`agents.training.config.read_config`.

    Raises
    ------
    ConfigError
        If there is no run, or a change would not give the run that the new settings describe; the
        message has one line for each.
    """
    path = folder / "config.toml"
    if not path.is_file():
        raise ConfigError(
            f"--resume {folder}: there is no run ({path} is missing). Give the folder that --out"
            " named, or start a run without --resume."
        )
    before, after = read_config(path), read_config(path, changes)
    problems = list(_problems(before, after))
    if problems:
        raise ConfigError("\n".join(f"--resume {folder}: {problem}" for problem in problems))
    return after


def keep_resumed(folder: Path, config: TrainingConfig) -> None:
    """Write the config of a resumed run, if it has changed."""
    path, text = folder / "config.toml", to_toml(config)
    if path.read_text(encoding="utf-8") != text:
        write_atomically(path, text)


def with_seed(config: TrainingConfig, seed: int) -> TrainingConfig:
    """Return the config with another training seed, which is checked."""
    return parse_config({**config.model_dump(exclude_none=True), "seed": seed}, "--seed")


def _problems(before: TrainingConfig, after: TrainingConfig) -> list[str]:
    old, new = _flatten(before), _flatten(after)
    problems = []
    for key, value in new.items():
        if old[key] == value or key.startswith(f"{_FREE}."):
            continue
        if key not in _GROWING:
            problems.append(
                f"{key} = {value!r} (was {old[key]!r}); the run's weights depend on it from the"
                " start. Leave it as it is, or start another run with --out."
            )
        elif value < old[key]:
            problems.append(
                f"{key} = {value} (was {old[key]}); a resumed run can only become longer. Give"
                f" {old[key]} or more."
            )
    return problems


def _flatten(config: TrainingConfig) -> dict[str, Any]:
    """Return the values of a config by ``section.key``."""
    values: dict[str, Any] = {"seed": config.seed, "threads": config.threads}
    for section in section_names():
        for key, value in getattr(config, section):
            values[f"{section}.{key}"] = value
    return values

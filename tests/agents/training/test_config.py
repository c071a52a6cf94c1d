"""Training configs: shipped ones are read and written; wrong and former keys are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from agents.training import config as training_config
from agents.training.config import (
    RENAMED,
    ConfigError,
    LearningSection,
    TrainingConfig,
    parse_config,
    read_config,
    to_toml,
)
from tests.builders.repository import ROOT


@pytest.mark.parametrize(
    "path", sorted((ROOT / "configs" / "training").glob("*.toml")), ids=lambda path: path.stem
)
def test_shipped_configs_are_read_and_written(path: Path, tmp_path: Path) -> None:
    config = read_config(path)
    (tmp_path / "copy.toml").write_text(to_toml(config))
    assert read_config(tmp_path / "copy.toml") == config


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            ["learning.total_timestep=1"],
            "learning.total_timestep = 1; there is no such key. Write 'total_timesteps', if that is"
            " meant.",
        ),
        (
            ["learning.total_timesteps=0"],
            "learning.total_timesteps = 0; input should be greater than or equal to 1. Correct it.",
        ),
        (["learning.learning_rate=nan"], "learning.learning_rate = nan; input should be"),
        (
            ["logging.keep_checkpoints=1"],
            "logging.keep_checkpoints = 1; input should be greater than or equal to 2. Correct it.",
        ),
        (
            ["network.prior=luck"],
            "network.prior = 'luck'; input should be 'index', 'atcs' or 'none'. Correct it.",
        ),
        (["seed"], "--set 'seed': is not section.key=value."),
        (["seed.x=1"], "--set 'seed.x=1': seed is not a section."),
    ],
)
def test_bad_settings_are_refused(changes: list[str], message: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("seed = 1\n")
    with pytest.raises(ConfigError) as caught:
        read_config(path, changes)
    assert message in str(caught.value)


def test_settings_can_be_changed() -> None:
    config = read_config(
        ROOT / "configs" / "training" / "smoke.toml",
        ["seed=3", "network.prior=atcs", 'scenario.factories=["tiny"]'],
    )
    assert (config.seed, config.network.prior, config.scenario.factories) == (3, "atcs", ("tiny",))
    assert TrainingConfig().seed == 0


def exists(name: str) -> bool:
    """Return True if a config has the section, or the key in its section."""
    model: type[BaseModel] = TrainingConfig
    *sections, key = name.split(".")
    for section in sections:
        model = model.model_fields[section].annotation  # type: ignore[assignment]
    return key in model.model_fields


def nested(name: str, value: Any) -> dict[str, Any]:
    """Return the tables of a config in which one key is set."""
    for part in reversed(name.split(".")):
        value = {part: value}
    return dict(value)


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_the_error_of_a_former_key_names_the_new_one(old: str, new: str) -> None:
    assert exists(new)
    assert not exists(old)
    value = 1 if "." in old else {}
    with pytest.raises(ConfigError) as caught:
        parse_config(nested(old, value), "old.toml")
    shown = f"{old} = 1" if "." in old else old
    assert str(caught.value) == f"old.toml: {shown}; its name is {new}. Write {new} instead."


@pytest.mark.parametrize(("old", "reason"), training_config._REMOVED.items())
def test_the_error_of_a_removed_key_tells_the_reason(old: str, reason: str) -> None:
    assert not exists(old)
    with pytest.raises(ConfigError) as caught:
        parse_config(nested(old, True), "old.toml")
    assert str(caught.value) == (
        f"old.toml: {old} = True; there is no such key: {reason}. Leave it out."
    )


def test_every_key_of_the_section_learning_reaches_ppo() -> None:
    """Total timesteps, environments and EMA decay belong to the trainer."""
    changed = {
        name: info.get_default() + 1 if name not in ("ema_decay", "target_kl") else 0.5
        for name, info in LearningSection.model_fields.items()
    }
    before, after = LearningSection(), LearningSection(**changed)
    used = set()
    for name, value in changed.items():
        section = LearningSection(**{name: value})
        if arguments_of(section) != arguments_of(before):
            used.add(name)
    assert set(changed) - used == {"total_timesteps", "num_envs", "ema_decay"}
    assert after.ppo_arguments().keys() == before.ppo_arguments().keys()


def arguments_of(section: LearningSection) -> dict[str, Any]:
    """Return the arguments of PPO, the learning rate at both ends of the training."""
    arguments = section.ppo_arguments()
    rate = arguments.pop("learning_rate")
    return {**arguments, "first": rate(1.0), "last": rate(0.0)}

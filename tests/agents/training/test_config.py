"""Training configs: shipped ones are read and written; wrong and former keys are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from agents.training.config import (
    LearningSection,
    TrainingConfig,
    parse_config,
    read_config,
    to_toml,
)
from agents.training.config_errors import REMOVED, RENAMED, ConfigError
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
            "learning.total_timesteps = 0; must be at least 1. Write another number.",
        ),
        (["learning.learning_rate=nan"], "learning.learning_rate = nan; must be a finite number."),
        (["learning.learning_rate=inf"], "learning.learning_rate = inf; must be a finite number."),
        (["learning.ent_coef=inf"], "learning.ent_coef = inf; must be a finite number."),
        (["learning.clip_range=1e300"], "learning.clip_range = 1e+300; must be at most 1e+09."),
        (["learning.clip_range=[0.1]"], "learning.clip_range = [0.1]; must be a number."),
        (["learning.target_kl=0"], "learning.target_kl = 0; must be more than 0."),
        (["logging.keep_checkpoints=1"], "logging.keep_checkpoints = 1; must be at least 2."),
        (["logging.test_episodes=10000000"], "must be at most 1e+06."),
        (["seed=32768"], "seed = 32768; must be less than 32,768."),
        (["seed=1.5"], "seed = 1.5; must be a whole number."),
        (["seed=true"], "seed = True; must be a number, not true or false."),
        (["seed='1'"], "seed = '1'; must be a number, without quotes."),
        (["seed="], "seed = ''; must be a number, without quotes."),
        (["seed={}"], "seed = {}; must be a whole number."),
        (["seed=2026-01-01"], "seed = 2026-01-01; must be a whole number."),
        (["seed=1\nthreads=5"], r"seed = '1\nthreads=5'; must be a number, without quotes."),
        (["seed=" + "[" * 5000], "...; must be a number, without quotes."),
        (["threads=1000000000000000000000"], "must be at most 1,024."),
        (["network.hidden_size=33"], "network.hidden_size = 33; must be even."),
        (["network.init_from="], "network.init_from = ''; must not be empty."),
        (["logging.log_gantt=yes"], "logging.log_gantt = 'yes'; must be true or false."),
        (["logging.log_gantt=1"], "logging.log_gantt = 1; must be true or false."),
        (["logging.baselines=['ATCS']"], "logging.baselines = ['ATCS']; must be a text."),
        (
            ["scenario.factories=tiny"],
            "scenario.factories = 'tiny'; must be a list. Put it in brackets: ['tiny'].",
        ),
        (["scenario.factories=[]"], "scenario.factories = []; must not be empty."),
        (["learning=1"], "learning = 1; must be a section."),
        (
            ["learning.num_envs=1", "learning.num_steps=1"],
            "learning; num_envs * num_steps = 1; a rollout must have 2 decisions or more.",
        ),
        (
            ["network.prior=luck"],
            "network.prior = 'luck'; is not one of the choices. Write 'index', 'atcs' or 'none'.",
        ),
        (
            ["num_envs=8"],
            "num_envs = 8; there is no such key. Write learning.num_envs, if that is meant.",
        ),
        (["\x1b=1"], r"\x1b = 1; there is no such key."),
        (["seed"], "--set 'seed': is not section.key=value."),
        (["=1"], "--set '=1': is not section.key=value."),
        (["learning..num_envs=1"], "--set 'learning..num_envs=1': is not section.key=value."),
        (["seed.x=1"], "--set 'seed.x=1': seed is not a section."),
    ],
)
def test_bad_settings_are_refused(changes: list[str], message: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("seed = 1\n")
    with pytest.raises(ConfigError) as caught:
        read_config(path, changes)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(("command line: ", "--set "))


def test_the_error_of_a_wrong_item_of_a_list_names_its_index_alone() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config({"scenario": {"factories": ["tiny", 1]}}, "x.toml")
    assert str(caught.value) == (
        "x.toml: scenario.factories[1] = 1; must be a text. Put it in quotes."
    )


def test_each_error_names_the_file_or_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[learning]\nnum_envs = 0\n")
    with pytest.raises(ConfigError) as caught:
        read_config(path, ["learning.num_steps=0", "netwrk.prior=atcs"])
    assert [line.partition(": ")[0] for line in str(caught.value).splitlines()] == [
        str(path),
        "command line",
        "command line",
    ]


def test_an_error_has_at_most_20_lines_and_counts_the_rest() -> None:
    for count, last in ((20, "k19 = 19"), (21, "x.toml: and 2 more problems.")):
        with pytest.raises(ConfigError) as caught:
            parse_config({f"k{i}": i for i in range(count)}, "x.toml")
        lines = str(caught.value).splitlines()
        assert len(lines) == 20
        assert last in lines[-1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"seed = ", "is not TOML (Invalid value"),
        (b"seed = 1\nseed = 2", "is not TOML (Cannot overwrite a value"),
        (b"a = " + b"[" * 5000, "is not TOML ("),
        (b"\xff\xfes\x00", "is UTF-16 text; must be UTF-8."),
        (b"seed = 1 # \xff", "is not UTF-8 text (byte 11)."),
    ],
)
def test_a_file_that_is_not_toml_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    assert str(caught.value).startswith(f"{path}: {message}")


def test_a_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read \(Is a directory\)"):
        read_config(tmp_path)


def test_spaces_around_the_parts_of_an_override_do_not_count() -> None:
    path = ROOT / "configs" / "training" / "smoke.toml"
    assert read_config(path, [" learning . num_envs = 5 "]).learning.num_envs == 5


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


def test_the_error_of_a_former_section_names_the_new_name_of_each_key() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config({"keeping": {"bundle": 1, "test_episodes": 2}}, "old.toml")
    assert str(caught.value).splitlines() == [
        "old.toml: keeping.bundle = 1; its name is logging.export_bundle. Write"
        " logging.export_bundle instead.",
        "old.toml: keeping.test_episodes = 2; its name is logging.test_episodes. Write"
        " logging.test_episodes instead.",
    ]


@pytest.mark.parametrize(("old", "reason"), REMOVED.items())
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
        name: info.get_default() + 2 if name not in ("ema_decay", "target_kl") else 0.5
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

"""Files that ship with the project: found by their paths in the checkout, from any folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.network.trained_policy import load_policy
from agents.training.config import read_config
from agents.training.config_errors import ConfigError
from evaluation.runner.contenders import parse_contenders
from factory.io.catalogue import find_factory
from factory.io.shipped_files import command_of, find_shipped
from tests.builders.repository import ROOT


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_path_of_the_current_directory_comes_before_a_shipped_one(elsewhere: Path) -> None:
    own = Path("policies", "mixture")
    own.mkdir(parents=True)
    assert find_shipped("policies/mixture") == own
    assert find_shipped("policies/microfactory") == ROOT / "policies" / "microfactory"


@pytest.mark.parametrize(
    "path",
    [
        "policies/none",
        "runs/mixture",
        "mixture",
        "../policies/mixture",
        "/policies/mixture",
        "docs/model.md",
    ],
)
def test_a_path_of_nothing_that_ships_stays_as_it_is(elsewhere: Path, path: str) -> None:
    assert find_shipped(path) == Path(path)


def test_shipped_policies_compete_from_any_folder(elsewhere: Path) -> None:
    mixture, both = parse_contenders("policies/mixture,both=policies/mixture+policies/microfactory")
    assert (mixture.name, mixture.paths) == ("mixture", (str(ROOT / "policies" / "mixture"),))
    assert both.paths == tuple(
        str(ROOT / "policies" / name) for name in ("mixture", "microfactory")
    )
    (ahead,) = parse_contenders("lookahead(policy=policies/mixture)")
    assert ahead.paths == mixture.paths


def test_shipped_policies_configs_and_factories_are_read_from_any_folder(elsewhere: Path) -> None:
    assert load_policy("policies/mixture").network.hidden_size > 0
    assert read_config(Path("configs/training/quick.toml")) == read_config(
        ROOT / "configs" / "training" / "quick.toml"
    )
    assert find_factory("configs/factories/tiny.toml") == find_factory("tiny")


def test_the_message_about_a_config_that_is_not_there_tells_where_it_was_looked_for(
    elsewhere: Path,
) -> None:
    with pytest.raises(ConfigError, match=r"configs/training/none\.toml: cannot be read") as error:
        read_config(Path("configs/training/none.toml"))
    assert str(elsewhere) in str(error.value)
    assert str(ROOT) in str(error.value)


@pytest.mark.parametrize("text", ["policies/none", "lookahead(policy=policies/none)"])
def test_the_message_about_a_policy_that_is_not_there_tells_where_it_was_looked_for(
    elsewhere: Path, text: str
) -> None:
    with pytest.raises(ValueError, match=r"policy 'policies/none'") as error:
        parse_contenders(text)
    assert str(elsewhere) in str(error.value)
    assert str(ROOT) in str(error.value)


def test_the_message_about_a_factory_that_is_not_there_tells_where_it_was_looked_for(
    elsewhere: Path,
) -> None:
    with pytest.raises(
        ValueError, match=r"'configs/factories/none\.toml': there is no such file"
    ) as error:
        find_factory("configs/factories/none.toml")
    assert str(elsewhere) in str(error.value)
    assert str(ROOT) in str(error.value)


def test_messages_name_the_scripts_of_a_checkout_and_the_commands_of_an_installed_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command_of("evaluate") == "python evaluate.py"
    for program in ("/bin/changeover", "/lib/changeover/__main__.py"):
        monkeypatch.setattr("sys.argv", [program, "evaluate"])
        assert command_of("evaluate") == "changeover evaluate"
    monkeypatch.setattr("sys.argv", ["train.py"])
    monkeypatch.setattr("factory.io.shipped_files.ROOT", tmp_path)
    assert command_of("evaluate") == "changeover evaluate"

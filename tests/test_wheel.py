"""The wheel holds what its users need, and an installed copy works from any folder as the checkout
does."""

from __future__ import annotations

import json
import zipfile
from email.parser import Parser
from importlib.metadata import version
from pathlib import Path

import pytest

from evaluation.runner import provenance
from evaluation.tuned_parameters import tuned_rules
from tests.builders.installed_copy import (
    DATA,
    MODULES,
    PACKAGES,
    build_wheel,
    files_below,
    install_wheel,
    run_installed,
)
from tests.builders.repository import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built once."""
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an installed copy."""
    return install_wheel(wheel, tmp_path_factory.mktemp("site"))


def test_the_wheel_holds_the_packages_their_data_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    wanted = {
        f"{folder}/{name}"
        for folder in (*PACKAGES, *DATA)
        for name in files_below(ROOT / folder)
        if "__pycache__" not in name
    }
    assert held == wanted | set(MODULES)
    assert {f"{package}/py.typed" for package in PACKAGES} <= held
    assert {
        "configs/factories/tiny.toml",
        "configs/training/quick.toml",
        "policies/mixture/weights.npz",
        "scheduler/page/index.html",
    } <= held


def test_the_wheel_describes_itself(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        fields = Parser().parsestr(archive.read(metadata).decode())
    assert fields["Version"] == version("changeover-optimiser")
    assert fields["Description-Content-Type"] == "text/markdown"
    assert fields.get_payload() == (ROOT / "README.md").read_text(encoding="utf-8")
    assert "Typing :: Typed" in (fields.get_all("Classifier") or [])


PLAY_AN_EPISODE = """
import json
from pathlib import Path
import gymnasium
import envs.registration
import factory
from agents.training.config import read_config
from evaluation.tuned_parameters import tuned_rules
env = gymnasium.make("microfactory/Changeover-v0", factory="microfactory", disable_env_checker=True)
rule = tuned_rules("microfactory")["ATCS"]
observation, _ = env.reset(seed=5)
total, over = 0.0, False
while not over:
    observation, reward, terminated, truncated, _ = env.step(rule.decide(observation))
    total, over = total + float(reward), terminated or truncated
config = read_config(Path("configs/training/quick.toml"))
facts = {"file": factory.__file__, "rule": str(rule), "total": total}
print(json.dumps({**facts, "config": config.model_dump(mode="json")}))
"""


def test_an_installed_copy_plays_the_tuned_rule_as_the_checkout_does(
    site: Path, tmp_path: Path
) -> None:
    """Both make the environment by its name, and find the factory, the tuned parameters and a
    training config from an empty folder."""
    installed, checkout = (
        json.loads(run_installed(place, tmp_path, "-c", PLAY_AN_EPISODE)) for place in (site, ROOT)
    )
    assert Path(installed.pop("file")) == site / "factory" / "__init__.py"
    assert Path(checkout.pop("file")) == ROOT / "factory" / "__init__.py"
    assert installed == checkout
    assert installed["rule"] == str(tuned_rules("microfactory")["ATCS"]) != "ATCS"
    assert installed["total"] < 0


def test_an_installed_copy_evaluates_a_shipped_policy_by_its_name(
    site: Path, tmp_path: Path
) -> None:
    """The results name the version of the package and no commit, and the sources are those of the
    checkout."""
    options = [
        "--factory",
        "tiny",
        "--policies",
        "EDD,policies/mixture",
        "--versus",
        "EDD",
        "--episodes",
        "1",
        "--validation-episodes",
        "1",
    ]
    files = sorted(files_below(site))
    run_installed(
        site,
        tmp_path,
        str(site / "bin" / "changeover"),
        "evaluate",
        *options,
        "--processes",
        "1",
        "--out",
        "results",
    )
    results = json.loads((tmp_path / "results" / "results.json").read_text(encoding="utf-8"))
    assert set(results["policies"]) == {"EDD", "mixture"}
    assert all(policy["failed"] is None for policy in results["policies"].values())
    origin = (results["project_version"], results["commit"], results["source_hash"])
    assert origin == (version("changeover-optimiser"), None, provenance.runtime_source_hash())
    assert sorted(files_below(site)) == files


def test_the_errors_of_an_installed_copy_name_its_commands(site: Path, tmp_path: Path) -> None:
    (tmp_path / "plant.toml").write_text(
        (ROOT / "configs" / "factories" / "tiny.toml")
        .read_text(encoding="utf-8")
        .replace('name = "tiny"', 'name = "plant"', 1),
        encoding="utf-8",
    )
    command = "import train; raise SystemExit(0 if train.main() == 2 else 1)"
    factories, baselines = 'scenario.factories=["plant.toml"]', "network.prior=index"
    options = ["--set", factories, "--set", baselines]
    told = run_installed(
        site, tmp_path, "-c", f"import sys; sys.stderr = sys.stdout; {command}", *options
    )
    assert "Run changeover evaluate --tune --factory plant.toml" in told


@pytest.mark.parametrize(
    "command",
    ["plan", "what-if", "check", "train", "sweep", "evaluate", "tune", "serve", "export", "demo"],
)
def test_an_installed_command_tells_its_options(site: Path, tmp_path: Path, command: str) -> None:
    script = str(site / "bin" / "changeover")
    assert "usage:" in run_installed(site, tmp_path, script, command, "--help")

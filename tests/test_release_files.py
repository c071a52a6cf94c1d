"""The version stands in one place, and the files around a release agree with it."""

from __future__ import annotations

import datetime
import subprocess
import sys
import tomllib
from importlib.metadata import version
from typing import Any

import pytest
import yaml

import changeover
from changeover.__main__ import main
from scripts.installed_check import SCHEDULER_TRIALS, TESTS, TRIALS
from scripts.release_rules import project_version, released_versions
from tests.builders.repository import ROOT

GITHUB = ROOT / ".github"
VERSION = project_version(ROOT)


def read_yaml(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def changelog() -> dict[str, str]:
    return released_versions((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))


# --- version --------------------------------------------------------------------------------------


def test_the_version_of_the_installed_copy_is_that_of_the_project(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """After a change of the version, `make setup` installs it."""
    assert changeover.__version__ == version("changeover-optimiser") == VERSION
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"{VERSION}\n"


def test_the_public_face_refuses_other_attributes() -> None:
    with pytest.raises(AttributeError, match="module 'changeover' has no attribute 'version'"):
        _ = changeover.version  # type: ignore[attr-defined]


def test_importing_the_public_face_reads_no_metadata() -> None:
    code = "import sys, changeover; print('importlib.metadata' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


def test_the_newest_heading_of_the_changelog_is_the_version() -> None:
    assert next(iter(changelog())) == VERSION


def test_the_versions_of_the_changelog_fall() -> None:
    numbers = [tuple(map(int, name.split("."))) for name in changelog()]
    assert numbers == sorted(numbers, reverse=True)


# --- citation -------------------------------------------------------------------------------------

CITATION_KEYS = {
    *("cff-version", "message", "type", "title", "abstract", "version", "date-released"),
    *("license", "authors", "keywords"),
}
"""Keys of the Citation File Format 1.2.0 that are used here."""


def test_the_citation_names_the_version_that_is_built() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = read_yaml("CITATION.cff")
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])
    assert citation["date-released"] == datetime.date.fromisoformat(changelog()[VERSION])
    assert [author["name"] for author in citation["authors"]] == [
        author["name"] for author in project["authors"]
    ]


def test_the_citation_has_the_keys_of_its_format() -> None:
    citation = read_yaml("CITATION.cff")
    assert set(citation) == CITATION_KEYS
    assert (citation["cff-version"], citation["type"]) == ("1.2.0", "software")
    assert all(isinstance(citation[key], str) for key in ("message", "title", "abstract"))
    assert len(set(citation["keywords"])) == len(citation["keywords"])


# --- sdist ----------------------------------------------------------------------------------------

LOCAL = {
    *(".git", ".venv", ".venv-peers", "build", "demo", "dist", "results", "runs", "shared"),
    *("site", "site_cache", "gantt.png", ".coverage", ".hypothesis"),
}
"""What stands in a work tree and not in the repository; caches of tools have one more ending."""


def test_the_sdist_holds_every_folder_of_the_repository() -> None:
    grafted = {
        line.removeprefix("graft ")
        for line in (ROOT / "MANIFEST.in").read_text(encoding="utf-8").splitlines()
        if line.startswith("graft ")
    }
    folders = {
        path.name
        for path in ROOT.iterdir()
        if path.is_dir() and not path.name.endswith(("_cache", "__pycache__", ".egg-info"))
    }
    assert folders - LOCAL == grafted


def test_a_release_tries_tests_and_commands_that_exist() -> None:
    assert [test for test in TESTS if not (ROOT / test).is_file()] == []
    assert {trial[0] for trial in (*SCHEDULER_TRIALS, *TRIALS)} == {"changeover"}


# --- GitHub ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["test.yml", "release.yml"])
def test_workflows_have_least_rights_and_limits(name: str) -> None:
    workflow = read_yaml(f".github/workflows/{name}")
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 90
        assert all(("uses" in step) != ("run" in step) for step in job["steps"])


def test_the_release_workflow_runs_on_tags_of_versions() -> None:
    workflow = read_yaml(".github/workflows/release.yml")
    assert workflow[True] == {"push": {"tags": ["v*"]}}  # YAML reads the key `on` as true
    commands = [step.get("run", "") for step in workflow["jobs"]["release"]["steps"]]
    assert any("make release TAG=" in command for command in commands)
    assert workflow["jobs"]["pypi"]["if"] == "vars.PUBLISH_TO_PYPI == 'true'"


@pytest.mark.parametrize("path", sorted(GITHUB.glob("ISSUE_TEMPLATE/*.yml")), ids=lambda p: p.name)
def test_issue_forms_have_what_github_needs(path: Any) -> None:
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    if path.name == "config.yml":
        assert form == {"blank_issues_enabled": True}
        return
    assert {"name", "description", "body"} <= set(form)
    fields = [item for item in form["body"] if item["type"] != "markdown"]
    assert fields
    assert len({item["id"] for item in fields}) == len(fields)
    assert all(item["attributes"]["label"] for item in fields)

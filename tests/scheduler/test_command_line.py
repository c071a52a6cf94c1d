"""The command line refuses files and changes that cannot be used, with place, value and remedy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scheduler.__main__ import main
from tests.builders.repository import ROOT

SNAPSHOT = str(ROOT / "examples" / "snapshot.json")


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    """Folder with nothing but a manifest: the rule decides."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    manifest = {"training": {"factories": ["microfactory"]}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return str(folder)


@pytest.mark.parametrize("command", ["decide", "plan", "explain"])
def test_bug_a_missing_snapshot_is_named_with_a_remedy(
    command: str, bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message was that of the operating system, with its error number."""
    path = tmp_path / "none.json"
    assert main([command, str(path), "--bundle", bundle]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"{path}: cannot be read (No such file or directory). Give a JSON file, or - for standard"
        " input."
    )


def test_a_folder_is_no_snapshot(
    bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["decide", str(tmp_path), "--bundle", bundle]) == 1
    assert f"{tmp_path}: cannot be read (Is a directory). Give" in capsys.readouterr().err


def test_a_missing_previous_plan_is_named_with_a_remedy(
    bundle: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "plan.json"
    assert main(["plan", SNAPSHOT, "--bundle", bundle, "--previous", str(path)]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"{path}: cannot be read (No such file or directory). Give a JSON file that python -m"
        " scheduler plan wrote."
    )


def test_a_missing_bundle_is_named_without_an_error_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "none"
    arguments = ["decide", SNAPSHOT, "--bundle", str(folder), "--factory", "microfactory"]
    assert main(arguments) == 0, "the rule decides"
    err = capsys.readouterr().err
    assert err.startswith(
        f"{folder / 'manifest.json'}: cannot be read (No such file or directory). Give a folder"
    )


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            '{"change": "miracle"}',
            "changes.0.change = 'miracle'; there is no such change. Write one of 'rush_order',",
        ),
        ("miracle", "--change: is not JSON (expected value at line 1 column 2). Correct the text"),
    ],
    ids=["unknown", "no JSON"],
)
def test_bug_an_unknown_change_is_named_with_the_known_ones(
    change: str, problem: str, bundle: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["what-if", SNAPSHOT, "--bundle", bundle, "--change", change]) == 1
    assert problem in capsys.readouterr().err

"""A release is made of the files of the commit, tried, and neither tagged nor uploaded."""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from scripts import release
from scripts.installed_check import SCHEDULER_TRIALS, TESTS, TRIALS, run_command
from scripts.release import make_release, write_sums, zip_site
from scripts.release_rules import ReleaseError
from tests.builders.release_tree import git, make_tree

WHEEL, SDIST = "changeover_optimiser-1.2.0-py3-none-any.whl", "changeover_optimiser-1.2.0.tar.gz"


class FakeTools:
    """Recorder of commands, which makes the files that building and `make docs` would make."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        self.commands: list[tuple[list[str], Path]] = []
        self.built_from: list[str] = []

    def __call__(self, command: Sequence[str], folder: Path) -> None:
        self.commands.append((list(command), folder))
        if "build" in command:
            self.built_from = sorted(path.name for path in folder.iterdir())
            dist = Path(command[command.index("--outdir") + 1])
            (dist / WHEEL).write_text("wheel", encoding="utf-8")
            with tarfile.open(dist / SDIST, "w:gz") as archive:
                archive.add(folder / "CHANGELOG.md", "changeover_optimiser-1.2.0/CHANGELOG.md")
        elif command[0] == "make":
            (self.tree / "site").mkdir()
            (self.tree / "site" / "index.html").write_text("<p>", encoding="utf-8")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make_tree(tmp_path)


@pytest.fixture
def tools(tree: Path) -> FakeTools:
    return FakeTools(tree)


def test_a_release_has_all_its_files_with_their_sums(tree: Path, tools: FakeTools) -> None:
    (tree / "dist").mkdir()
    (tree / "dist" / "changeover_optimiser-1.1.0.tar.gz").touch()
    assert make_release(tree, run=tools) == "1.2.0"
    dist = tree / "dist"
    site = "changeover_optimiser-1.2.0-site.zip"
    files = {WHEEL, SDIST, site, "RELEASE_NOTES.md", "SHA256SUMS"}
    assert {path.name for path in dist.iterdir()} == files
    assert (dist / "RELEASE_NOTES.md").read_text(encoding="utf-8") == "New things.\n"
    sums = dict(line.split("  ")[::-1] for line in (dist / "SHA256SUMS").read_text().splitlines())
    assert sums == {
        name: hashlib.sha256((dist / name).read_bytes()).hexdigest()
        for name in files - {"SHA256SUMS"}
    }


def test_a_release_is_built_from_the_files_of_the_commit(tree: Path, tools: FakeTools) -> None:
    (tree / "dist").mkdir()  # ignored by git
    (tree / "dist" / "leftover.py").touch()
    make_release(tree, run=tools)
    assert tools.built_from == [".gitignore", "CHANGELOG.md", "constraints.txt", "pyproject.toml"]


def program_of(command: list[str]) -> str:
    """Return the module or program that a command runs."""
    return command[command.index("-m") + 1] if "-m" in command else Path(command[0]).name


def test_wheel_and_sdist_are_tried_before_the_site_is_built(tree: Path, tools: FakeTools) -> None:
    make_release(tree, run=tools)
    assert [program_of(command) for command, _ in tools.commands] == [
        *("build", "twine"),
        *("venv", "pip", *["changeover"] * len(SCHEDULER_TRIALS)),
        *("venv", "pip", *["changeover"] * len(TRIALS)),
        *("venv", "pip", "changeover", "pytest"),
        "make",
    ]
    installed = [Path(command[-1]).name for command, _ in tools.commands if "install" in command]
    assert installed == [f"{WHEEL}[scheduler]", f"{WHEEL}[train]", f"{SDIST}[dev,train]"]
    tests, folder = tools.commands[-2]
    assert tests[-len(TESTS) :] == list(TESTS)
    assert folder.name == "changeover_optimiser-1.2.0"


def test_commands_are_tried_in_a_folder_that_holds_an_order_list_alone(
    tree: Path, tools: FakeTools
) -> None:
    held: list[list[str]] = []

    def run(command: Sequence[str], folder: Path) -> None:
        tools(command, folder)
        if command[0].endswith("changeover") and folder.name == "empty":
            held.append([path.name for path in folder.iterdir()])
            assert tree not in folder.parents

    make_release(tree, run=run)
    assert held == [["orders.csv"]] * len((*SCHEDULER_TRIALS, *TRIALS))


def test_nothing_runs_in_a_tree_that_cannot_be_released(tree: Path, tools: FakeTools) -> None:
    (tree / "new.txt").touch()
    with pytest.raises(ReleaseError, match=r"new\.txt: 1 uncommitted"):
        make_release(tree, run=tools)
    assert tools.commands == []
    assert not (tree / "dist").exists()


def test_the_command_prints_how_to_tag_and_tags_nothing(
    tree: Path,
    tools: FakeTools,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(release, "PROJECT_ROOT", tree)
    monkeypatch.setattr(
        release, "make_release", lambda root, tag: make_release(root, tag, run=tools)
    )
    assert release.main([]) == 0
    assert "git tag -a v1.2.0" in capsys.readouterr().out
    tags = subprocess.run(["git", "-C", str(tree), "tag"], capture_output=True, check=True)
    assert tags.stdout == b""
    git(tree, "tag", "v1.2.0")
    assert release.main([]) == 1
    assert capsys.readouterr().err.startswith("release: v1.2.0: the tag exists.")


def test_equal_sites_give_equal_archives(tmp_path: Path) -> None:
    for name, order in (("a", ("x.html", "y.html")), ("b", ("y.html", "x.html"))):
        (tmp_path / name).mkdir()
        for file in order:
            (tmp_path / name / file).write_text(file, encoding="utf-8")
        zip_site(tmp_path / name, tmp_path / f"{name}.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.namelist() == ["site/x.html", "site/y.html"]
        assert archive.read("site/y.html") == b"y.html"


def test_sums_are_written_again_without_the_old_ones(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    write_sums(tmp_path)
    first = (tmp_path / "SHA256SUMS").read_text(encoding="utf-8")
    write_sums(tmp_path)
    assert (tmp_path / "SHA256SUMS").read_text(encoding="utf-8") == first
    assert first == f"{hashlib.sha256(b'1').hexdigest()}  a\n"


def test_a_command_that_fails_ends_the_release(tmp_path: Path) -> None:
    run_command(["true"], tmp_path)
    with pytest.raises(ReleaseError, match=r"^false: ended with 1\. Correct what it printed above"):
        run_command(["false"], tmp_path)


def test_commands_see_no_python_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The installed copy is tried, not the work tree."""
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    run_command(["sh", "-c", 'test -z "$PYTHONPATH"'], tmp_path)

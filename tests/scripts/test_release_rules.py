"""A release is refused unless version, changelog, work tree and tag agree."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from scripts.release_rules import ReleaseError, check_release, project_version, release_notes
from tests.builders.release_tree import commit_tree, git, make_tree


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make_tree(tmp_path)


def test_a_clean_tree_with_a_heading_can_be_released(tree: Path) -> None:
    assert check_release(tree) == project_version(tree) == "1.2.0"


def test_a_tree_with_changes_is_refused_by_the_first_file(tree: Path) -> None:
    (tree / "new.txt").touch()
    (tree / "pyproject.toml").write_text("", encoding="utf-8")
    with pytest.raises(ReleaseError) as caught:
        check_release(tree)
    assert str(caught.value) == (
        "pyproject.toml: 2 uncommitted or untracked files. Commit or remove them."
    )


def test_a_version_without_a_heading_is_refused(tree: Path) -> None:
    (tree / "CHANGELOG.md").write_text("# Changes\n\n## 1.1.0, 2026-01-01\n", encoding="utf-8")
    commit_tree(tree)
    with pytest.raises(ReleaseError) as caught:
        check_release(tree)
    assert str(caught.value) == (
        "CHANGELOG.md: has no heading for version 1.2.0 of pyproject.toml."
        " Add the line '## 1.2.0, YYYY-MM-DD'."
    )


def test_a_heading_without_a_date_is_none(tree: Path) -> None:
    with pytest.raises(ReleaseError, match="has no heading"):
        release_notes("## 1.2.0, unreleased\n", "1.2.0")


def test_a_tag_that_exists_is_refused_unless_it_is_the_one_that_is_released(tree: Path) -> None:
    git(tree, "tag", "v1.2.0")
    with pytest.raises(ReleaseError, match=r"v1\.2\.0: the tag exists\. Raise the version"):
        check_release(tree)
    assert check_release(tree, "v1.2.0") == "1.2.0"


@pytest.mark.parametrize(
    ("tag", "made", "problem"),
    [
        ("v1.2.0", None, r"TAG=v1\.2\.0: there is no such tag"),
        ("v1.3.0", "v1.3.0", r"TAG=v1\.3\.0: pyproject\.toml has the version of v1\.2\.0"),
    ],
)
def test_a_tag_that_is_missing_or_of_another_version_is_refused(
    tag: str, made: str | None, problem: str, tree: Path
) -> None:
    if made:
        git(tree, "tag", made)
    with pytest.raises(ReleaseError, match=problem):
        check_release(tree, tag)


def test_a_tag_on_another_commit_is_refused(tree: Path) -> None:
    git(tree, "tag", "v1.2.0")
    (tree / "new.txt").touch()
    commit_tree(tree)
    with pytest.raises(ReleaseError, match="the tag marks another commit"):
        check_release(tree, "v1.2.0")


def test_a_folder_without_git_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"not a git repository.*Release from a git work tree"):
        check_release(tmp_path)


def test_notes_are_the_part_of_their_version() -> None:
    text = (
        "# C\n\n## 2.0.0, 2026-02-02\n\nNew.\n\n### Added\n\n- a\n\n## 1.0.0, 2026-01-01\n\nOld.\n"
    )
    assert release_notes(text, "2.0.0") == "New.\n\n### Added\n\n- a\n"
    assert release_notes(text, "1.0.0") == "Old.\n"


def test_git_of_the_tests_takes_no_settings_of_the_user(tree: Path) -> None:
    log = subprocess.run(
        ["git", "-C", str(tree), "log", "--format=%an"], capture_output=True, text=True, check=True
    )
    assert log.stdout == "tester\n"

"""Provenance of results: commit, sources, versions."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from evaluation.runner import provenance


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A git repository with one commit."""
    identity = (
        "-c",
        "user.name=nobody",
        "-c",
        "user.email=nobody@localhost",
        "-c",
        "commit.gpgsign=false",
    )
    for arguments in (
        ("init", "--quiet"),
        ("commit", "--quiet", "--allow-empty", "--message", "first"),
    ):
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True)
    return tmp_path


@pytest.fixture(autouse=True)
def ask_anew() -> Iterator[None]:
    """Forget the commit that was found, before and after."""
    provenance.commit.cache_clear()
    yield
    provenance.commit.cache_clear()


def test_the_commit_is_that_of_the_checkout(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "ROOT", checkout)
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=checkout, capture_output=True, text=True, check=True
    ).stdout.strip()
    assert provenance.commit() == head


def test_bug_a_copy_installed_inside_the_checkout_of_another_project_has_no_commit(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = checkout / ".venv" / "site-packages"
    packages.mkdir(parents=True)
    monkeypatch.setattr(provenance, "ROOT", packages)
    assert provenance.commit() is None
    assert not provenance.has_uncommitted_changes()

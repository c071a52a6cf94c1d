"""Conditions of a release: version, changelog, work tree and tag agree."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

_HEADING = re.compile(r"^## (?P<version>\S+), (?P<date>\d{4}-\d{2}-\d{2})$", re.MULTILINE)


class ReleaseError(RuntimeError):
    """A release that cannot be made; the message is one line with place, rule and remedy."""


def project_version(root: Path) -> str:
    """Return the version of ``pyproject.toml``, from which all others follow."""
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    return str(tomllib.loads(text)["project"]["version"])


def released_versions(changelog: str) -> dict[str, str]:
    r"""Return the date of each version of a changelog, newest first.

    Examples
    --------
    >>> released_versions("## 0.2.0, 2026-11-30\n\n## 0.1.0, 2026-01-01\n")
    {'0.2.0': '2026-11-30', '0.1.0': '2026-01-01'}
    """
    return {match["version"]: match["date"] for match in _HEADING.finditer(changelog)}


def release_notes(changelog: str, version: str) -> str:
    """Return the part of a changelog about a version, without its heading.

    Raises
    ------
    ReleaseError
        If it has no heading for the version.
    """
    for match in _HEADING.finditer(changelog):
        if match["version"] == version:
            rest = changelog[match.end() :]
            return re.split(r"^## ", rest, maxsplit=1, flags=re.MULTILINE)[0].strip() + "\n"
    raise ReleaseError(
        f"CHANGELOG.md: has no heading for version {version} of pyproject.toml."
        f" Add the line '## {version}, YYYY-MM-DD'."
    )


def check_release(root: Path, tag: str | None = None) -> str:
    """Return the version that can be released from a work tree.

    Parameters
    ----------
    root
        Work tree.
    tag
        Tag that exists already, as where a pushed tag starts the release; None if there must be
        none.

    Raises
    ------
    ReleaseError
        If the tree has uncommitted changes, the changelog lacks the version, or the tag exists,
        is missing, or marks another commit.
    """
    changed = _git(root, "status", "--porcelain").splitlines()
    if changed:
        raise ReleaseError(
            f"{changed[0][3:]}: {len(changed)} uncommitted or untracked files."
            " Commit or remove them."
        )
    version = project_version(root)
    release_notes((root / "CHANGELOG.md").read_text(encoding="utf-8"), version)
    _check_tag(root, f"v{version}", tag)
    return version


def _check_tag(root: Path, expected: str, tag: str | None) -> None:
    exists = bool(_git(root, "tag", "--list", expected))
    if tag is None and exists:
        raise ReleaseError(
            f"{expected}: the tag exists. Raise the version in pyproject.toml,"
            f" or give TAG={expected}."
        )
    if tag is not None and tag != expected:
        raise ReleaseError(
            f"TAG={tag}: pyproject.toml has the version of {expected}."
            " Tag the commit of that version."
        )
    if tag is not None and not exists:
        raise ReleaseError(f"TAG={tag}: there is no such tag. Fetch the tags, or leave TAG out.")
    if tag is not None and _git(root, "rev-list", "-n1", tag) != _git(root, "rev-parse", "HEAD"):
        raise ReleaseError(f"TAG={tag}: the tag marks another commit. Check it out.")


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReleaseError(f"{root}: {done.stderr.strip()}. Release from a git work tree.")
    return done.stdout.rstrip("\n")

"""A small project in git, ready for a release."""

from __future__ import annotations

import subprocess
from pathlib import Path

_IDENTITY = ("-c", "user.name=tester", "-c", "user.email=tester@localhost")
_SETTINGS = (*_IDENTITY, "-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null")


def git(tree: Path, *arguments: str) -> None:
    """Run a command of git in a work tree."""
    command = ["git", "-C", str(tree), *_SETTINGS, *arguments]
    subprocess.run(command, check=True, capture_output=True)


def commit_tree(tree: Path) -> None:
    """Commit all files."""
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message", "a step")


def make_tree(folder: Path) -> Path:
    """Make a committed project of version 1.2.0; return its work tree."""
    tree = folder / "tree"
    tree.mkdir()
    git(tree, "init", "--quiet")
    files = {
        "pyproject.toml": '[project]\nname = "changeover-optimiser"\nversion = "1.2.0"\n',
        "CHANGELOG.md": "# Changes\n\n## 1.2.0, 2026-02-02\n\nNew things.\n",
        "constraints.txt": "numpy==2.4.6\n",
        ".gitignore": "/dist/\n/site/\n",
    }
    for name, text in files.items():
        (tree / name).write_text(text, encoding="utf-8")
    commit_tree(tree)
    return tree

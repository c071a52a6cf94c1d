"""Files that ship with the project beside its packages: ``configs`` and ``policies``, in a checkout
and where the project is installed.

Their paths are written as in the checkout, for example ``policies/mixture``.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The checkout, or the ``site-packages`` that the project is installed in."""

FOLDERS = ("configs", "policies")
"""What ships beside the packages."""


def find_shipped(path: str | Path) -> Path:
    """Return ``path`` where it exists; else the shipped file or folder of that name, where there is
    one; else ``path``.

    Examples
    --------
    >>> find_shipped("configs/training/quick.toml").name
    'quick.toml'
    >>> find_shipped("nowhere.toml").as_posix()
    'nowhere.toml'
    """
    path = Path(path)
    if path.exists() or path.parts[0] not in FOLDERS:
        return path
    shipped = ROOT / path
    return shipped if shipped.exists() else path


def command_of(name: str) -> str:
    """Return the command that runs ``train`` or ``evaluate``, for messages.

    A checkout has the scripts at its root; the command ``changeover`` runs them anywhere.
    """
    program = Path(sys.argv[0])
    is_command = "changeover" in (program.stem, program.parent.name)
    is_checkout = (ROOT / "pyproject.toml").is_file()
    return f"python {name}.py" if is_checkout and not is_command else f"changeover {name}"


def searched_folders() -> str:
    """Return where :func:`find_shipped` looks, for messages."""
    return f"{Path.cwd()}, then {ROOT} for what ships with the project"

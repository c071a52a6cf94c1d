"""Checkpoints of a training run: written atomically, with a checksum; the last few are kept.

A file is a line with the SHA-256 of the rest. The rest is what ``torch.save`` makes of tensors,
numbers and text; nothing else is unpickled.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import torch

from factory.io.atomic_write import write_atomically

State = dict[str, Any]
_PATTERN = "checkpoint-*.pt"


class CheckpointError(ValueError):
    """A checkpoint that cannot be used."""


def save_checkpoint(folder: Path, step: int, state: State, keep: int) -> Path:
    """Write the state after ``step`` decisions, then remove all but the last ``keep`` files."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getvalue()
    path = folder / f"checkpoint-{step:012d}.pt"
    write_atomically(path, hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
    for old in sorted(folder.glob(_PATTERN))[:-keep]:
        old.unlink()
    return path


def read_checkpoint(path: Path) -> State:
    """Read a state that :func:`save_checkpoint` wrote.

    Raises
    ------
    CheckpointError
        If the file cannot be read or is damaged.
    """
    try:
        digest, _, content = path.read_bytes().partition(b"\n")
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}).") from None
    if hashlib.sha256(content).hexdigest().encode() != digest:
        raise CheckpointError(f"{path}: is damaged (its checksum does not fit).")
    state: State = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    return state


def read_newest(folder: Path) -> tuple[State | None, list[str]]:
    """Return the newest undamaged state (None: there is none), and the errors of newer files."""
    errors: list[str] = []
    for path in sorted(folder.glob(_PATTERN), reverse=True):
        try:
            return read_checkpoint(path), errors
        except CheckpointError as error:
            errors.append(str(error))
    return None, errors

"""Kept results of units: one file each, as JSON or as NumPy arrays."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Protocol

import numpy as np

from factory.io.atomic_write import write_atomically
from factory.work_units.units import JsonObject, Unit


class Codec(Protocol):
    """A format of kept results."""

    @property
    def suffix(self) -> str:
        """Suffix of the files."""

    def encode(self, unit: Unit, result: JsonObject) -> bytes:
        """Return the content of the file of a unit's result."""

    def decode(self, content: bytes) -> tuple[str, JsonObject]:
        """Return key and result; a ValueError or KeyError tells that the content is damaged."""


class JsonCodec:
    """Results of plain JSON values."""

    suffix = ".json"

    def encode(self, unit: Unit, result: JsonObject) -> bytes:
        """Return JSON text."""
        return json.dumps({"key": unit.key, "unit": unit.name, "result": result}).encode()

    def decode(self, content: bytes) -> tuple[str, JsonObject]:
        """Return key and result."""
        kept = json.loads(content)
        if not isinstance(kept, dict):
            raise ValueError("not a JSON object")
        return kept["key"], kept["result"]


class NpzCodec:
    """Results that are NumPy arrays by name."""

    suffix = ".npz"

    def encode(self, unit: Unit, result: JsonObject) -> bytes:
        """Return the arrays and the key as an ``.npz`` file; nothing is pickled."""
        buffer = io.BytesIO()
        arrays: JsonObject = {_KEY: np.array(unit.key), **result}
        np.savez(buffer, **arrays)
        return buffer.getvalue()

    def decode(self, content: bytes) -> tuple[str, JsonObject]:
        """Return key and arrays."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                result = dict(arrays)
        except (zipfile.BadZipFile, EOFError, OSError) as error:
            raise ValueError(str(error)) from None
        return str(result.pop(_KEY)), result


_KEY = "unit_key"
"""Name of the array that holds the unit's key."""


class Store:
    """Results of units in a folder.

    Parameters
    ----------
    folder
        Folder of the files, one for each result.
    codec
        Format of the files.
    """

    def __init__(self, folder: Path, codec: Codec | None = None) -> None:
        self.folder, self._codec = folder, codec or JsonCodec()

    def read(self, unit: Unit) -> JsonObject | None:
        """Return a unit's result; None if it is missing or damaged."""
        try:
            key, result = self._codec.decode(self._file(unit).read_bytes())
        except (OSError, ValueError, KeyError):
            return None
        return result if key == unit.key else None

    def keep(self, unit: Unit, result: JsonObject) -> None:
        """Write a unit's result."""
        write_atomically(self._file(unit), self._codec.encode(unit, result))

    def _file(self, unit: Unit) -> Path:
        return self.folder / unit.key[:2] / f"{unit.key}{self._codec.suffix}"


def claim_folder(path: Path, settings: JsonObject) -> None:
    """Write the settings that a folder's results depend on, or compare them with those there.

    Parameters
    ----------
    path
        JSON file of the settings, in the folder.
    settings
        Settings, as JSON-able values.

    Raises
    ------
    ValueError
        If the folder was begun with other settings.
    """
    wanted = json.loads(json.dumps(settings))
    if not path.exists():
        write_atomically(path, json.dumps(wanted, indent=1) + "\n")
        return
    try:
        existing = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        existing = None
    if not isinstance(existing, dict):
        raise ValueError(f"{path}: is not the settings file of a run. Name another folder.")
    differing = [
        f"{name} = {wanted.get(name)!r} (was {existing.get(name)!r})"
        for name in {**wanted, **existing}
        if wanted.get(name) != existing.get(name)
    ]
    if differing:
        raise ValueError(
            f"{path}: was begun with other settings; {', '.join(differing)}. Use the same settings"
            " to resume, or name another folder."
        )

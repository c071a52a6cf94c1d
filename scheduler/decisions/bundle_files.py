"""Files of a bundle, read without trust: only regular files, and never more than a limit."""

from __future__ import annotations

import io
import math
import os
import stat
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_BUNDLE_FILES = {
    "manifest.json": 4 * 2**20,
    "config.toml": 2**20,
    "policy.onnx": 64 * 2**20,
    "weights.npz": 64 * 2**20,
}
"""Maximum sizes of the files of a bundle."""
_MAX_ARRAYS = 256


class BundleError(ValueError):
    """A bundle that fails verification; the message has the reason and the remedy."""


def read_bundle_file(path: Path, remedy: str = "Copy the bundle again.") -> bytes:
    """Return the content of a file of a bundle.

    Pipes and devices are not opened: reading them may never end.

    Raises
    ------
    BundleError
        If it cannot be read, is no regular file, or is larger than such a file may be.
    """
    limit = MAX_BUNDLE_FILES[path.name]
    try:
        _check_regular(path, os.stat(path))
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            _check_regular(path, os.fstat(handle))  # another one may have its name now
            content = file.read(limit + 1)
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror}). {remedy}") from None
    if len(content) > limit:
        raise BundleError(
            f"{path}: is larger than {limit // 2**20} MiB, the limit for this file. {remedy}"
        )
    return content


def _check_regular(path: Path, state: os.stat_result) -> None:
    if not stat.S_ISREG(state.st_mode):
        raise BundleError(
            f"{path}: is no regular file. Put the file itself there, not a pipe, a device or a"
            " folder."
        )
    if state.st_size > MAX_BUNDLE_FILES[path.name]:
        raise BundleError(
            f"{path}: has {state.st_size} bytes; at most {MAX_BUNDLE_FILES[path.name]} are allowed."
            " Export again."
        )


def unpack_arrays(content: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays of an npz file whose arrays are stored without compression.

    Sizes are taken from the directory of the archive and compared with its own before anything
    is unpacked.

    Raises
    ------
    ValueError
        If it is no such file, or an array does not have the size that its header promises.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            listed = archive.infolist()
            _check_directory(listed, len(content))
            return {
                item.filename.removesuffix(".npy"): _read_array(item.filename, archive.read(item))
                for item in listed
            }
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError) as error:
        raise ValueError(f"is no archive of arrays ({error}). Export again.") from None


def _check_directory(listed: list[zipfile.ZipInfo], size: int) -> None:
    unpacked = sum(item.file_size for item in listed)
    if unpacked > size or any(item.compress_type != zipfile.ZIP_STORED for item in listed):
        raise ValueError(
            f"unpacks from {size} to {unpacked} bytes; arrays must be stored without compression."
            " Export again."
        )
    if len(listed) > _MAX_ARRAYS or len({item.filename for item in listed}) < len(listed):
        raise ValueError(
            f"has {len(listed)} arrays; at most {_MAX_ARRAYS} with different names are allowed."
            " Export again."
        )


def _read_array(name: str, content: bytes) -> NDArray[Any]:
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read_header is None:
        raise ValueError(f"{name} has an unknown header. Export again.")
    shape, _, kind = read_header(file)
    promised = math.prod(shape) * kind.itemsize
    if kind.hasobject or promised != len(content) - file.tell():
        raise ValueError(
            f"{name} promises {promised} bytes and has {len(content) - file.tell()}. Export again."
        )
    file.seek(0)
    array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return array

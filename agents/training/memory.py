"""Settings of the C library's allocator for training."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def keep_memory() -> None:
    """Tell glibc to keep freed memory; other C libraries are left alone.

    Minibatches come and go, and asking the system for the memory of each doubles the time of
    learning.
    """
    try:
        library: Callable[[int, int], int] = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    library(_M_TRIM_THRESHOLD, 512 << 20)
    library(_M_MMAP_THRESHOLD, 32 << 20)

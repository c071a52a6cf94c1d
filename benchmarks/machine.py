"""The machine that a benchmark runs on: its description, core and memory."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from evaluation.runner.provenance import find_processor


def describe_hardware() -> dict[str, str | int | None]:
    """Return processor, number of cores and operating system."""
    return {
        "processor": find_processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
    }


def keep_to_one_core() -> int | None:
    """Bind this process and its children to one core, and return the core's number.

    Return None where the operating system cannot bind processes.
    """
    if not hasattr(os, "sched_setaffinity"):
        return None
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return core


def resident_bytes() -> int | None:
    """Return the memory of this process in bytes; None where there is no /proc file system."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except FileNotFoundError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def busy_cores() -> str:
    """Return the load averages of the machine."""
    return ", ".join(f"{load:.2f}" for load in os.getloadavg())

"""Texts of small public instances, one for each format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from factory.instances.read import Instance

REPLAY: dict[str, Any] = {
    "machines": 2,
    "group": [1, 2],
    "setup": [[[0.0, 1.5, 2.25], [0.0, 0.0, 3.0], [0.0, 4.001, 0.0]], [[0.0, 9.0], [0.0, 0.0]]],
    "jobs": [
        {"rel": 20.999, "due": 31.5, "w": 4, "ops": [[1, 11.297, 0], [0, 4.0, 1]]},
        {"rel": 2, "due": 40.0, "w": 0.5, "ops": [[0, 6.1, 0]]},
    ],
}
"""A recorded stream, as the content of its JSON file."""

JSP = "2 3\n0 3 1 2 2 2\n0 2 2 1 1 4\n"

FJSP = "2 2 1.5\n2 2 0 25 1 37 1 0 32\n1 2 0 45 1 65\n"

FJSP_SDST = (
    "2 2 1.5\n1 2 1 25 2 37\n2 1 2 24 1 1 21\n"
    + "7 1000000 4\n1000000 1000000 1000000\n5 1000000 6\n"
    + "9 8 1000000\n3 4 1000000\n"
    + "1000000 " * 3
)

SDST_JSP = "2 2 2\n2 21 2 1 53 1 1\n1 95 1 2\n10 20\n0 7\n8 0\n"

SDST_PFSP = "2\n2\n54 79\n83 3\n0 5\n9 0\n0 1\n2 0\n"

WTSDS = """Problem Instance: 1
Problem Size: 2
Begin Generator Parameters
Tau: 0.3
End Generator Parameters
Begin Problem Specification
Process Times:
81
71
Weights:
0
7
Duedates:
49
100
Setup Times:
-1 0 43
-1 1 7
0 1 5
1 0 6
End Problem Specification
"""


def jobs_of(instance: Instance) -> list[list[tuple[str, int | dict[str, int] | None]]]:
    """Return work centre and time (or times by machine) of every operation of every job."""
    return [
        [(o.work_centre, o.machine_times or o.process_time) for o in product.operations]
        for product in instance.factory.products
    ]


def write(folder: Path, text: str) -> Path:
    path = folder / "instance.txt"
    path.write_text(text, encoding="utf-8")
    return path

"""A small plant with calendars, people, maintenance and runs, as a file would have it."""

from __future__ import annotations

import copy
from typing import Any

PLANT: dict[str, Any] = {
    "name": "works",
    "start": "2026-01-05T06:00",
    "time_zone": "Europe/London",
    "calendars": [
        {
            "name": "day",
            "open": ["Mon-Fri 06:00-14:00"],
            "closed": ["2026-12-24..2027-01-03"],
            "extra": ["2026-02-14 06:00..2026-02-14 14:00"],
        }
    ],
    "staff": [
        {"name": "setters", "count": 2, "skills": ["fixture"], "calendar": "day", "cost": 36.0}
    ],
    "work_centres": [
        {
            "name": "cell",
            "changeover_staff": {"skill": "fixture"},
            "machines": [
                {
                    "name": "cell-1",
                    "calendar": "day",
                    "maintenance": [
                        {
                            "name": "clean",
                            "every": 100,
                            "early": 20,
                            "time": 30,
                            "skill": "fixture",
                            "mounts": {"tool": "weld"},
                        }
                    ],
                }
            ],
            "attributes": [
                {
                    "name": "tool",
                    "values": ["weld", "fit"],
                    "time": [[0, 30], [20, 0]],
                    "min_run": 2,
                    "max_run": 5,
                }
            ],
        }
    ],
    "products": [
        {
            "name": "kart",
            "operations": [
                {
                    "name": "weld",
                    "work_centre": "cell",
                    "process_time": 60,
                    "staff": {"skill": "fixture", "number": 2},
                    "longest_pause": 960,
                }
            ],
        }
    ],
}
"""A small plant with every kind of entry, as a file would have it."""


def plant() -> dict[str, Any]:
    """Return a copy of the plant that may be changed."""
    return copy.deepcopy(PLANT)

"""The columns of the observation: the single source for spaces, documentation, kernel and manifest.

The tables are defined in :mod:`envs.observation.candidate_columns` and
:mod:`envs.observation.shop_columns`, one row per column, with the compiled functions that fill it.
Units are physical (ticks, currency, counts). No column carries an identity.
"""

from __future__ import annotations

import hashlib
import json
from collections import namedtuple
from typing import Any

from envs.observation.candidate_columns import CANDIDATES
from envs.observation.column_types import Column
from envs.observation.shop_columns import MACHINES, SHOP

__all__ = [
    "CANDIDATES",
    "CANDIDATE_COLUMN",
    "CANDIDATE_INDEX",
    "MACHINES",
    "MACHINE_COLUMN",
    "MACHINE_INDEX",
    "SHOP",
    "SHOP_COLUMN",
    "SHOP_INDEX",
    "Column",
    "feature_hash",
]


def column_indices(name: str, table: tuple[Column, ...]) -> Any:
    """Return the indices of a table's columns as attributes.

    The result is a named tuple of integers, which Numba freezes in compiled functions:
    ``row[CANDIDATE_COLUMN.setup_time]`` costs as much as ``row[4]``.
    """
    return namedtuple(name, [column.name for column in table])(*range(len(table)))


CANDIDATE_COLUMN = column_indices("CandidateColumn", CANDIDATES)
MACHINE_COLUMN = column_indices("MachineColumn", MACHINES)
SHOP_COLUMN = column_indices("ShopColumn", SHOP)

CANDIDATE_INDEX: dict[str, int] = CANDIDATE_COLUMN._asdict()
MACHINE_INDEX: dict[str, int] = MACHINE_COLUMN._asdict()
SHOP_INDEX: dict[str, int] = SHOP_COLUMN._asdict()


def feature_hash() -> str:
    """Return the hash of names, units and order of all columns.

    Observations are compatible only if their hashes are equal.
    """
    layout = [
        [(column.name, column.unit) for column in table] for table in (CANDIDATES, MACHINES, SHOP)
    ]
    return hashlib.sha256(json.dumps(layout).encode()).hexdigest()[:16]

"""The columns of the observation: the single source for spaces, documentation, kernel and manifest.

The tables are defined in :mod:`envs.observation.candidate_columns` and
:mod:`envs.observation.shop_columns`, one row per column, with the compiled functions that fill it.
Units are physical (ticks, currency, counts). No column carries an identity.
"""

from __future__ import annotations

import hashlib
import json

from envs.observation.candidate_columns import CANDIDATE_COLUMN, CANDIDATE_INDEX, CANDIDATES
from envs.observation.column_types import Column
from envs.observation.shop_columns import (
    MACHINE_COLUMN,
    MACHINE_INDEX,
    MACHINES,
    SHOP,
    SHOP_COLUMN,
    SHOP_INDEX,
)

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


def feature_hash() -> str:
    """Return the hash of names, units and order of all columns.

    Observations are compatible only if their hashes are equal.
    """
    layout = [
        [(column.name, column.unit) for column in table] for table in (CANDIDATES, MACHINES, SHOP)
    ]
    return hashlib.sha256(json.dumps(layout).encode()).hexdigest()[:16]

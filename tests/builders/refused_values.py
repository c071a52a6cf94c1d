"""Values that every method with actions, seeds, counts or tables must refuse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

NAN = float("nan")
E = 3
"""Number of environments that the arrays below are wrong for."""

Call = Callable[[Any], Any]

WRONG_ROWS: dict[str, Any] = {
    "none": [],
    "too few": np.zeros(E - 1, np.int64),
    "too many": np.zeros(E + 1, np.int64),
    "far too many": np.zeros(400, np.int64),
    "a column": np.zeros((E, 1), np.int64),
    "a scalar": np.int64(0),
    "fractions": np.array([0.9, -0.9, 0.0]),
    "whole floats": np.zeros(E),
    "not finite": np.full(E, NAN),
    "booleans": np.zeros(E, np.bool_),
    "texts": ["0"] * E,
    "nothing": None,
    "objects": [None] * E,
    "unequal lists": [[0], [0, 1], [0]],
    "complex": np.zeros(E, np.complex128),
    "dates": np.zeros(E, "datetime64[s]"),
    "beyond 64 bits": [2**70, 0, 0],
    "beyond int64": np.full(E, 2**63, np.uint64),
}
WRONG_ROW: dict[str, Any] = {
    "a fraction": 0.9,
    "a whole float": 0.0,
    "not finite": NAN,
    "a boolean": True,
    "a NumPy boolean": np.True_,
    "a text": "0",
    "nothing": None,
    "two rows": np.zeros(2, np.int64),
    "no row": np.zeros(0, np.int64),
    "an array with a fraction": np.array([0.5]),
    "beyond 64 bits": 2**70,
    "beyond int64": np.uint64(2**63),
}
WRONG_SEED: dict[str, Any] = {
    "negative": -1,
    "NumPy negative": np.int64(-1),
    "a fraction": 1.5,
    "a whole float": 1.0,
    "not finite": NAN,
    "a boolean": True,
    "a text": "1",
    "beyond 64 bits": 2**64,
    "a dictionary": {},
}
WRONG_SEEDS: dict[str, Any] = {
    "too few": np.zeros(E - 1, np.uint64),
    "too many": list(range(E + 1)),
    "a column": np.zeros((E, 1), np.uint64),
    "a negative one": [1, -1, 2],
    "NumPy negative": np.array([1, -1, 2]),
    "fractions": np.zeros(E),
    "a fraction": [1, 2.5, 3],
    "a boolean": [1, True, 3],
    "texts": ["1", "2", "3"],
    "beyond 64 bits": [1, 2**64, 3],
}
WRONG_FACTORIES: dict[str, Any] = {
    "too few": [0],
    "a number beyond": [0, 0, 1],
    "a negative one": [-1, 0, 0],
    "fractions": np.zeros(E),
    "booleans": np.zeros(E, np.bool_),
    "a text": "000",
}
WRONG_COUNT: dict[str, Any] = {
    "a fraction": 2.5,
    "a whole float": 2.0,
    "a boolean": True,
    "a text": "2",
    "a negative one": -1,
    "not finite": NAN,
    "an array": np.ones(2, np.int64),
}


def each(wrong: dict[str, Any], call: Callable[[Any, Any], Any]) -> dict[str, Call]:
    """Return a refused call for each value."""
    return {name: lambda thing, value=value: call(thing, value) for name, value in wrong.items()}


def altered(tables: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield observations with one wrong table, and their names."""
    legal = int(np.flatnonzero(tables["action_mask"][0])[0])
    for name, table in tables.items():
        yield f"no {name}", {other: kept for other, kept in tables.items() if other != name}
        yield f"{name} of another number of environments", {**tables, name: table[:-1]}
        yield f"{name} with an axis too many", {**tables, name: table[..., None]}
        yield f"{name} of objects", {**tables, name: table.astype(object)}
        yield f"{name} as text", {**tables, name: "table"}
        if name != "action_mask":
            yield f"{name} of other columns", {**tables, name: table[..., 1:]}
            yield f"{name} of integers", {**tables, name: table.astype(np.int64)}
            yield f"{name} in half precision", {**tables, name: table.astype(np.float16)}
            changed = table.copy()
            changed[(0, legal) if name == "candidates" else 0] = NAN if name != "shop" else np.inf
            yield f"{name} that are not finite", {**tables, name: changed}
    yield "rows that the mask lacks", {**tables, "action_mask": tables["action_mask"][:, :-1]}
    yield "a mask of floats", {**tables, "action_mask": tables["action_mask"].astype(np.float64)}
    yield "no tables", {}

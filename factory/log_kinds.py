"""Kinds of lines in the event log of a shop floor, and their columns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class LogKind(NamedTuple):
    """Kind of line in the event log."""

    name: str  # of its records in a schedule, and of their columns
    columns: dict[str, str]  # field of the record: column of the log, see LOG_COLUMNS


LOG_COLUMNS = (
    "kind",  # index in LOG_KINDS
    "machine",
    "order",  # -1: for no operation
    "operation",
    "start_date",
    "end_date",
    "process_start_date",
    # attempt at the operation; number of the changeover or failure; kind of maintenance; people
    "number",
    "group",  # index of a group of people
)
"""Columns of ``ShopState.log``."""
_SPAN = {"machine": "machine", "start_date": "start_date", "end_date": "end_date"}
LOG_KINDS = (
    LogKind("changeovers", {**_SPAN, "order": "order", "operation": "operation"}),
    LogKind(
        "operations",
        {
            "order": "order",
            "operation": "operation",
            "machine": "machine",
            "selected_date": "start_date",
            "start_date": "process_start_date",
            "end_date": "end_date",
            "attempt": "number",
        },
    ),
    LogKind("failures", _SPAN),
    LogKind("waits", _SPAN),
    LogKind("maintenance", {**_SPAN, "kind": "number"}),
    LogKind("pauses", _SPAN),
    LogKind("assignments", {**_SPAN, "group": "group", "number": "number"}),
)
"""Kinds of log lines; a line has the index of its kind."""
(
    LOGGED_CHANGEOVER,
    LOGGED_OPERATION,
    LOGGED_FAILURE,
    LOGGED_WAIT,
    LOGGED_MAINTENANCE,
    LOGGED_PAUSE,
    LOGGED_ASSIGNMENT,
) = range(len(LOG_KINDS))


def columns_of_kind(lines: NDArray[np.int64], kind: int) -> dict[str, NDArray[np.int64]]:
    """Return the lines ``[L, 9]`` of one kind as columns, by the fields of its records.

    >>> line = [LOGGED_WAIT, 3, -1, -1, 10, 15, -1, 0, 0]
    >>> {name: column.tolist() for name, column in columns_of_kind(np.array([line]), 3).items()}
    {'machine': [3], 'start_date': [10], 'end_date': [15]}
    """
    columns = dict(
        zip(LOG_COLUMNS, np.ascontiguousarray(lines[lines[:, 0] == kind].T), strict=True)
    )
    return {field: columns[column] for field, column in LOG_KINDS[kind].columns.items()}

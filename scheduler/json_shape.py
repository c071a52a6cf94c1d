"""Compiled check of the shape of JSON, before anything else reads it.

A parser that collects all problems of a text with millions of entries holds up all other threads.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from factory.jit.compile import compiled

MAX_JSON_DEPTH = 32
MAX_LIST_ENTRIES = 20_000
"""Maximum number of entries of a list."""
MAX_TABLE_ENTRIES = 2_000
"""Maximum number of entries of a table."""
_QUOTE, _BACKSLASH, _COMMA, _OPEN_LIST, _CLOSE_LIST, _OPEN, _CLOSE = (
    ord(sign) for sign in '"\\,[]{}'
)
FITS, TOO_DEEP, LIST_TOO_LONG, TABLE_TOO_LONG = range(4)


def find_shape_problem(
    text: bytes, max_list: int = MAX_LIST_ENTRIES, max_table: int = MAX_TABLE_ENTRIES
) -> str | None:
    """Return the problem of a text of JSON that is too deep or too wide; None if it is neither.

    Parameters
    ----------
    max_list, max_table
        Maximum number of entries of a list, and of a table.
    """
    if not text:
        return None
    letters, counts = np.frombuffer(text, np.uint8), np.zeros(MAX_JSON_DEPTH, np.int64)
    return {
        FITS: None,
        TOO_DEEP: f"it has more than {MAX_JSON_DEPTH} levels. Send a flatter one.",
        LIST_TOO_LONG: f"a list has more than {max_list} entries. Leave out some of them.",
        TABLE_TOO_LONG: f"a table has more than {max_table} entries. Leave out some of them.",
    }[check_shape(letters, counts, max_list, max_table)]


@compiled
def check_shape(text, counts, max_list, max_table):
    """Return whether a text fits, or the first limit that it exceeds.

    Parameters
    ----------
    text
        Bytes of the JSON, or of anything else.
    counts
        Scratch, ``[levels]``: commas of each open list (as they are) and table (negative).
    max_list, max_table
        Maximum number of entries of a list, and of a table.
    """
    depth, i = -1, 0
    while i < text.shape[0]:
        sign = text[i]
        if sign == _QUOTE:
            i += 1
            while i < text.shape[0] and text[i] != _QUOTE:
                i += 2 if text[i] == _BACKSLASH else 1
        elif sign in (_OPEN, _OPEN_LIST):
            depth += 1
            if depth == counts.shape[0]:
                return TOO_DEEP
            counts[depth] = 1 if sign == _OPEN_LIST else -1
        elif sign in (_CLOSE, _CLOSE_LIST):
            depth = max(depth - 1, -1)
        elif sign == _COMMA and depth >= 0:
            counts[depth] += 1 if counts[depth] > 0 else -1
            if counts[depth] > max_list:
                return LIST_TOO_LONG
            if counts[depth] < -max_table:
                return TABLE_TOO_LONG
        i += 1
    return FITS

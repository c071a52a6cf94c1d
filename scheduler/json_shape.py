"""Compiled check of the shape of JSON, before anything else reads it.

A parser that collects all problems of a text with millions of entries holds up all other threads.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from factory.jit.compile import compiled

MAX_DEPTH = 32
MAX_ENTRIES = 20_000
"""Maximum number of entries of a list."""
MAX_KEYS = 2_000
"""Maximum number of entries of a table."""
_QUOTE, _BACKSLASH, _COMMA, _OPEN_LIST, _CLOSE_LIST, _OPEN, _CLOSE = (
    ord(sign) for sign in '"\\,[]{}'
)
FITS, TOO_DEEP, TOO_MANY_ENTRIES, TOO_MANY_KEYS = range(4)


def find_shape_problem(
    text: bytes, max_entries: int = MAX_ENTRIES, max_keys: int = MAX_KEYS
) -> str | None:
    """Return the problem of a text of JSON that is too deep or too wide; None if it is neither.

    Parameters
    ----------
    max_entries, max_keys
        Maximum number of entries of a list, and of a table.
    """
    if not text:
        return None
    letters, counts = np.frombuffer(text, np.uint8), np.zeros(MAX_DEPTH, np.int64)
    found = check_shape(letters, counts, max_entries, max_keys)
    return {
        FITS: None,
        TOO_DEEP: f"it has lists and tables in more than {MAX_DEPTH} levels. Send a flatter one.",
        TOO_MANY_ENTRIES: f"a list has more than {max_entries} entries. Leave out some of them.",
        TOO_MANY_KEYS: f"a table has more than {max_keys} entries. Leave out some of them.",
    }[found]


@compiled
def check_shape(text, counts, max_entries, max_keys):
    """Return whether a text fits, or the first limit that it exceeds.

    Parameters
    ----------
    text
        Bytes of the JSON, or of anything else.
    counts
        Scratch, ``[levels]``: commas of each open list (as they are) and table (negative).
    max_entries, max_keys
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
            if counts[depth] > max_entries:
                return TOO_MANY_ENTRIES
            if counts[depth] < -max_keys:
                return TOO_MANY_KEYS
        i += 1
    return FITS

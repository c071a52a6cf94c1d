"""Compiled search for the orders in the text of a snapshot, so that only new ones are parsed."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from factory.jit.compile import compiled

ABSENT = -1
_NEAR = 8
_QUOTE, _COMMA, _COLON, _OPEN_LIST, _CLOSE_LIST, _OPEN, _CLOSE = (ord(sign) for sign in '",:[]{}')
_OPENING, _CLOSING = (_OPEN, _OPEN_LIST), (_CLOSE, _CLOSE_LIST)
_BLANKS = (ord(" "), ord("\t"), ord("\n"), ord("\r"))
_KEY = tuple(b"orders")


@compiled
def find_orders(text, spans, same, known_text, known_spans):
    """Find the list of orders in a snapshot's JSON, which must not hold a backslash.

    Parameters
    ----------
    text
        Bytes of the JSON.
    spans
        Filled, ``[at least 1 + orders, 2]``: first byte and end of the list with its brackets, then
        of each of its objects.
    same
        Filled, ``[at least 1 + orders]``: span of the same text in ``known_text``; ABSENT where
        none was recognised.
    known_text, known_spans
        Text and spans of the previous snapshot; no spans if there was none.

    Returns
    -------
    Number of orders. ABSENT if there is no such list, more than one, a list that holds anything
    but objects, or no room in ``spans``.
    """
    i = 0
    depth = 0
    orders = ABSENT
    while i < text.shape[0]:
        sign = text[i]
        if sign == _QUOTE:
            end = end_of_string(text, i)
            if depth == 1 and is_key(text, i, end):
                i = skip_blanks(text, skip_blanks(text, end) + 1)
                if orders != ABSENT or i >= text.shape[0] or text[i] != _OPEN_LIST:
                    return ABSENT
                orders = list_objects(text, i, spans, same, known_text, known_spans)
                if orders == ABSENT:
                    return ABSENT
                i = spans[0, 1]
            else:
                i = end
            continue
        depth += depth_of(sign)
        i += 1
    return orders


@compiled
def depth_of(sign):
    """Return 1 for a sign that opens an object or a list, -1 for one that closes it, else 0."""
    if sign in _OPENING:
        return 1
    return -1 if sign in _CLOSING else 0


@compiled
def is_key(text, start, end):
    """Return whether the string from ``start`` to ``end`` is the key ``orders``."""
    if end - start != len(_KEY) + 2:
        return False
    for k in range(len(_KEY)):
        if text[start + 1 + k] != _KEY[k]:
            return False
    colon = skip_blanks(text, end)
    return colon < text.shape[0] and text[colon] == _COLON


@compiled
def list_objects(text, start, spans, same, known_text, known_spans):
    """Fill the spans of a list that begins at ``start``; return its length, or ABSENT."""
    spans[0, 0] = start
    i = skip_blanks(text, start + 1)
    count = 0
    last, changed = 0, 0  # last span that was recognised, and changed objects since then
    if i < text.shape[0] and text[i] == _CLOSE_LIST:
        spans[0, 1] = i + 1
        return 0
    while True:
        if i >= text.shape[0] or text[i] != _OPEN or count + 1 == spans.shape[0]:
            return ABSENT
        span = find_same(text, i, known_text, known_spans, last, changed)
        if span == ABSENT:
            end = end_of_object(text, i)
            changed += 1
        else:
            end = i + known_spans[span, 1] - known_spans[span, 0]
            last, changed = span, 0
        count += 1
        spans[count, 0] = i
        spans[count, 1] = end
        same[count] = span
        i = skip_blanks(text, end)
        if i >= text.shape[0]:
            return ABSENT
        if text[i] == _CLOSE_LIST:
            spans[0, 1] = i + 1
            return count
        if text[i] != _COMMA:
            return ABSENT
        i = skip_blanks(text, i + 1)


@compiled
def find_same(text, i, known_text, known_spans, last, changed):
    """Return the span of ``known_text`` whose text also begins at ``i``, or ABSENT.

    The first guess is right if ``changed`` objects were edited since the span ``last``.
    The next spans are tried too, because objects come and go.
    """
    if is_same(text, i, known_text, known_spans, last + 1 + changed):
        return last + 1 + changed
    for span in range(last + 1, last + 1 + _NEAR):
        if is_same(text, i, known_text, known_spans, span):
            return span
    return ABSENT


@compiled
def is_same(text, i, known_text, known_spans, span):
    """Return whether the text of a span of ``known_text`` also begins at ``i``."""
    if span >= known_spans.shape[0]:
        return False
    length = known_spans[span, 1] - known_spans[span, 0]
    if i + length > text.shape[0]:
        return False
    here = text[i : i + length]
    there = known_text[known_spans[span, 0] : known_spans[span, 1]]
    difference = np.uint8(0)
    for k in range(length):  # the whole loop is vectorised, an early exit would be slower
        difference |= here[k] ^ there[k]
    return difference == 0


@compiled
def end_of_object(text, start):
    """Return the index after the object that begins at ``start``, at most the text's length."""
    i = start
    depth = 0
    while i < text.shape[0]:
        sign = text[i]
        if sign == _QUOTE:
            i = end_of_string(text, i)
            continue
        depth += depth_of(sign)
        i += 1
        if depth == 0:
            break
    return i


@compiled
def end_of_string(text, start):
    """Return the index after the string that begins at ``start``."""
    i = start + 1
    while i < text.shape[0] and text[i] != _QUOTE:
        i += 1
    return min(i + 1, text.shape[0])


@compiled
def skip_blanks(text, i):
    """Return the next index that is not blank."""
    while i < text.shape[0] and text[i] in _BLANKS:
        i += 1
    return i

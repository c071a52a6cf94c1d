"""Where the orders stand in the text of a snapshot, so that only those that are new must be read.
Compiled."""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

import numpy as np

from factory.jit.compile import compiled

NOT_FOUND = -1
_NEAR = 8
_QUOTE, _COMMA, _COLON, _OPEN_LIST, _CLOSE_LIST, _OPEN, _CLOSE = (ord(sign) for sign in '",:[]{}')
_OPENING, _CLOSING = (_OPEN, _OPEN_LIST), (_CLOSE, _CLOSE_LIST)
_BLANKS = (ord(" "), ord("\t"), ord("\n"), ord("\r"))
_KEY = tuple(b"orders")


@compiled
def find_orders(text, spans, same, known_text, known_spans):
    """The list of orders in a snapshot's JSON, which must not hold a backslash.

    Parameters
    ----------
    text
        Bytes.
    spans
        Room for the result, ``[at least 1 + orders, 2]``: first and last byte (not included) of the
        list with its brackets, then of each of its objects.
    same
        Filled likewise, ``[at least 1 + orders]``: the span of the very same text in
        ``known_text``, or NOT_FOUND where it has not been noticed.
    known_text, known_spans
        Text and result of a snapshot before; none if there are no spans.

    Returns
    -------
    Number of orders, or NOT_FOUND where there is no such list, more than one, one with something
    else than objects in it, or no room.
    """
    place, depth, orders = 0, 0, NOT_FOUND
    while place < text.shape[0]:
        sign = text[place]
        if sign == _QUOTE:
            end = end_of_string(text, place)
            if depth == 1 and is_key(text, place, end):
                place = skip_blanks(text, skip_blanks(text, end) + 1)
                if orders != NOT_FOUND or place >= text.shape[0] or text[place] != _OPEN_LIST:
                    return NOT_FOUND
                orders = list_objects(text, place, spans, same, known_text, known_spans)
                if orders == NOT_FOUND:
                    return NOT_FOUND
                place = spans[0, 1]
            else:
                place = end
            continue
        depth += depth_of(sign)
        place += 1
    return orders


@compiled
def depth_of(sign):
    """How much deeper a sign outside of strings leads: 1 where it opens an object or a list, -1
    where it closes one, else 0."""
    if sign in _OPENING:
        return 1
    return -1 if sign in _CLOSING else 0


@compiled
def is_key(text, start, end):
    """Whether the string from ``start`` to ``end`` is the key ``orders``."""
    if end - start != len(_KEY) + 2:
        return False
    for letter in range(len(_KEY)):
        if text[start + 1 + letter] != _KEY[letter]:
            return False
    colon = skip_blanks(text, end)
    return colon < text.shape[0] and text[colon] == _COLON


@compiled
def list_objects(text, start, spans, same, known_text, known_spans):
    """Spans of a list that begins at ``start`` and of the objects in it; their number, or
    NOT_FOUND."""
    spans[0, 0] = start
    place, count, last, beside = skip_blanks(text, start + 1), 0, 0, 0
    if place < text.shape[0] and text[place] == _CLOSE_LIST:
        spans[0, 1] = place + 1
        return 0
    while True:
        if place >= text.shape[0] or text[place] != _OPEN or count + 1 == spans.shape[0]:
            return NOT_FOUND
        found = find_same(text, place, known_text, known_spans, last, beside)
        if found == NOT_FOUND:
            end, beside = end_of_object(text, place), beside + 1
        else:
            end, last, beside = place + known_spans[found, 1] - known_spans[found, 0], found, 0
        count += 1
        spans[count, 0], spans[count, 1], same[count] = place, end, found
        place = skip_blanks(text, end)
        if place >= text.shape[0]:
            return NOT_FOUND
        if text[place] == _CLOSE_LIST:
            spans[0, 1] = place + 1
            return count
        if text[place] != _COMMA:
            return NOT_FOUND
        place = skip_blanks(text, place + 1)


@compiled
def find_same(text, place, known_text, known_spans, last, beside):
    """The span of ``known_text`` that stands at ``place`` too, or NOT_FOUND.

    It is looked for where it stands if ``beside`` objects since the span ``last`` have changed, and
    among those that follow it, as objects come and go.
    """
    if is_same(text, place, known_text, known_spans, last + 1 + beside):
        return last + 1 + beside
    for span in range(last + 1, last + 1 + _NEAR):
        if is_same(text, place, known_text, known_spans, span):
            return span
    return NOT_FOUND


@compiled
def is_same(text, place, known_text, known_spans, span):
    """Whether a span of ``known_text`` stands at ``place`` too."""
    if span >= known_spans.shape[0]:
        return False
    length = known_spans[span, 1] - known_spans[span, 0]
    if place + length > text.shape[0]:
        return False
    here, there = (
        text[place : place + length],
        known_text[known_spans[span, 0] : known_spans[span, 1]],
    )
    difference = np.uint8(0)
    for letter in range(
        length
    ):  # all of them: it takes less time than to stop at the first that differs
        difference |= here[letter] ^ there[letter]
    return difference == 0


@compiled
def end_of_object(text, start):
    """Place after the object that begins at ``start``; the end of the text if it is not closed."""
    place, depth = start, 0
    while place < text.shape[0]:
        sign = text[place]
        if sign == _QUOTE:
            place = end_of_string(text, place)
            continue
        depth += depth_of(sign)
        place += 1
        if depth == 0:
            break
    return place


@compiled
def end_of_string(text, start):
    """Place after the string that begins at ``start``."""
    place = start + 1
    while place < text.shape[0] and text[place] != _QUOTE:
        place += 1
    return min(place + 1, text.shape[0])


@compiled
def skip_blanks(text, place):
    """The next place that is not blank."""
    while place < text.shape[0] and text[place] in _BLANKS:
        place += 1
    return place

"""Text in which every character can be printed."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""Return the text with an escape for each character that cannot be printed.

    Examples
    --------
    >>> print(printable("white\n"))
    white\n
    """
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)

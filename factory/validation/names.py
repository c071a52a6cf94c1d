"""Names as text: which are fit to be read, and which files may be called after them."""

from __future__ import annotations

import hashlib
import io
import re
import sys

MAX_NAME = 200
"""Characters of the longest name."""
_LONGEST = 100
"""Bytes of a file's name that are taken from the name it is called after."""
_RESERVED = {
    "CON",
    "PRN",
    "AUX",
    "NUL",
    *(f"{port}{n}" for port in ("COM", "LPT") for n in range(10)),
}
"""Names of devices, which Windows gives to no file."""
_HASHED = re.compile("-[0-9a-f]{8}$")


def first_unprintable(text: str) -> str | None:
    r"""Return the first character that cannot be seen, such as a line break, a control character or
    a change of the reading direction; None if there is none.

    Examples
    --------
    >>> first_unprintable("$$ white"), first_unprintable("white\n")
    (None, '\n')
    """
    return (
        None if text.isprintable() else next(letter for letter in text if not letter.isprintable())
    )


def write_all_letters() -> None:
    """Let stdout write letters that its encoding lacks as escapes, rather than raise an error."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def code_point(letter: str) -> str:
    r"""Return a character's number as Unicode writes it.

    Examples
    --------
    >>> code_point("\n")
    'U+000A'
    """
    return f"U+{ord(letter):04X}"


def printable(text: str) -> str:
    r"""Return the text with an escape for each character that cannot be seen.

    Examples
    --------
    >>> print(printable("white\n"))
    white\n
    """
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def file_name(name: str) -> str:
    """Return a name for a file or folder, on any system, that no other name gets.

    Letters, digits, ``-``, ``_`` and dots inside stay. Anything else becomes ``_``, and what is
    long is cut; a hash then keeps such names apart.

    Examples
    --------
    >>> file_name("microfactory"), file_name("../etc")
    ('microfactory', '___etc-f7f9121f')
    """
    plain = re.sub(r"[^\w.-]", "_", name)
    plain = plain.encode("utf-8", "replace")[:_LONGEST].decode("utf-8", "ignore")
    plain = re.sub(r"^\.+|\.+$", lambda dots: "_" * len(dots[0]), plain)
    stem = plain.partition(".")[0].upper()
    if plain == name and plain and stem not in _RESERVED and not _HASHED.search(plain):
        return plain
    return f"{plain}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"

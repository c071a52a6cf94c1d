"""Names as text: unprintable characters, and safe file names."""

from __future__ import annotations

import hashlib
import io
import re
import sys

from factory.printable_text import printable as printable

MAX_NAME = 200
"""Maximum length of a name in characters."""
_LONGEST = 100
"""Maximum bytes of a file name that come from the name of the thing."""
_RESERVED = {
    "CON",
    "PRN",
    "AUX",
    "NUL",
    *(f"{port}{n}" for port in ("COM", "LPT") for n in range(10)),
}
"""Names of devices, which Windows allows for no file."""
_HASHED = re.compile("-[0-9a-f]{8}$")


def first_unprintable(text: str) -> str | None:
    r"""Return the first character that cannot be printed; None if there is none.

    Such characters are line breaks, control characters and changes of the reading direction.

    Examples
    --------
    >>> first_unprintable("$$ white"), first_unprintable("white\n")
    (None, '\n')
    """
    return next((letter for letter in text if not letter.isprintable()), None)


def write_all_letters() -> None:
    """Let stdout escape letters that its encoding lacks, rather than raise an error."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def code_point(letter: str) -> str:
    r"""Return a character's code point in Unicode notation.

    Examples
    --------
    >>> code_point("\n")
    'U+000A'
    """
    return f"U+{ord(letter):04X}"


def file_name(name: str) -> str:
    """Return a file name for any system; different names have different file names.

    Letters, digits, ``-``, ``_`` and inner dots stay. Other characters become ``_``, and long names
    are cut; such names end with a hash.

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

"""Encodings of order lists: by byte order mark, UTF-8, UTF-16 without a mark, else cp1252."""

from __future__ import annotations

import codecs

from factory.validation.errors import FactoryError

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, as it begins with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8"),
)
_SAMPLE = 4096
"""Bytes that decide whether a text is UTF-16."""


def decode_text(content: bytes, where: str, encoding: str | None = None) -> tuple[str, str]:
    """Return the text of a file without its byte order mark, and the encoding.

    Parameters
    ----------
    content, where
        The bytes of the file, and its name in messages.
    encoding
        The encoding, if it is known; otherwise it is guessed.

    Raises
    ------
    FactoryError
        If the bytes are no text.

    Examples
    --------
    >>> decode_text("Größe".encode("cp1252"), "orders.csv")
    ('Größe', 'cp1252')
    """
    used = guess_encoding(content) if encoding is None else encoding
    try:
        text = content.decode(used)
    except (UnicodeError, ValueError) as error:
        at = f" (byte {error.start})" if isinstance(error, UnicodeDecodeError) else ""
        rule = f"{where}: is not {used} text{at}"
        if encoding is None:
            raise FactoryError(f"{rule}. Save it as UTF-8, or as xlsx.") from error
        raise FactoryError(f"{rule}. Correct the encoding, or leave it out.") from error
    if "\0" in text:
        raise FactoryError(
            f"{where}: is not a text file, as it holds zero bytes. Save it as CSV or xlsx."
        )
    return text.removeprefix("\ufeff"), used


def guess_encoding(content: bytes) -> str:
    """Return the encoding of a text; cp1252 is the last guess.

    In UTF-16, the letters of most languages have a zero byte, before or after the other byte.
    """
    for mark, name in _MARKS:
        if content.startswith(mark):
            return name
    sample = content[: min(_SAMPLE, len(content)) // 2 * 2]
    first, second = sample[::2].count(0), sample[1::2].count(0)
    if max(first, second) > len(sample) // 8:
        return "utf-16-le" if second > first else "utf-16-be"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"

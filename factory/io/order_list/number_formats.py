"""Numbers as people write them: decimal comma or point, thousands separators."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from factory.io.order_list.exact_cells import ExactNumber
from factory.validation.text_files import MAX_DIGITS, read_number

_BLANKS = re.compile("[ \u00a0\u2007\u2009\u202f]")
_FORMS = {
    decimal: re.compile(
        rf"[+-]?(?:[1-9][0-9]{{0,2}}(?P<group>[{other}'’ ])[0-9]{{3}}(?:(?P=group)[0-9]{{3}})*"
        rf"(?:{re.escape(decimal)}[0-9]*)?"
        rf"|[0-9]*(?:{re.escape(decimal)}[0-9]*)?(?:[eE][+-]?[0-9]+)?)"
    )
    for decimal, other in (".,", ",.")
}
"""Numbers by their decimal separator: with groups of three digits, or without groups."""


class DecimalGuess(NamedTuple):
    """The decimal separator of a column of numbers."""

    decimal: str | None  # None: no number has a separator, or nothing decides
    example: str  # a number that decides, or one that could mean both; "" if there is none
    is_ambiguous: bool = False


def guess_decimal(texts: Iterable[str], is_point: bool) -> DecimalGuess:
    """Return the decimal separator that most numbers of a column have.

    Parameters
    ----------
    texts
        Numbers of the column.
    is_point
        Take ``1.234`` for 1.234 if no other number decides, as in files with commas between cells.

    Examples
    --------
    >>> guess_decimal(["1,5", "1.234,00"], False).decimal
    ','
    >>> guess_decimal(["1,234", "2"], False)
    DecimalGuess(decimal=None, example='1,234', is_ambiguous=True)
    """
    decided: Counter[str] = Counter()
    examples: dict[str, str] = {}
    open_text = ""
    for text in dict.fromkeys(texts):
        decimals = "." if type(text) is ExactNumber else _possible_decimals(text)
        if type(text) is not ExactNumber and len(decimals) == 1:
            decided[decimals] += 1
            examples.setdefault(decimals, text)
        elif len(decimals) == 2 and _has_separator(text):
            open_text = open_text or text
    if decided:
        ((decimal, _),) = decided.most_common(1)
        return DecimalGuess(decimal, examples[decimal])
    if not open_text:
        return DecimalGuess(None, "")
    if is_point and "," not in open_text:
        return DecimalGuess(".", open_text)
    return DecimalGuess(None, open_text, True)


def _has_separator(text: str) -> bool:
    return "." in text or "," in text


def _possible_decimals(text: str) -> str:
    """Return the separators with which a text is a number: ``.``, ``,``, both, or none."""
    return "".join(decimal for decimal in ".," if not math.isnan(read_decimal(text, decimal)))


def read_decimal(text: str, decimal: str) -> float:
    """Return a number with a decimal separator and groups of three digits; NaN if it is none.

    Examples
    --------
    >>> read_decimal("1.234,5", ","), read_decimal("1'234.5", "."), read_decimal("1,5", ".")
    (1234.5, 1234.5, nan)
    """
    if type(text) is ExactNumber:
        return float(text)
    if len(text) > MAX_DIGITS:
        return math.nan
    plain = _BLANKS.sub(" ", text)
    form = _FORMS[decimal].fullmatch(plain)
    if form is None:
        return math.nan
    if form["group"]:
        plain = plain.replace(form["group"], "")
    plain = plain.replace(decimal, ".")
    try:
        return read_number(plain)
    except ValueError:
        return math.nan

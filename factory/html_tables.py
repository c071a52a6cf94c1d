"""Tables and figures as HTML for notebooks: compact, escaped, readable on light and dark pages.

Fragments take the colour of the text around them, and need no style sheet.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from html import escape

from factory.printable_text import printable

SHOWN_ROWS = 12
"""Rows of a table that are shown."""
_CELL_LETTERS = 120
"""Letters of a cell that are shown."""
_SHORT = 28
"""Letters of a cell that stay on one line."""
_CELL = "padding:2px 14px 2px 0;vertical-align:top;overflow-wrap:break-word"
_SOFT = "opacity:.72;font-size:12px"


def html_text(text: object, letters: int = _CELL_LETTERS) -> str:
    """Return a text escaped for HTML, and cut after that many letters.

    Examples
    --------
    >>> html_text("<b>"), html_text("abcdef", letters=4)
    ('&lt;b&gt;', 'abc…')
    """
    shown = printable(" ".join(str(text).splitlines()))
    return escape(shown if len(shown) <= letters else f"{shown[: letters - 1]}…")


def html_heading(name: str, about: str = "") -> str:
    """Return a name in bold type, with a sentence about it."""
    tail = f'<div style="{_SOFT}">{html_text(about, 300)}</div>' if about else ""
    return f'<div style="margin:6px 0"><strong>{html_text(name)}</strong>{tail}</div>'


def html_figures(figures: Mapping[str, str]) -> str:
    """Return figures side by side, each below its name."""
    cells = "".join(
        f'<div style="min-width:8em"><div style="{_SOFT}">{html_text(name)}</div>'
        f'<div style="font-weight:600">{html_text(value)}</div></div>'
        for name, value in figures.items()
    )
    return f'<div style="display:flex;flex-wrap:wrap;gap:6px 22px;margin:6px 0">{cells}</div>'


def html_table(
    head: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    numbers: Collection[int] = (),
    total: int | None = None,
) -> str:
    """Return a table of its first :data:`SHOWN_ROWS` rows, and the number of the others.

    Parameters
    ----------
    head, rows
        Cells of the head and of each row.
    numbers
        Columns that are flush right.
    total
        Number of all rows, where ``rows`` holds the first of them only.
    """
    cells = "".join(_cell("th", name, i in numbers) for i, name in enumerate(head))
    lines = "".join(
        f"<tr>{''.join(_cell('td', cell, i in numbers) for i, cell in enumerate(row))}</tr>"
        for row in rows[:SHOWN_ROWS]
    )
    hidden = (len(rows) if total is None else total) - min(len(rows), SHOWN_ROWS)
    more = f'<div style="{_SOFT}">and {hidden} more</div>' if hidden > 0 else ""
    return (
        '<div style="overflow-x:auto;margin:6px 0"><table style="border-collapse:collapse;'
        f'font-size:13px;margin:0"><thead><tr>{cells}</tr></thead><tbody>{lines}</tbody></table>'
        f"</div>{more}"
    )


def shorten_names(names: Sequence[str], shown: int = 4) -> str:
    """Return some names as text, and the number of the others.

    Examples
    --------
    >>> shorten_names(["a", "b", "c"], shown=2), shorten_names(["a"])
    ('a, b and 1 more', 'a')
    """
    text = ", ".join(names[:shown])
    return text if len(names) <= shown else f"{text} and {len(names) - shown} more"


def _cell(tag: str, text: object, is_number: bool) -> str:
    side = "right" if is_number else "left"
    line = "border-bottom:1px solid currentColor;" if tag == "th" else ""
    wrap = "nowrap" if tag == "td" and len(str(text)) <= _SHORT else "normal"
    style = f"{line}text-align:{side};white-space:{wrap};{_CELL}"
    return f'<{tag} style="{style}">{html_text(text)}</{tag}>'

"""Escaping of text for Markdown: CommonMark with GitHub's tables, strike-through and formulas."""

from __future__ import annotations

import re

from factory.validation.names import printable

_SPECIAL = re.compile(
    # escapes, code, emphasis, links, HTML, tables, strike-through, formulas, headings
    r"[\\`*\[\]<>|~$#]"
    r"|(?<![^\W_])_|_(?![^\W_])"  # emphasis, which cannot begin or end inside a word
    r"|&(?=#?\w+;)"  # entities
)


def escape(text: str) -> str:
    r"""Return the text on one line, with a backslash before each character of Markdown's syntax.

    Examples
    --------
    >>> print(escape("a*b|c_d $x$"))
    a\*b\|c_d \$x\$
    """
    return _SPECIAL.sub(lambda match: f"\\{match[0]}", _on_one_line(text))


def code_span(text: str) -> str:
    """Return the text as code, between more backticks than it has in a row.

    Examples
    --------
    >>> code_span("ls"), code_span("a`b")
    ('`ls`', '`` a`b ``')
    """
    text = _on_one_line(text)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    space = " " if longest or text != text.strip(" ") else ""
    return f"{'`' * (longest + 1)}{space}{text}{space}{'`' * (longest + 1)}"


def _on_one_line(text: str) -> str:
    return printable(" ".join(text.splitlines()))

"""A report as a list of blocks, written as Markdown or as one self-contained HTML page.

Text is plain: the characters of a name appear unchanged. :class:`Strong` and :class:`Code` mark
text that is emphasised or code.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.reporting.markdown import code_span, escape
from evaluation.reporting.style_sheet import STYLE
from factory.schedule.gantt_html import gantt_html_assets
from factory.validation.names import printable


@dataclass(frozen=True)
class Strong:
    """Emphasised text."""

    text: str


@dataclass(frozen=True)
class Code:
    """Code, such as a command or a file."""

    text: str


@dataclass(frozen=True)
class Verdict:
    """A verdict; ``better`` and ``worse`` are coloured."""

    text: str


Part = str | Strong | Code | Verdict
Text = Part | tuple[Part, ...]


@dataclass(frozen=True)
class Heading:
    """A heading; the table of contents lists the headings of level 2."""

    level: int
    text: str


@dataclass(frozen=True)
class Paragraph:
    """A paragraph."""

    text: Text


@dataclass(frozen=True)
class Table:
    """A table of text.

    Parameters
    ----------
    head, rows
        Cells of the head and of each row.
    numbers, wide
        Columns that are flush right, and columns whose text may wrap.
    strong
        Rows that are emphasised.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[Text, ...], ...]
    numbers: frozenset[int] = frozenset()
    strong: frozenset[int] = frozenset()
    wide: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Picture:
    """A picture: SVG text, or a PNG as a data address."""

    content: str
    alt: str
    caption: Text


@dataclass(frozen=True)
class Pictures:
    """Two pictures side by side."""

    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class More:
    """A table that is shown on request."""

    summary: str
    table: Table


@dataclass(frozen=True)
class Chart:
    """An interactive Gantt chart, as :func:`factory.schedule.gantt_html.gantt_html` returns it."""

    fragment: str
    caption: Text


@dataclass(frozen=True)
class Lines:
    """Text whose lines are kept, such as a traceback."""

    title: str
    text: str


DocumentBlock = Heading | Paragraph | Table | Picture | Pictures | More | Chart | Lines


def _parts(text: Text) -> tuple[Part, ...]:
    return text if isinstance(text, tuple) else (text,)


# --- Markdown -------------------------------------------------------------------------------------


def to_markdown(blocks: Sequence[DocumentBlock]) -> str:
    """Return the blocks as Markdown, without pictures and their captions."""
    return "\n\n".join(text for text in map(_markdown, blocks) if text) + "\n"


def _markdown(block: DocumentBlock) -> str:
    if isinstance(block, Heading):
        return f"{'#' * block.level} {escape(block.text)}"
    if isinstance(block, Paragraph):
        return "".join(map(_markdown_part, _parts(block.text)))
    if isinstance(block, Table):
        return _markdown_table(block)
    if isinstance(block, More):
        return f"{escape(block.summary)}:\n\n{_markdown(block.table)}"
    if isinstance(block, Lines):
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", block.text)), default=0))
        return f"{escape(block.title)}:\n\n{fence}text\n{_kept_lines(block.text)}\n{fence}"
    return ""


def _markdown_table(table: Table) -> str:
    columns = range(len(table.head))
    lines = [
        [escape(name) for name in table.head],
        ["---:" if column in table.numbers else "---" for column in columns],
        *([_markdown_cell(cell) for cell in row] for row in table.rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _markdown_part(part: Part) -> str:
    if isinstance(part, Code):
        return code_span(part.text)
    if isinstance(part, Strong):
        return f"**{escape(part.text)}**"
    return escape(part if isinstance(part, str) else part.text)


def _markdown_cell(text: Text) -> str:
    """Return a cell of a table, in which a bar must be escaped even inside code."""
    parts = []
    for part in _parts(text):
        written = _markdown_part(part)
        parts.append(written.replace("|", "\\|") if isinstance(part, Code) else written)
    return "".join(parts)


# --- HTML -----------------------------------------------------------------------------------------


def to_html(title: str, blocks: Sequence[DocumentBlock]) -> str:
    """Return the blocks as one page; the contents precede the first heading of level 2."""
    chapters = {
        index: block.text
        for index, block in enumerate(blocks)
        if isinstance(block, Heading) and block.level == 2
    }
    anchors = dict(zip(chapters, _anchors(list(chapters.values())), strict=True))
    links = [
        f"<a href='#{anchors[index]}'>{_escaped(text)}</a>" for index, text in chapters.items()
    ]
    contents = f"<nav aria-label='Contents'>{''.join(links)}</nav>"
    written = [_html(block, anchors.get(index, "")) for index, block in enumerate(blocks)]
    written.insert(min(chapters, default=len(blocks)), contents)
    head = (
        "<meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width,initial-scale=1'>"
        f"<title>{_escaped(title)}</title><style>{STYLE}</style>"
    )
    if any(isinstance(block, Chart) for block in blocks):
        written.append(gantt_html_assets())
    body = "\n".join(written)
    return (
        f"<!doctype html>\n<html lang='en'><head>{head}</head>"
        f"<body><main>\n{body}\n</main></body></html>\n"
    )


def _anchors(headings: Sequence[str]) -> list[str]:
    """Return a unique anchor for each heading, of letters, digits and hyphens."""
    anchors = list[str]()
    for number, heading in enumerate(headings, start=1):
        anchor = re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")
        if not anchor or anchor in anchors:
            anchor = f"{anchor}-{number}".strip("-")
        anchors.append(anchor)
    return anchors


def _html(block: DocumentBlock, anchor: str = "") -> str:
    if isinstance(block, Heading):
        mark = f" id='{anchor}'" if anchor else ""
        return f"<h{block.level}{mark}>{_escaped(block.text)}</h{block.level}>"
    if isinstance(block, Paragraph):
        return f"<p>{_inline(block.text)}</p>"
    if isinstance(block, Table):
        return _html_table(block)
    if isinstance(block, Picture):
        return _html_picture(block)
    if isinstance(block, Pictures):
        return f"<div class='pair'>{''.join(map(_html_picture, block.pictures))}</div>"
    if isinstance(block, Chart):
        return f"{block.fragment}<p class='caption'>{_inline(block.caption)}</p>"
    if isinstance(block, Lines):
        lines = html.escape(_kept_lines(block.text), quote=True)
        return f"<p>{_escaped(block.title)}:</p><pre>{lines}</pre>"
    return (
        f"<details><summary>{_escaped(block.summary)}</summary>{_html_table(block.table)}</details>"
    )


def _html_table(table: Table) -> str:
    head = "".join(_html_cell(table, "th", column, text) for column, text in enumerate(table.head))
    rows = []
    for index, row in enumerate(table.rows):
        cells = "".join(_html_cell(table, "td", column, text) for column, text in enumerate(row))
        rows.append(f"<tr{' class=best' if index in table.strong else ''}>{cells}</tr>")
    kind = " class='many'" if len(table.head) > _FEW_COLUMNS else ""
    return (
        f"<div class='scroll'><table{kind}><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


_FEW_COLUMNS = 3
"""Columns that stand side by side on every screen; the cells of wider tables stand below each other
on a narrow one, each with its heading."""


def _html_cell(table: Table, tag: str, column: int, text: Text) -> str:
    heading = f" data-head='{_escaped(table.head[column])}'" if tag == "td" else ""
    if column in table.numbers:
        # a number and its interval may stand on two lines, but neither is broken
        parts = re.split(r" (?=\()", text) if isinstance(text, str) else [text]
        content = " ".join(f"<span>{_inline(part)}</span>" for part in parts)
        return f"<{tag} class='n'{heading}>{content}</{tag}>"
    kind = " class='wide'" if column in table.wide else ""
    return f"<{tag}{kind}{heading}>{_inline(text)}</{tag}>"


def _html_picture(picture: Picture) -> str:
    alt = _escaped(picture.alt)
    if picture.content.startswith("data:"):
        content = f'<img src="{picture.content}" alt="{alt}">'
    else:
        content = picture.content.replace("<svg ", f'<svg role="img" aria-label="{alt}" ', 1)
    return f"<figure>{content}<figcaption>{_inline(picture.caption)}</figcaption></figure>"


_COLOURS = {"better": "good", "worse": "bad"}


def _inline(text: Text) -> str:
    return "".join(map(_html_part, _parts(text)))


def _html_part(part: Part) -> str:
    if isinstance(part, Strong):
        return f"<strong>{_escaped(part.text)}</strong>"
    if isinstance(part, Code):
        return f"<code>{_escaped(part.text)}</code>"
    if isinstance(part, Verdict):
        colour = _COLOURS.get(part.text)
        return f"<span class='{colour}'>{part.text}</span>" if colour else _escaped(part.text)
    return _escaped(part)


def _kept_lines(text: str) -> str:
    return "\n".join(map(printable, text.expandtabs(4).splitlines()))


def _escaped(text: str) -> str:
    return html.escape(printable(" ".join(text.splitlines())), quote=True)

"""A report as a list of blocks, written as Markdown or as one HTML page that needs nothing else.

Text is plain: whatever stands in a name is shown as it is. What is to stand out is wrapped
(:class:`Strong`, :class:`Code`).
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.reporting.markdown import code_span, escape
from factory.validation.names import printable

STYLE = """
:root{--ink:#1b1f24;--soft:#5b6470;--line:#d9dee5;--back:#f6f8fa;--blue:#0b5cad;--good:#0a6b4b;--bad:#a3300a}
*{box-sizing:border-box}
body{margin:0;color:var(--ink);background:#fff;font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
main{max-width:1240px;margin:0 auto;padding:28px 24px 80px}
h1{font-size:28px;margin:0 0 6px;letter-spacing:-.01em}
h2{font-size:21px;margin:44px 0 10px;padding-top:14px;border-top:2px solid var(--ink)}
h3{font-size:16px;margin:26px 0 8px}
p{max-width:78ch;margin:8px 0}
nav{background:var(--back);border:1px solid var(--line);border-radius:6px;padding:10px 16px;margin:18px 0;columns:2;font-size:14px}
nav a{display:block;padding:1px 0}
a{color:var(--blue);text-decoration:none}a:hover{text-decoration:underline}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:13px;margin:10px 0;font-variant-numeric:tabular-nums;width:100%}
th{text-align:left;white-space:normal;min-width:44px;color:var(--soft);font-weight:600;border-bottom:1.5px solid var(--ink);padding:5px 10px 5px 0;
vertical-align:bottom}
td{border-bottom:1px solid var(--line);padding:4px 9px 4px 0;white-space:nowrap;vertical-align:top}
td.n,th.n{text-align:right}
td.wide{white-space:normal;color:var(--soft);min-width:130px}
tr.best td{background:#eef5fc;font-weight:600}
.good{color:var(--good);font-weight:600}.bad{color:var(--bad);font-weight:600}
figure{margin:14px 0}figure svg,figure img{max-width:100%;height:auto;display:block}
figcaption{color:var(--soft);font-size:13px;max-width:90ch;margin-top:4px}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:20px}
@media(max-width:820px){.pair{grid-template-columns:1fr}nav{columns:1}}
details{margin:8px 0}summary{cursor:pointer;color:var(--blue)}
code{font:12.5px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;background:var(--back);padding:1px 4px;border-radius:3px;white-space:pre-wrap}
@media print{nav,summary{display:none}main{max-width:none;padding:0}h2{break-before:page}h2:first-of-type{break-before:auto}}
"""


@dataclass(frozen=True)
class Strong:
    """Text that stands out."""

    text: str


@dataclass(frozen=True)
class Code:
    """Something that is typed, such as a command or a file."""

    text: str


@dataclass(frozen=True)
class Verdict:
    """``better`` and ``worse``, in colour, or another verdict."""

    text: str


Part = str | Strong | Code | Verdict
Text = Part | tuple[Part, ...]


@dataclass(frozen=True)
class Heading:
    """A heading; those of level 2 make up the table of contents."""

    level: int
    text: str


@dataclass(frozen=True)
class Paragraph:
    """Some sentences."""

    text: Text


@dataclass(frozen=True)
class Table:
    """Cells as text; ``numbers`` are the columns set flush right, ``strong`` the rows that stand
    out, ``wide`` the columns that may wrap."""

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
    """What is shown on request."""

    summary: str
    table: Table


DocumentBlock = Heading | Paragraph | Table | Picture | Pictures | More


def _parts(text: Text) -> tuple[Part, ...]:
    return text if isinstance(text, tuple) else (text,)


# --- Markdown -------------------------------------------------------------------------------------


def to_markdown(blocks: Sequence[DocumentBlock]) -> str:
    """The blocks as Markdown; pictures are left out, their captions too."""
    return "\n\n".join(text for text in map(_markdown, blocks) if text) + "\n"


def _markdown(block: DocumentBlock) -> str:
    if isinstance(block, Heading):
        return f"{'#' * block.level} {escape(block.text)}"
    if isinstance(block, Paragraph):
        return "".join(map(_markdown_part, _parts(block.text)))
    if isinstance(block, Table):
        rule = tuple(
            "---:" if column in block.numbers else "---" for column in range(len(block.head))
        )
        lines = [
            tuple(map(escape, block.head)),
            rule,
            *(tuple(map(_markdown_cell, row)) for row in block.rows),
        ]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)
    if isinstance(block, More):
        return f"{escape(block.summary)}:\n\n{_markdown(block.table)}"
    return ""


def _markdown_part(part: Part) -> str:
    if isinstance(part, Code):
        return code_span(part.text)
    if isinstance(part, Strong):
        return f"**{escape(part.text)}**"
    return escape(part if isinstance(part, str) else part.text)


def _markdown_cell(text: Text) -> str:
    """A cell of a table, which a bar would end even inside code."""
    return "".join(
        _markdown_part(part).replace("|", "\\|") if isinstance(part, Code) else _markdown_part(part)
        for part in _parts(text)
    )


# --- HTML -----------------------------------------------------------------------------------------


def to_html(title: str, blocks: Sequence[DocumentBlock]) -> str:
    """The blocks as one page; the first is its title, and contents follow the first paragraphs."""
    chapters = [
        place
        for place, block in enumerate(blocks)
        if isinstance(block, Heading) and block.level == 2
    ]
    anchors = dict(
        zip(chapters, _anchors([_heading_at(blocks, place) for place in chapters]), strict=True)
    )
    links = (
        f"<a href='#{anchor}'>{_escaped(_heading_at(blocks, place))}</a>"
        for place, anchor in anchors.items()
    )
    contents = f"<nav aria-label='Contents'>{''.join(links)}</nav>"
    first = chapters[0] if chapters else len(blocks)
    written = [_html(block, anchors.get(place, "")) for place, block in enumerate(blocks)]
    body = "\n".join([*written[:first], contents, *written[first:]])
    head = (
        "<meta charset='utf-8'><meta name='viewport'"
        f" content='width=device-width,initial-scale=1'><title>{_escaped(title)}</title>"
    )
    return (
        "<!doctype html>\n<html"
        f" lang='en'><head>{head}<style>{STYLE}</style></head><body><main>\n{body}\n</main></body></html>\n"
    )


def _heading_at(blocks: Sequence[DocumentBlock], place: int) -> str:
    block = blocks[place]
    assert isinstance(block, Heading)
    return block.text


def _anchors(headings: Sequence[str]) -> list[str]:
    """What links to headings, no two the same; it is made of letters, digits and hyphens."""
    anchors = list[str]()
    for number, heading in enumerate(headings, start=1):
        anchor = re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")
        anchors.append(
            f"{anchor}-{number}".strip("-") if not anchor or anchor in anchors else anchor
        )
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
    return (
        f"<details><summary>{_escaped(block.summary)}</summary>{_html_table(block.table)}</details>"
    )


def _html_table(table: Table) -> str:
    def cell(tag: str, column: int, text: Text) -> str:
        names = [
            name
            for name, columns in (("n", table.numbers), ("wide", table.wide))
            if column in columns
        ]
        return f"<{tag}{f' class={names[0]!r}' if names else ''}>{_inline(text)}</{tag}>"

    head = "".join(cell("th", column, text) for column, text in enumerate(table.head))
    rows = [
        f"<tr{' class=best' if number in table.strong else ''}>{''.join(cell('td', column, text) for column, text in enumerate(row))}</tr>"
        for number, row in enumerate(table.rows)
    ]
    return (
        "<div"
        f" class='scroll'><table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


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


def _escaped(text: str) -> str:
    return html.escape(printable(" ".join(text.splitlines())), quote=True)

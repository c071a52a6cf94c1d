"""Markdown pages of the project: their code blocks, headings and links."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from tests.builders.repository import ROOT

PAGES = [
    path.relative_to(ROOT).as_posix()
    for path in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").rglob("*.md")),
    )
]
"""Pages whose code blocks are executed, as paths from the root."""

LINKING_PAGES = [
    path.relative_to(ROOT).as_posix()
    for path in (
        *sorted(ROOT.glob("*.md")),
        *sorted((ROOT / ".github").rglob("*.md")),
        *sorted((ROOT / "docs").rglob("*.md")),
        *sorted((ROOT / "experiments").rglob("*.md")),
    )
]
"""Pages whose links are checked."""

_FENCE = re.compile(r"^(?P<indent> *)(?P<marks>`{3,}|~{3,})(?P<info>.*)$")
_FILE_COMMENT = re.compile(r"# ([\w-]+\.(?:py|toml))\n")


@dataclass(frozen=True)
class CodeBlock:
    """A fenced block; ``line`` is that of its opening fence, ``file`` the file that it stands for.

    A block names its file by ``title="mine.py"`` in its opening fence, or in a comment that is its
    first line.
    """

    page: str
    line: int
    language: str
    file: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def first_line(self) -> str:
        return self.text.partition("\n")[0]


def read_page(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def code_blocks(text: str, page: str) -> list[CodeBlock]:
    """Return the fenced blocks of a text, without their indentation."""
    blocks, opening, start, body = [], None, 0, list[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        match = _FENCE.match(line)
        if opening is None:
            if match is not None:
                opening, start, body = match, number, []
        elif match is not None and _closes(match, opening):
            blocks.append(_block(page, start, opening["info"], body))
            opening = None
        else:
            body.append(line)
    assert opening is None, f"{page}:{start}: the block is never closed"
    return blocks


def _closes(match: re.Match[str], opening: re.Match[str]) -> bool:
    return match["marks"].startswith(opening["marks"]) and not match["info"].strip()


def _block(page: str, line: int, info: str, body: list[str]) -> CodeBlock:
    text = textwrap.dedent("\n".join(body) + "\n")
    language = re.match(r"\s*(?:\{\s*\.)?([\w+-]*)", info)
    title = re.search(r'title="([^"]+)"', info)
    comment = _FILE_COMMENT.match(text)
    file = title[1] if title else comment[1] if comment else ""
    return CodeBlock(page, line, language[1] if language else "", file, text)


def blocks_of(page: str) -> list[CodeBlock]:
    """Return the code blocks of a page."""
    return code_blocks(read_page(page), page)


def file_of_page(page: str, file: str) -> str:
    """Return the text of a file that the blocks of a page make."""
    parts = [block.text for block in blocks_of(page) if block.file == file]
    assert parts, f"{page}: no block has the title {file!r}"
    return "".join(parts)


# --- links ----------------------------------------------------------------------------------------

_TARGET = r"\(\s*<?([^()\s<>]+)>?[^()]*\)"
_PICTURE = re.compile(rf"!\[[^\[\]]*\]{_TARGET}")
_LINK = re.compile(rf"(?<!!)\[(?:[^\[\]]|!?\[[^\[\]]*\](?:\([^()]*\))?)*\]{_TARGET}")
_DEFINITION = re.compile(r"^ {0,3}\[[^\]]+\]:\s*<?(\S+?)>?(?:\s|$)", re.MULTILINE)
_ATTRIBUTE = re.compile(r"<(?:a|img|video|source)\b[^>]*?\b(?:href|src)=\"([^\"]+)\"")


def prose(text: str) -> str:
    """Return a text with as many lines, without fenced blocks and code in a line."""
    lines, opening = [], None
    for line in text.splitlines():
        match = _FENCE.match(line)
        if opening is None and match is not None:
            opening = match
        elif opening is not None:
            if match is not None and _closes(match, opening):
                opening = None
        else:
            lines.append(line)
            continue
        lines.append("")
    return re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", "\n".join(lines))


def links(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and target of each link and picture outside code."""
    plain = prose(text)
    for pattern in (_LINK, _PICTURE, _DEFINITION, _ATTRIBUTE):
        for match in pattern.finditer(plain):
            yield plain.count("\n", 0, match.start()) + 1, match[1]


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a text, and those set in HTML."""
    slugs, counts = set(), dict[str, int]()
    for heading in _headings(text):
        slug = heading_slug(heading)
        count = counts.get(slug, 0)
        counts[slug] = count + 1
        slugs.add(f"{slug}-{count}" if count else slug)
    return slugs | set(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", text))


def heading_slug(heading: str) -> str:
    """Return the anchor of a heading by GitHub's rules: letters, digits, hyphens, underscores.

    Examples
    --------
    >>> heading_slug("What `the model` *cannot* do: A/B")
    'what-the-model-cannot-do-ab'
    """
    words = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading.strip())
    words = re.sub(r"[*`]", "", words).lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


def _headings(text: str) -> Iterator[str]:
    opening = None
    for line in text.splitlines():
        match = _FENCE.match(line)
        if match is not None:
            if opening is None:
                opening = match
            elif _closes(match, opening):
                opening = None
        elif opening is None and (heading := re.match(r"#{1,6} +(.*?)(?: +#+)?$", line)):
            yield heading[1]

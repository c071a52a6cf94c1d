"""Texts of HTML pages and of rendered Markdown."""

from __future__ import annotations

from html.parser import HTMLParser

from markdown_it import MarkdownIt

_ELEMENTS = {"h1", "h2", "td", "th", "p", "strong", "code", "li", "text", "title", "script", "b"}


class Page(HTMLParser):
    """The texts of a page by element."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._open, self.texts = list[tuple[str, list[str]]](), dict[str, list[str]]()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag in _ELEMENTS:
            self._open.append((tag, []))

    def handle_data(self, data: str) -> None:
        for _, parts in self._open:
            parts.append(data)

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1][0] == tag:
            self.texts.setdefault(tag, []).append("".join(self._open.pop()[1]))


def render_markdown(text: str) -> str:
    """Return Markdown with GitHub's tables and strike-through as HTML."""
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text)

"""Check of the site that is built: ``python -m docs_site.site_check site/``.

Every link, picture and anchor inside the site must lead somewhere, and the search must find the
words of :data:`SEARCHED`.
"""

from __future__ import annotations

import argparse
import json
import posixpath
import re
import sys
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

SEARCHED = ("changeover", "action mask", "calendar")
"""Words that readers look for."""
MAX_LISTED = 20
"""Maximum number of problems that are listed; the others are counted."""

_TARGETS = ("href", "src", "poster")


class SitePage(NamedTuple):
    """The anchors of a page of the site, and the addresses that it names."""

    anchors: frozenset[str]
    addresses: tuple[str, ...]


def read_site_page(html: str) -> SitePage:
    """Return the anchors of a page, and the addresses of links, pictures, styles and scripts."""
    parser = _PageParser()
    parser.feed(html)
    parser.close()
    return SitePage(frozenset(parser.anchors), tuple(parser.addresses))


class _PageParser(HTMLParser):
    """Reader of attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.anchors, self.addresses = set[str](), list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep anchors and addresses of an element."""
        for name, value in attrs:
            if value and (name == "id" or (tag == "a" and name == "name")):
                self.anchors.add(value)
            elif value and name in _TARGETS:
                self.addresses.append(value)


def find_dead_links(site: Path) -> Iterator[str]:
    """Yield one line for each address inside a site that leads nowhere, with page and reason.

    Addresses of other servers are left out.
    """
    files = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    pages = {
        name: read_site_page((site / name).read_text(encoding="utf-8"))
        for name in sorted(files)
        if name.endswith(".html")
    }
    for name, page in pages.items():
        for address in dict.fromkeys(page.addresses):
            problem = _problem_of(name, address, files, pages)
            if problem:
                yield f"{name}: {address}: {problem}"


def _problem_of(name: str, address: str, files: set[str], pages: dict[str, SitePage]) -> str:
    """Return the reason why an address of a page leads nowhere; empty if it leads somewhere."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return ""
    place = _place_of(name, unquote(parts.path), files)
    if place is None:
        return "there is no such file on the site. Correct the link in the page's source."
    anchor = unquote(parts.fragment)
    if anchor and place in pages and anchor not in pages[place].anchors:
        return f"{place} has no anchor {anchor!r}. Link one of its headings."
    return ""


def _place_of(name: str, path: str, files: set[str]) -> str | None:
    """Return the file that a path on a page leads to; None if there is none."""
    if not path:
        return name
    folder = "" if path.startswith("/") else posixpath.dirname(name)
    place = posixpath.normpath(posixpath.join(folder, path.lstrip("/")))
    index = "index.html" if place == "." else f"{place}/index.html"
    return next((file for file in (place, index) if file in files), None)


def find_missing_words(site: Path, words: Sequence[str] = SEARCHED) -> Iterator[str]:
    """Yield one line for each of the words that the search of a site does not find."""
    path = site / "search" / "search_index.json"
    if not path.is_file():
        yield f"{path}: there is no search index. Leave the plugin `search` in mkdocs.yml."
        return
    entries = json.loads(path.read_text(encoding="utf-8"))["docs"]
    texts = [_searched_text(entry) for entry in entries]
    for word in words:
        pattern = re.compile(r"\b" + r"[\s-]+".join(map(re.escape, word.split())))
        if not any(pattern.search(text) for text in texts):
            yield f"{path}: no page has {word!r}. Name it in the page that explains it."


def _searched_text(entry: dict[str, str]) -> str:
    """Return title and text of an entry of the index, without elements, in lower case."""
    return re.sub(r"<[^>]*>", " ", f"{entry['title']} {entry['text']}").lower()


def main(arguments: list[str] | None = None) -> int:
    """Check a site; return 0, or 1 with the problems on stderr."""
    parser = argparse.ArgumentParser(
        prog="python -m docs_site.site_check",
        description="Check the links and the search of a site.",
    )
    parser.add_argument("site", type=Path, help="folder of the built site")
    site = parser.parse_args(arguments).site
    pages = sum(1 for _ in site.rglob("*.html"))
    if not pages:
        print(f"{site}: holds no page. Build the site with make docs.", file=sys.stderr)
        return 1
    problems = [*find_dead_links(site), *find_missing_words(site)]
    for problem in problems[:MAX_LISTED]:
        print(problem, file=sys.stderr)
    if len(problems) > MAX_LISTED:
        print(f"and {len(problems) - MAX_LISTED} more", file=sys.stderr)
    if problems:
        return 1
    print(
        f"{site}: all links of {pages} pages lead somewhere; the search finds {', '.join(SEARCHED)}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Links of the repository's Markdown, rewritten for the site.

Pages link other files of the repository by relative paths, as readers of the repository need it.
The site holds ``docs/``, and further pages of :data:`PAGES_OUTSIDE`; a link to any other file
becomes its text.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable
from pathlib import Path

PAGES_OUTSIDE = {
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
    "SECURITY.md": "project/security.md",
}
"""Pages outside ``docs/``, and their places on the site; ``experiments/`` keeps its names."""

HOME = {"README.md": "index.md"}
"""Files that have no page of their own, and the page that stands for each."""

_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]+)\)")
_SOURCE_LINK = re.compile(r'href="(?P<path>(?!\w+:)[^"#]+\.(?:md|ipynb))(?P<anchor>#[^"]*)?"')
_FENCE = re.compile(r"^( *)(```|~~~)", re.MULTILINE)


def pages_outside(root: Path) -> dict[str, Path]:
    """Return the pages of the site that stand outside ``docs/``, by their place on the site."""
    pages = {site: root / name for name, site in PAGES_OUTSIDE.items() if (root / name).is_file()}
    studies = (root / "experiments").glob("*.md")
    return pages | {f"experiments/{_index_name(path.name)}": path for path in studies}


def rewrite_links(markdown: str, page: str, pages: Iterable[str]) -> str:
    """Return a page's Markdown with links that work on the site.

    Parameters
    ----------
    markdown
        Text of the page.
    page
        Place of the page on the site, such as ``"experiments/index.md"``.
    pages
        Places of all files of the site.

    Returns
    -------
    str
        The text; links in fenced code are left alone.
    """
    held = set(pages)

    def rewrite(match: re.Match[str]) -> str:
        image, text, target = match.groups()
        if re.match(r"[a-z]+:|#|/", target):
            return match[0]
        path, hash_sign, anchor = target.partition("#")
        place = _site_place(
            posixpath.normpath(posixpath.join(posixpath.dirname(_repository_place(page)), path))
        )
        if place not in held:
            return str(text)
        relative = posixpath.relpath(place, posixpath.dirname(page) or ".")
        return f"{image}[{text}]({relative}{hash_sign}{anchor})"

    return _outside_fences(markdown, lambda text: _LINK.sub(rewrite, text))


def resolve_page_links(html: str, page: str, address: Callable[[str], str | None]) -> str:
    """Return the HTML of an executed notebook with links to pages as their addresses.

    Parameters
    ----------
    html
        HTML, in which links lead to sources, such as ``../glossary.md#rate``.
    page
        Place of the notebook on the site.
    address
        Function that returns the address, as seen from the notebook, of the page with that place;
        None if there is none.
    """

    def resolve(match: re.Match[str]) -> str:
        place = posixpath.normpath(posixpath.join(posixpath.dirname(page), match["path"]))
        seen = address(place)
        return match[0] if seen is None else f'href="{seen}{match["anchor"] or ""}"'

    return _SOURCE_LINK.sub(resolve, html)


def _outside_fences(markdown: str, change: Callable[[str], str]) -> str:
    """Return the text with a change made outside fenced code."""
    parts, start, fence = [], 0, ""
    for match in _FENCE.finditer(markdown):
        if not fence:
            parts.append(change(markdown[start : match.start()]))
            start, fence = match.start(), match[2]
        elif match[2] == fence:
            parts.append(markdown[start : match.end()])
            start, fence = match.end(), ""
    rest = markdown[start:]
    return "".join([*parts, rest if fence else change(rest)])


def _index_name(name: str) -> str:
    return "index.md" if name == "README.md" else name


def _repository_place(page: str) -> str:
    """Return the path in the repository of a page of the site."""
    outside = {site: name for name, site in PAGES_OUTSIDE.items()}
    if page == "experiments/index.md":
        return "experiments/README.md"
    if page.startswith("experiments/"):
        return page
    return outside.get(page, f"docs/{page}")


def _site_place(path: str) -> str:
    """Return the place on the site of a path in the repository."""
    if path.rstrip("/") == "experiments":
        return "experiments/index.md"
    if path.startswith("experiments/"):
        return f"experiments/{_index_name(path.removeprefix('experiments/'))}"
    outside = PAGES_OUTSIDE | HOME
    return outside.get(path, path.removeprefix("docs/"))

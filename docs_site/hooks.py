"""Events of MkDocs: pages that are added to those of ``docs/``, and links that are rewritten.

Source: https://www.mkdocs.org/user-guide/configuration/#hooks
"""

from __future__ import annotations

import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_ROOT))

from docs_site.docstring_roles import link_roles  # noqa: E402
from docs_site.picture_pages import factory_places, picture_pages  # noqa: E402
from docs_site.repository_links import pages_outside, rewrite_links  # noqa: E402

_CACHE = _ROOT / "site_cache"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill the section of the shipped factories."""
    for entry in config.nav or []:
        if "Factories" in entry:
            entry["Factories"] = factory_places()
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that stand outside ``docs/``, and those that are made of pictures."""
    pages = pages_outside(_ROOT) | picture_pages(_ROOT, _CACHE)
    for place, path in sorted(pages.items()):
        files.append(File.generated(config, place, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite the links of a page."""
    return rewrite_links(markdown, page.file.src_uri, (file.src_uri for file in files))


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Show the roles of docstrings as code and links."""
    return link_roles(html)

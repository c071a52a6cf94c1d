"""Events of MkDocs: pages that are added to those of ``docs/``, and links that are rewritten.

Source: https://www.mkdocs.org/user-guide/configuration/#hooks
"""

from __future__ import annotations

import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_ROOT))

from docs_site.docstring_roles import link_roles  # noqa: E402
from docs_site.notebook_execution import NotebookError, execute_notebooks  # noqa: E402
from docs_site.picture_pages import factory_places, picture_pages  # noqa: E402
from docs_site.repository_links import pages_outside, resolve_page_links, rewrite_links  # noqa: E402

_CACHE = _ROOT / "site_cache"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill the section of the shipped factories."""
    for entry in config.nav or []:
        if "Factories" in entry:
            entry["Factories"] = factory_places()
    return config


@event_priority(50)  # before mkdocs-jupyter, which takes the executed copies
def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that stand outside ``docs/``, those of pictures, and executed notebooks."""
    pages = pages_outside(_ROOT) | picture_pages(_ROOT, _CACHE / "pictures")
    for place, path in sorted(pages.items()):
        files.append(File.generated(config, place, abs_src_path=str(path)))
    _execute(files, config)
    return files


def _execute(files: Files, config: MkDocsConfig) -> None:
    """Replace each notebook by its executed copy."""
    notebooks = {
        Path(file.abs_src_path): file
        for file in files
        if file.src_uri.endswith(".ipynb") and file.abs_src_path is not None
    }
    try:
        copies = execute_notebooks(_ROOT, notebooks, _CACHE / "notebooks")
    except NotebookError as error:
        raise PluginError(str(error)) from None
    for path, copy in copies.items():
        file = notebooks[path]
        files.remove(file)
        # not File.generated: mkdocs-jupyter finds a notebook by its folder and its place
        folder = str(copy.parents[1])
        files.append(File(file.src_uri, folder, config.site_dir, config.use_directory_urls))


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite the links of a page."""
    return rewrite_links(markdown, page.file.src_uri, (file.src_uri for file in files))


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Show the roles of docstrings as code and links, and resolve the links of notebooks."""

    def address(place: str) -> str | None:
        file = files.get_file_from_path(place)
        return None if file is None else file.url_relative_to(page.file)

    if page.file.src_uri.endswith(".ipynb"):
        return resolve_page_links(html, page.file.src_uri, address)
    return link_roles(html)

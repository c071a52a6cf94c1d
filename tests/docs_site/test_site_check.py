"""Dead links and missing words of a built site are found, on a small site made by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from docs_site.site_check import MAX_LISTED, find_dead_links, find_missing_words, main

MakeSite = Callable[..., Path]
ENTRIES = [
    {"location": "", "title": "Changeovers", "text": "<p>The action <b>mask</b> ...</p>"},
    {"location": "a/", "title": "Calendars", "text": ""},
]


@pytest.fixture
def make_site(tmp_path: Path) -> MakeSite:
    """Return a function that makes a site with a link on its start page."""

    def make(link: str = "a/#part", entries: list[dict[str, str]] = ENTRIES) -> Path:
        (tmp_path / "a").mkdir()
        (tmp_path / "search").mkdir()
        (tmp_path / "index.html").write_text(f'<h1 id="top">Start</h1><a href="{link}">x</a>')
        (tmp_path / "a" / "index.html").write_text(
            '<h2 id="part">Part</h2><a name="old"></a><a href="..">up</a>'
            '<img src="../b c.png"><script>"<a href=nowhere>"</script>'
        )
        (tmp_path / "b c.png").touch()
        (tmp_path / "search" / "search_index.json").write_text(json.dumps({"docs": entries}))
        return tmp_path

    return make


@pytest.mark.parametrize(
    "link",
    [
        *("a/#part", "a/", "a", "a/index.html#old", "#top", "#", ".", "/a/#part", "./?q=x#top"),
        *("b%20c.png", "https://example.org/nowhere", "//example.org/x", "mailto:a", "data:,x"),
    ],
)
def test_a_link_that_leads_somewhere_is_no_problem(link: str, make_site: MakeSite) -> None:
    assert list(find_dead_links(make_site(link))) == []


@pytest.mark.parametrize(
    ("link", "problem"),
    [
        ("b/", "there is no such file on the site. Correct the link in the page's source."),
        ("a/b", "there is no such file on the site. Correct the link in the page's source."),
        ("/index", "there is no such file on the site. Correct the link in the page's source."),
        ("#nowhere", "index.html has no anchor 'nowhere'. Link one of its headings."),
        ("a/#top", "a/index.html has no anchor 'top'. Link one of its headings."),
    ],
)
def test_a_link_that_leads_nowhere_is_reported_with_its_page(
    link: str, problem: str, make_site: MakeSite
) -> None:
    assert list(find_dead_links(make_site(link))) == [f"index.html: {link}: {problem}"]


def test_words_are_found_in_titles_and_texts(make_site: MakeSite) -> None:
    site = make_site()
    assert list(find_missing_words(site)) == []
    lines = list(find_missing_words(site, ["calendar", "over", "action_mask"]))
    assert ["no page has 'over'" in lines[0], "no page has 'action_mask'" in lines[1]] == [True] * 2


def test_a_site_without_an_index_is_reported(make_site: MakeSite) -> None:
    site = make_site()
    (site / "search" / "search_index.json").unlink()
    (line,) = find_missing_words(site)
    assert "there is no search index" in line


def test_the_command_reports_a_good_site(
    make_site: MakeSite, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(make_site())]) == 0
    assert "all links of 2 pages lead somewhere" in capsys.readouterr().out


def test_the_command_fails_and_counts_what_it_does_not_list(
    make_site: MakeSite, capsys: pytest.CaptureFixture[str]
) -> None:
    site = make_site("b/", ENTRIES[:1])
    many = "".join(f'<a href="{number}.html">x</a>' for number in range(MAX_LISTED))
    (site / "c.html").write_text(many)
    assert main([str(site)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == MAX_LISTED + 1
    assert lines[-1] == "and 2 more"


def test_the_command_refuses_a_folder_without_pages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path)]) == 1
    assert "Build the site with make docs." in capsys.readouterr().err

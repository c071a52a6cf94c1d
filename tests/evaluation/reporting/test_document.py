"""Blocks of a report as Markdown and as HTML."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evaluation.reporting.document import (
    Code,
    Heading,
    More,
    Paragraph,
    Picture,
    Strong,
    Table,
    to_html,
    to_markdown,
)
from tests.builders.hostile_names import names
from tests.builders.page_reader import Page, render_markdown

marked = (
    st.text("\\`*_{}[]()<>#+-.!|~&;$:/=^\"'aB1 \u00e9", min_size=1, max_size=12)
    .map(str.strip)
    .filter(bool)
)


@given(st.lists(names | marked, min_size=2, max_size=2))
def test_bug_markdown_and_html_show_any_text_unchanged(pair: list[str]) -> None:
    first, second = pair
    rows = ((first, Code(second)), (Strong(first), (second, " and ", Code(first))))
    blocks = [
        Heading(2, first),
        Paragraph(("On ", Strong(first), ": ", Code(second), f" and {second}.")),
        Table(("policy", "value"), rows),
    ]
    for text in (to_html("title", blocks), render_markdown(to_markdown(blocks))):
        page = Page(text)
        assert page.texts["h2"] == [first]
        assert page.texts["p"] == [f"On {first}: {second} and {second}."]
        assert page.texts["td"] == [first, second, first, f"{second} and {first}"]
        assert page.texts["code"] == [second, second, first]


def test_blocks_as_markdown_and_as_html() -> None:
    table = Table(
        ("name", "cost"), (("a|b", "1"), ("c", "2")), numbers=frozenset({1}), strong=frozenset({0})
    )
    blocks = [
        Heading(1, "Title"),
        Paragraph(("So ", Strong("strong"), " & ", Code("x<y"), ".")),
        Heading(2, "Part one"),
        table,
        More("All", table),
        Picture("<svg ></svg>", 'a "picture"', "Caption."),
    ]
    markdown, page = to_markdown(blocks), to_html("Title", blocks)
    assert "| name | cost |\n| --- | ---: |\n| a\\|b | 1 |" in markdown
    assert "So **strong** & `x<y`." in markdown
    assert "<strong>strong</strong> &amp; <code>x&lt;y</code>" in page
    assert "<a href='#part-one'>Part one</a>" in page
    assert 'aria-label="a &quot;picture&quot;"' in page

"""Outputs of notebooks: warnings and paths of the machine are found, messages left out."""

from __future__ import annotations

from typing import Any

import pytest

from docs_site.notebook_outputs import find_private_path, find_warning, without_messages


def stream(name: str, text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def shown(**data: str) -> dict[str, Any]:
    kinds = {kind.replace("_", "/"): text for kind, text in data.items()}
    return {"output_type": "execute_result", "data": kinds}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x.py:3: FutureWarning: old\n", "FutureWarning: old"),
        (
            "orders.csv: warning: a column is not used\n",
            "orders.csv: warning: a column is not used",
        ),
        ("planning 14 orders for 5 s ...\n", None),
    ],
)
def test_a_warning_among_messages_is_found(text: str, expected: str | None) -> None:
    assert find_warning([stream("stdout", "a Warning: fine"), stream("stderr", text)]) == expected


def test_a_path_in_text_or_html_is_found() -> None:
    private = ("/secret/place",)
    assert find_private_path([stream("stdout", "see /secret/place/a.py")], private) == private[0]
    assert find_private_path([shown(text_html="<b>/secret/place</b>")], private) == private[0]
    assert find_private_path([shown(text_html="<b>place</b>")], private) is None


def test_the_bytes_of_a_picture_are_no_path() -> None:
    picture = '<img src="data:image/png;base64,AA/secret/place/AA==">'
    assert find_private_path([shown(text_html=picture)], ("/secret/place",)) is None
    assert find_private_path([shown(image_png="AA/secret/place")], ("/secret/place",)) is None


def test_messages_and_plain_twins_are_left_out() -> None:
    table = shown(text_html="<table>", text_plain="Factory(...)")
    plain = shown(text_plain="3")
    kept = without_messages([stream("stderr", "working ..."), table, plain, stream("stdout", "a")])
    assert [output.get("data") for output in kept] == [
        {"text/html": "<table>"},
        {"text/plain": "3"},
        None,
    ]

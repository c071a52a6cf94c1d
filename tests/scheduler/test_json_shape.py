"""JSON that is too deep or too wide is found before it is parsed."""

from __future__ import annotations

import json

import pytest

from scheduler.json_shape import MAX_JSON_DEPTH, find_shape_problem


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"]]]}}}",
        b"[1,2,3]",
        b'{"a":1,"b":[1,2,3],"c":{"d":2}}',
        b'{"a,b,c,d,e":"[[[[{{{{,,,,,"}',
        json.dumps({"a": '"[,,,,,', "b": "\\\\"}).encode(),
        b'"never closed [[[,,,',
        b'"ends in a backslash \\',
    ],
)
def test_text_within_the_limits_fits(text: bytes) -> None:
    assert find_shape_problem(text, 3, 3) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"[" * (MAX_JSON_DEPTH + 1), "more than 32 levels"),
        (b'{"a":' * (MAX_JSON_DEPTH + 1), "more than 32 levels"),
        (b"[1,2,3,4]", "a list has more than 3 entries"),
        (b'{"a":[{},{},{},{}]}', "a list has more than 3 entries"),
        (b'[{"a":1,"b":1,"c":1,"d":1}]', "a table has more than 3 entries"),
        (b'["\\"", 2, 3, 4]', "a list has more than 3 entries"),
    ],
)
def test_text_beyond_a_limit_is_refused(text: bytes, problem: str) -> None:
    assert problem in str(find_shape_problem(text, 3, 3))


def test_the_depth_is_that_of_open_lists_alone() -> None:
    assert find_shape_problem(b"[[],[],[]]", 3, 3) is None
    assert find_shape_problem(b"[" * MAX_JSON_DEPTH + b"]" * MAX_JSON_DEPTH) is None

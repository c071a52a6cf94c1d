"""Token files: made once, readable by their owner alone, and read again when they change."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from scheduler.access.access_tokens import (
    ROLES,
    GuardError,
    TokenFile,
    TokenTable,
    read_tokens,
    rotate_token,
    write_tokens,
)

TOKEN = "a-token-of-some-length"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "decisions.tokens"


def test_the_first_start_makes_a_token_for_each_role_that_the_owner_alone_reads(path: Path) -> None:
    file = TokenFile(path)
    pairs = read_tokens(path)
    assert [role for role, _ in pairs] == list(ROLES)
    assert [file.find_role(token) for _, token in pairs] == list(ROLES)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    TokenFile(path)
    assert read_tokens(path) == pairs, "the second start keeps them"


@pytest.mark.parametrize("token", ["", TOKEN[:-1], f"{TOKEN} ", TOKEN.upper(), "\xfc"])
def test_only_the_very_token_opens(token: str) -> None:
    table = TokenTable([("plan", TOKEN)])
    assert table.find_role(token) is None
    assert table.find_role(TOKEN) == "plan"


def test_a_rotated_token_opens_at_once_and_the_old_one_does_not(path: Path) -> None:
    file = TokenFile(path)
    old = {role: file.first_token(role) or "" for role in ROLES}
    new = rotate_token(path, "plan")
    assert file.find_role(new) == "plan"
    assert file.find_role(old["plan"]) is None
    assert file.find_role(old["admin"]) == "admin"
    newer = rotate_token(path, "plan", keep=True)
    assert file.find_role(new) == file.find_role(newer) == "plan"
    assert file.first_token("plan") == newer


def test_a_file_that_becomes_bad_is_reported_and_its_tokens_stay_valid(path: Path) -> None:
    problems = list[str]()
    file = TokenFile(path, problems.append)
    token = file.first_token("decide") or ""
    path.write_text("nonsense\n", encoding="utf-8")
    assert file.find_role(token) == "decide"
    assert file.find_role(token) == "decide"
    assert len(problems) == 1, "told once"
    path.unlink()
    assert file.find_role(token) == "decide"


@pytest.mark.parametrize(
    ("text", "mode", "problem"),
    [
        (f"plan {TOKEN}\n", 0o644, "mode = 644; it must be 600"),
        (f"boss {TOKEN}\n", 0o600, ":1: is not ROLE TOKEN with one of the roles decide, plan"),
        (f"# a\nplan {TOKEN} more\n", 0o600, ":2: is not ROLE TOKEN"),
        ("plan short\n", 0o600, ":1: has 5 characters; it must have at least 16"),
        ("# nobody\n", 0o600, "has no tokens"),
    ],
)
def test_a_bad_file_is_refused_without_showing_its_tokens(
    path: Path, text: str, mode: int, problem: str
) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    with pytest.raises(GuardError, match=re.escape(problem)) as refused:
        TokenFile(path)
    assert TOKEN not in str(refused.value)


def test_a_folder_or_a_missing_file_is_no_token_file(path: Path) -> None:
    with pytest.raises(GuardError, match="cannot be read"):
        read_tokens(path)
    path.mkdir()
    with pytest.raises(GuardError, match="is no file"):
        TokenFile(path)
    with pytest.raises(GuardError, match="cannot be written"):
        write_tokens(path / "missing" / "file", [("plan", TOKEN)])

"""Limits of a plan's time, and refused numbers of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.__main__ import main
from scheduler.portfolio.planner import PlanError
from tests.builders.workshop import busy, floor_of, order, planner, workshop


def test_bug_a_limit_that_is_no_time_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for given in ("0", "-1", "nan"):
        with pytest.raises(SystemExit):
            main(
                [
                    "plan",
                    str(tmp_path / "snapshot.json"),
                    "--bundle",
                    str(tmp_path),
                    f"--seconds={given}",
                ]
            )
        assert f"--seconds: {given}; it must be a positive number" in capsys.readouterr().err


def test_the_refusal_for_want_of_time_names_futures_only_where_they_took_it() -> None:
    factory = workshop()
    snapshot = floor_of(
        factory, {"paint-1": busy("A", 12)}, order("A", "red"), order("B", "white", ready=5)
    )
    slow = planner(factory)
    slow.plan(snapshot)
    slow.max_seconds = 0.0
    with pytest.raises(
        PlanError, match=r"the plan not finished; .* Give it more time, or leave out orders\."
    ):
        slow.plan(snapshot, futures=4)
    with pytest.raises(
        PlanError,
        match=r"its 4 futures not finished; .* Give it more time, or sample fewer futures\.",
    ):
        slow.costs_after(snapshot, [], futures=4, seed=1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["decide", "s.json", "--budget=-1"], "--budget: -1; it must be a positive number"),
        (["serve", "--rate=-1"], "--rate: -1; it must be a number of at least 0"),
        (["serve", "--rate=nan"], "--rate: nan; it must be a number of at least 0"),
        (["decide", "s.json", "--budget=nan"], "--budget: nan; it must be a positive number"),
        (["serve", "--port=99999"], "--port: 99999; it must lie between 0 and 65535"),
    ],
)
def test_bug_numbers_of_the_command_line_are_checked(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([*arguments, "--bundle", "bundle"])
    assert words in capsys.readouterr().err

"""The option --cluster: errors in one line, and no trace in the recorded command."""

from __future__ import annotations

from pathlib import Path

import pytest

import evaluate
from agents.policy_improvement import expert_iteration


@pytest.mark.parametrize("more", [[], ["--tune"], ["--suite", "jsp"]])
def test_a_wrong_address_is_an_error_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str]
) -> None:
    options = ["--factory", "tiny", "--out", str(tmp_path / "out"), "--cluster", "somewhere"]
    assert evaluate.main([*options, *more]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("evaluate.py: cluster address 'somewhere': is not HOST:PORT.")


def test_expert_iteration_takes_an_address(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["policies/microfactory", str(tmp_path), "--cluster", "somewhere"]
    assert expert_iteration.main(options) == 2
    assert "cluster address 'somewhere': is not HOST:PORT" in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--cluster", "auto"], ["--cluster=auto"]])
def test_the_recorded_command_names_no_cluster(option: list[str]) -> None:
    recorded = evaluate.describe_command(["--factory", "tiny", *option, "--first", "3"])
    assert recorded.endswith("--factory tiny --first 3")

"""Own instances: values without references, names, machine numbers, refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import evaluate

OWN_JSP = "2 2\n0 3 1 4\n1 2 0 5\n"
OWN_FJSP = "2 2\n2 1 1 3 2 1 2 2 4\n1 1 2 2\n"
"""A file that counts machines from 1."""
AMBIGUOUS = "2 3 1\n2 1 1 3 1 2 4\n1 1 1 2\n"
"""A file that uses neither machine 0 nor machine 3 of 3."""


def play_own(
    tmp_path: Path, suite: str, files: dict[str, str], *more: str
) -> tuple[int, dict[str, Any]]:
    """Run a suite over own files; return the exit status and the results."""
    for name, text in files.items():
        (tmp_path / "own" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "own" / name).write_text(text, encoding="utf-8")
    out = tmp_path / "out"
    given = ["--suite", suite, "--instances", str(tmp_path / "own"), "--policies", "SPT,LPT"]
    status = evaluate.main([*given, "--out", str(out), "--processes", "1", *more])
    return status, json.loads((out / "results.json").read_text()) if status == 0 else {}


def test_bug_own_instances_are_played_without_references(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command stopped with "No such file or directory: 'jsp/bks_scheduleopt.json'"."""
    status, results = play_own(tmp_path, "jsp", {"mine": OWN_JSP})
    assert status == 0
    assert results["instances"]["mine"]["SPT"] == {"value": 8.0, "reference": None, "gap": None}
    assert results["about"]["mine"]["reference_kind"] is None
    title = "jsp: 1 instance, makespan, no published values; machines are counted from 0 in 1"
    assert title in capsys.readouterr().out
    assert title in (tmp_path / "out" / "report.md").read_text()


def test_bug_instances_of_one_name_are_all_played(tmp_path: Path) -> None:
    """Only the last was in the results."""
    files = {
        "fjsp/siteA/week1.txt": OWN_FJSP,
        "fjsp/siteB/week1.txt": OWN_FJSP.replace("1 3", "1 30"),
    }
    _, results = play_own(tmp_path, "fjsp", files)
    values = {name: by_policy["SPT"]["value"] for name, by_policy in results["instances"].items()}
    assert values == {"siteA/week1": 5.0, "siteB/week1": 32.0}
    assert results["summary"]["SPT"]["instances"] == 2
    # The second run reads the kept units.
    assert play_own(tmp_path, "fjsp", files)[1]["instances"] == results["instances"]


def test_bug_results_name_the_number_of_the_first_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from_zero = OWN_FJSP.replace("1 1 3 2 1 2 2 4", "1 0 3 2 0 2 1 4")
    from_zero = from_zero.replace("1 1 2 2", "1 1 1 2")
    _, results = play_own(tmp_path, "fjsp", {"one.fjs": OWN_FJSP, "zero.fjs": from_zero})
    first = {name: about["first_machine"] for name, about in results["about"].items()}
    assert first == {"one": 1, "zero": 0}
    assert results["instances"]["one"] == results["instances"]["zero"]
    assert "machines are counted from 0 in 1 and from 1 in 1" in capsys.readouterr().out


def test_bug_completions_of_another_stream_of_that_name_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It stopped with an index out of range."""
    stream = {
        "machines": 1,
        "group": [1],
        "setup": None,
        "jobs": [{"rel": 0, "due": 1, "w": 1, "ops": [[0, 1, None]]}] * 2,
    }
    files = {
        "js10_s1.json": json.dumps(stream),
        "expected_completions.csv": "instance,rule,completions\njs10_s1,EDD,1.0\n",
    }
    assert play_own(tmp_path, "replay", files)[0] == 2
    assert (
        "js10_s1, EDD = 1 completions; must have one for each of 2 jobs. Rename the instance"
        in capsys.readouterr().err
    )


def test_bug_the_first_machine_can_be_set_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert play_own(tmp_path, "fjsp", {"last.fjs": AMBIGUOUS})[0] == 2
    assert (
        "Say from which: first_machine=0 or first_machine=1 (--first-machine 0 or 1)."
        in capsys.readouterr().err
    )
    status, results = play_own(tmp_path, "fjsp", {}, "--first-machine", "1")
    assert (status, results["about"]["last"]["first_machine"]) == (0, 1)

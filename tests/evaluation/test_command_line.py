"""The command line of ``evaluate.py``: kills, interruptions, wrong arguments."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from evaluate import describe_command, main, make_parser
from tests.builders.evaluations import without_times
from tests.builders.event_waits import wait_for
from tests.builders.repository import ROOT

STOPPING = """
import signal
import sys
from pathlib import Path

from evaluate import main
from evaluation.runner.episodes import Play

limit, folder, play = int(sys.argv[1]), Path(sys.argv[3]), Play.run


def run(self):
    while len(kept_units(folder)) >= limit:
        signal.pause()
    return play(self)


def kept_units(folder):
    return list(folder.rglob(".units/*/*.json"))


Play.run = run
if __name__ == "__main__":
    sys.exit(main(sys.argv[2:]))
"""
"""``evaluate.py`` that begins no unit of work once a number of units are kept."""


def start(
    folder: Path, *arguments: str, program: Sequence[str] = ("evaluate.py",)
) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        *program,
        "--out",
        str(folder),
        "--validation-episodes",
        "4",
        "--processes",
        "2",
        *arguments,
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )


def test_killed_and_interrupted_it_resumes_with_the_same_results(tmp_path: Path) -> None:
    arguments = (
        "--factory",
        "tiny",
        "--policies",
        "FIFO,SPT,EDD,MDD,CR,SST,ATC,ATCS,ATCSR,COVERT,DK,RANDOM",
        "--episodes",
        "512",
        "--versus",
        "ATCS",
    )
    reference = start(tmp_path / "whole", *arguments)
    _, errors = reference.communicate()
    assert reference.returncode == 0, errors
    stopped, stopping = tmp_path / "stopped", tmp_path / "stopping.py"
    stopping.write_text(STOPPING)

    def count_units() -> int:
        return len(list(stopped.rglob(".units/*/*.json")))

    for units, how in ((3, signal.SIGKILL), (12, signal.SIGINT)):
        first = start(stopped, *arguments, program=(str(stopping), str(units)))
        wait_for(first, lambda units=units: count_units() >= units)  # type: ignore[misc]
        (os.killpg if how == signal.SIGINT else os.kill)(first.pid, how)
        first.communicate()
        assert units <= count_units() <= units + 2
        assert not (stopped / "results.json").exists()
    last = start(stopped, *arguments)
    _, errors = last.communicate()
    assert last.returncode == 0, errors
    assert without_times(stopped / "results.json") == without_times(
        tmp_path / "whole" / "results.json"
    )
    assert (stopped / "episodes.csv").read_bytes() == (
        tmp_path / "whole" / "episodes.csv"
    ).read_bytes()


@pytest.mark.parametrize(
    "extra", [["--out", "a", "--processes", "2"], ["--processes=2", "--out=a"], []]
)
def test_the_command_is_recorded_without_what_changes_no_figure(extra: list[str]) -> None:
    assert (
        describe_command(["--factory", "tiny", *extra, "--episodes", "4"])
        == "python evaluate.py --factory tiny --episodes 4"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--factory", "microfctory"), "Write 'microfactory', if that is meant"),
        (("--policies", "ATCSX"), "Did you mean 'ATCS'"),
        (("--policies", "nowhere/model.zip"), "there is no such file or folder"),
        (("--policies", "nowhere.py:Planner"), "there is no file nowhere.py"),
        (("--policies", "ATCS(k3=1)"), "parameter 'k3' is not known"),
        (("--policies", "cpsat(minutes=1)"), "parameter 'minutes' is not known"),
        (("--policies", "x=rules"), "gives one name to 44 policies"),
        (("--policies", ","), "at least one is needed"),
        (("--orders", "orders.csv", "--factories", "all"), "an order book belongs to one"),
        (("--versus", "ATCSX"), "Did you mean 'ATCS'"),
        (("--versus", "ATCS,EDD"), "policies are compared with one rule. Write for example ATCS."),
        (("--versus", "rules"), "policies are compared with one rule"),
        (("--versus", "rollout"), "policies are compared with one rule"),
        (("--tuned", "nowhere"), "--tuned nowhere: there is no such folder. Give the one that"),
        (("--suite", "jsp", "--instances", "nowhere"), "--instances nowhere: there is no such fol"),
        (("--suite", "jsp"), "--suite needs --instances"),
        (("--instances", "tests"), "--instances belongs to public instances"),
        (("--tune", "--policies", "EDD"), "--policies has no effect with --tune"),
        (("--first", "-3"), "'-3' is not a whole number from 0 on"),
        (("--episodes", "many"), "'many' is not a whole number from 1 on"),
        (("--patience", "nan"), "'nan' is not a number of seconds above 0"),
        (("--policies", "evaluate.py"), "it names no class or function of the file. Write for"),
        (("--policies", "evaluate.py:"), "it names no class or function of the file. Write for"),
    ],
)
def test_a_wrong_command_is_refused_with_the_remedy(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = start(tmp_path, *arguments)
    _, errors = done.communicate()
    assert done.returncode == 2
    assert message in errors
    assert "Traceback" not in errors


@pytest.fixture
def wrong_files(tmp_path: Path) -> dict[str, Path]:
    """Files that are not what an option wants: missing, a folder, binary, empty, another text."""
    files = {name: tmp_path / name for name in ("missing", "folder", "binary", "empty", "text")}
    files["folder"].mkdir()
    files["binary"].write_bytes(bytes(range(256)) * 8)
    files["empty"].write_bytes(b"")
    files["text"].write_text("neither a factory nor a table\n")
    return files


OPTIONS = ("--factory", "--orders", "--policies", "--tuned", "--instances")


@pytest.mark.parametrize("option", OPTIONS)
def test_a_wrong_file_is_refused_with_lines_that_name_it(
    wrong_files: dict[str, Path],
    tmp_path: Path,
    option: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each line has a problem, and the remedy as a sentence of its own."""
    extra = {"--instances": ["--suite", "wtsds"], "--orders": ["--factory", "tiny"]}
    for kind, file in wrong_files.items():
        if (option, kind) == ("--tuned", "folder"):  # a folder in which nothing was tuned yet
            continue
        suffix = {"--factory": ".toml", "--orders": ".csv"}.get(option, "")
        named = file.rename(f"{file}{suffix}") if file.exists() and suffix else file
        given = ["--out", str(tmp_path / "out"), *extra.get(option, []), option, str(named)]
        assert main(given) == 2
        error = capsys.readouterr().err
        assert "Traceback" not in error
        problems = error[error.index("evaluate.py: ") + len("evaluate.py: ") :].splitlines()
        for problem in problems:
            assert str(named) in problem
            assert re.search(r"[.;)] [A-Z][^.]*\b", problem), problem
        if named != file:
            named.rename(file) if named.exists() else None


@pytest.mark.parametrize("kind", ["text", "binary"])
def test_results_cannot_be_written_into_a_file(
    wrong_files: dict[str, Path], kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--factory", "tiny", "--policies", "EDD", "--out", str(wrong_files[kind])]) == 2
    assert f"--out {wrong_files[kind]}: the folder cannot be written. Give another." in (
        capsys.readouterr().err
    )


def test_the_help_has_meaning_and_default_of_each_option() -> None:
    actions = [action for action in make_parser()._actions if action.dest != "help"]
    assert len(actions) >= 15
    described = {action.dest: action.help or "" for action in actions}
    assert [name for name, text in described.items() if "default" not in text] == []

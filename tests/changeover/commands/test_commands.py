"""Commands refuse what they cannot use in one line, and never with a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from changeover.__main__ import COMMANDS, main
from changeover.plant.files import write_plan_files
from tests.builders.joinery import plan_of_joinery, write_joinery

EVERY_ORDER_CANCELLED = [word for i in range(16) for word in ("--cancel", f"T-{100 + i}")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("commands")
    write_joinery(folder)
    write_plan_files(plan_of_joinery(folder), folder / "plan")
    (folder / "binary").write_bytes(bytes(range(256)))
    return folder


def test_the_list_of_commands_names_each(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["--help"])
    assert exit_.value.code == 0
    told = capsys.readouterr().out
    assert all(
        f"  {name}" in told and command.summary in told for name, command in COMMANDS.items()
    )


@pytest.mark.parametrize("arguments", [[], ["plam"]])
def test_a_wrong_command_is_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    assert "usage: changeover COMMAND" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plan", "none.toml", "auftraege.csv"], "none.toml"),
        (["plan", "joinery.toml", "none.csv"], "none.csv: cannot be read"),
        (["plan", "joinery.toml", "plan"], "plan: cannot be read"),
        (["plan", "joinery.toml"], "there are no orders"),
        (["plan", "joinery.toml", "binary"], "binary"),
        (["plan", "joinery.toml", "auftraege.csv", "--snapshot", "none.json"], "none.json"),
        (["plan", "joinery.toml", "auftraege.csv", "--snapshot", "binary"], "binary"),
        (["plan", "joinery.toml", "auftraege.csv", "--policy", "plan"], "is not a policy folder"),
        (["plan", "binary", "auftraege.csv"], "binary"),
        (["check", "joinery.toml", "none.csv"], "none.csv: cannot be read"),
        (["check", "none.toml", "auftraege.csv"], "none.toml"),
        (["what-if", "plan"], "there is no change"),
        (["what-if", "none", "--cancel", "T-100"], "holds no plan"),
        (["what-if", "plan", "--cancel", "T-999"], "there is no such order"),
        (
            ["what-if", "plan", "--machine-down", "saw-9", "4h"],
            "there is no such machine in the plan",
        ),
        (["what-if", "plan", "--machine-down", "saw-1", "soon"], "neither a duration nor a date"),
        (["what-if", "plan", "--weight", "T-100", "x"], "it must be a number"),
        (["what-if", "plan", "--weight", "", "2"], "--weight = ''; there is no such order"),
        (["what-if", "plan", "--due", "T-100", "9e9d"], "neither a duration nor a date"),
        (["what-if", "plan", "--due", "T-100", "9999999999999d"], "it is too long for a plan"),
        (["what-if", "plan", "--machine-down", "saw-1", "2020-01-01"], "the plan begins at 2026-"),
        (["what-if", "plan", *EVERY_ORDER_CANCELLED], "no order is left to plan"),
        (["what-if", "plan", "--cancel", "T-100", "--out", "binary"], "cannot be written there"),
        (["plan", "joinery.toml", "auftraege.csv", "--out", "binary"], "cannot be written there"),
        (["plan", "joinery.toml", "auftraege.csv", "--tuned", "none"], "there is no such folder"),
        (["what-if", "plan", "--rush", "auftraege.csv"], "the plan has an order of that name"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(
    folder: Path,
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    given = [*arguments, "--columns", "Farbe=colour, Artikel=product"]
    assert main(given) == 2
    told = capsys.readouterr().err
    assert message in told
    assert "Traceback" not in told


@pytest.mark.parametrize("option", ["--seconds", "--now"])
def test_wrong_numbers_and_dates_are_refused_by_the_parser(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["plan", "joinery.toml", "auftraege.csv", option, "soon"])
    assert exit_.value.code == 2
    assert option in capsys.readouterr().err

"""The demo plays an episode, and refuses wrong arguments in one message."""

from __future__ import annotations

from pathlib import Path

import pytest

from changeover.commands import demo
from factory.io.catalogue import FACTORIES_FOLDER


def test_the_demo_writes_chart_and_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--factory", "tiny", "--rule", "EDD", "--out", str(tmp_path / "out")]
    assert demo.main(arguments) == 0
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"gantt.png", "schedule.json", "orders.csv", "operations.csv"} <= files
    output = capsys.readouterr().out
    assert "cost: total" in output
    assert "Accepted by the verifier." in output


def test_the_demo_draws_the_factory_of_a_randomised_episode(tmp_path: Path) -> None:
    arguments = ["--factory", "randomised", "--rule", "EDD", "--out", str(tmp_path)]
    assert demo.main(arguments) == 0
    assert (tmp_path / "gantt.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--factory", "broken.toml"], "crews = -1"),
        (["--factory", "microfactry"], "Write 'microfactory', if that is meant"),
        (["--rule", "ATCSX"], "rule 'ATCSX'"),
        (["--seed", "-1"], "seed = -1"),
        (["--factory", "tiny", "--out", "broken.toml"], "broken.toml"),
    ],
)
def test_bug_the_demo_refuses_wrong_arguments_in_one_message(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = (FACTORIES_FOLDER / "tiny.toml").read_text(encoding="utf-8")
    (tmp_path / "broken.toml").write_text("crews = -1\n" + text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert demo.main(arguments) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("changeover demo: ")
    assert message in errors

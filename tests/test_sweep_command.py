"""The command of sweeps: it refuses what it cannot do, and goes on after a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="sweeps need the extra `cluster`")

from ray.cluster_utils import Cluster

from evaluation.sweeps.trial_records import TrialRecords
from sweep import main
from tests.builders.event_waits import wait_for
from tests.builders.repository import ROOT

SMALL = (
    "changes=['threads=1','scenario.factories=[\"tiny\"]','learning.total_timesteps=48000',"
    "'learning.num_envs=16','learning.num_steps=64','logging.validation_interval=4',"
    "'logging.validation_episodes=4','logging.checkpoint_interval=4']"
)
SPACE = "space={'learning.learning_rate'={log_uniform=[1e-4,1e-2]}}"


def command(*options: str) -> list[str]:
    """Return the command of a sweep of one small trial."""
    changes = [SMALL, SPACE, "trials=1", "early_stopping.method=none"]
    return [*options, *(word for change in changes for word in ("--set", change))]


def start(*options: str) -> subprocess.Popen[Any]:
    words = [sys.executable, "sweep.py", *options]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def reports_of(folder: Path) -> list[tuple[int, str, list[tuple[int, float]]]]:
    """Return number, state and reports of all trials."""
    return [
        (record.number, record.state, [(each.step, each.cost) for each in record.reports])
        for record in TrialRecords(folder).read_all()
    ]


def test_a_sweep_loses_nothing_when_a_node_and_then_its_own_process_die(tmp_path: Path) -> None:
    folder, node = tmp_path / "sweep", {"num_cpus": 1, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "num_cpus": 0})
    doomed = cluster.add_node(**node)
    driver = start(*command("--out", str(folder), "--address", cluster.address))

    def wait_for_reports(count: int) -> list[tuple[int, float]]:
        wait_for(driver, lambda: any(len(each) >= count for *_, each in reports_of(folder)))
        return reports_of(folder)[0][2]

    before = wait_for_reports(2)
    cluster.add_node(**node)
    cluster.remove_node(doomed, allow_graceful=False)
    before = wait_for_reports(len(before) + 1)
    driver.send_signal(signal.SIGKILL)
    driver.communicate()
    cluster.shutdown()
    assert [state for _, state, _ in reports_of(folder)] == ["running"]
    again = start("--resume", str(folder))
    output, _ = again.communicate()
    assert again.returncode == 0, output.decode()
    ((_, state, after),) = reports_of(folder)
    assert state == "finished"
    assert after[: len(before)] == before
    steps = [step for step, _ in after]
    assert steps == sorted(set(steps)), "each validation is reported once"
    for name in ("trials.csv", "best.toml", "report.html"):
        assert (folder / name).is_file()


REFUSED = {
    "no such file": (["--config", "missing.toml"], "missing.toml: cannot be read"),
    "no sweep to resume": (["--resume", "missing"], "sweep.json cannot be read"),
    "resume with a file": (
        ["--resume", "missing", "--config", "configs/sweeps/quick.toml"],
        "a sweep keeps its own file",
    ),
    "unknown key": (["--set", "trails=3"], "Write 'trials'"),
    "no address": (["--address", "nowhere"], "is not HOST:PORT"),
    "dead address": (["--address", "127.0.0.1:9"], "nobody answers"),
    "no database": (["--storage", "nosql:///x"], "--storage nosql:///x: cannot be opened"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_sweep_cannot_do_is_refused_in_one_line(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    options, problem = REFUSED[name]
    out = [] if "--resume" in options else ["--out", str(tmp_path / "sweep")]
    monkeypatch.setattr("evaluation.sweeps.ray_sweep.run_trials", lambda *_, **__: True)
    assert main([*options, *out]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("sweep.py: ")
    assert problem in error


def test_a_folder_that_holds_a_sweep_is_not_begun_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sweep.json").write_text("{}")
    assert main(["--out", str(tmp_path)]) == 2
    assert "holds a sweep already" in capsys.readouterr().err


def test_a_damaged_file_of_a_sweep_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sweep.json").write_text(json.dumps({"settings": {}}))
    assert main(["--resume", str(tmp_path)]) == 2
    assert "is not the file of a sweep" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--out", os.devnull]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_without_ray_the_extra_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["--out", str(tmp_path / "sweep")]) == 2
    assert "changeover-optimiser[cluster]" in capsys.readouterr().err

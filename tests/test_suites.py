"""Public instances from the command line: values that agree with published ones, gaps, exact completions, failures that spare the others."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

import evaluate
from evaluation.contenders import Contender, parse_contenders
from evaluation.suites import InstancePlay, describe_suite, family_of, run_suite, summarise
from factory.instances import read_optimal_sequences, read_suite
from tests.test_guest import GUESTS


def baselines(folder: Path) -> dict[int, dict[str, str]]:
    with (folder / "wtsds" / "rule_baselines.csv").open(newline="") as file:
        return {int(row["n"]): row for row in csv.DictReader(file)}


def test_rules_on_wtsds_cost_what_the_baselines_say(benchmarks_folder: Path) -> None:
    """EDD, WSPT, SST, ATC and, with the parameters listed for each instance, ATCS: the very same weighted tardiness."""
    rows, compared = baselines(benchmarks_folder), 0
    for instance in read_suite("wtsds", benchmarks_folder):
        number = int(instance.name.removeprefix("wt_sds_"))
        if number % 4:
            continue
        row = rows[number]
        policies = {"EDD": "EDD", "WSPT": "WSPT", "SST": "SST", "ATC2": "ATC(k=2)"}
        policies |= {"ATCS_grid56": f"ATCS(k1={row['g_k1']}; k2={row['g_k2']})"}
        contenders = {column: parse_contenders(text)[0].settle(None) for column, text in policies.items()}
        result = InstancePlay("wtsds", instance, tuple(contenders.values()), 60.0, {}).run()
        for column, contender in contenders.items():
            assert result[contender.name]["value"] == float(row[column]), (instance.name, column)
            compared += 1
    assert compared == 5 * 30


def test_gaps_are_taken_to_the_published_optimum(benchmarks_folder: Path) -> None:
    optimum, _ = read_optimal_sequences(benchmarks_folder / "wtsds" / "optimal_sequences.csv")["wt_sds_41"]
    instance = next(instance for instance in read_suite("wtsds", benchmarks_folder) if instance.name == "wt_sds_41")
    assert InstancePlay("wtsds", instance, tuple(parse_contenders("EDD")), 60.0, {}).run()["EDD"]["reference"] == optimum


def copy_suite(folder: Path, target: Path, files: list[str]) -> Path:
    """A benchmark folder with links to a few files of another."""
    for file in files:
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        (target / file).symlink_to(folder.resolve() / file)
    return target


def test_the_replay_is_exact_from_the_command_line(benchmarks_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stream = min((benchmarks_folder / "replay").glob("*.json")).name
    folder = copy_suite(benchmarks_folder, tmp_path / "few", [f"replay/{stream}", "replay/expected_completions.csv"])
    out = tmp_path / "out"
    assert (
        evaluate.main(["--suite", "replay", "--instances", str(folder), "--policies", "FIFO,EDD,ATC,ATCS,RANDOM", "--out", str(out), "--processes", "1"]) == 0
    )
    content = json.loads((out / "results.json").read_text())
    ((_, result),) = content["instances"].items()
    assert result["EDD"]["exact"] is True
    assert result["EDD"]["gap"] == 0
    assert result["ATC3"]["exact"] is True
    assert result["RANDOM"]["reference"] is None
    assert content["source_hash"]
    assert "| EDD |" in capsys.readouterr().out
    assert "| EDD |" in (out / "report.md").read_text()


def test_a_policy_that_fails_spares_the_others(benchmarks_folder: Path, tmp_path: Path) -> None:
    guests = tmp_path / "guests.py"
    guests.write_text(GUESTS)
    instance = next(read_suite("sdst_jsp", benchmarks_folder))
    contenders = (*parse_contenders("SPT"), Contender("Crashing", "guest", paths=(f"{guests}:Crashing",)))
    result = InstancePlay("sdst_jsp", instance, contenders, 20.0, {}).run()
    assert result["SPT"]["value"] >= result["SPT"]["reference"]
    assert result["Crashing"]["failed"]["reason"] == "crashed"


def test_a_second_start_takes_what_is_done(benchmarks_folder: Path, tmp_path: Path) -> None:
    folder = copy_suite(benchmarks_folder, tmp_path / "few", ["wtsds/optima.csv", *(f"wtsds/wt_sds_{number}.instance" for number in (41, 82))])
    sizes: list[int] = []
    first = run_suite("wtsds", folder, parse_contenders("EDD"), tmp_path, processes=1, patience=9.0, begin=sizes.append, advance=sizes.append)
    assert sizes == [2, 1, 1]
    kept = sorted(path.stat().st_mtime_ns for path in (tmp_path / ".units").rglob("*.json"))
    again = run_suite("wtsds", folder, parse_contenders("EDD"), tmp_path, processes=1, patience=9.0, begin=sizes.append, advance=sizes.append)
    assert again == first
    assert sorted(path.stat().st_mtime_ns for path in (tmp_path / ".units").rglob("*.json")) == kept


def entry(value: float, reference: float) -> dict[str, float | None]:
    return {"value": value, "reference": reference, "gap": value / reference - 1 if reference else None}


def test_summaries_by_hand() -> None:
    instances = {f"wt_sds_{number}": {"EDD": entry(*pair)} for number, pair in {81: (12, 10), 82: (20, 20), 83: (33, 30), 1: (5, 0)}.items()}
    summary = summarise("wtsds", instances, ["EDD"])
    assert summary["81-120"]["EDD"] | {"ci95": None} == {
        "instances": 3,
        "verified": 3,
        "failed": 0,
        "mean_gap": pytest.approx(0.1),
        "ci95": None,
        "median_gap": pytest.approx(0.1),
        "worst_gap": pytest.approx(0.2),
        "gap_of_sums": pytest.approx(65 / 60 - 1),
        "reached": 1,
    }
    assert "mean_gap" not in summary["1-40"]["EDD"]
    assert "| EDD | 3 | 10.0% |" in describe_suite({"suite": "wtsds", "summary": summary})


@pytest.mark.parametrize(
    ("suite", "instance", "family"),
    [
        ("wtsds", "wt_sds_40", "1-40"),
        ("wtsds", "wt_sds_41", "41-80"),
        ("jsp", "ta01", "ta"),
        ("fjsp", "la01_vdata", "vdata"),
        ("fjsp", "mk01", "mk"),
        ("sdst_jsp", "t2-ps01", "sdst_jsp"),
    ],
)
def test_instances_are_grouped_as_the_literature_reports_them(suite: str, instance: str, family: str) -> None:
    assert family_of(suite, instance) == family


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--suite", "wtsd", "--instances", "."], "the suites are"),
        (["--suite", "wtsds"], "--suite needs --instances"),
        (["--suite", "wtsds", "--instances", "nowhere"], "Give the folder of the public benchmarks"),
    ],
)
def test_a_wrong_suite_is_refused_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    assert evaluate.main([*arguments, "--out", str(tmp_path)]) == 2
    assert words in capsys.readouterr().err

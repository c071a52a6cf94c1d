"""Runs over public suites: agreement with published values, exact completions, failures."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import evaluate
from evaluation.public_suites.instance_play import InstancePlay
from evaluation.public_suites.published_results import (
    find_published,
    is_comparable,
    read_published,
    settle,
)
from evaluation.public_suites.suites import compare_completions, rate, run_suite
from evaluation.runner.contenders import Contender, parse_contenders
from factory.instances.read import Instance, read_suite
from factory.work_units.local_processes import LocalProcesses
from tests.builders.sandboxed_policies import POLICIES


def copy_suite(folder: Path, target: Path, files: list[str]) -> Path:
    """Make a benchmark folder with links to a few files of another, and return it."""
    for file in files:
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        (target / file).symlink_to(folder.resolve() / file)
    return target


def run_command(
    suite: str, folder: Path, policies: str, out: Path, *more: str
) -> tuple[int, dict[str, Any]]:
    """Run ``evaluate.py`` over a suite; return its exit status and results."""
    arguments = ["--suite", suite, "--instances", str(folder), "--policies", policies]
    status = evaluate.main([*arguments, "--out", str(out), "--processes", "1", *more])
    return status, json.loads((out / "results.json").read_text())


@pytest.fixture(scope="module")
def wtsds(benchmarks_folder: Path) -> list[Instance]:
    return list(read_suite("wtsds", benchmarks_folder))


def settled(names: str) -> tuple[Contender, ...]:
    return tuple(contender.settle(None) for contender in parse_contenders(names))


# --- published results ----------------------------------------------------------------------------


def test_rules_on_wtsds_cost_what_the_baselines_say(
    benchmarks_folder: Path, wtsds: list[Instance]
) -> None:
    """Weighted tardiness is equal to the last digit; ATCS has the parameters of the file."""
    instances = wtsds[3::4]
    published = read_published("wtsds", benchmarks_folder, instances)
    agreed: Counter[str] = Counter()
    for instance in instances:
        known = published[instance.name]
        rules = [
            rule
            for contender in parse_contenders("EDD,WSPT,SST,ATC,ATCS")
            for rule in settle(contender, known)
        ]
        played = InstancePlay("wtsds", instance, tuple(rules), math.inf).run()["played"]
        for rule in rules:
            rated = rate(
                instance,
                rule,
                played[rule.name]["cost"],
                played[rule.name]["completions"],
                find_published(rule, known),
            )
            assert rated["agrees"], (instance.name, rated)
            assert rated["reference"] == instance.reference
            agreed[rated["published_as"]] += 1
    assert agreed == dict.fromkeys(
        ("EDD", "WSPT", "SST", "ATC2", "ATCS_LP", "ATCS_LP_k2clip1", "ATCS_grid56"), 30
    )


def test_a_rule_without_parameters_has_those_of_the_published_runs(
    benchmarks_folder: Path, wtsds: list[Instance]
) -> None:
    published = read_published("wtsds", benchmarks_folder, wtsds)["wt_sds_82"]
    (atc,) = settle(Contender("ATC", "rule", "ATC"), published)
    assert (atc.name, atc.parameters) == ("ATC", {"k": 2})
    variants = {
        variant.name: variant.parameters
        for variant in settle(Contender("mine", "rule", "ATCS"), published)
    }
    assert variants == {
        "mine": {"k1": 4.663, "k2": 0.909},
        "ATCS_LP_k2clip1": {"k1": 4.663, "k2": 1.0},
        "ATCS_grid56": {"k1": 4.5, "k2": 1.2},
    }
    assert settle(Contender("MOD", "rule", "MOD"), published) == [Contender("MOD", "rule", "MOD")]


def test_parameters_of_an_entry_are_kept(benchmarks_folder: Path, wtsds: list[Instance]) -> None:
    published = read_published("wtsds", benchmarks_folder, wtsds)["wt_sds_82"]
    requested = parse_contenders("ATCS(k1=4.5; k2=1.2), ATC(k=7)")
    assert [settle(contender, published) for contender in requested] == [
        [contender] for contender in requested
    ]
    results = [find_published(contender, published) for contender in requested]
    assert [result and result.name for result in results] == ["ATCS_grid56", None]


def test_rules_over_the_next_queue_are_not_compared_where_there_are_changeovers(
    benchmarks_folder: Path,
) -> None:
    streams = {stream.name: stream for stream in read_suite("replay", benchmarks_folder)}
    winq, spt = settled("PT+WINQ,SPT")
    comparable = [
        is_comparable(rule, streams[name])
        for rule in (winq, spt)
        for name in ("js10_s1", "js10setup_s1", "wt_sds_1")
    ]
    assert comparable == [True, False, True, True, True, True]


def test_the_replay_is_exact_from_the_command_line(
    benchmarks_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ["replay/sm_setup_s1.json", "replay/expected_completions.csv"]
    folder = copy_suite(benchmarks_folder, tmp_path / "few", files)
    policies = "FIFO,EDD,ATC,ATCS,DK,ATCS(k1=3; k2=0.2),ATC(k=9),RANDOM"
    status, content = run_command("replay", folder, policies, tmp_path / "out")
    assert status == 0
    result = content["instances"]["sm_setup_s1"]
    compared = {name: entry["published_as"] for name, entry in result.items() if "exact" in entry}
    assert compared == {
        "FIFO": "FCFS",
        "EDD": "EDD",
        "ATC": "ATC3",
        "ATCS": "ATCS(2;0.5)",
        "ATCS(3;0.2)": "ATCS(3;0.2)",
        "DK": "DK(50)",
        "ATCS(k1=3, k2=0.2)": "ATCS(3;0.2)",
    }
    for name in compared:
        entry = result[name]
        assert (entry["exact"], entry["gap"], entry["compared"]) == (True, 0, 300)
    assert [result[name]["reference"] for name in ("ATC(k=9)", "RANDOM")] == [None, None]
    assert content["summary"]["EDD"]["exact"] == 1
    assert content["source_hash"]
    assert "| EDD |" in capsys.readouterr().out
    assert "| EDD |" in (tmp_path / "out" / "report.md").read_text()


def test_completions_are_compared_job_by_job() -> None:
    assert compare_completions([5, 8, 9], [5, 8, 9]) == {
        "exact": True,
        "compared": 3,
        "differing": 0,
        "first_difference": None,
    }
    first = {"job": 1, "completed": 8, "expected": 7}
    assert compare_completions([5, 8, 9], [5, 7, 10]) == {
        "exact": False,
        "compared": 3,
        "differing": 2,
        "first_difference": first,
    }
    with pytest.raises(ValueError, match="longer"):
        compare_completions([5, 8], [5, 8, 9])


# --- runs -----------------------------------------------------------------------------------------


def test_a_failure_on_an_instance_does_not_affect_other_policies(
    benchmarks_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "policies.py"
    source.write_text(POLICIES)
    folder = copy_suite(
        benchmarks_folder, tmp_path / "few", ["sdst_jsp/t2-ps01.dat", "sdst_jsp/cpsat_our_runs.txt"]
    )
    policies = f"SPT,{source}:First,{source}:Crashing,{source}:Illegal"
    status, content = run_command("sdst_jsp", folder, policies, tmp_path / "out")
    assert status == 1
    result = content["instances"]["t2-ps01"]
    assert {
        name: entry["failed"]["reason"] for name, entry in result.items() if "failed" in entry
    } == {"Crashing": "crashed", "Illegal": "illegal action"}
    assert all(
        result[name]["gap"] == result[name]["value"] / 798 - 1 > 0 for name in ("SPT", "First")
    )
    assert content["summary"]["Illegal"] == {
        "instances": 1,
        "verified": 0,
        "failed": 1,
        "total_value": 0,
    }
    for text in (capsys.readouterr().out, (tmp_path / "out" / "report.md").read_text()):
        assert "Crashing on t2-ps01: crashed" in text


def test_a_planner_that_needs_the_simulators_state_plays_too(benchmarks_folder: Path) -> None:
    """Two jobs on two machines; the clairvoyant plan attains the published optimum."""
    pytest.importorskip("ortools", reason="ortools is not installed; install the extra `solver`")
    instance = next(read_suite("fjsp_sdst", benchmarks_folder))
    (planner,) = settled("clairvoyant(seconds=5)")
    played = InstancePlay("fjsp_sdst", instance, (planner,), math.inf).run()["played"]
    assert played[planner.name]["cost"] == pytest.approx(70)


def test_runs_give_the_same_results_resumed_or_on_more_processes(
    benchmarks_folder: Path, tmp_path: Path
) -> None:
    folder = copy_suite(
        benchmarks_folder,
        tmp_path / "few",
        ["wtsds/optima.csv", *(f"wtsds/wt_sds_{number}.instance" for number in (41, 82, 87))],
    )

    def run(out: str, given: Path, processes: int) -> tuple[dict[str, Any], list[int]]:
        sizes: list[int] = []
        results = run_suite(
            "wtsds",
            given,
            parse_contenders("EDD,ATC"),
            tmp_path / out,
            workers=LocalProcesses(processes),
            call_timeout=math.inf,
            begin=sizes.append,
            advance=sizes.append,
        )
        return results, sizes

    def kept() -> list[int]:
        files = (tmp_path / "one" / ".units").rglob("*.json")
        return sorted(path.stat().st_mtime_ns for path in files)

    first, sizes = run("one", folder, 1)
    assert sizes == [6, 2, 2, 2]
    before = kept()
    assert run("one", folder, 1) == (first, sizes)
    assert kept() == before
    assert run("two", folder / "wtsds", 2)[0] == first
    assert first["instances"]["wt_sds_41"]["ATC"]["parameters"] == {"k": 3.0}  # no baselines here
    assert [
        first["about"][name]["is_test"] for name in ("wt_sds_41", "wt_sds_82", "wt_sds_87")
    ] == [False, False, True]


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--suite", "wtsd", "--instances", "."],
            "Write 'wtsds', if that is meant; the suites are",
        ),
        (["--suite", "wtsds"], "--suite needs --instances"),
        (
            ["--suite", "wtsds", "--instances", "nowhere"],
            "Give the folder of the public benchmarks, or of your own instances",
        ),
    ],
)
def test_a_wrong_suite_is_refused_with_the_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert evaluate.main([*arguments, "--out", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err


def test_the_index_is_refused_as_it_is_searched_for_one_factory() -> None:
    with pytest.raises(ValueError, match="Leave it out of --policies"):
        settle(Contender("index", "index", "index"), [])

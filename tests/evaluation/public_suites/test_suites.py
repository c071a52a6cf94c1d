"""Public instances from the command line: values that agree with published ones, gaps, exact
completions, failures that spare the others."""

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
from evaluation.public_suites.tables import family_of, format_suite, report_suite, summarise_suite
from evaluation.runner.contenders import Contender, parse_contenders
from factory.instances.read import Instance, read_suite
from tests.builders.outside_policies import GUESTS


def copy_suite(folder: Path, target: Path, files: list[str]) -> Path:
    """A benchmark folder with links to a few files of another."""
    for file in files:
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        (target / file).symlink_to(folder.resolve() / file)
    return target


@pytest.fixture(scope="module")
def wtsds(benchmarks_folder: Path) -> list[Instance]:
    return list(read_suite("wtsds", benchmarks_folder))


def settled(names: str) -> tuple[Contender, ...]:
    return tuple(contender.settle(None) for contender in parse_contenders(names))


# --- published results ----------------------------------------------------------------------------


def test_rules_on_wtsds_cost_what_the_baselines_say(
    benchmarks_folder: Path, wtsds: list[Instance]
) -> None:
    """EDD, WSPT, SST, ATC and, with the parameters that the file lists for each instance, ATCS: the
    very same weighted tardiness."""
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
        one.name: one.parameters for one in settle(Contender("mine", "rule", "ATCS"), published)
    }
    assert variants == {
        "mine": {"k1": 4.663, "k2": 0.909},
        "ATCS_LP_k2clip1": {"k1": 4.663, "k2": 1.0},
        "ATCS_grid56": {"k1": 4.5, "k2": 1.2},
    }
    assert settle(Contender("MOD", "rule", "MOD"), published) == [Contender("MOD", "rule", "MOD")]


def test_parameters_that_were_asked_for_stay(
    benchmarks_folder: Path, wtsds: list[Instance]
) -> None:
    published = read_published("wtsds", benchmarks_folder, wtsds)["wt_sds_82"]
    asked = parse_contenders("ATCS(k1=4.5; k2=1.2), ATC(k=7)")
    assert [settle(contender, published) for contender in asked] == [
        [contender] for contender in asked
    ]
    names = [
        one and one.name for one in (find_published(contender, published) for contender in asked)
    ]
    assert names == ["ATCS_grid56", None]


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
    folder = copy_suite(
        benchmarks_folder,
        tmp_path / "few",
        [f"replay/{file}" for file in ("sm_setup_s1.json", "expected_completions.csv")],
    )
    out = tmp_path / "out"
    policies = "FIFO,EDD,ATC,ATCS,DK,ATCS(k1=3; k2=0.2),ATC(k=9),RANDOM"
    assert (
        evaluate.main(
            [
                "--suite",
                "replay",
                "--instances",
                str(folder),
                "--policies",
                policies,
                "--out",
                str(out),
                "--processes",
                "1",
            ]
        )
        == 0
    )
    content = json.loads((out / "results.json").read_text())
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
    assert all(
        result[name]["exact"] is True
        and result[name]["gap"] == 0
        and result[name]["compared"] == 300
        for name in compared
    )
    assert [result[name]["reference"] for name in ("ATC(k=9)", "RANDOM")] == [None, None]
    assert content["summary"]["EDD"]["exact"] == 1
    assert content["source_hash"]
    assert "| EDD |" in capsys.readouterr().out
    assert "| EDD |" in (out / "report.md").read_text()


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


# --- whole runs -----------------------------------------------------------------------------------


def test_what_fails_on_an_instance_spares_the_others(
    benchmarks_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    guests = tmp_path / "guests.py"
    guests.write_text(GUESTS)
    folder = copy_suite(
        benchmarks_folder, tmp_path / "few", ["sdst_jsp/t2-ps01.dat", "sdst_jsp/cpsat_our_runs.txt"]
    )
    policies = f"SPT,{guests}:First,{guests}:Crashing,{guests}:Illegal"
    arguments = [
        "--suite",
        "sdst_jsp",
        "--instances",
        str(folder),
        "--policies",
        policies,
        "--out",
        str(tmp_path / "out"),
        "--processes",
        "1",
    ]
    assert evaluate.main(arguments) == 1
    content = json.loads((tmp_path / "out" / "results.json").read_text())
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


def test_a_planner_that_watches_the_shop_plays_too(benchmarks_folder: Path) -> None:
    """Two jobs on two machines: a plan that knows the whole episode is the published optimum."""
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
        contenders = parse_contenders("EDD,ATC")
        return (
            run_suite(
                "wtsds",
                given,
                contenders,
                tmp_path / out,
                processes=processes,
                patience=math.inf,
                begin=sizes.append,
                advance=sizes.append,
            ),
            sizes,
        )

    first, sizes = run("one", folder, 1)
    assert sizes == [6, 2, 2, 2]
    kept = sorted(path.stat().st_mtime_ns for path in (tmp_path / "one" / ".units").rglob("*.json"))
    assert run("one", folder, 1) == (first, sizes)
    assert (
        sorted(path.stat().st_mtime_ns for path in (tmp_path / "one" / ".units").rglob("*.json"))
        == kept
    )
    assert run("two", folder / "wtsds", 2)[0] == first
    assert first["instances"]["wt_sds_41"]["ATC"]["parameters"] == {"k": 3.0}  # no baselines here
    assert [
        first["about"][name]["is_test"] for name in ("wt_sds_41", "wt_sds_82", "wt_sds_87")
    ] == [False, False, True]


# --- one's own instances --------------------------------------------------------------------------

OWN_JSP = "2 2\n0 3 1 4\n1 2 0 5\n"
OWN_FJSP = "2 2\n2 1 1 3 2 1 2 2 4\n1 1 2 2\n"
"""Machines are counted from 1."""
UNDECIDED = "2 3 1\n2 1 1 3 1 2 4\n1 1 1 2\n"
"""Neither machine 0 nor machine 3 of 3 is used."""


def play_own(
    tmp_path: Path, suite: str, files: dict[str, str], *more: str
) -> tuple[int, dict[str, Any]]:
    """Exit status and results of a suite over one's own files."""
    for name, text in files.items():
        (tmp_path / "own" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "own" / name).write_text(text, encoding="utf-8")
    given = [
        "--suite",
        suite,
        "--instances",
        str(tmp_path / "own"),
        "--policies",
        "SPT,LPT",
        "--out",
        str(tmp_path / "out"),
        "--processes",
        "1",
    ]
    status = evaluate.main([*given, *more])
    return status, (
        json.loads((tmp_path / "out" / "results.json").read_text()) if status == 0 else {}
    )


def test_bug_ones_own_instances_are_played_without_references(
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
    """The last was in the results, the others were lost without a word."""
    files = {
        "fjsp/siteA/week1.txt": OWN_FJSP,
        "fjsp/siteB/week1.txt": OWN_FJSP.replace("1 3", "1 30"),
    }
    _, results = play_own(tmp_path, "fjsp", files)
    values = {name: by_policy["SPT"]["value"] for name, by_policy in results["instances"].items()}
    assert values == {"siteA/week1": 5.0, "siteB/week1": 32.0}
    assert results["summary"]["SPT"]["instances"] == 2
    assert (
        play_own(tmp_path, "fjsp", files)[1]["instances"] == results["instances"]
    )  # taken from what is done


def test_bug_results_say_from_which_number_machines_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, results = play_own(
        tmp_path,
        "fjsp",
        {
            "one.fjs": OWN_FJSP,
            "zero.fjs": (
                OWN_FJSP.replace("1 1 3 2 1 2 2 4", "1 0 3 2 0 2 1 4").replace("1 1 2 2", "1 1 1 2")
            ),
        },
    )
    assert {name: one["first_machine"] for name, one in results["about"].items()} == {
        "one": 1,
        "zero": 0,
    }
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


def test_bug_the_first_machine_can_be_told_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert play_own(tmp_path, "fjsp", {"last.fjs": UNDECIDED})[0] == 2
    assert (
        "Say from which: first_machine=0 or first_machine=1 (--first-machine 0 or 1)."
        in capsys.readouterr().err
    )
    status, results = play_own(tmp_path, "fjsp", {}, "--first-machine", "1")
    assert (status, results["about"]["last"]["first_machine"]) == (0, 1)


# --- tables ---------------------------------------------------------------------------------------


def entry(value: float, reference: float) -> dict[str, float | None]:
    return {
        "value": value,
        "reference": reference,
        "gap": value / reference - 1 if reference else None,
    }


def test_summaries_by_hand() -> None:
    pairs = {81: (12, 10), 82: (20, 20), 83: (33, 30), 1: (0, 0), 2: (5, 0)}
    instances: dict[str, dict[str, Any]] = {
        f"wt_sds_{number}": {"EDD": entry(*pair)} for number, pair in pairs.items()
    }
    instances["wt_sds_83"]["lost"] = {
        "failed": {"reason": "crashed", "message": "KeyError: colour"}
    }
    kinds = {name: "best_known" if name == "wt_sds_82" else "optimum" for name in instances}
    about = {
        name: {
            "family": family_of("wtsds", name),
            "reference_kind": kind,
            "is_test": False,
            "objective": "weighted_tardiness",
        }
        for name, kind in kinds.items()
    }
    summaries = summarise_suite(instances, about)
    interval = summaries["families"]["81-120"]["EDD"].pop("ci95")
    assert interval[0] < 0.1 < interval[1]
    assert summaries["families"]["81-120"]["EDD"] == {
        "instances": 3,
        "verified": 3,
        "failed": 0,
        "total_value": 65,
        "mean_gap": pytest.approx(0.1),
        "median_gap": pytest.approx(0.1),
        "worst_gap": pytest.approx(0.2),
        "references": 3,
        "gap_of_sums": pytest.approx(65 / 60 - 1),
        "reached": 1,
        "optimal": 0,
    }
    first = summaries["families"]["1-40"]["EDD"]
    assert (first["reached"], first["optimal"], first["gap_of_sums"], "mean_gap" in first) == (
        1,
        1,
        None,
        False,
    )
    assert (summaries["summary"]["EDD"]["instances"], summaries["summary"]["lost"]["failed"]) == (
        5,
        1,
    )
    results = {"suite": "wtsds", "instances": instances, "about": about, **summaries}
    assert "| EDD | 70 | 10.0% |" in format_suite(results)
    assert "FAILED: lost on wt_sds_83: crashed: KeyError: colour" in format_suite(results)
    report = report_suite(results)
    assert all(
        heading in report
        for heading in (
            "## All instances",
            "## 1-40, 2 instances",
            "## 81-120, 3 instances",
            "## Failed",
        )
    )


def test_reports_name_what_differs_from_published_results() -> None:
    first = {"job": 3, "completed": 8, "expected": 7}
    stream = {
        "value": 4.0,
        "reference": 2.0,
        "gap": 1.0,
        "comparable": True,
        "exact": False,
        "compared": 9,
        "differing": 2,
        "first_difference": first,
    }
    single = {**entry(4, 2), "agrees": False, "published": 3, "published_as": "ATCS_LP"}
    instances = {"a": {"SPT": stream, "WINQ": {**stream, "comparable": False}, "ATCS": single}}
    about = {
        "a": {
            "family": "a",
            "reference_kind": None,
            "is_test": True,
            "objective": "weighted_tardiness",
        }
    }
    report = report_suite(
        {
            "suite": "replay",
            "instances": instances,
            "about": about,
            **summarise_suite(instances, about),
        }
    )
    assert "- SPT on a: 2 of 9 jobs, first job 3, completed at tick 8 instead of 7" in report
    assert "- ATCS on a: 4 instead of 3 (ATCS_LP)" in report
    assert "WINQ on a" not in report


@pytest.mark.parametrize(
    ("suite", "instance", "family"),
    [
        ("wtsds", "wt_sds_40", "1-40"),
        ("wtsds", "wt_sds_41", "41-80"),
        ("replay", "js10setup_s2", "js10setup"),
        ("replay", "wt_sds_101", "wt_sds"),
        ("jsp", "ta01", "ta"),
        ("fjsp", "la01_vdata", "hurink vdata"),
        ("fjsp", "mk01", "brandimarte"),
        ("fjsp", "setb4xyz", "barnes"),
        ("sdst_pfsp", "121", "SSD-50"),
        ("sdst_jsp", "t2-ps01", "sdst_jsp"),
        ("wtsds", "week7", "wtsds"),
        ("sdst_pfsp", "line 3, 200", "sdst_pfsp"),
        ("jsp", "siteA/week1", "siteA"),
    ],
)
def test_instances_are_grouped_as_the_literature_reports_them(
    suite: str, instance: str, family: str
) -> None:
    assert family_of(suite, instance) == family


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
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
def test_a_wrong_suite_is_refused_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert evaluate.main([*arguments, "--out", str(tmp_path)]) == 2
    assert words in capsys.readouterr().err


def test_the_index_is_refused_as_it_is_searched_for_one_factory() -> None:
    with pytest.raises(ValueError, match="Leave it out of --policies"):
        settle(Contender("index", "index", "index"), [])

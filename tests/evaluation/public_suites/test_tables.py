"""Tables of public suites: summaries, families and reports."""

from __future__ import annotations

from typing import Any

import pytest

from evaluation.public_suites.tables import family_of, format_suite, report_suite, summarise_suite


def entry(value: float, reference: float) -> dict[str, float | None]:
    return {
        "value": value,
        "reference": reference,
        "gap": value / reference - 1 if reference else None,
    }


@pytest.fixture
def results() -> dict[str, Any]:
    """Results on five instances of wtsds, on one of which a second policy crashed."""
    pairs = {81: (12, 10), 82: (20, 20), 83: (33, 30), 1: (0, 0), 2: (5, 0)}
    instances: dict[str, dict[str, Any]] = {
        f"wt_sds_{number}": {"EDD": entry(*pair)} for number, pair in pairs.items()
    }
    failure = {"reason": "crashed", "message": "KeyError: colour"}
    instances["wt_sds_83"]["lost"] = {"failed": failure}
    about = {
        name: {
            "family": family_of("wtsds", name),
            "reference_kind": "best_known" if name == "wt_sds_82" else "optimum",
            "is_test": False,
            "objective": "weighted_tardiness",
        }
        for name in instances
    }
    summaries = summarise_suite(instances, about)
    return {"suite": "wtsds", "instances": instances, "about": about, **summaries}


def test_summaries_hand_worked(results: dict[str, Any]) -> None:
    family = results["families"]["81-120"]["EDD"]
    interval = family.pop("ci95")
    assert interval[0] < 0.1 < interval[1]
    assert family == {
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
    first = results["families"]["1-40"]["EDD"]
    assert (first["reached"], first["optimal"], first["gap_of_sums"]) == (1, 1, None)
    assert "mean_gap" not in first
    assert results["summary"]["EDD"]["instances"] == 5
    assert results["summary"]["lost"]["failed"] == 1


def test_the_terminal_has_gaps_and_failures(results: dict[str, Any]) -> None:
    assert "| EDD | 70 | 10.0% |" in format_suite(results)
    assert "FAILED: lost on wt_sds_83: crashed: KeyError: colour" in format_suite(results)


def test_the_report_has_a_section_for_each_family_and_for_failures(
    results: dict[str, Any],
) -> None:
    headings = [line for line in report_suite(results).splitlines() if line.startswith("## ")]
    assert headings == [
        "## All instances",
        "## 81-120, 3 instances",
        "## 1-40, 2 instances",
        "## Failed",
    ]


def test_reports_list_differences_from_published_results() -> None:
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

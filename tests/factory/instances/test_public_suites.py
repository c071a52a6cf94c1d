"""Public suites: every file is read, with its name, reference and known facts."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from factory.instances.read import (
    SUITES,
    Instance,
    read_expected_completions,
    read_suite,
)
from tests.builders.instance_texts import (
    jobs_of,
)

SUITE_SIZES = {
    "replay": 28,
    "wtsds": 120,
    "jsp": 242,
    "fjsp": 336,
    "fjsp_sdst": 20,
    "sdst_jsp": 15,
    "sdst_pfsp": 120,
}
OPTIMA_KNOWN = {
    "replay": 0,
    "wtsds": 120,
    "jsp": 182,
    "fjsp": 277,
    "fjsp_sdst": 17,
    "sdst_jsp": 3,
    "sdst_pfsp": 0,
}
REFERENCES = {
    "replay": 0,
    "wtsds": 120,
    "jsp": 242,
    "fjsp": 336,
    "fjsp_sdst": 20,
    "sdst_jsp": 7,
    "sdst_pfsp": 120,
}


@pytest.fixture(scope="module")
def suites(benchmarks_folder: Path) -> dict[str, dict[str, Instance]]:
    """Every instance of every suite, by name."""
    return {
        suite: {instance.name: instance for instance in read_suite(suite, benchmarks_folder)}
        for suite in SUITES
    }


def test_every_file_of_every_suite_is_read_under_a_name_of_its_own(
    suites: dict[str, dict[str, Instance]],
) -> None:
    assert {suite: len(instances) for suite, instances in suites.items()} == SUITE_SIZES


def test_references_are_attached_to_their_instances(suites: dict[str, dict[str, Instance]]) -> None:
    kinds = {
        suite: Counter(instance.reference_kind for instance in instances.values())
        for suite, instances in suites.items()
    }
    assert {suite: count["optimum"] for suite, count in kinds.items()} == OPTIMA_KNOWN
    assert {suite: count.total() - count[None] for suite, count in kinds.items()} == REFERENCES
    known = {
        "wtsds": ("wt_sds_1", 453),
        "jsp": ("ft06", 55),
        "fjsp": ("mk01", 40),
        "fjsp_sdst": ("Fattahi_setup_02", 112),
        "sdst_jsp": ("t2-ps01", 798),
    }
    assert {
        suite: (name, suites[suite][name].reference) for suite, (name, _) in known.items()
    } == known


def work_bound(instance: Instance) -> int:
    """Return a lower bound of the makespan: the longest job, or the work per machine.

    Each operation counts with its fastest machine.
    """
    shortest = [
        [
            min(o.machine_times.values()) if o.machine_times else o.process_time or 0
            for o in p.operations
        ]
        for p in instance.factory.products
    ]
    machines = sum(len(centre.machines) for centre in instance.factory.work_centres)
    return max(max(map(sum, shortest)), -(-sum(map(sum, shortest)) // machines))


@pytest.mark.parametrize("suite", ["jsp", "fjsp", "fjsp_sdst", "sdst_jsp", "sdst_pfsp"])
def test_no_published_makespan_is_below_what_the_work_allows(
    suites: dict[str, dict[str, Instance]], suite: str
) -> None:
    """References of the wrong instance and misread times would break this bound."""
    below = {
        name: (i.reference, work_bound(i))
        for name, i in suites[suite].items()
        if i.reference is not None and i.reference < work_bound(i)
    }
    assert below == {}


MISPRINTED_SIZES = {"mk06", "fattahi6", "kacem1"}
"""Flexible job shops with another number of machines in the list of bounds than in the file."""


def test_bounds_of_flexible_job_shops_belong_to_shops_of_that_size(
    suites: dict[str, dict[str, Instance]], benchmarks_folder: Path
) -> None:
    """Some sets, such as Behnke's and Hurink's, have other names in the list than in the files."""
    entries = json.loads(
        (benchmarks_folder / "fjsp" / "bks_scheduleopt.json").read_text(encoding="utf-8")
    )
    sizes = {entry["instance"]: entry["size"] for entry in entries}
    read = {
        name: f"{len(jobs_of(i))} x {len(i.factory.work_centres[0].machines)}"
        for name, i in suites["fjsp"].items()
    }
    assert {name for name, size in read.items() if size != sizes[name]} == MISPRINTED_SIZES


def test_instances_for_testing_are_marked(suites: dict[str, dict[str, Instance]]) -> None:
    marked = {
        suite: sorted(name for name, instance in instances.items() if instance.is_test)
        for suite, instances in suites.items()
    }
    assert marked["wtsds"] == sorted(f"wt_sds_{n}" for n in range(1, 121) if n % 10 in (7, 8, 9, 0))
    assert marked["sdst_jsp"] == [f"t2-ps{n}" for n in range(11, 16)]
    assert [marked[suite] for suite in ("replay", "jsp", "fjsp", "fjsp_sdst", "sdst_pfsp")] == [
        []
    ] * 5


def test_bug_public_instances_count_machines_as_their_sources_say(
    suites: dict[str, dict[str, Instance]],
) -> None:
    first = {
        suite: {instance.first_machine for instance in instances.values()}
        for suite, instances in suites.items()
    }
    none = {suite: {None} for suite in ("replay", "wtsds", "sdst_pfsp")}
    assert first == {**none, "jsp": {0}, "fjsp": {0}, "fjsp_sdst": {1}, "sdst_jsp": {1}}


def test_instances_come_in_the_order_of_their_numbers(
    suites: dict[str, dict[str, Instance]],
) -> None:
    assert list(suites["wtsds"]) == [f"wt_sds_{n}" for n in range(1, 121)]
    assert list(suites["sdst_pfsp"])[:12] == [f"{n}" for n in range(1, 13)]


def test_objects_of_a_suite_are_named_alike(suites: dict[str, dict[str, Instance]]) -> None:
    assert all(
        instance.factory.name == name
        for instances in suites.values()
        for name, instance in instances.items()
    )


def test_t2_ps_shops_are_lawrence_shops_with_families(
    suites: dict[str, dict[str, Instance]],
) -> None:
    matrix = (
        (0, 10, 20, 30, 40, 50),
        (0, 0, 10, 20, 30, 40),
        (0, 40, 0, 10, 20, 30),
        (0, 30, 40, 0, 10, 20),
        (0, 20, 30, 40, 0, 10),
        (0, 10, 20, 30, 40, 0),
    )
    for number in range(1, 16):
        instance = suites["sdst_jsp"][f"t2-ps{number:02d}"]
        assert jobs_of(instance) == jobs_of(suites["jsp"][f"la{number:02d}"])
        assert [centre.attributes[0].time for centre in instance.factory.work_centres] == [
            matrix
        ] * 5


def test_wtsds_streams_are_the_wtsds_instances(suites: dict[str, dict[str, Instance]]) -> None:
    for name, stream in suites["replay"].items():
        if name.startswith("wt_sds"):
            instance = suites["wtsds"][name]
            scaled = tuple(
                tuple(1000 * ticks for ticks in row)
                for row in instance.factory.work_centres[0].attributes[0].time
            )
            assert stream.factory.work_centres[0].attributes[0].time == scaled
            assert [order.weight for order in stream.book.orders] == [
                order.weight for order in instance.book.orders
            ]
            assert [order.due_date for order in stream.book.orders] == [
                1000 * order.due_date for order in instance.book.orders
            ]


def test_expected_completions_cover_every_job_of_every_stream(
    suites: dict[str, dict[str, Instance]], benchmarks_folder: Path
) -> None:
    expected = read_expected_completions(benchmarks_folder / "replay" / "expected_completions.csv")
    assert {name for name, _ in expected} == set(suites["replay"])
    assert len({rule for _, rule in expected}) == 35
    assert all(
        len(dates) == len(suites["replay"][name].book.orders)
        for (name, _), dates in expected.items()
    )
    assert expected["js10_s1", "FCFS"][:2] == (110410, 209106)

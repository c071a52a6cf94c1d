"""Readers of public instances: every file of every suite is read, known facts hold, and malformed
files are refused with place, value, rule and remedy."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from factory.instances.read import (
    SUITES,
    Instance,
    draw_dynamic_shop,
    read_expected_completions,
    read_fjsp,
    read_fjsp_sdst,
    read_jsp,
    read_optimal_sequences,
    read_replay,
    read_sdst_jsp,
    read_sdst_pfsp,
    read_suite,
    read_wtsds,
)
from factory.simulator import Simulator
from factory.verification.verifier import verify
from tests.builders.instance_texts import (
    FJSP,
    FJSP_SDST,
    JSP,
    SDST_JSP,
    SDST_PFSP,
    WTSDS,
    jobs_of,
    write,
)

REPLAY: dict[str, Any] = {
    "machines": 2,
    "group": [1, 2],
    "setup": [[[0.0, 1.5, 2.25], [0.0, 0.0, 3.0], [0.0, 4.001, 0.0]], [[0.0, 9.0], [0.0, 0.0]]],
    "jobs": [
        {"rel": 20.999, "due": 31.5, "w": 4, "ops": [[1, 11.297, 0], [0, 4.0, 1]]},
        {"rel": 2, "due": 40.0, "w": 0.5, "ops": [[0, 6.1, 0]]},
    ],
}


# --- formats --------------------------------------------------------------------------------------


def test_job_shop_has_a_work_centre_for_each_machine(tmp_path: Path) -> None:
    instance = read_jsp(write(tmp_path, "# a comment\n\n" + JSP))
    assert jobs_of(instance) == [
        [("C0", 3), ("C1", 2), ("C2", 2)],
        [("C0", 2), ("C2", 1), ("C1", 4)],
    ]
    assert [[m.name for m in centre.machines] for centre in instance.factory.work_centres] == [
        ["M0"],
        ["M1"],
        ["M2"],
    ]
    assert (instance.name, instance.objective, instance.anticipatory, instance.permutation) == (
        "instance",
        "makespan",
        False,
        False,
    )
    assert [(o.order_id, o.product, o.release_date) for o in instance.book.orders] == [
        ("0", "J0", 0),
        ("1", "J1", 0),
    ]


def test_flexible_job_shop_names_eligible_machines_with_their_times(tmp_path: Path) -> None:
    instance = read_fjsp(write(tmp_path, FJSP))
    assert jobs_of(instance) == [
        [("C0", {"M0": 25, "M1": 37}), ("C0", {"M0": 32})],
        [("C0", {"M0": 45, "M1": 65})],
    ]
    assert [m.name for m in instance.factory.work_centres[0].machines] == ["M0", "M1"]


def test_flexible_job_shop_with_setups_has_a_matrix_for_each_machine(tmp_path: Path) -> None:
    instance = read_fjsp_sdst(write(tmp_path, FJSP_SDST))
    (centre,) = instance.factory.work_centres
    assert jobs_of(instance) == [
        [("C0", {"M0": 25, "M1": 37})],
        [("C0", {"M1": 24}), ("C0", {"M0": 21})],
    ]
    assert centre.attributes[0].values == ("bare", "J0.O0", "J1.O0", "J1.O1")
    assert [
        operation.setup for product in instance.factory.products for operation in product.operations
    ] == [
        {"family": "J0.O0"},
        {"family": "J1.O0"},
        {"family": "J1.O1"},
    ]
    first, second = (machine.setup_time["family"] for machine in centre.machines)
    assert first == ((0, 0, 0, 0), (0, 0, 0, 4), (0, 0, 0, 0), (0, 5, 0, 0))
    assert second == ((0, 0, 0, 0), (0, 0, 8, 0), (0, 3, 0, 0), (0, 0, 0, 0))
    assert instance.anticipatory
    assert instance.factory.changeover_ahead


def test_job_shop_with_setups_starts_from_its_initial_row(tmp_path: Path) -> None:
    instance = read_sdst_jsp(write(tmp_path, SDST_JSP))
    assert jobs_of(instance) == [[("C1", 21), ("C0", 53)], [("C0", 95)]]
    assert [
        operation.setup["family"]
        for product in instance.factory.products
        for operation in product.operations
    ] == ["F0", "F0", "F1"]
    assert [centre.attributes[0].time for centre in instance.factory.work_centres] == [
        ((0, 10, 20), (0, 0, 7), (0, 8, 0))
    ] * 2
    assert instance.anticipatory


def test_flow_shop_has_no_setup_before_the_first_job(tmp_path: Path) -> None:
    instance = read_sdst_pfsp(write(tmp_path, SDST_PFSP))
    assert jobs_of(instance) == [[("C0", 54), ("C1", 79)], [("C0", 83), ("C1", 3)]]
    assert [centre.attributes[0].time for centre in instance.factory.work_centres] == [
        ((0, 0, 0), (0, 0, 5), (0, 9, 0)),
        ((0, 0, 0), (0, 0, 1), (0, 2, 0)),
    ]
    assert instance.permutation
    assert instance.anticipatory


def test_wtsds_has_an_initial_setup_and_weights_of_zero(tmp_path: Path) -> None:
    instance = read_wtsds(write(tmp_path, WTSDS))
    assert jobs_of(instance) == [[("C0", 81)], [("C0", 71)]]
    assert instance.factory.work_centres[0].attributes[0].time == ((0, 43, 7), (0, 0, 5), (0, 6, 0))
    assert [(o.weight, o.due_date) for o in instance.book.orders] == [(0.0, 49), (7.0, 100)]
    assert (instance.objective, instance.anticipatory, instance.factory.waiting) == (
        "weighted_tardiness",
        False,
        False,
    )


def test_replay_keeps_three_decimals_exactly_and_sorts_orders_by_release(tmp_path: Path) -> None:
    instance = read_replay(write(tmp_path, json.dumps(REPLAY)))
    assert jobs_of(instance) == [[("C1", 11297), ("C0", 4000)], [("C0", 6100)]]
    assert [[m.name for m in centre.machines] for centre in instance.factory.work_centres] == [
        ["M0"],
        ["M1", "M2"],
    ]
    assert instance.factory.work_centres[0].attributes[0].time == (
        (0, 1500, 2250),
        (0, 0, 3000),
        (0, 4001, 0),
    )
    assert [(o.order_id, o.release_date, o.due_date, o.weight) for o in instance.book.orders] == [
        ("1", 2000, 40000, 0.5),
        ("0", 20999, 31500, 4.0),
    ]
    assert (
        instance.factory.changeover_ahead,
        instance.factory.waiting,
        instance.ticks_per_unit,
    ) == (False, False, 1000)


def test_replay_without_setups_has_no_attributes(tmp_path: Path) -> None:
    jobs = [{"rel": 0.0, "due": 1.0, "w": 1, "ops": [[0, 1.0, None]]}]
    instance = read_replay(
        write(tmp_path, json.dumps({"machines": 1, "group": [3], "setup": None, "jobs": jobs}))
    )
    assert instance.factory.work_centres[0].attributes == ()
    assert instance.factory.products[0].operations[0].setup == {}


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (read_jsp, JSP),
        (read_fjsp, FJSP),
        (read_fjsp_sdst, FJSP_SDST),
        (read_sdst_jsp, SDST_JSP),
        (read_sdst_pfsp, SDST_PFSP),
        (read_wtsds, WTSDS),
        (read_replay, json.dumps(REPLAY)),
    ],
    ids=["jsp", "fjsp", "fjsp_sdst", "sdst_jsp", "sdst_pfsp", "wtsds", "replay"],
)
def test_total_cost_of_an_episode_is_the_objective_in_ticks(
    tmp_path: Path, read: Callable[[Path], Instance], text: str
) -> None:
    instance = read(write(tmp_path, text))
    simulator = Simulator(instance.factory, instance.book)
    simulator.reset(seed=1)
    while simulator.deciding is not None:
        simulator.decide(next(choice.row for choice in simulator.choices() if choice.legal))
    schedule = simulator.schedule()
    completions = {order.number: order.completion_date or 0 for order in schedule.orders}
    tardiness = sum(
        order.weight * max(0, completions[order.number] - order.due_date)
        for order in schedule.orders
    )
    objective = max(completions.values()) if instance.objective == "makespan" else tardiness
    assert objective > 0
    assert verify(schedule, instance.factory, instance.book).total == pytest.approx(objective)


# --- malformed files ------------------------------------------------------------------------------

BAD_TEXTS = [
    (read_jsp, "", "numbers of jobs and machines", "the file ends after 0 lines"),
    (read_jsp, "2\n", ":1: number of machines (word 2) = nothing", "the line ends after 1 words"),
    (read_jsp, "0 3\n", ":1: number of jobs (word 1) = 0", "must lie in 1.."),
    (read_jsp, JSP.replace("0 3 1 2 2 2", "0 3 1 2 2"), ":2: job 0", "= 5 words; must have 6"),
    (read_jsp, JSP.replace("0 3", "3 3"), ":2: machine (word 1) = 3", "must lie in 0..2"),
    (read_jsp, JSP.replace("1 4", "1 -4"), ":3: process time (word 6) = -4", "must lie in 0.."),
    (
        read_jsp,
        JSP.replace("1 4", "1 4.5"),
        ":3: process time (word 6) = '4.5'",
        "must be a whole number",
    ),
    (read_jsp, JSP.replace("1 4", "1 9999999999"), "= 9999999999", "must lie in 0..10000000"),
    (read_jsp, JSP.replace("2 3", "3 3"), "job 2 = nothing", "the file ends after 3 lines"),
    (read_jsp, JSP + "0 1 1 1 2 1\n", ":4: line = '0 1 1 1 2 1'", "the file must end before it"),
    (
        read_fjsp,
        FJSP.replace("2 2 0 25", "2 3 0 25"),
        ":2: number of eligible machines (word 2) = 3",
        "must lie in 1..2",
    ),
    (read_fjsp, FJSP.replace("1 37", "0 37"), ":2: machine (word 5) = 0", "named twice"),
    (
        read_fjsp,
        FJSP.replace("1 0 32", "0"),
        ":2: number of eligible machines (word 7) = 0",
        "must lie in 1..2",
    ),
    (
        read_fjsp,
        FJSP.replace("1 0 32", "1 0"),
        ":2: process time (word 9) = nothing",
        "the line ends after 8 words",
    ),
    (
        read_fjsp,
        FJSP.replace("1 0 32", "1 0 32 7"),
        ":2: job with 2 operations = 10 words",
        "must have 9",
    ),
    (
        read_fjsp_sdst,
        FJSP_SDST.replace("1 2 1 25", "1 2 0 25"),
        ":2: machine (word 5) = 2",
        "must lie in 0..1, as machine 0 occurs too",
    ),
    (
        read_fjsp_sdst,
        FJSP_SDST.replace("7 1000000 4", "7 1000000 1000000"),
        ":4: setup time of machine 1 after operation 1 (word 3) = 1000000",
        "must be below",
    ),
    (
        read_fjsp_sdst,
        FJSP_SDST.replace("9 8 1000000", "9 8"),
        ":7: setup time of machine 2 after operation 1 = 2 words",
        "must have 3",
    ),
    (
        read_sdst_jsp,
        SDST_JSP.replace("2 2 2\n", "2 2\n"),
        ":1: numbers of machines, jobs and families = 2 words",
        "must have 3",
    ),
    (
        read_sdst_jsp,
        SDST_JSP.replace("95 1 2", "95 1 3"),
        ":3: family (word 4) = 3",
        "must lie in 0..2",
    ),
    (
        read_sdst_jsp,
        SDST_JSP.replace("0 7", "1 7"),
        "setup times[0][0] = 1",
        "staying in a setup must take 0",
    ),
    (
        read_sdst_pfsp,
        SDST_PFSP.replace("2 0\n", "2 3\n"),
        "setup times of machine 1[1][1] = 3",
        "staying in a setup must take 0",
    ),
    (
        read_sdst_pfsp,
        SDST_PFSP.replace("83 3\n", "83 x\n"),
        ":4: process times, row 1 (word 2) = 'x'",
        "must be a whole number",
    ),
    (read_wtsds, WTSDS.replace("71\n", ""), ":9: process time", "must be a whole number"),
    (
        read_wtsds,
        WTSDS.replace("71\n", "71\n72\n"),
        ":10: heading = '72'",
        "must be 'Weights:' after 2 numbers",
    ),
    (
        read_wtsds,
        WTSDS.replace("Duedates:", "Dates:"),
        ":13: heading = 'Dates:'",
        "must be 'Duedates:'",
    ),
    (
        read_wtsds,
        WTSDS.replace("1 0 6", "0 1 6"),
        ":20: setup = from 0 to 1",
        "each pair of different jobs comes once",
    ),
    (
        read_wtsds,
        WTSDS.replace("1 0 6", "1 1 6"),
        ":20: setup = from 1 to 1",
        "each pair of different jobs comes once",
    ),
    (
        read_wtsds,
        WTSDS.replace("1 0 6", "2 0 6"),
        ":20: from job (word 1) = 2",
        "must lie in -1..1",
    ),
    (
        read_wtsds,
        WTSDS.replace("Problem Size: 2\n", ""),
        "Problem Size: = nothing",
        "the file ends",
    ),
    (read_replay, '{"machines": 1,', ":1: Expecting", "must be JSON"),
]


@pytest.mark.parametrize(("read", "text", "place_and_value", "rule"), BAD_TEXTS)
def test_malformed_file_is_refused(
    tmp_path: Path, read: Callable[[Path], Instance], text: str, place_and_value: str, rule: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 the message is compared below
        read(path)
    message = str(refusal.value)
    assert message.startswith(f"{path}:")
    assert place_and_value in message
    assert rule in message
    assert message.rpartition(". ")[2].endswith("."), "the remedy is a sentence"


BAD_STREAMS: list[tuple[tuple[Any, ...], Any, str, str]] = [
    (("machines",), 3, "group = [1, 2]", "number of machines of each of 3"),
    (("group", 0), 0, "group[0] = 0", "whole number in 1.."),
    (("setup",), [], "setup = list", "2 matrices"),
    (("setup", 0), [[0.0, 1.0], [0.0]], "setup[0] = 2 rows", "square matrix"),
    (("setup", 0, 1, 1), 2.0, "setup[0][1][1] = 2.0", "staying in a setup must take 0"),
    (("setup", 0, 1, 2), -3.0, "setup[0][1][2] = -3.0", "must be a number in 0.."),
    (("jobs",), [], "jobs = []", "at least one job"),
    (("jobs", 0, "rel"), "soon", "jobs[0].rel = soon", "must be a number"),
    (("jobs", 0, "due"), None, "jobs[0].due = None", "must be a number"),
    (("jobs", 0, "w"), -1, "jobs[0].w = -1", "must be a number in 0.."),
    (
        ("jobs", 0),
        {"rel": 0, "w": 1, "ops": [[0, 1, 0]]},
        "jobs[0]: due = nothing",
        "must be given",
    ),
    (("jobs", 1, "ops"), [], "jobs[1].ops = []", "at least one operation"),
    (
        ("jobs", 1, "ops", 0),
        [0, 6.1],
        "jobs[1].ops[0] = [0, ",
        "must be [work centre, process time, family]",
    ),
    (("jobs", 1, "ops", 0, 0), 2, "jobs[1].ops[0]: work centre = 2", "whole number in 0..1"),
    (
        ("jobs", 1, "ops", 0, 1),
        6.1234,
        "jobs[1].ops[0]: process time = 6.1234",
        "at most three decimals",
    ),
    (
        ("jobs", 1, "ops", 0, 1),
        1e300,
        "jobs[1].ops[0]: process time = 1E+300",
        "must be a number in 0..10000",
    ),
    (("jobs", 1, "ops", 0, 2), 2, "jobs[1].ops[0]: family = 2", "whole number in 0..1"),
]


@pytest.mark.parametrize(("keys", "value", "place_and_value", "rule"), BAD_STREAMS)
def test_malformed_stream_is_refused(
    tmp_path: Path, keys: tuple[Any, ...], value: Any, place_and_value: str, rule: str
) -> None:
    stream = json.loads(json.dumps(REPLAY))
    parent = stream
    for key in keys[:-1]:
        parent = parent[key]
    parent[keys[-1]] = value
    path = write(tmp_path, json.dumps(stream))
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 the message is compared below
        read_replay(path)
    assert str(refusal.value).startswith(f"{path}: {place_and_value}")
    assert rule in str(refusal.value)


def test_bug_no_time_of_an_instance_is_longer_than_a_factory_allows(tmp_path: Path) -> None:
    """Up to 10**9 was read, and refused only when it was played."""
    longest = SDST_PFSP.replace("83 3", "10000000 3")
    assert jobs_of(read_sdst_pfsp(write(tmp_path, longest)))[1][0] == ("C0", 10_000_000)
    for read, text in (
        (read_sdst_pfsp, longest.replace("10000000", "10000001")),
        (read_sdst_jsp, SDST_JSP.replace("10 20", "10 10000001")),
        (read_wtsds, WTSDS.replace("0 1 5", "0 1 10000001")),
        (read_wtsds, WTSDS.replace("71\n", "10000001\n", 1)),
        (read_replay, json.dumps(REPLAY).replace("4.001", "10000.001")),
    ):
        with pytest.raises(ValueError, match=r"must (lie|be a number) in 0\.\.10000(000)?\."):
            read(write(tmp_path, text))


def test_sequence_that_names_a_job_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="each job must come once"):
        read_optimal_sequences(write(tmp_path, "1,453,0,1,1\n"))


def test_unknown_suite_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"'jobs'; must be a known suite\. Choose one of replay, wtsds, jsp"
    ):
        next(read_suite("jobs", tmp_path))


def test_suite_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"must contain instances in jsp/ or itself \(suffixes: none, \.txt, \.fjs"
    ):
        next(read_suite("jsp", tmp_path))


# --- suites ---------------------------------------------------------------------------------------

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
    """No schedule ends before the longest job is done, each operation on its fastest machine, nor
    before the machines share all that work."""
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
    """A reference attached to the wrong instance, or a misread time, would show here."""
    below = {
        name: (i.reference, work_bound(i))
        for name, i in suites[suite].items()
        if i.reference is not None and i.reference < work_bound(i)
    }
    assert below == {}


MISPRINTED_SIZES = {"mk06", "fattahi6", "kacem1"}
"""Flexible job shops for which the list of bounds states another number of machines than their
files."""


def test_bounds_of_flexible_job_shops_belong_to_shops_of_that_size(
    suites: dict[str, dict[str, Instance]], benchmarks_folder: Path
) -> None:
    """Behnke's, Hurink's and others' shops are listed under other names than the files'."""
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
            twin = suites["wtsds"][name]
            scaled = tuple(
                tuple(1000 * ticks for ticks in row)
                for row in twin.factory.work_centres[0].attributes[0].time
            )
            assert stream.factory.work_centres[0].attributes[0].time == scaled
            assert [order.weight for order in stream.book.orders] == [
                order.weight for order in twin.book.orders
            ]
            assert [order.due_date for order in stream.book.orders] == [
                1000 * order.due_date for order in twin.book.orders
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


# --- dynamic shop ---------------------------------------------------------------------------------


def test_dynamic_shop_draws_jobs_as_published() -> None:
    instance = draw_dynamic_shop(
        seed=3, utilisation=0.8, due_date_factor=4.0, num_jobs=1500, ticks_per_unit=100
    )
    jobs = jobs_of(instance)
    times = Counter(time for route in jobs for _, time in route)
    assert set(times) == {100 * time for time in range(1, 50)}
    assert all(len({centre for centre, _ in route}) == len(route) == 10 for route in jobs)
    assert Counter(route[0][0] for route in jobs).keys() == {f"C{c}" for c in range(10)}
    weights = Counter(order.weight for order in instance.book.orders)
    assert [weights[weight] / 1500 for weight in (1.0, 2.0, 4.0)] == pytest.approx(
        [0.2, 0.6, 0.2], abs=0.04
    )
    gaps = [
        b.release_date - a.release_date
        for a, b in zip(instance.book.orders, instance.book.orders[1:], strict=False)
    ]
    assert statistics.mean(gaps) == pytest.approx(100 * 25 / 0.8, rel=0.1)
    assert statistics.stdev(gaps) == pytest.approx(statistics.mean(gaps), rel=0.1)
    for order, route in zip(instance.book.orders, jobs, strict=True):
        assert order.due_date == order.release_date + 4 * sum(time for _, time in route)


def test_dynamic_shop_with_partial_routes_visits_two_to_ten_machines() -> None:
    jobs = jobs_of(
        draw_dynamic_shop(
            seed=1,
            utilisation=0.9,
            due_date_factor=6,
            operations=(2, 10),
            num_jobs=300,
            ticks_per_unit=1,
        )
    )
    assert {len(route) for route in jobs} == set(range(2, 11))


def test_dynamic_shops_of_one_seed_have_the_same_jobs_at_any_load() -> None:
    slow, busy, other = (
        draw_dynamic_shop(seed, load, 4.0, num_jobs=50)
        for seed, load in ((1, 0.8), (1, 0.95), (2, 0.8))
    )
    assert jobs_of(slow) == jobs_of(busy) != jobs_of(other)
    assert slow.book.orders[-1].release_date > busy.book.orders[-1].release_date


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ({"utilisation": 1.0}, "utilisation = 1.0; must lie in (0, 1)"),
        ({"operations": (0, 10)}, "operations = (0, 10)"),
        ({"operations": (2, 11)}, "operations = (2, 11)"),
        ({"num_jobs": 0}, "num_jobs = 0; must be at least 1"),
        ({"seed": -1}, "seed = -1; must be at least 0"),
        ({"due_date_factor": float("nan")}, "due_date_factor = nan; must be a finite number"),
        ({"due_date_factor": -0.5}, "due_date_factor = -0.5; must be at least 0"),
    ],
)
def test_dynamic_shop_refuses_arguments_out_of_range(arguments: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 the message is compared below
        draw_dynamic_shop(**{"seed": 1, "utilisation": 0.8, "due_date_factor": 4.0, **arguments})
    assert rule in str(refusal.value)

"""Malformed public instances: refused with place, value, rule and remedy."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from factory.instances.read import (
    Instance,
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
from tests.builders.instance_texts import (
    FJSP,
    FJSP_SDST,
    JSP,
    REPLAY,
    SDST_JSP,
    SDST_PFSP,
    WTSDS,
    jobs_of,
    write,
)

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
    """Times up to 10**9 were read, and refused only in the simulation."""
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

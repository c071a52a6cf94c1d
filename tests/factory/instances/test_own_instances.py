"""Own instances: machines counted from 0 or 1, files without published names and values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from factory.instances.read import (
    Instance,
    read_fjsp,
    read_fjsp_sdst,
    read_jsp,
    read_sdst_jsp,
    read_suite,
)
from tests.builders.instance_texts import FJSP, FJSP_SDST, JSP, SDST_JSP, WTSDS, jobs_of, write

# --- machines counted from 0 or from 1 ------------------------------------------------------------


def raised(text: str) -> str:
    """A flexible job shop that counts machines from 1 instead of 0."""
    head, *jobs = text.splitlines()
    lines = []
    for line in jobs:
        words = [int(word) for word in line.split()]
        place = 1
        for _ in range(words[0]):
            for pair in range(words[place]):
                words[place + 1 + 2 * pair] += 1
            place += 1 + 2 * words[place]
        lines.append(" ".join(map(str, words)))
    return "\n".join([head, *lines])


def test_bug_a_flexible_job_shop_may_count_machines_from_1(tmp_path: Path) -> None:
    """Nearly all public files do; they were refused as if a number were wrong."""
    assert raised(FJSP) == "2 2 1.5\n2 2 1 25 2 37 1 1 32\n1 2 1 45 2 65"
    zero, one = (read_fjsp(write(tmp_path, text)) for text in (FJSP, raised(FJSP)))
    assert (zero.first_machine, one.first_machine) == (0, 1)
    assert zero.factory == one.factory


def test_bug_a_job_shop_may_count_machines_from_1(tmp_path: Path) -> None:
    zero, one = (
        read_jsp(write(tmp_path, text)) for text in (JSP, "2 3\n1 3 2 2 3 2\n1 2 3 1 2 4\n")
    )
    assert (zero.first_machine, one.first_machine) == (0, 1)
    assert zero.factory == one.factory


def test_bug_setup_files_may_count_machines_and_families_from_0(tmp_path: Path) -> None:
    lowered = FJSP_SDST.replace("1 2 1 25 2 37\n2 1 2 24 1 1 21", "1 2 0 25 1 37\n2 1 1 24 1 0 21")
    zero, one = (read_fjsp_sdst(write(tmp_path, text)) for text in (lowered, FJSP_SDST))
    assert (zero.first_machine, one.first_machine) == (0, 1)
    assert zero.factory == one.factory
    zero, one = (
        read_sdst_jsp(write(tmp_path, text))
        for text in (
            SDST_JSP.replace("2 21 2 1 53 1 1\n1 95 1 2", "2 21 1 0 53 0 0\n1 95 0 1"),
            SDST_JSP,
        )
    )
    assert (zero.first_machine, one.first_machine) == (0, 1)
    assert zero.factory == one.factory


UNDECIDED = "2 3 1\n2 1 1 3 1 2 4\n1 1 1 2\n"
"""A flexible job shop in which neither machine 0 nor machine 3 of 3 is used."""


def test_bug_machines_that_may_be_counted_from_0_or_1_are_not_guessed(tmp_path: Path) -> None:
    """It was read from 0, every machine shifted by one if it was meant from 1."""
    path = write(tmp_path, UNDECIDED)
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 the message is compared below
        read_fjsp(path)
    rule = "neither 0 nor 3 occurs, so the first may be 0 or 1"
    remedy = "Say from which: first_machine=0 or first_machine=1 (--first-machine 0 or 1)"
    assert str(refusal.value) == f"{path}: numbers of machines = 1..2; {rule}. {remedy}."
    for first, machines in ((0, ["M1", "M2"]), (1, ["M0", "M1"])):
        instance = read_fjsp(path, first_machine=first)
        assert [
            next(iter(o.machine_times or {})) for o in instance.factory.products[0].operations
        ] == machines
        assert instance.first_machine == first


def test_bug_setup_files_that_may_be_counted_from_0_or_1_are_not_guessed(tmp_path: Path) -> None:
    text = "3 1 3\n1 21 2 1\n0 0 0\n0 7 7\n7 0 7\n7 7 0\n"
    with pytest.raises(ValueError, match="neither 0 nor 3 occurs"):
        read_sdst_jsp(write(tmp_path, text))
    assert jobs_of(read_sdst_jsp(write(tmp_path, text), first_machine=1)) == [[("C1", 21)]]
    assert jobs_of(read_sdst_jsp(write(tmp_path, text), first_machine=0)) == [[("C2", 21)]]


def test_bug_the_highest_family_decides_where_no_machine_does(tmp_path: Path) -> None:
    text = "3 1 3\n1 21 2 3\n0 0 0\n0 7 7\n7 0 7\n7 7 0\n"
    instance = read_sdst_jsp(write(tmp_path, text))
    assert (instance.first_machine, instance.factory.products[0].operations[0].setup) == (
        1,
        {"family": "F2"},
    )


@pytest.mark.parametrize(
    ("read", "text", "first", "message"),
    [
        (
            read_fjsp,
            FJSP,
            1,
            ":2: machine (word 3) = 0; must lie in 1..2, as the first machine is to be 1. "
            "Correct the number, or leave first_machine=1 (--first-machine 1) out.",
        ),
        (
            read_jsp,
            "1 2\n1 3 2 4\n",
            0,
            ":2: machine (word 3) = 2; must lie in 0..1, as the first machine is to be 0. "
            "Correct the number, or leave first_machine=0 (--first-machine 0) out.",
        ),
        (
            read_fjsp,
            FJSP.replace("1 65", "2 65"),
            None,
            ":3: machine (word 5) = 2; must lie in 0..1, as machine 0 occurs too "
            "({path}:2: machine (word 3)). Correct one of the two, or the counts in the first"
            " line.",
        ),
        (
            read_fjsp,
            UNDECIDED,
            2,
            ": first_machine = 2; must be 0 or 1. Give one of them, or leave it out.",
        ),
    ],
    ids=["told 1, from 0", "told 0, from 1", "both", "told 2"],
)
def test_bug_numbers_of_machines_must_agree(
    tmp_path: Path, read: Callable[..., Instance], text: str, first: int | None, message: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 the message is compared below
        read(path, first_machine=first)
    assert str(refusal.value) == f"{path}{message.replace('{path}', str(path))}"


@pytest.mark.parametrize(
    "text", ["2 2\n0 3 0 4\n1 2 0 5\n", "2 2\n1 3 1 4\n2 2 1 5\n"], ids=["from 0", "from 1"]
)
def test_bug_a_job_of_a_job_shop_visits_each_machine_once(tmp_path: Path, text: str) -> None:
    """It was read as another shop, in which the job never visits the other machine."""
    path = write(tmp_path, text)
    number = text.split()[2]
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 the message is compared below
        read_jsp(path)
    rule = "job 0 has been there (word 1), but visits each of the 2 machines once"
    remedy = (
        "Correct the number; where jobs return to machines, write a flexible job shop (read_fjsp)"
    )
    assert str(refusal.value) == f"{path}:2: machine (word 3) = {number}; {rule}. {remedy}."


# --- suites ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "place", ["one{}", "jsp/one{}", "jsp/instances/one{}", "jsp/mine/2026/one{}"]
)
@pytest.mark.parametrize("suffix", ["", ".txt", ".fjs", ".dat", ".TXT"])
def test_bug_ones_own_instances_need_no_references_and_no_layout(
    tmp_path: Path, place: str, suffix: str
) -> None:
    """A suite without its reference file stopped with a bare error; JSPLIB's files, which have no
    suffix, were not found."""
    path = tmp_path / place.format(suffix)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(JSP, encoding="utf-8")
    (instance,) = read_suite("jsp", tmp_path)
    assert (instance.name, instance.reference, instance.reference_kind, instance.is_test) == (
        "one",
        None,
        None,
        False,
    )


def test_bug_what_lies_beside_instances_is_none(tmp_path: Path) -> None:
    write(tmp_path, JSP)
    (tmp_path / ".hidden").mkdir()
    for name in (
        "LICENSE",
        "README",
        "readme.txt",
        "LICENSE.md",
        "instances.json",
        "results.json",
        "cpsat_our_runs.txt",
        "x.csv",
        ".DS_Store",
        ".hidden/x.txt",
    ):
        (tmp_path / name).write_text("no instance", encoding="utf-8")
    assert [instance.name for instance in read_suite("jsp", tmp_path)] == ["instance"]


def test_bug_ones_own_names_are_none_of_a_published_set(tmp_path: Path) -> None:
    """Numbers in them crashed the reader, or marked instances as kept for testing."""
    for suite, file, text in (
        ("sdst_jsp", "mine.dat", SDST_JSP),
        ("wtsds", "week7.instance", WTSDS),
        ("fjsp", "behnke/mine.txt", FJSP),
        ("fjsp", "fattahi/x.txt", FJSP),
        ("fjsp", "dauzere/week1.txt", FJSP),
        ("fjsp", "kacem/kick.txt", FJSP),
    ):
        path = tmp_path / suite / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert [instance.name for instance in read_suite("fjsp", tmp_path)] == [
        "mine",
        "week1",
        "x",
        "kick",
    ]
    own = [next(read_suite(suite, tmp_path)) for suite in ("sdst_jsp", "wtsds")]
    assert [(instance.name, instance.is_test) for instance in own] == [
        ("mine", False),
        ("week7", False),
    ]


def test_bug_files_that_share_a_name_are_called_by_their_paths(tmp_path: Path) -> None:
    """The last one hid the others."""
    for place in (
        "siteA/week1.txt",
        "siteB/week1.txt",
        "siteB/week2.txt",
        "week3.fjs",
        "week3.txt",
    ):
        path = tmp_path / "fjsp" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(FJSP, encoding="utf-8")
    instances = list(read_suite("fjsp", tmp_path))
    assert sorted(instance.name for instance in instances) == [
        "siteA/week1",
        "siteB/week1",
        "week2",
        "week3.fjs",
        "week3.txt",
    ]
    assert [instance.factory.name for instance in instances] == [
        instance.name for instance in instances
    ]


def test_bug_a_suite_can_be_told_the_number_of_the_first_machine(tmp_path: Path) -> None:
    write(tmp_path, UNDECIDED)
    assert [
        instance.first_machine for instance in read_suite("fjsp", tmp_path, first_machine=1)
    ] == [1]
    with pytest.raises(
        ValueError,
        match=r"only files of jsp, fjsp, fjsp_sdst, sdst_jsp number machines\. Leave it out",
    ):
        next(read_suite("wtsds", tmp_path, first_machine=1))


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ("[", ":1: Expecting value at column 2; the file must be JSON. Correct it."),
        ("{}", " = dict; must be a list of instances. Put it in [brackets]."),
        ('[{"name": "one"}]', ": [0] = {'name': 'one'}; must name its instance."),
        (
            '[{"instance": "one", "upper_bound": "7"}]',
            ": [0].upper_bound = 7; must be a number, 0 or more. Write the bound.",
        ),
        (
            '[{"instance": "one", "upper_bound": 7, "lower_bound": NaN}]',
            ": [0].lower_bound = nan; must be a number, 0 or more.",
        ),
    ],
)
def test_bug_a_malformed_list_of_bounds_is_refused(
    tmp_path: Path, listed: str, message: str
) -> None:
    write(tmp_path, JSP)
    path = tmp_path / "bks_scheduleopt.json"
    path.write_text(listed, encoding="utf-8")
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 the message is compared below
        next(read_suite("jsp", tmp_path))
    assert str(refusal.value).startswith(f"{path}{message}")

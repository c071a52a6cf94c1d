"""Files that users write: a byte order mark changes nothing, other encodings are named, and a
number is what everybody reads as that number."""

from __future__ import annotations

import codecs
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agents.rules.parameters import Parameter, read_values
from agents.training.config import read_config
from agents.training.config_errors import ConfigError
from evaluation.runner.contenders import parse_contenders
from evaluation.tuned_parameters import TUNED_FOLDER, read_tuned
from factory.instances.read import (
    read_expected_completions,
    read_fjsp,
    read_jsp,
    read_optimal_sequences,
    read_replay,
    read_suite,
)
from factory.io.catalogue import find_factory, find_single_factory
from factory.io.order_book_csv import read_order_book
from factory.validation.errors import FactoryError
from factory.validation.text_files import drop_mark, read_number
from scheduler.__main__ import _read_plan
from scheduler.snapshot.read import SnapshotError, read_snapshot
from tests.builders.kart_factory import BOOK, FACTORY, karts
from tests.builders.repository import ROOT

STREAM = {
    "machines": 1,
    "group": [1],
    "setup": None,
    "jobs": [{"rel": 0, "due": 1, "w": 1, "ops": [[0, 1, None]]}],
}
EXPECTED = "instance,rule,completions\ns1,EDD,1.5 2.25\n"
SNAPSHOT = (ROOT / "examples" / "snapshot.json").read_text(encoding="utf-8")


def read_named_snapshot(path: Path) -> Any:
    return read_snapshot(path.read_bytes(), find_single_factory("microfactory"))


FILES: dict[str, tuple[str, str, Callable[[Path], Any]]] = {
    "factory": ("karts.toml", FACTORY, find_factory),
    "ranges": ("ranges.toml", "[randomised]\nload = [0.5, 0.6]\n", find_factory),
    "order book": ("orders.csv", BOOK, lambda path: read_order_book(path, karts())),
    "training config": ("run.toml", "seed = 7\n", read_config),
    "tuned parameters": (
        "tiny.toml",
        (ROOT / TUNED_FOLDER / "tiny.toml").read_text(encoding="utf-8"),
        lambda path: read_tuned("tiny", path.parent),
    ),
    "job shop": ("one.txt", "1 2\n0 3 1 4\n", read_jsp),
    "flexible job shop": ("one.fjs", "1 2\n1 2 0 3 1 4\n", read_fjsp),
    "stream": ("one.json", json.dumps(STREAM), read_replay),
    "completions": ("expected.csv", EXPECTED, read_expected_completions),
    "sequences": ("sequences.csv", "1,453,1,0\n", read_optimal_sequences),
    "snapshot": ("snapshot.json", SNAPSHOT, read_named_snapshot),
}


@pytest.mark.parametrize(("name", "text", "read"), FILES.values(), ids=FILES)
def test_bug_a_byte_order_mark_changes_nothing(
    tmp_path: Path, name: str, text: str, read: Callable[[Path], Any]
) -> None:
    """Notepad and PowerShell put one first; order books alone were read with it."""
    found = []
    for mark in (b"", codecs.BOM_UTF8):
        (tmp_path / name).write_bytes(mark + text.encode())
        found.append(read(tmp_path / name))
    assert found[0] == found[1]


UTF_8_ONLY = {kind: file for kind, file in FILES.items() if kind != "order book"}
"""Order books come from spreadsheets, in any encoding."""


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize(("name", "text", "read"), UTF_8_ONLY.values(), ids=UTF_8_ONLY)
def test_bug_other_encodings_are_named(
    tmp_path: Path, name: str, text: str, read: Callable[[Path], Any], encoding: str
) -> None:
    (tmp_path / name).write_bytes(text.encode(encoding))
    with pytest.raises(
        ValueError, match=r"is UTF-(16|32) text; must be UTF-8\. Save it as UTF-8 \(in PowerShell: "
    ):
        read(tmp_path / name)


def test_bug_published_values_are_read_with_a_byte_order_mark(tmp_path: Path) -> None:
    """In every kind of file that lists them."""
    bounds = '[{"instance": "one", "upper_bound": 7, "lower_bound": 7}]'
    for suite, instance, file, listed in (
        ("jsp", "1 2\n0 3 1 4\n", "bks_scheduleopt.json", bounds),
        ("fjsp_sdst", "1 1\n1 1 1 3\n0\n", "cpsat_bounds.csv", "instance,ub,lb\none,7,7\n"),
        ("sdst_jsp", "1 1 1\n1 5 1 1\n0\n0\n", "cpsat_our_runs.txt", "one OPTIMAL 7 7\n"),
        ("sdst_pfsp", "1\n1\n7\n0\n", "bks.csv", "instance,bks\none.txt,7\n"),
    ):
        folder = tmp_path / suite
        folder.mkdir()
        (folder / "one.txt").write_text(instance, encoding="utf-8")
        (folder / file).write_bytes(codecs.BOM_UTF8 + listed.encode())
        assert [(one.name, one.reference) for one in read_suite(suite, tmp_path)] == [("one", 7.0)]


def test_bug_a_plan_is_read_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(codecs.BOM_UTF8 + b"{}")
    with pytest.raises(SnapshotError) as refusal:
        _read_plan(path)
    assert "is not JSON" not in str(refusal.value)
    assert "field required" in str(refusal.value)


def test_text_without_a_mark_is_itself() -> None:
    assert drop_mark(b'{"a": 1}', "here") == b'{"a": 1}'
    assert drop_mark(b"", "here") == b""


# --- numbers --------------------------------------------------------------------------------------

NO_NUMBERS = [
    "1_000",
    "\u0663",
    "\uff11\uff12",
    "nan",
    "inf",
    "1e",
    ".",
    "",
    "0x10",
    "1,5",
    "--1",
    "9" * 400,
]


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_bug_a_number_has_decimal_digits_and_nothing_else(text: str) -> None:
    """Python reads underscores and the digits of all scripts."""
    with pytest.raises(ValueError, match="is not a number"):
        read_number(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0.0), ("-2.5", -2.5), ("+.5", 0.5), ("3.", 3.0), ("1e3", 1000.0), ("1E-2", 0.01)],
)
def test_numbers_are_read_as_everywhere(text: str, number: float) -> None:
    assert read_number(text) == number


def test_bug_parameters_of_rules_and_planners_are_numbers() -> None:
    with pytest.raises(ValueError, match="k = '1_000' is not a number"):
        read_values("ATC", (Parameter("k", 0, 10_000, 1),), ["k=1_000"])
    with pytest.raises(ValueError, match="'1_0' is not a positive number"):
        parse_contenders("rollout(horizon=1_0)")
    with pytest.raises(ValueError, match=r"candidates = '4\.7' is not a whole number"):
        parse_contenders("rollout(candidates=4.7)")


def test_bug_a_text_is_no_number_in_a_training_config(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text('[learning]\ntotal_timesteps = "1_000"\nent_coef = "0.1"\n', encoding="utf-8")
    with pytest.raises(ConfigError) as refusal:
        read_config(path)
    assert str(refusal.value).splitlines() == [
        (
            f"{path}: learning.total_timesteps = '1_000'; must be a number, without quotes."
            " Correct it."
        ),
        f"{path}: learning.ent_coef = '0.1'; must be a number, without quotes. Correct it.",
    ]


def test_bug_a_text_is_no_number_among_tuned_parameters(tmp_path: Path) -> None:
    shutil.copy(ROOT / TUNED_FOLDER / "tiny.toml", tmp_path / "tiny.toml")
    text = (tmp_path / "tiny.toml").read_text(encoding="utf-8")
    before, _, after = text.partition("default_cost = ")
    number, end = after.split("\n", 1)
    (tmp_path / "tiny.toml").write_text(f'{before}default_cost = "1_000"\n{end}', encoding="utf-8")
    assert float(number) > 0
    with pytest.raises(ValueError, match="default_cost: must be a number, without quotes"):
        read_tuned("tiny", tmp_path)


def test_bug_a_text_is_no_number_in_a_snapshot() -> None:
    content = json.loads(SNAPSHOT)
    content["orders"][0]["weight"] = "1_000"
    with pytest.raises(SnapshotError, match=r"orders\.0\.weight = '1_000'"):
        read_snapshot(json.dumps(content), find_single_factory("microfactory"))


@pytest.mark.parametrize(
    ("column", "text"), [("ub", "1_000"), ("lb", "\u0663"), ("ub", "nan"), ("lb", "-1")]
)
def test_bug_published_values_are_numbers(tmp_path: Path, column: str, text: str) -> None:
    (tmp_path / "one.fjs").write_text("1 1\n1 1 1 3\n0\n", encoding="utf-8")
    cells = {"instance": "one", "ub": "7", "lb": "7"} | {column: text}
    path = tmp_path / "cpsat_bounds.csv"
    path.write_text(f"{','.join(cells)}\n{','.join(cells.values())}\n", encoding="utf-8")
    with pytest.raises(FactoryError) as refusal:
        list(read_suite("fjsp_sdst", tmp_path))
    rule = "must be a number, 0 or more. Write it like 0.5 or 1000"
    assert str(refusal.value) == f"{path}:2: {column} = {text!r}; {rule}."


def test_bug_completions_are_numbers(tmp_path: Path) -> None:
    path = tmp_path / "expected.csv"
    path.write_text(EXPECTED.replace("2.25", "2_0"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"expected\.csv:2: completions: '2_0' is not a number"):
        read_expected_completions(path)


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        (
            "instance,ub\n",
            ":1: header = 'instance,ub'; column lb is missing. Write a header with instance,ub,lb.",
        ),
        (
            "instance,ub,lb\none,7\n",
            ":2: line = 2 cells; must have 3, one for each column. Add or remove cells.",
        ),
        (
            'instance,ub,lb\n"one,7,7\n',
            ":2: is not CSV (unexpected end of data). Correct the quotes there.",
        ),
    ],
)
def test_bug_a_malformed_table_of_published_values_is_refused(
    tmp_path: Path, listed: str, message: str
) -> None:
    (tmp_path / "one.fjs").write_text("1 1\n1 1 1 3\n0\n", encoding="utf-8")
    path = tmp_path / "cpsat_bounds.csv"
    path.write_text(listed, encoding="utf-8")
    with pytest.raises(FactoryError) as refusal:
        list(read_suite("fjsp_sdst", tmp_path))
    assert str(refusal.value) == f"{path}{message}"

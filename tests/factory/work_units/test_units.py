"""Units of work: kept whole or not at all, resumed, independent of the number of processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from factory.io.atomic_write import write_atomically
from factory.work_units.local_processes import LocalProcesses
from factory.work_units.result_store import NpzCodec, Store, claim_folder
from factory.work_units.units import run_units
from tests.builders.event_waits import wait_for
from tests.builders.repository import ROOT
from tests.builders.square_units import Square


def times_run(marks: Path, number: int) -> int:
    file = marks / f"{number}"
    return len(file.read_text()) if file.exists() else 0


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    (tmp_path / "marks").mkdir()
    return tmp_path / "marks"


def ignore(size: int) -> None:
    pass


@pytest.mark.parametrize("processes", [1, 3])
def test_results_come_in_the_order_of_the_units_whatever_the_number_of_processes(
    tmp_path: Path, marks: Path, processes: int
) -> None:
    units = [
        Square(number, str(marks), how="ends last" if number == 0 and processes > 1 else "well")
        for number in range(6)
    ]
    sizes: list[int] = []
    results = run_units(units, Store(tmp_path / "kept"), LocalProcesses(processes), sizes.append)
    assert results == [{"square": number**2} for number in range(6)]
    assert sum(sizes) == 6


def test_a_second_start_does_nothing_twice(tmp_path: Path, marks: Path) -> None:
    store = Store(tmp_path / "kept")
    units = [Square(number, str(marks)) for number in range(4)]
    first = run_units(units[:3], store, LocalProcesses(1), ignore)
    second = run_units(units, store, LocalProcesses(1), ignore)
    assert second[:3] == first
    assert [times_run(marks, number) for number in range(4)] == [1, 1, 1, 1]


def test_a_unit_with_another_key_finds_no_kept_result(tmp_path: Path, marks: Path) -> None:
    store = Store(tmp_path / "kept")
    run_units([Square(2, str(marks))], store, LocalProcesses(1), ignore)
    assert store.read(Square(2, str(marks))) == {"square": 4}
    assert store.read(Square(2, str(marks), how="another")) is None


@pytest.mark.parametrize("damage", ["", "{", '{"key": "another", "result": {"square": 5}}', "[]"])
def test_a_damaged_result_is_worked_out_again(tmp_path: Path, marks: Path, damage: str) -> None:
    store, unit = Store(tmp_path / "kept"), Square(3, str(marks))
    run_units([unit], store, LocalProcesses(1), ignore)
    (file,) = (tmp_path / "kept").rglob("*.json")
    file.write_text(damage)
    assert run_units([unit], store, LocalProcesses(1), ignore) == [{"square": 9}]
    assert times_run(marks, 3) == 2


def test_arrays_are_kept_exactly(tmp_path: Path, marks: Path) -> None:
    store, unit = Store(tmp_path / "kept", NpzCodec()), Square(3, str(marks))
    arrays = {"x": np.arange(6, dtype=np.float32).reshape(2, 3), "n": np.array([2**62])}
    store.keep(unit, arrays)
    kept = store.read(unit)
    assert kept is not None
    assert kept.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(kept[name], array, strict=True)
    assert store.read(Square(4, str(marks))) is None


@pytest.mark.parametrize("damage", ["cut off", "empty", "no archive", "key of another unit"])
def test_damaged_arrays_are_not_read(tmp_path: Path, marks: Path, damage: str) -> None:
    store, unit = Store(tmp_path, NpzCodec()), Square(3, str(marks))
    store.keep(unit, {"x": np.arange(1000)})
    (file,) = tmp_path.rglob("*.npz")
    other = NpzCodec().encode(Square(4, str(marks)), {"x": np.arange(1000)})
    contents = {
        "cut off": file.read_bytes()[:-100],
        "empty": b"",
        "no archive": b"x" * 100,
        "key of another unit": other,
    }
    file.write_bytes(contents[damage])
    assert store.read(unit) is None


def test_a_folder_keeps_its_settings_and_refuses_others(tmp_path: Path) -> None:
    path = tmp_path / "run" / "settings.json"
    claim_folder(path, {"factories": ("tiny",), "episodes": 8})
    claim_folder(path, {"factories": ("tiny",), "episodes": 8})
    words = r"settings\.json: was begun with other settings; episodes = 9 \(was 8\)\. Use the same"
    with pytest.raises(ValueError, match=words):
        claim_folder(path, {"factories": ("tiny",), "episodes": 9})
    with pytest.raises(ValueError, match=r"seed = 1 \(was None\)"):
        claim_folder(path, {"factories": ("tiny",), "episodes": 8, "seed": 1})
    path.write_text("[]")
    with pytest.raises(ValueError, match="is not the settings file of a run"):
        claim_folder(path, {"episodes": 8})


def test_a_failure_ends_its_group_and_no_other(tmp_path: Path, marks: Path) -> None:
    units = [Square(number, str(marks), group="bad", how="fails") for number in (1, 2, 3)] + [
        Square(number, str(marks), group="good") for number in (4, 5)
    ]
    results = run_units(units, Store(tmp_path / "kept"), LocalProcesses(1), ignore)
    assert [result.get("square") for result in results] == [None, None, None, 16, 25]
    assert all(result["failed"]["message"] == "no square of 1" for result in results[:3])
    assert times_run(marks, 3) == 0


def test_a_failure_is_not_kept(tmp_path: Path, marks: Path) -> None:
    store, unit = Store(tmp_path / "kept"), Square(1, str(marks), how="fails")
    for _ in range(2):
        run_units([unit], store, LocalProcesses(1), ignore)
    assert times_run(marks, 1) == 2


def test_a_unit_that_kills_its_process_fails_alone(tmp_path: Path, marks: Path) -> None:
    units = [
        Square(number, str(marks), group=f"{number}", how="dies" if number == 1 else "well")
        for number in range(5)
    ]
    results = run_units(units, Store(tmp_path / "kept"), LocalProcesses(2), ignore)
    assert [result.get("square") for result in results] == [0, None, 4, 9, 16]
    assert results[1]["failed"]["reason"] == "crashed"


def test_a_unit_whose_process_is_killed_by_accident_is_done_again(
    tmp_path: Path, marks: Path
) -> None:
    units = [
        Square(number, str(marks), how="dies once" if number == 1 else "well")
        for number in range(3)
    ]
    assert [
        result["square"]
        for result in run_units(units, Store(tmp_path / "kept"), LocalProcesses(2), ignore)
    ] == [0, 1, 4]


PROGRAM = """
import sys
from pathlib import Path
from factory.work_units.result_store import Store
from factory.work_units.units import run_units
from factory.work_units.local_processes import LocalProcesses
from tests.builders.square_units import Square
if __name__ == "__main__":
    hows = ["well"] * 6 + ["may stop"] * 34
    units = [Square(number, sys.argv[2], how=how) for number, how in enumerate(hows)]
    print(run_units(units, Store(Path(sys.argv[1])), LocalProcesses(2), lambda size: None))
"""


def start(tmp_path: Path, marks: Path) -> subprocess.Popen[str]:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    arguments = [sys.executable, str(program), str(tmp_path / "kept"), str(marks)]
    return subprocess.Popen(
        arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_work_resumes_after_a_kill_or_an_interruption(
    tmp_path: Path, marks: Path, how: signal.Signals
) -> None:
    (tmp_path / "stop").touch()
    first = start(tmp_path, marks)
    wait_for(
        first,
        lambda: (
            len(list((tmp_path / "kept").rglob("*.json"))) == 6 and len(list(marks.iterdir())) == 8
        ),
    )
    (os.killpg if how == signal.SIGINT else os.kill)(first.pid, how)
    first.communicate()
    assert len(list((tmp_path / "kept").rglob("*.json"))) == 6
    (tmp_path / "stop").unlink()
    second = start(tmp_path, marks)
    output, errors = second.communicate()
    assert output.strip() == str([{"square": number**2} for number in range(40)]), errors
    assert [number for number in range(40) if times_run(marks, number) > 1] == [
        6,
        7,
    ], "what was in work"


def test_a_file_is_replaced_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "results.json"
    write_atomically(path, "first")

    def no_space(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, "second")
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]

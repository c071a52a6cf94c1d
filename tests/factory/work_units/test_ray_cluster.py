"""Units in a Ray cluster of three nodes: the results of one machine, whatever ends meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from factory.work_units.local_processes import LocalProcesses
from factory.work_units.ray_cluster import ATTEMPTS, open_workers
from factory.work_units.result_store import Store
from factory.work_units.units import run_units
from tests.builders.event_waits import wait_for
from tests.builders.repository import ROOT
from tests.builders.square_units import Square

pytest.importorskip("ray", reason="the extra `cluster` is not installed")

pytestmark = pytest.mark.filterwarnings("default")  # of Ray, about itself


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head without cores and three nodes of one core each."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(3):
        made.add_node(num_cpus=1)
    yield made
    made.shutdown()


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    (tmp_path / "marks").mkdir()
    return tmp_path / "marks"


def nothing() -> None:
    pass


def test_results_equal_those_of_one_machine(cluster: Any, tmp_path: Path, marks: Path) -> None:
    units = [
        Square(number, str(marks), group=f"{number}", how="fails" if number == 4 else "well")
        for number in range(12)
    ]
    expected = run_units(units, Store(tmp_path / "local"), LocalProcesses(1), lambda size: None)
    sizes: list[int] = []
    with open_workers(cluster.address, 1, nothing) as workers:
        results = run_units(units, Store(tmp_path / "ray"), workers, sizes.append)
    assert results == expected
    assert sum(sizes) == 12
    local, ray = (
        {path.name: path.read_bytes() for path in (tmp_path / folder).rglob("*.json")}
        for folder in ("local", "ray")
    )
    assert local == ray


def test_a_unit_that_kills_its_worker_again_and_again_fails_alone(
    cluster: Any, tmp_path: Path, marks: Path
) -> None:
    hows = {1: "dies", 2: "dies once"}
    units = [
        Square(number, str(marks), group=f"{number}", how=hows.get(number, "well"))
        for number in range(4)
    ]
    with open_workers(cluster.address, 1, nothing) as workers:
        results = run_units(units, Store(tmp_path / "kept"), workers, lambda size: None)
    assert [result.get("square") for result in results] == [0, None, 4, 9]
    assert results[1]["failed"]["reason"] == "crashed"
    assert len((marks / "1").read_text()) == ATTEMPTS
    assert len((marks / "2").read_text()) == 2


def test_work_goes_on_when_a_node_ends(cluster: Any, tmp_path: Path, marks: Path) -> None:
    """The first result removes a node; the units after it run on the others."""
    extra = cluster.add_node(num_cpus=1)
    units = [Square(number, str(marks)) for number in range(12)]

    def remove(size: int) -> None:
        nonlocal extra
        if extra is not None:
            cluster.remove_node(extra, allow_graceful=False)
            extra = None

    with open_workers(cluster.address, 1, nothing) as workers:
        results = run_units(units, Store(tmp_path / "kept"), workers, remove)
    assert extra is None
    assert [result["square"] for result in results] == [number**2 for number in range(12)]


def test_an_error_of_a_unit_is_raised_as_it_is(cluster: Any, tmp_path: Path) -> None:
    with open_workers(cluster.address, 1, nothing) as workers, pytest.raises(FileNotFoundError):
        run_units([Square(1, str(tmp_path / "none"))], Store(tmp_path), workers, lambda size: None)


PROGRAM = """
import sys
from pathlib import Path
from factory.work_units.ray_cluster import open_workers
from factory.work_units.result_store import Store
from factory.work_units.units import run_units
from tests.builders.square_units import Square
def nothing(): pass
hows = ["well"] * 4 + ["may stop"] * 8
units = [Square(number, sys.argv[2], how=how) for number, how in enumerate(hows)]
with open_workers(sys.argv[3], 1, nothing) as workers:
    print(run_units(units, Store(Path(sys.argv[1])), workers, lambda size: None))
"""


def test_ctrl_c_ends_the_work_and_keeps_what_is_finished(
    cluster: Any, tmp_path: Path, marks: Path
) -> None:
    (tmp_path / "stop").touch()

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path / "kept"), str(marks), cluster.address],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    first = start()
    wait_for(first, lambda: len(list((tmp_path / "kept").rglob("*.json"))) == 4)
    wait_for(first, lambda: len(list(marks.iterdir())) == 7)
    first.send_signal(signal.SIGINT)
    _, errors = first.communicate()
    assert "KeyboardInterrupt" in errors
    assert len(list((tmp_path / "kept").rglob("*.json"))) == 4
    (tmp_path / "stop").unlink()
    output, errors = start().communicate()
    assert output.strip() == str([{"square": number**2} for number in range(12)]), errors
    assert all((marks / f"{number}").read_text() == "x" for number in range(4))


def test_without_a_cluster_ray_is_not_imported(tmp_path: Path, marks: Path) -> None:
    program = PROGRAM.replace("sys.argv[3]", "None").replace("may stop", "well")
    program += "print('ray' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "kept"), str(marks)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "False"

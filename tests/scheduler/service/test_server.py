"""The service as a process, and its client."""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the service needs the extra `scheduler`")
pytest.importorskip("onnxscript", reason="exporting needs the extra `scheduler`")


from scheduler.__main__ import main
from scheduler.access.access_tokens import read_tokens
from scheduler.log.log_reader import read_entries
from tests.builders.event_waits import wait_for
from tests.builders.repository import ROOT
from tests.builders.service_process import ServiceProcess
from tests.builders.snapshots import FACTORY, request_body


def decide_once(served: ServiceProcess, token: str = "") -> int:
    """Ask for one more decision; return its number in the log."""
    body = json.dumps(request_body()).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{served.address}/v1/decide", body, headers)
    with urllib.request.urlopen(request) as answer:
        return int(json.load(answer)["entry"])


def test_bug_sigterm_ends_the_service_as_ctrl_c_does(bundle_folder: Path, tmp_path: Path) -> None:
    """uvicorn sends SIGTERM again after its shutdown, and that ended the process unheard."""
    with ServiceProcess(bundle_folder, tmp_path) as served:
        assert served.end(signal.SIGTERM) == 0
    assert served.lines[-1] == "stopped\n"


def test_bug_sigterm_ends_the_service_whatever_is_worked_on(tmp_path: Path) -> None:
    """A plan in progress and those behind it held the process for as long as they took."""
    body = json.dumps({**request_body(), "seconds": 10.0, "futures": 64}).encode()

    def plan(address: str) -> None:
        headers = {"Content-Type": "application/json"}
        with contextlib.suppress(OSError, http.client.HTTPException):
            urllib.request.urlopen(urllib.request.Request(f"{address}/v1/plan", body, headers))

    def count_waiting(address: str) -> int:
        with urllib.request.urlopen(f"{address}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        return sum(line.startswith("changeover_waiting_requests 4") for line in lines)

    options = ["--no-token", "--grace-seconds", "1"]
    with (
        ThreadPoolExecutor(4) as pool,
        ServiceProcess(None, tmp_path, factory="microfactory", options=options) as served,
    ):
        plans = [pool.submit(plan, served.address) for _ in range(4)]
        wait_for(served.process, lambda: count_waiting(served.address))
        assert not any(each.done() for each in plans)
        assert served.end(signal.SIGTERM) == 0
    assert served.lines[-1] == "stopped\n"
    assert not any("Traceback" in line for line in served.lines)


def test_the_start_makes_tokens_and_prints_the_address_of_the_page_with_one(
    tmp_path: Path,
) -> None:
    with ServiceProcess(None, tmp_path, factory="microfactory", options=[]) as served:
        tokens = dict(read_tokens(served.log.with_suffix(".tokens")))
        with pytest.raises(urllib.error.HTTPError, match="401"):
            decide_once(served)
        assert decide_once(served, tokens["decide"]) == 1
        with urllib.request.urlopen(f"{served.address}/v1/floor") as floor:
            assert floor.status == 200, "reading is open on this machine"
        assert served.end(signal.SIGTERM) == 0
    (page,) = (line for line in served.lines if line.startswith("Page: "))
    assert page == f"Page: {served.address}/?token={tokens['plan']}\n"
    logged = "".join(line for line in served.lines if line.startswith("{"))
    assert not any(token in logged for token in tokens.values())


def test_bug_an_address_that_is_taken_is_refused_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "--port", f"{port}", "--log", str(tmp_path / "log.sqlite")]) == 1
    problem = (
        f"127.0.0.1:{port}: cannot listen on this address (Address already in use). Choose another"
    )
    assert problem in capsys.readouterr().err


def load_client() -> Any:
    spec = importlib.util.spec_from_file_location("client", ROOT / "examples" / "client.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_plant_run_over_http_ends_as_under_the_trained_policy(tmp_path: Path) -> None:
    """A whole episode by examples/client.py: the schedule is the shipped policy's, operation by
    operation, and the verifier accepts it."""
    from agents.network.onnx_export import main as export
    from agents.network.trained_policy import load_policy
    from agents.policy import play
    from envs.batch import Batch
    from factory.schedule.records import unload
    from factory.verification.verifier import verify

    shipped = ROOT / "policies" / "microfactory"
    assert export([str(shipped), str(tmp_path / "bundle")]) == 0
    with ServiceProcess(tmp_path / "bundle", tmp_path) as served:
        result = load_client().run(served.address, 77, patience=None).schedule()
        assert served.end(signal.SIGINT) == 0
    assert served.lines[-1] == "stopped\n"
    assert not any("Traceback" in line for line in served.lines)
    inside = Batch([FACTORY], num_envs=1, log_length=20_000, max_decisions=5_000)
    play(inside, load_policy(shipped), np.array([77], np.uint64))
    assert result == unload(FACTORY, None, inside.arrays, inside.shop, 0)
    assert verify(result, FACTORY).total == pytest.approx(
        float(inside.shop.cost[0].sum()), rel=1e-9
    )
    lines = [json.loads(line) for line in served.lines if line.startswith("{")]
    assert {"starting", "ready", "request"} <= {line["event"] for line in lines}


def test_the_client_says_so_where_nobody_answers() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: a connection is refused
        with pytest.raises(
            SystemExit,
            match=r"does not answer .*Start it there: python -m scheduler serve",
        ):
            load_client().decide(f"http://127.0.0.1:{taken.getsockname()[1]}", {})


def test_a_kill_loses_nothing_that_was_acknowledged_and_a_stop_finishes_what_is_under_way(
    bundle_folder: Path, tmp_path: Path
) -> None:
    with ServiceProcess(bundle_folder, tmp_path) as served, ThreadPoolExecutor(8) as pool:
        under_way = [pool.submit(decide_once, served) for _ in range(200)]
        for _ in itertools.islice(as_completed(under_way), 41):
            pass
        served.end(signal.SIGKILL)
        acknowledged = {future.result() for future in under_way if future.exception() is None}
    assert len(acknowledged) > 40
    assert acknowledged <= {entry.number for entry in read_entries(served.log)}
    with ServiceProcess(bundle_folder, tmp_path) as served, ThreadPoolExecutor(8) as pool:
        under_way = [pool.submit(decide_once, served) for _ in range(8)]
        next(as_completed(under_way))
        assert served.end(signal.SIGTERM) == 0
        finished = {future.result() for future in under_way if future.exception() is None}
    assert served.lines[-1] == "stopped\n"
    assert finished
    assert finished <= {entry.number for entry in read_entries(served.log)}


def test_others_cannot_be_served_without_a_token(bundle_folder: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "CHANGEOVER_TOKEN"}
    command = [
        sys.executable,
        "-m",
        "scheduler",
        "serve",
        "--bundle",
        str(bundle_folder),
        "--host",
        "0.0.0.0",
        "--log",
        str(tmp_path / "log.sqlite"),
    ]
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert "Set a token in CHANGEOVER_TOKEN" in result.stderr
    assert not (tmp_path / "log.sqlite").exists()

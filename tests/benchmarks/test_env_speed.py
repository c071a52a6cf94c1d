"""The speed benchmarks count decisions correctly; their speeds are not tested."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.decision_latency import free_all, running_moments
from benchmarks.env_runs import (
    POLICIES,
    KernelRun,
    Subject,
    VectorRun,
    spread_over_episode,
)
from benchmarks.env_speed import (
    format_row,
    measure_factory,
    peer_row,
    print_report,
    subject_row,
    summarise,
)
from benchmarks.peers import PEERS, PeerProcess, Timing, default_python, time_steps
from benchmarks.service.kill_under_load import find_lost
from envs.vector_env import ChangeoverVectorEnv
from scheduler.decisions.decision import Decision
from scheduler.log.entry_format import Entry


def test_steps_and_choices_are_counted_together() -> None:
    taken: list[int] = []
    timing = time_steps(lambda: len(taken), taken.append, 0.001)
    assert taken == list(range(timing.steps))
    assert timing.steps > 0
    assert timing.step_seconds + timing.choice_seconds >= 0.001


def test_every_way_to_step_is_measured_past_the_end_of_episodes() -> None:
    rows = measure_factory("tiny", (1, 3), None, seconds=0.02, repeats=2, warm_up=0.02)
    gymnasium = [
        ("Env", 1),
        ("VectorEnv", 1),
        ("VectorEnv, copy=False", 1),
        ("VectorEnv", 3),
        ("VectorEnv, copy=False", 3),
    ]
    expected = [
        ("kernel", "random", 1),
        ("kernel", "random", 256),
        *((name, policy, size) for policy in ("ATCS", "random") for name, size in gymnasium),
    ]
    assert [(row["what"], row["policy"], row["num_envs"]) for row in rows] == expected
    assert all(row["decisions_per_second"] >= row["with_choice"] > 0 for row in rows)


def test_kernel_run_takes_as_many_decisions_as_it_counts() -> None:
    run = KernelRun("tiny", 2)
    ends = 0
    for _ in range(3):
        seeds = run.shop.env.seed.copy()
        run.step(run.choose())
        ends += int((run.shop.env.seed - seeds).sum())
    # An episode of `tiny` under random decisions is far shorter than 200.
    assert ends > 3 * 2048 / 200
    assert run.taken == 3 * 2048


@pytest.mark.parametrize("policy", POLICIES)
def test_environments_are_spread_over_the_whole_episode(policy: str) -> None:
    env = ChangeoverVectorEnv("tiny", 200)
    env.reset(seed=0)
    spread_over_episode(env.batch, policy)
    decisions = env.batch.shop.env.decisions
    assert decisions.min() == 0
    assert len(set(decisions.tolist())) > 8
    assert (decisions[64:128] == decisions[:64]).all()
    env.step(np.array([int(np.flatnonzero(legal)[0]) for legal in env.batch.shop.legal]))


def test_random_rows_are_legal_and_all_are_drawn() -> None:
    run = VectorRun(ChangeoverVectorEnv("tiny", 3), "random", copy=True)
    mask = run.env.reset(seed=0)[0]["action_mask"]
    drawn = np.array([run.choose().copy() for _ in range(200)])
    for env in range(3):
        assert set(drawn[:, env].tolist()) == set(np.flatnonzero(mask[env]).tolist())


def test_a_row_holds_the_median_of_the_repeats() -> None:
    subject = Subject("VectorEnv", "ATCS", "tiny", 16, 16, int, print)
    row = subject_row(
        subject, [Timing(10, 1.0, 1.0, 1.0), Timing(30, 1.0, 1.0, 0.4), Timing(20, 1.0, 1.0, 0.9)]
    )
    assert row["decisions_per_second"] == 20 * 16
    assert row["with_choice"] == 10 * 16
    assert row["core_share"] == 0.9


def row(name: str, factory: str, speed: int | None, policy: str = "ATCS") -> dict[str, Any]:
    return {
        "what": name,
        "policy": policy,
        "factory": factory,
        "num_envs": 1,
        "decisions_per_second": speed,
    }


def test_summary_is_the_best_vector_and_the_single_environment_over_jssenv() -> None:
    rows = [
        row("Env", "a", 50),
        row("VectorEnv", "a", 300),
        row("VectorEnv, copy=False", "a", 400),
        row("VectorEnv", "b", 900),
        row("JSSEnv", "ta01", 10),
    ]
    rows += [row("Env", "a", 500, "random"), row("VectorEnv", "a", 900, "random")]
    summary = summarise(rows, "a")
    assert summary["vector_decisions_per_second"] == 400
    assert summary["single_decisions_per_second"] == 50
    assert summary["ratio_to_jssenv"] == {"single": 5.0, "vector": 40.0}


def test_without_jssenv_there_is_no_ratio() -> None:
    rows = [row("Env", "a", 50), row("VectorEnv", "a", 300), row("JSSEnv", "ta01", None)]
    assert summarise(rows, "a")["ratio_to_jssenv"] is None


def test_the_report_has_speeds_and_no_targets(capsys: pytest.CaptureFixture[str]) -> None:
    measured = {**row("Env", "a", 50), "with_choice": 40, "core_share": 0.5, "repeats": [50]}
    skipped = {**row("JSSEnv", "ta01", None), "skipped": "No module named 'JSSEnv'"}
    report = {
        "rows": [measured, skipped],
        "vector_decisions_per_second": 400,
        "single_decisions_per_second": 50,
        "ratio_to_jssenv": None,
        "memory": {"num_envs": 4, "array_bytes": 2**21, "resident_bytes": 3 * 2**20},
        "warm_import": {"import_seconds": 1.5, "first_step_seconds": 0.25},
    }
    print_report(report)
    text = capsys.readouterr().out
    assert format_row(measured).split() == ["Env", "ATCS", "a", "1", "50", "40", "0.5"]
    assert "skipped: No module named 'JSSEnv'" in text
    assert "The machine was busy" in text
    assert "4 environments: 2 MiB of arrays, 3 MiB resident" in text
    assert "target" not in text


def test_an_absent_peer_is_skipped_with_its_reason(tmp_path: Path) -> None:
    bare = tmp_path / "bare-python"
    # With -S the interpreter finds no installed package.
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S -E "$@"\n')
    bare.chmod(0o755)
    peers = PeerProcess(bare)
    answers = {name: peer_row(name, [peers.measure(name, 0.01)]) for name in PEERS}
    peers.close()
    assert "No module named 'JSSEnv'" in answers["JSSEnv"]["skipped"]
    assert "No module named 'job_shop_lib'" in answers["job_shop_lib"]["skipped"]
    assert all(answer["decisions_per_second"] is None for answer in answers.values())


def test_a_peer_whose_process_ends_is_skipped(tmp_path: Path) -> None:
    broken = tmp_path / "broken-python"
    broken.write_text("#!/bin/sh\nread line\nexit 3\n")
    broken.chmod(0o755)
    peers = PeerProcess(broken)
    assert peer_row("JSSEnv", [peers.measure("JSSEnv", 0.01)])["skipped"].startswith(
        "its process ended with exit status 3"
    )
    peers.close()


@pytest.mark.parametrize("name", PEERS)
def test_an_installed_peer_is_measured(name: str) -> None:
    peers = PeerProcess(default_python())
    answer = peers.measure(name, 0.05)
    peers.close()
    if "absent" in answer:
        pytest.skip(f"{name}: {answer['absent']}; run `make peers`")
    assert answer["steps"] > 0


def test_moments_of_the_latency_benchmark_have_their_orders_and_follow_each_other() -> None:
    moments = running_moments(40)
    assert {len(moment.orders) for moment in moments} == {40}
    assert all(earlier.clock <= later.clock for earlier, later in pairwise(moments))
    assert any(machine.status != "idle" for machine in moments[0].machines.values())
    assert all(machine.status == "idle" for machine in free_all(moments[0]).machines.values())
    assert len({moments[0].orders[i] == moments[1].orders[i] for i in range(40)}) == 2


def test_an_acknowledged_answer_that_is_missing_or_different_in_the_log_is_lost() -> None:
    snapshot = running_moments(20)[0]
    waits = Decision(machine="paint-1", action="wait", until=9)
    starts = Decision(machine="paint-1", action="start", order="1", operation="paint")

    def entry(number: int, *decisions: Decision) -> Entry:
        return Entry(
            number=number,
            date="",
            factory="",
            policy="",
            rule="",
            shadow=False,
            snapshot=snapshot,
            decisions=decisions,
        )

    acknowledged = {1: [waits.model_dump(mode="json")], 2: [starts.model_dump(mode="json")], 3: []}
    assert (
        find_lost(acknowledged, [entry(1, waits), entry(2, starts), entry(3), entry(4, waits)])
        == []
    )
    assert find_lost(acknowledged, [entry(1, waits), entry(2, waits)]) == [2, 3]

"""Sandboxed policies see the observation only, and their failures affect nothing else."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from agents.policy import play
from envs.batch import Batch
from evaluation.reporting.results import Failure
from evaluation.runner.contenders import Contender
from evaluation.runner.episodes import Play
from evaluation.runner.errors import ForesightError, NoAnswerError, SandboxError
from evaluation.runner.sandbox import MAX_PRINTED, SandboxedPolicy, call_maker, make_from_file
from evaluation.runner.scenarios import find_scenarios
from factory.io.catalogue import find_single_factory
from tests.builders.sandboxed_policies import POLICIES

TINY = find_single_factory("tiny")


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("policies") / "policies.py"
    path.write_text(POLICIES)
    return path


def open_sandbox(policies: Path, name: str, call_timeout: float = math.inf) -> SandboxedPolicy:
    return SandboxedPolicy(make_from_file, (f"{policies}:{name}", TINY), call_timeout)


def observation_of(batch: Batch) -> dict[str, np.ndarray]:
    return {
        name: getattr(batch.tables, name)
        for name in ("candidates", "machines", "shop", "action_mask")
    }


@pytest.fixture
def batch() -> Batch:
    shops = Batch([TINY], num_envs=3)
    shops.reset(np.arange(3, dtype=np.uint64))
    return shops


@pytest.mark.parametrize("name", ["First", "Informed", "Printing"])
def test_a_sandboxed_policy_plays_whole_episodes(policies: Path, batch: Batch, name: str) -> None:
    with open_sandbox(policies, name) as sandbox:
        play(batch, sandbox, np.arange(3, dtype=np.uint64))
    assert batch.over.all()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Wrong", "returned 2 actions for 3 environments"),
        ("Fractions", "returned float64 values; it must return row numbers"),
        ("Crashing", "KeyError: 'colour'"),
        ("Leaving", "its process ended .exit code 3."),
        ("Segfaulting", "its process ended .exit code -11."),
    ],
)
def test_a_policy_that_crashes_is_reported_with_the_cause(
    policies: Path, batch: Batch, name: str, words: str
) -> None:
    with open_sandbox(policies, name) as sandbox, pytest.raises(SandboxError, match=words):
        sandbox.decide(observation_of(batch))


def crash(policies: Path, batch: Batch, name: str) -> SandboxError:
    """The error of a policy that crashes, after its process has ended."""
    with pytest.raises(SandboxError) as caught, open_sandbox(policies, name) as sandbox:
        sandbox.decide(observation_of(batch))
    return caught.value


def test_a_crash_names_file_line_and_function_and_has_the_prints(
    policies: Path, batch: Batch
) -> None:
    error = crash(policies, batch, "Crashing")
    lines = policies.read_text().splitlines()
    line = lines.index('        raise KeyError("colour")') + 1
    assert str(error) == f"KeyError: 'colour' ({policies}, line {line}, in decide)"
    assert 'raise KeyError("colour")' in error.trace
    assert "sandbox.py" not in error.trace
    printed = error.printed  # type: ignore[attr-defined]
    assert "about to look up the colour" in printed
    assert "still nothing found" in printed


def test_a_signal_that_kills_a_policy_leaves_the_line_in_its_prints(
    policies: Path, batch: Batch
) -> None:
    error = crash(policies, batch, "Segfaulting")
    assert f'File "{policies}"' in error.printed  # type: ignore[attr-defined]


def test_only_the_last_prints_are_kept_and_the_rest_is_counted(
    policies: Path, batch: Batch
) -> None:
    printed = crash(policies, batch, "Chatting").printed  # type: ignore[attr-defined]
    assert printed.endswith("the last line\n")
    left_out = 200_000 + len("\nthe last line\n") - MAX_PRINTED
    assert printed.startswith(f"({left_out:,} bytes before this are left out)\n")


@pytest.mark.parametrize(("text", "line"), [("x = 1\ndef (", 2), ("import os\n\nx = 1 / 0\n", 3)])
def test_a_file_that_cannot_be_imported_is_named_with_the_line(
    tmp_path: Path, text: str, line: int
) -> None:
    file = tmp_path / "wrong.py"
    file.write_text(text)
    with pytest.raises(SandboxError, match=rf"^\w+Error: .*\({file}, line {line}\b"):
        open_sandbox(file, "Mine")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Incomplete", "Incomplete has no method decide"),
        ("NOT_CALLABLE", "has no NOT_CALLABLE"),
        ("Nobody", "has no Nobody"),
    ],
)
def test_an_object_without_decide_is_refused(policies: Path, name: str, words: str) -> None:
    with pytest.raises(SandboxError, match=words):
        open_sandbox(policies, name)


def test_a_policy_that_does_not_answer_is_ended(
    policies: Path, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evaluation.runner.sandbox.START_SECONDS", math.inf)
    sandbox = open_sandbox(policies, "Silent", call_timeout=0.0)
    with pytest.raises(NoAnswerError, match=r"no answer within 0 s"):
        sandbox.decide(observation_of(batch))
    assert not sandbox._process.is_alive()


def test_a_sandboxed_policy_must_not_ask_for_the_simulators_state(policies: Path) -> None:
    with pytest.raises(ForesightError, match="asks for the simulator's state"):
        open_sandbox(policies, "Stateful")


def test_a_sandboxed_policy_finds_no_simulator_and_changes_only_its_copy(
    policies: Path, batch: Batch
) -> None:
    before = {name: table.copy() for name, table in observation_of(batch).items()}
    with open_sandbox(policies, "Searching") as sandbox:
        actions = sandbox.decide(observation_of(batch))
    assert (actions == 0).all()
    for name, table in observation_of(batch).items():
        assert table.tobytes() == before[name].tobytes()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Illegal", "illegal action"),
        ("Crashing", "crashed"),
        ("Silent", "did not answer"),
        ("Stateful", "foresight"),
    ],
)
def test_the_reason_of_a_failure_is_named(policies: Path, name: str, reason: str) -> None:
    (scenario,) = find_scenarios(["tiny"])
    contender = Contender(name, "custom", paths=(f"{policies}:{name}",))
    result = Play(
        scenario, contender, 0, "test", 0, 2, True, 0.0 if name == "Silent" else math.inf
    ).run()
    failure = Failure(**result["failed"])
    assert (failure.reason, failure.episodes) == (reason, (0, 1))
    assert ("raise KeyError" in failure.trace) == (name == "Crashing")
    assert ("still nothing found" in failure.printed) == (name == "Crashing")


def test_an_endless_episode_did_not_finish(policies: Path) -> None:
    (scenario,) = find_scenarios(["tiny"])
    result = Play(
        scenario,
        Contender("Fickle", "custom", paths=(f"{policies}:Fickle",)),
        0,
        "test",
        0,
        1,
        True,
        math.inf,
    ).run()
    assert result["failed"]["reason"] == "did not finish"
    assert "orders are open after" in result["failed"]["message"]


def test_a_custom_policy_that_decides_like_a_rule_has_its_scores(
    policies: Path, tmp_path: Path
) -> None:
    (tmp_path / "like_edd.py").write_text(
        "from agents.rules.registry import make_rule\n\n\ndef policy():\n    return"
        ' make_rule("EDD")\n'
    )
    (scenario,) = find_scenarios(["microfactory"])
    contenders = (
        Contender("EDD", "rule", "EDD"),
        Contender("policy", "custom", paths=(f"{tmp_path / 'like_edd.py'}:policy",)),
    )
    own, other = (
        Play(scenario, contender, 0, "test", 0, 2, True, math.inf).run() for contender in contenders
    )
    assert own.pop("nanoseconds")
    assert other.pop("nanoseconds")
    assert own == other


def test_a_sandbox_ends_when_its_connection_is_closed(policies: Path) -> None:
    sandbox = open_sandbox(policies, "First")
    process = sandbox._process
    sandbox._connection.close()
    process.join()
    assert process.exitcode == 0


def test_a_closed_sandbox_leaves_no_process_behind(policies: Path, batch: Batch) -> None:
    with open_sandbox(policies, "First") as sandbox:
        pid = sandbox._process.pid
    assert not Path(f"/proc/{pid}/exe").exists()


def test_a_maker_receives_the_factory_where_it_has_no_default_or_is_called_so() -> None:
    assert call_maker(lambda: "none", TINY) == "none"
    assert call_maker(lambda plant: plant, TINY) is TINY
    assert call_maker(lambda factory=None: factory, TINY) is TINY
    assert call_maker(lambda patience=2.0: patience, TINY) == 2.0

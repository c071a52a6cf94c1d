"""Policies from outside: they see the observation and nothing else, and what they do wrong is
theirs alone."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from agents.policy import play
from envs.batch import Batch
from evaluation.runner.contenders import Contender
from evaluation.runner.episodes import Play
from evaluation.runner.foresight_audit import ForesightError
from evaluation.runner.sandbox import NoAnswerError, SandboxedPolicy, SandboxError, make_from_file
from evaluation.runner.scenarios import find_scenarios
from factory.io.catalogue import find_single_factory
from tests.builders.outside_policies import GUESTS

TINY = find_single_factory("tiny")


@pytest.fixture(scope="module")
def guests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("guests") / "guests.py"
    path.write_text(GUESTS)
    return path


def invite(guests: Path, name: str, patience: float = math.inf) -> SandboxedPolicy:
    return SandboxedPolicy(make_from_file, (f"{guests}:{name}", TINY), patience)


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


@pytest.mark.parametrize("name", ["First", "Informed", "Talking"])
def test_a_guest_plays_whole_episodes(guests: Path, batch: Batch, name: str) -> None:
    with invite(guests, name) as guest:
        play(batch, guest, np.arange(3, dtype=np.uint64))
    assert batch.over.all()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Wrong", "answered 2 actions for 3 environments"),
        ("Fractions", "returned float64 values; row numbers"),
        ("Crashing", "KeyError: 'colour'"),
        ("Leaving", "its process ended .exit code 3."),
        ("Segfaulting", "its process ended .exit code -11."),
    ],
)
def test_a_guest_that_breaks_down_says_how(
    guests: Path, batch: Batch, name: str, words: str
) -> None:
    with invite(guests, name) as guest, pytest.raises(SandboxError, match=words):
        guest.decide(observation_of(batch))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Mute", "Mute has no method decide"),
        ("NOT_CALLABLE", "has no NOT_CALLABLE"),
        ("Nobody", "has no Nobody"),
    ],
)
def test_what_is_no_policy_is_refused(guests: Path, name: str, words: str) -> None:
    with pytest.raises(SandboxError, match=words):
        invite(guests, name)


def test_a_guest_that_never_answers_is_ended(
    guests: Path, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evaluation.runner.sandbox.START_SECONDS", math.inf)
    guest = invite(guests, "Silent", patience=0.0)
    with pytest.raises(NoAnswerError, match=r"no answer within 0 s"):
        guest.decide(observation_of(batch))
    assert not guest._process.is_alive()


def test_a_guest_may_not_ask_for_the_shop(guests: Path) -> None:
    with pytest.raises(ForesightError, match="asks for the shop"):
        invite(guests, "Greedy")


def test_a_guest_finds_no_shop_and_changes_only_its_copy(guests: Path, batch: Batch) -> None:
    before = {name: table.copy() for name, table in observation_of(batch).items()}
    with invite(guests, "Prying") as guest:
        actions = guest.decide(observation_of(batch))
    assert (actions == 0).all()
    for name, table in observation_of(batch).items():
        assert table.tobytes() == before[name].tobytes()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Illegal", "illegal action"),
        ("Crashing", "crashed"),
        ("Silent", "did not answer"),
        ("Greedy", "foresight"),
    ],
)
def test_what_a_guest_did_wrong_is_named(guests: Path, name: str, reason: str) -> None:
    (scenario,) = find_scenarios(["tiny"])
    guest = Contender(name, "guest", paths=(f"{guests}:{name}",))
    result = Play(
        scenario, guest, 0, "test", 0, 2, True, 0.0 if name == "Silent" else math.inf
    ).run()
    assert result["failed"]["reason"] == reason
    assert result["failed"]["episodes"] == [0, 1]


def test_an_episode_without_end_did_not_finish(guests: Path) -> None:
    (scenario,) = find_scenarios(["tiny"])
    result = Play(
        scenario,
        Contender("Fickle", "guest", paths=(f"{guests}:Fickle",)),
        0,
        "test",
        0,
        1,
        True,
        math.inf,
    ).run()
    assert result["failed"]["reason"] == "did not finish"
    assert "orders are open after" in result["failed"]["message"]


def test_a_guest_that_decides_like_a_rule_scores_like_it(guests: Path, tmp_path: Path) -> None:
    (tmp_path / "like_edd.py").write_text(
        "from agents.rules.registry import make_rule\n\n\ndef policy():\n    return"
        ' make_rule("EDD")\n'
    )
    (scenario,) = find_scenarios(["microfactory"])
    contenders = (
        Contender("EDD", "rule", "EDD"),
        Contender("policy", "guest", paths=(f"{tmp_path / 'like_edd.py'}:policy",)),
    )
    own, other = (
        Play(scenario, contender, 0, "test", 0, 2, True, math.inf).run() for contender in contenders
    )
    assert own.pop("nanoseconds")
    assert other.pop("nanoseconds")
    assert own == other


def test_an_abandoned_guest_ends(guests: Path) -> None:
    guest = invite(guests, "First")
    process = guest._process
    guest._line.close()
    process.join()
    assert process.exitcode == 0


def test_guests_that_ended_leave_no_process_behind(guests: Path, batch: Batch) -> None:
    with invite(guests, "First") as guest:
        pid = guest._process.pid
    assert not Path(f"/proc/{pid}/exe").exists()

"""A decider always answers, with the policy's choice or with the fallback rule's and the reason."""

from __future__ import annotations

import importlib
import io
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from agents.bundle_manifest import BUNDLE_FORMAT, seal_manifest
from agents.rules.registry import make_rule
from envs.observation.columns import CANDIDATE_INDEX
from factory.io.catalogue import find_single_factory
from scheduler.__main__ import main
from scheduler.decisions.bundle import Bundle
from scheduler.decisions.bundle_files import BundleError
from scheduler.decisions.decider import Decider
from scheduler.decisions.explanations import explain
from scheduler.decisions.loaded_policy import fallback_rule, load_scheduler_policy
from scheduler.floor.floor import ShopFloor
from scheduler.floor.shop_snapshot import take_snapshot
from scheduler.simulated_plant import simulate
from scheduler.snapshot.schema import Snapshot
from tests.builders.event_waits import Clock

FACTORY = find_single_factory("microfactory")
RULE = make_rule("ATCS", k1=2, k2=0.5)


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    """A moment at which the asked machine has several choices."""
    return next(
        moment
        for moment in moments()
        if len(Decider(ShopFloor(FACTORY), None, RULE).decide(moment)) > 0
    )


def moments() -> list[Snapshot]:
    floor = ShopFloor(FACTORY)
    return [
        take_snapshot(floor, simulate(FACTORY, RULE, 5, decisions), 0) for decisions in (100, 200)
    ]


class Stub:
    """Stands for a bundle; its answer is what it is told."""

    manifest: dict[str, Any] = {
        "fallback_rules": {"microfactory": "EDD"},
        "training": {"factories": ["microfactory", "large"]},
        "sha256": {"policy.onnx": "0"},
    }

    def __init__(self, decide: Callable[[dict[str, NDArray[Any]]], Any]) -> None:
        self.decide, self.look = decide, first_logits
        self.logits = lambda observation: first_logits(observation)[0]


CLOCK = Clock()


def decider(decide: Callable[[dict[str, NDArray[Any]]], Any], budget: float = math.inf) -> Decider:
    return Decider(ShopFloor(FACTORY), cast(Bundle, Stub(decide)), RULE, budget, clock=CLOCK)


def first_logits(observation: dict[str, NDArray[Any]]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The sooner it is due the better."""
    mask, table = observation["action_mask"], observation["candidates"]
    return np.where(mask, -table[:, :, CANDIDATE_INDEX["due_in"]] / 100, -np.inf), np.array(
        [-123.0]
    )


def last_legal(observation: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
    return np.flatnonzero(observation["action_mask"][0])[-1:]


def fail(observation: dict[str, NDArray[Any]]) -> Any:
    raise FloatingPointError("the network's answer is not finite")


def dawdle(observation: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
    CLOCK.now += 0.02
    return last_legal(observation)


def illegal(observation: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
    return np.flatnonzero(~observation["action_mask"][0])[:1]


def test_the_policy_decides_where_it_can(snapshot: Snapshot) -> None:
    decisions = decider(last_legal).decide(snapshot)
    assert {(decision.decided_by, decision.fault) for decision in decisions} == {("policy", None)}
    assert {decision.action for decision in decisions} == {"wait"}, "the last legal row is the wait"


@pytest.mark.parametrize(
    ("decide", "budget", "fault"),
    [
        (fail, 0.001, "FloatingPointError: the network's answer is not finite"),
        (illegal, 0.001, "which is not legal"),
        (
            lambda observation: np.array([10**6]),
            0.001,
            "the policy chose row 1000000, which is not legal",
        ),
        (lambda observation: np.array([-1]), 0.001, "the policy chose row -1, which is not legal"),
        (lambda observation: None, 0.001, "TypeError"),
        (dawdle, 0.001, "the policy took 20.0 ms; the budget is 1 ms"),
    ],
    ids=["not finite", "illegal", "far row", "negative row", "nonsense", "slow"],
)
def test_the_fallback_rule_decides_where_the_policy_fails(
    snapshot: Snapshot, decide: Callable[..., Any], budget: float, fault: str
) -> None:
    decisions = decider(decide, budget).decide(snapshot)
    plain = Decider(ShopFloor(FACTORY), None, RULE).decide(snapshot)
    assert [
        (decision.machine, decision.action, decision.order, decision.operation)
        for decision in decisions
    ] == [(item.machine, item.action, item.order, item.operation) for item in plain]
    for decision in decisions:
        assert decision.decided_by == "fallback"
        assert decision.fault is not None
        assert fault in decision.fault


@pytest.mark.parametrize(
    ("function", "by"),
    [
        ("scheduler.floor.floor.ask_and_observe", "fallback"),
        ("scheduler.floor.floor.ask_network", "policy"),
        ("scheduler.floor.floor.decode_row", "policy"),
        ("factory.simulation.kernel.apply_action", "policy"),
    ],
    ids=["ask", "network", "describe", "carry out"],
)
def test_bug_loading_compiled_code_is_no_part_of_a_decisions_time(
    function: str,
    by: str,
    snapshot: Snapshot,
    bundle_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With an empty cache, the first decision used to be reported with 29 s."""
    clock, calls = Clock(), 0
    bundle = Bundle(bundle_folder) if by == "policy" else None
    decider = Decider(ShopFloor(FACTORY), bundle, RULE, clock=clock)
    module, _, name = function.rpartition(".")
    compiled = getattr(importlib.import_module(module), name)

    def load_first(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        clock.now += 29.0 if calls == 1 else 0.001
        return compiled(*arguments)

    monkeypatch.setattr(function, load_first)
    decisions = decider.decide(snapshot)
    assert calls > 1
    assert {decision.decided_by for decision in decisions} == {by}
    assert {decision.microseconds for decision in decisions} == {1000}


def test_without_a_policy_the_rule_decides_and_says_so(snapshot: Snapshot) -> None:
    assert {
        decision.fault for decision in Decider(ShopFloor(FACTORY), None, RULE).decide(snapshot)
    } == {"no policy is loaded"}


def test_a_decision_does_not_depend_on_what_was_asked_before() -> None:
    used = Decider(ShopFloor(FACTORY), None, RULE)
    for moment in [*moments(), *reversed(moments())]:
        fresh = Decider(ShopFloor(FACTORY), None, RULE).decide(moment)
        assert [
            decision.model_copy(update={"microseconds": 0}) for decision in used.decide(moment)
        ] == [decision.model_copy(update={"microseconds": 0}) for decision in fresh]


def test_an_explanation_ranks_what_may_be_done_and_says_what_separates_it(
    snapshot: Snapshot,
) -> None:
    explanation = explain(decider(last_legal), snapshot)
    asked = ShopFloor(FACTORY)
    asked.place(snapshot)
    machine = asked.ask()
    assert machine is not None
    assert explanation.machine == asked.machine_names[machine]
    assert explanation.expected_cost == 123.0
    assert len(explanation.alternatives) == asked.tables.action_mask[0].sum() > 1
    shares = [alternative.probability for alternative in explanation.alternatives]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1.0)
    first, second = explanation.alternatives[:2]
    assert not first.differs_in
    assert {difference.column for difference in second.differs_in} <= set(CANDIDATE_INDEX)
    assert all(difference.here != difference.chosen for difference in second.differs_in)
    assert explanation.rule_choice in [
        alternative.choice for alternative in explanation.alternatives
    ]
    with pytest.raises(BundleError, match="no policy is loaded"):
        explain(Decider(ShopFloor(FACTORY), None, RULE), snapshot)


def test_the_fallback_is_the_manifests_rule_or_atcs() -> None:
    assert str(fallback_rule(Stub.manifest, "microfactory")) == "EDD"
    assert (
        fallback_rule(Stub.manifest, "another").name
        == fallback_rule({}, "microfactory").name
        == "ATCS"
    )
    with pytest.raises(
        BundleError, match=r"fallback_rules\.microfactory = 'BEST'; it must be a rule"
    ):
        fallback_rule({"fallback_rules": {"microfactory": "BEST"}}, "microfactory")


def sealed_manifest(rule: str) -> str:
    """Return an intact manifest with a rule, whose bundle has nothing else."""
    entries = {
        "format": BUNDLE_FORMAT,
        "sha256": {},
        "fallback_rules": {"microfactory": rule},
        "training": {"factories": ["microfactory"]},
    }
    return json.dumps(seal_manifest(entries))


@pytest.mark.parametrize(
    ("manifest", "rule"),
    [
        (sealed_manifest("EDD"), "EDD"),
        (sealed_manifest("EDD").replace("EDD", "SPT"), "ATCS"),
        (sealed_manifest("EDD("), "ATCS"),
        (json.dumps([]), "ATCS"),
        ("{", "ATCS"),
    ],
    ids=["readable", "edited", "no rule", "a list", "cut off"],
)
def test_the_manifests_rule_decides_where_the_rest_of_a_bundle_is_damaged(
    tmp_path: Path, snapshot: Snapshot, manifest: str, rule: str
) -> None:
    (tmp_path / "manifest.json").write_text(manifest)
    loaded = load_scheduler_policy(tmp_path, find_single_factory("microfactory"))
    assert (loaded.bundle, loaded.rule.name) == (None, rule)
    taker = Decider(ShopFloor(FACTORY), None, RULE)
    loaded.use_in(taker)
    decisions = taker.decide(snapshot)
    assert {decision.decided_by for decision in decisions} == {"fallback"}
    assert all(
        decision.fault is not None
        and decision.fault.startswith("no policy is loaded: ")
        and "manifest.json" in decision.fault
        for decision in decisions
    )


def test_a_bundle_without_its_network_leaves_decisions_and_plans_to_its_rule(
    tmp_path: Path, snapshot: Snapshot, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "snapshot.json").write_text(snapshot.model_dump_json())
    (tmp_path / "manifest.json").write_text(sealed_manifest("EDD"))
    assert main(["decide", str(tmp_path / "snapshot.json"), "--bundle", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert "manifest.json: it does not list its feature tables" in err
    assert "EDD decides" in err
    assert {item["decided_by"] for item in json.loads(out)["decisions"]} == {"fallback"}
    command = ["plan", str(tmp_path / "snapshot.json"), "--bundle", str(tmp_path), "--by", "policy"]
    assert main(command) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["made_by"] == "EDD"
    assert "it does not list its feature tables" in plan["faults"][0]
    assert main(["replay", str(tmp_path / "log.sqlite"), "--bundle", str(tmp_path)]) == 1


def test_from_a_simulated_moment_to_decisions_on_the_command_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["snapshot", "--decisions", "150"]) == 0
    text = capsys.readouterr().out
    (tmp_path / "snapshot.json").write_text(text)
    (tmp_path / "manifest.json").write_text('{"training": {"factories": ["microfactory"]}}')
    monkeypatch.setattr("scheduler.decisions.loaded_policy.Bundle", lambda *_: Stub(last_legal))
    assert (
        main(
            [
                "decide",
                str(tmp_path / "snapshot.json"),
                "--bundle",
                str(tmp_path),
                "--budget",
                "inf",
            ]
        )
        == 0
    )
    decisions = json.loads(capsys.readouterr().out)["decisions"]
    assert decisions
    assert decisions[0]["decided_by"] == "policy"
    assert main(["explain", str(tmp_path / "snapshot.json"), "--bundle", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out)["rule"] == "EDD"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert main(["decide", "-", "--bundle", str(tmp_path), "--factory", "large"]) == 1
    assert "the policy works for large" in capsys.readouterr().err
    assert main(["decide", str(tmp_path / "none.json"), "--bundle", str(tmp_path)]) == 1
    assert main(["snapshot", "--decisions", "100000"]) == 1
    assert "Choose fewer" in capsys.readouterr().err


@pytest.mark.parametrize(
    "answer", [0.9, np.array([0.9]), np.array([True]), np.array([0, 0]), ["0"]], ids=repr
)
def test_bug_the_rule_decides_where_the_policy_answers_no_row_number(
    answer: Any, snapshot: Snapshot
) -> None:
    expected = [
        decision.choice for decision in Decider(ShopFloor(FACTORY), None, RULE).decide(snapshot)
    ]
    decisions = decider(lambda observation: answer).decide(snapshot)
    assert [decision.choice for decision in decisions] == expected
    assert {
        decision.decided_by for decision in decisions if decision.action != "wait" or decision.fault
    } == {"fallback"}
    assert all(
        "the policy's answer" in str(decision.fault)
        for decision in decisions
        if decision.decided_by == "fallback"
    )


def test_bug_no_machine_is_held_where_none_is_asked() -> None:
    floor = ShopFloor(FACTORY)
    floor.place(take_snapshot(floor, simulate(FACTORY, RULE, 5, 100), 0))
    while floor.ask() is not None:
        floor.carry_out(int(floor.tables.action_mask[0].argmax()))
    with pytest.raises(RuntimeError, match=r"hold\(\): no machine is asked. Call ask\(\) first"):
        floor.hold()

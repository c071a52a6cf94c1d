"""Distillation: the ensemble's output is the mean of its members, and the student learns it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from agents.network.pointer_network import Critic, SegmentOps
from agents.network.trained_policy import TrainedPolicy, load_policy, save_policy
from agents.policy_improvement import distillation
from agents.policy_improvement.distillation import (
    DistillationConfig,
    TeacherEnsemble,
    TeacherTargets,
    fit_student,
    main,
)
from envs.seed_splits import first_episode_of
from tests.builders.exported_bundle import FACTS, trained_policy


def with_critic(seed: int) -> TrainedPolicy:
    policy = trained_policy()
    torch.manual_seed(seed)
    with torch.no_grad():
        policy.network.row_head.weight.add_(torch.randn_like(policy.network.row_head.weight))
    return TrainedPolicy(policy.network, Critic(policy.network))


@pytest.fixture(scope="module")
def members() -> list[TrainedPolicy]:
    return [with_critic(1), with_critic(2)]


@pytest.fixture(scope="module")
def targets(members: list[TrainedPolicy]) -> TeacherTargets:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distillation, "_EPISODES", 8)
        return TeacherEnsemble(members, ("tiny",)).play(first_episode_of(0, 0))


def output_of(policy: TrainedPolicy, targets: TeacherTargets) -> tuple[torch.Tensor, torch.Tensor]:
    """Return log-probabilities, and both critics' values in units of reward."""
    assert policy.critic is not None
    with torch.inference_mode():
        output = policy.network(targets.network_input())
        values = torch.stack(
            [policy.critic(output, torch.from_numpy(targets.privileged)), output.values], dim=1
        )
        return output.segments.log_softmax(output.logits), policy.network.denormalise_value(values)


def divergence(policy: TrainedPolicy, targets: TeacherTargets) -> float:
    wanted = torch.from_numpy(targets.log_probs)
    return float((wanted.exp() * (wanted - output_of(policy, targets)[0])).sum()) / len(targets)


def test_targets_are_the_mean_of_the_teachers(
    members: list[TrainedPolicy], targets: TeacherTargets
) -> None:
    (first, first_values), (second, second_values) = (
        output_of(policy, targets) for policy in members
    )
    assert float((first - second).abs().max()) > 0.1
    segments = SegmentOps(targets.network_input().sample, len(targets))
    np.testing.assert_allclose(
        targets.log_probs, segments.log_softmax((first + second) / 2).numpy(), atol=1e-4
    )
    np.testing.assert_allclose(
        targets.values, ((first_values + second_values) / 2).numpy(), atol=1e-4
    )
    assert (targets.count > 1).all()
    assert targets.count.sum() == len(targets.rows) == len(targets.log_probs)


def test_the_student_learns_the_targets_whatever_the_number_of_threads(
    members: list[TrainedPolicy], targets: TeacherTargets
) -> None:
    config = DistillationConfig(("tiny",), update_epochs=20, minibatch_size=64)
    fitted = fit_student(members[0], targets, config)
    assert divergence(fitted, targets) < 0.2 * divergence(members[0], targets)
    errors = [
        float((output_of(policy, targets)[1] - torch.from_numpy(targets.values)).square().mean())
        for policy in (fitted, members[0])
    ]
    assert errors[0] < errors[1]
    again = fit_student(members[0], targets, config, threads=2)
    parameters = zip(fitted.network.parameters(), again.network.parameters(), strict=True)
    assert all(torch.equal(first, second) for first, second in parameters)


def test_the_command_resumes_without_playing_again_and_refuses_other_settings(
    members: list[TrainedPolicy],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, policy in zip("ab", members, strict=True):
        save_policy(tmp_path / name, policy, "seed = 0\n", {**FACTS, "factories": ["tiny"]})
    command = [
        str(tmp_path / "a"),
        str(tmp_path / "b"),
        str(tmp_path / "out"),
        "--episodes",
        "64",
        "--update-epochs",
        "1",
        "--processes",
        "1",
    ]
    assert main(command) == 0
    made = (tmp_path / "out" / "policy" / "weights.npz").read_bytes()
    manifest = json.loads((tmp_path / "out" / "policy" / "manifest.json").read_text())
    assert len(manifest["distilled"]["members"]) == 2
    assert manifest["validation"].keys() == {"tiny"}
    assert load_policy(tmp_path / "out" / "policy").critic is not None
    monkeypatch.setattr(distillation.TeacherEnsemble, "play", None)
    assert main(command) == 0
    assert (tmp_path / "out" / "policy" / "weights.npz").read_bytes() == made
    assert main([*command, "--seed", "1"]) == 2
    error = capsys.readouterr().err
    assert "distillation.json: was begun with other settings; seed = 1 (was 0)." in error
    assert main([*command, "--processes", "0"]) == 2
    assert "--processes = 0; must be at least 1." in capsys.readouterr().err
    save_policy(
        tmp_path / "bare",
        TrainedPolicy(members[0].network),
        "seed = 0\n",
        {**FACTS, "factories": ["tiny"]},
    )
    assert main([str(tmp_path / "bare"), str(tmp_path / "other")]) == 2
    assert "was kept without its critic" in capsys.readouterr().err

"""Several policies become one: what they say together is their mean, a network learns to say it,
and an interruption loses nothing."""

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
def told(members: list[TrainedPolicy]) -> TeacherTargets:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distillation, "_SHOPS", 8)
        return TeacherEnsemble(members, ("tiny",)).play(first_episode_of(0, 0))


def said_by(policy: TrainedPolicy, told: TeacherTargets) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probabilities, and both critics' values in units of reward."""
    assert policy.critic is not None
    with torch.inference_mode():
        output = policy.network(told.network_input())
        values = torch.stack(
            [policy.critic(output, torch.from_numpy(told.privileged)), output.values], dim=1
        )
        return output.segments.log_softmax(output.logits), policy.network.denormalise_value(values)


def divergence(policy: TrainedPolicy, told: TeacherTargets) -> float:
    wanted = torch.from_numpy(told.log_probs)
    return float((wanted.exp() * (wanted - said_by(policy, told)[0])).sum()) / len(told)


def test_together_they_say_the_mean(members: list[TrainedPolicy], told: TeacherTargets) -> None:
    (one, one_values), (other, other_values) = (said_by(policy, told) for policy in members)
    assert float((one - other).abs().max()) > 0.1
    segments = SegmentOps(told.network_input().sample, len(told))
    np.testing.assert_allclose(
        told.log_probs, segments.log_softmax((one + other) / 2).numpy(), atol=1e-4
    )
    np.testing.assert_allclose(told.values, ((one_values + other_values) / 2).numpy(), atol=1e-4)
    assert (told.count > 1).all()
    assert told.count.sum() == len(told.rows) == len(told.log_probs)


def test_a_network_learns_to_say_it(members: list[TrainedPolicy], told: TeacherTargets) -> None:
    settings = DistillationConfig(("tiny",), update_epochs=20, minibatch_size=64)
    fitted = fit_student(members[0], told, settings)
    assert divergence(fitted, told) < 0.2 * divergence(members[0], told)
    errors = [
        float((said_by(policy, told)[1] - torch.from_numpy(told.values)).square().mean())
        for policy in (fitted, members[0])
    ]
    assert errors[0] < errors[1]
    again = fit_student(members[0], told, settings, threads=2)
    for one, other in zip(fitted.network.parameters(), again.network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_command_goes_on_and_refuses_other_settings(
    members: list[TrainedPolicy],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, policy in zip("ab", members, strict=True):
        save_policy(tmp_path / name, policy, "seed = 0\n", {**FACTS, "factories": ["tiny"]})
    command = [
        str(tmp_path / "out"),
        str(tmp_path / "a"),
        str(tmp_path / "b"),
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
    monkeypatch.setattr(
        distillation.TeacherEnsemble, "play", None
    )  # all that is played lies there already
    assert main(command) == 0
    assert (tmp_path / "out" / "policy" / "weights.npz").read_bytes() == made
    assert main([*command, "--seed", "1"]) == 2
    assert "was begun with other settings" in capsys.readouterr().err
    save_policy(
        tmp_path / "bare",
        TrainedPolicy(members[0].network),
        "seed = 0\n",
        {**FACTS, "factories": ["tiny"]},
    )
    assert main([str(tmp_path / "other"), str(tmp_path / "bare")]) == 2
    assert "was kept without its critic" in capsys.readouterr().err

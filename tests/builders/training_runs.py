"""Training runs of seconds."""

from __future__ import annotations

from pathlib import Path

import torch

from agents.rules.registry import make_rule
from agents.training.config import parse_config
from agents.training.trainer import Trainer

TINY = {
    "threads": 1,
    "network": {"start": "atcs", "width": 16},
    "learning": {"steps": 512, "envs": 8, "steps_a_rollout": 16, "minibatch": 64, "epochs": 1},
    "keeping": {"rollouts_a_validation": 2, "rollouts_a_checkpoint": 1, "validation_episodes": 2, "pictures": False},
}


def trainer(folder: Path, changes: dict[str, dict[str, object]] | None = None, device: str = "cpu", **top: object) -> Trainer:
    data = {**TINY, **top}
    for section, values in (changes or {}).items():
        data[section] = {**TINY.get(section, {}), **values}  # type: ignore[dict-item]
    return Trainer(parse_config(data, "test"), folder, prior=None, references={"microfactory": ("ATCS", make_rule("ATCS"))}, device=device, show=False)


def weights_of(run: Trainer) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in run.model.policy.state_dict().items()}

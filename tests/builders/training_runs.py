"""Training runs that take seconds."""

from __future__ import annotations

from pathlib import Path

import torch

from agents.rules.registry import make_rule
from agents.training.config import parse_config
from agents.training.trainer import Trainer

TINY = {
    "threads": 1,
    "network": {"prior": "atcs", "hidden_size": 16},
    "learning": {
        "total_timesteps": 512,
        "num_envs": 8,
        "num_steps": 16,
        "minibatch_size": 64,
        "update_epochs": 1,
    },
    "logging": {
        "validation_interval": 2,
        "checkpoint_interval": 1,
        "validation_episodes": 2,
        "log_gantt": False,
    },
}


def trainer(
    folder: Path,
    changes: dict[str, dict[str, object]] | None = None,
    device: str = "cpu",
    **top: object,
) -> Trainer:
    data = {**TINY, **top}
    for section, values in (changes or {}).items():
        data[section] = {**TINY.get(section, {}), **values}  # type: ignore[dict-item]
    return Trainer(
        parse_config(data, "test"),
        folder,
        prior=None,
        references={"microfactory": ("ATCS", make_rule("ATCS"))},
        device=device,
        show=False,
    )


def weights_of(run: Trainer) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in run.model.policy.state_dict().items()}

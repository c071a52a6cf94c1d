"""Inputs of stock algorithms: the tables of an observation, scaled and flattened."""

from __future__ import annotations

import math

import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor

from agents.network.pointer_network import symlog

_SCALE = 0.3
"""Factor after symlog, which makes an hour or two about 1."""
_TABLES = ("candidates", "machines", "shop")


class TableFeatures(BaseFeaturesExtractor):
    """Features extractor of Stable-Baselines3 for observations of microfactories.

    Its stock extractor flattens the tables as they are: durations of thousands of ticks beside
    flags. This one passes the columns through symlog, and sets the rows that are not legal to 0.
    Take it as ``policy_kwargs={"features_extractor_class": TableFeatures}`` with
    ``"MultiInputPolicy"``; checkpoints contain it.

    Parameters
    ----------
    observation_space
        Space of the environment.
    """

    def __init__(self, observation_space: spaces.Dict) -> None:
        sizes = [math.prod(observation_space[name].shape or ()) for name in _TABLES]
        rows = math.prod(observation_space["action_mask"].shape or ())
        super().__init__(observation_space, sum(sizes) + rows)

    def forward(self, observations: dict[str, Tensor]) -> Tensor:
        """Return the features of N observations, ``[N, features_dim]``."""
        legal = (observations["action_mask"] > 0).float()
        parts = [_SCALE * symlog(observations[name].float()) for name in _TABLES]
        parts[0] = parts[0] * legal.unsqueeze(2)
        return torch.cat([*(part.flatten(1) for part in parts), legal], dim=1)

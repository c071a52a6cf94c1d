"""Inputs of stock algorithms: the tables of an observation as one vector."""

from __future__ import annotations

import math

import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from agents.network.pointer_network import symlog

_SCALE = 0.3
"""Factor after symlog, which makes an hour or two about 1."""


class TableFeatures(BaseFeaturesExtractor):
    """Features extractor of Stable-Baselines3 for observations of microfactories.

    The stock extractor flattens the tables as they are: thousands of numbers, durations of
    thousands of ticks beside flags. This one passes the columns through symlog. Two layers that all
    rows share then make a few features of each candidate row, from the row and a context of
    machines and shop; they are 0 for rows that are not legal. Take it as
    ``policy_kwargs={"features_extractor_class": TableFeatures}`` with ``"MultiInputPolicy"``;
    checkpoints contain it.

    Parameters
    ----------
    observation_space
        Space of the environment.
    row_size, hidden_size
        Features of a row, and units of the hidden layers.
    """

    def __init__(
        self, observation_space: spaces.Dict, row_size: int = 8, hidden_size: int = 32
    ) -> None:
        rows, columns = observation_space["candidates"].shape or (0, 0)
        sizes = [math.prod(observation_space[name].shape or ()) for name in ("machines", "shop")]
        context = 2 * hidden_size
        super().__init__(observation_space, rows * row_size + context)
        self.context = nn.Sequential(nn.Linear(sum(sizes), context), nn.ReLU())
        self.row = nn.Sequential(
            nn.Linear(columns + context, hidden_size),
            nn.ReLU(),
            nn.Linear(hidden_size, row_size),
            nn.Tanh(),
        )

    def forward(self, observations: dict[str, Tensor]) -> Tensor:
        """Return the features of N observations, ``[N, features_dim]``."""
        rows, machines, shop = (
            _SCALE * symlog(observations[name].float())
            for name in ("candidates", "machines", "shop")
        )
        context = self.context(torch.cat([machines.flatten(1), shop], dim=1))
        of_rows = context.unsqueeze(1).expand(-1, rows.shape[1], -1)
        is_legal = (observations["action_mask"] > 0).float().unsqueeze(2)
        features = self.row(torch.cat([rows, of_rows], dim=2)) * is_legal
        return torch.cat([features.flatten(1), context], dim=1)

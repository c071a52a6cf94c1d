"""One policy and value network for any number of candidates and machines, on legal rows only.

Rows of all samples lie packed one after the other, with the index of each row's sample. A row's
logit is the index of a rule (the prior) plus a learned residual that starts at zero, so the
untrained network decides as that rule does. Reordering rows or machines reorders the logits and
changes nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agents.network.feature_sizes import (
    EXISTS,
    FALLBACKS,
    MACHINE_FEATURES,
    NEAR,
    PRIVILEGED_FEATURES,
    ROW_FEATURES,
    SHOP_FEATURES,
)
from agents.network.features_torch import (
    fallback_rows,
    machine_features,
    row_features,
    shop_features,
)


class RaggedObservation(NamedTuple):
    """Observations of N samples with R legal rows together."""

    rows: Tensor  # [R, F] legal rows of the candidate tables, sample after sample
    sample: Tensor  # [R] int64, the sample of each row, rising
    machines: Tensor  # [N, M, Fm]
    shop: Tensor  # [N, Fs]


class NetworkInput(NamedTuple):
    """Inputs of the network; nothing learned goes in, so they are made once for every pass."""

    rows: Tensor  # [R, W] bounded features
    prior: Tensor  # [R] index that is the prior
    sample: Tensor  # [R] int64
    machines: Tensor  # [N, M, MACHINE_FEATURES]
    shop: Tensor  # [N, SHOP_FEATURES]


def to_device(network_input: NetworkInput, device: torch.device) -> NetworkInput:
    """Return the input on another device."""
    return NetworkInput(*(part.to(device) for part in network_input))


class NetworkOutput(NamedTuple):
    """Outputs of the network."""

    logits: Tensor  # [R]
    values: Tensor  # [N] normalised
    segments: SegmentOps
    embedding: Tensor  # [N, 3 * width + SHOP_FEATURES]


class SegmentOps:
    """Sums, means, maxima and softmax over the rows of each sample.

    Parameters
    ----------
    sample
        Index of each row's sample, ``[R]``.
    count
        Number of samples N.
    """

    def __init__(self, sample: Tensor, count: int) -> None:
        self.sample, self.count = sample, count

    def sum(self, values: Tensor) -> Tensor:
        """Return sums ``[N, ...]`` of ``[R, ...]``."""
        return values.new_zeros(self.count, *values.shape[1:]).index_add_(0, self.sample, values)

    def mean(self, values: Tensor) -> Tensor:
        """Return means ``[N, D]`` of ``[R, D]``; 0 for a sample without rows."""
        sizes = torch.bincount(self.sample, minlength=self.count).clamp(min=1)
        return self.sum(values) / sizes[:, None].to(values.dtype)

    def max(self, values: Tensor) -> Tensor:
        """Return maxima ``[N]`` or ``[N, D]``; 0 for a sample without rows."""
        where = self.sample if values.dim() == 1 else self.sample[:, None].expand_as(values)
        start = values.new_zeros(self.count, *values.shape[1:])
        return start.scatter_reduce(0, where, values, "amax", include_self=False)

    def log_softmax(self, logits: Tensor) -> Tensor:
        """Return log-probabilities ``[R]`` within each sample."""
        shifted = logits - self.max(logits.detach())[self.sample]
        return shifted - torch.log(self.sum(shifted.exp()))[self.sample]


class PointerNetwork(nn.Module):
    """Network with a logit for each row and a value for each sample.

    Parameters
    ----------
    prior
        Weights of the index that is the prior, ``[W]`` (:mod:`agents.index.policy`).
    prior_scale
        Logits per unit of that index, and of the fallbacks.
    hidden_size
        Units of a hidden layer.
    fallbacks
        Priors of detours, the wait and the best changeover ahead relative to the best job, ``[3]``;
        None for those of the index (:func:`agents.network.features_compiled.settle_prior`).
    """

    prior: Tensor
    fallbacks: Tensor
    return_mean: Tensor
    return_deviation: Tensor

    def __init__(
        self,
        prior: Tensor,
        prior_scale: float = 1.0,
        hidden_size: int = 64,
        fallbacks: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.register_buffer("return_mean", torch.zeros(()))
        self.register_buffer("return_deviation", torch.ones(()))
        self.register_buffer("prior", prior.to(torch.float32) * prior_scale)
        fallbacks = torch.zeros(FALLBACKS) if fallbacks is None else fallbacks
        self.register_buffer("fallbacks", fallbacks.to(torch.float32) * prior_scale)
        self.build_layers(hidden_size)

    def build_layers(self, hidden_size: int) -> None:
        """Make the layers, whose logits are added to those of the prior."""
        self.row_encoder = nn.Sequential(
            nn.Linear(ROW_FEATURES, hidden_size),
            nn.ReLU(inplace=True),
            nn.Linear(hidden_size, hidden_size),
            nn.ReLU(inplace=True),
        )
        self.machine_encoder = nn.Sequential(
            nn.Linear(MACHINE_FEATURES, hidden_size // 2, bias=False), nn.ReLU(inplace=True)
        )  # the flag EXISTS is its bias
        self.embedding_size = 3 * hidden_size + SHOP_FEATURES
        self.context = nn.Sequential(
            nn.Linear(self.embedding_size, hidden_size), nn.ReLU(inplace=True)
        )
        self.row_part, self.context_part = (
            nn.Linear(hidden_size, hidden_size, bias=False),
            nn.Linear(hidden_size, hidden_size),
        )
        self.row_head = nn.Linear(hidden_size, 1)
        self.value_head = mlp(self.embedding_size, hidden_size)
        nn.init.zeros_(self.row_head.weight)
        nn.init.zeros_(self.row_head.bias)

    @property
    def weights(self) -> NDArray[np.float64]:
        """Weights of the prior and its fallbacks for compiled code, ``[W + 3]``."""
        return torch.cat([self.prior, self.fallbacks]).cpu().numpy().astype(np.float64)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *arguments: Any) -> None:
        """Load a state; those of former versions have no fallbacks."""
        state_dict.setdefault(f"{prefix}fallbacks", torch.zeros(FALLBACKS))
        super()._load_from_state_dict(state_dict, prefix, *arguments)

    def denormalise_value(self, values: Tensor) -> Tensor:
        """Return values in units of reward from normalised ones."""
        return values * self.return_deviation + self.return_mean

    def encode(self, packed: RaggedObservation) -> NetworkInput:
        """Return the inputs of :meth:`forward`.

        On a CPU :func:`agents.network.features_compiled.encode_tables` is faster.
        """
        features = row_features(packed.rows, packed.shop[packed.sample])
        prior = features @ self.prior
        if bool(self.fallbacks.any()):
            segments = SegmentOps(packed.sample, len(packed.shop))
            prior = self._settle_prior(prior, packed.rows, segments)
        machines = machine_features(packed.machines, packed.shop)
        return NetworkInput(
            symlog(features),
            prior,
            packed.sample,
            machines,
            shop_features(packed.shop),
        )

    def _settle_prior(self, index: Tensor, rows: Tensor, segments: SegmentOps) -> Tensor:
        """Return the prior of a rule; :func:`agents.network.features_compiled.settle_prior`."""
        is_job, is_detour, is_wait, is_ahead = fallback_rows(rows)
        low = torch.full_like(index, -torch.inf)
        best_job, best_ahead = (
            segments.max(torch.where(kind, index, low))[segments.sample]
            for kind in (is_job, is_ahead)
        )
        return settle_tensor(
            index, (is_job, is_detour, is_wait, is_ahead), (best_job, best_ahead), self.fallbacks
        )

    def forward(self, network_input: NetworkInput) -> NetworkOutput:
        """Return logits of rows and values of samples."""
        segments = SegmentOps(network_input.sample, len(network_input.shop))
        rows = self.row_encoder(network_input.rows)
        embedding = torch.cat(
            [
                segments.mean(rows),
                segments.max(rows),
                self.pool_machines(network_input.machines),
                network_input.shop,
            ],
            dim=1,
        )
        context = self.context_part(self.context(embedding)).index_select(0, network_input.sample)
        residual = self.row_head(torch.relu_(self.row_part(rows) + context)).squeeze(1)
        return NetworkOutput(
            network_input.prior + residual,
            self.value_head(embedding).squeeze(1),
            segments,
            embedding,
        )

    def pool_machines(self, machines: Tensor) -> Tensor:
        """Return means over all machines, and over the asked work centre, ``[N, hidden_size]``."""
        chosen = machines[:, :, [EXISTS, NEAR]].transpose(1, 2)
        shares = chosen / chosen.sum(dim=2, keepdim=True).clamp(min=1.0)
        return torch.bmm(shares, self.machine_encoder(machines)).flatten(1)


class Critic(nn.Module):
    """Privileged critic: it also reads :mod:`agents.network.critic_features`.

    Parameters
    ----------
    network
        Network whose embedding it reads; it is not part of the critic.
    """

    def __init__(self, network: PointerNetwork) -> None:
        super().__init__()
        self.layers = mlp(network.embedding_size + PRIVILEGED_FEATURES, network.hidden_size)

    def forward(self, output: NetworkOutput, privileged: Tensor) -> Tensor:
        """Return normalised values ``[N]``; ``privileged`` is ``[N, PRIVILEGED_FEATURES]``."""
        values: Tensor = self.layers(torch.cat([output.embedding, privileged], dim=1)).squeeze(1)
        return values


def settle_tensor(
    index: Tensor, kinds: Sequence[Tensor], best: tuple[Tensor, Tensor], fallbacks: Tensor
) -> Tensor:
    """Return the prior of each row with fallbacks.

    Parameters
    ----------
    index
        Index of each row.
    kinds
        Which rows are jobs, detours, waits and changeovers ahead.
    best
        Highest index of a job, and of a changeover ahead, among the rows of the same sample.
    fallbacks
        Priors of detours, the wait and the best changeover ahead, ``[3]``.
    """
    is_job, is_detour, is_wait, is_ahead = kinds
    best_job, best_ahead = best
    prior = torch.where(is_job, index - best_job, index)
    prior = torch.where(is_ahead, fallbacks[2] + (index - best_ahead), prior)
    prior = torch.where(is_detour, fallbacks[0].to(prior.dtype), prior)
    return torch.where(is_wait, fallbacks[1].to(prior.dtype), prior)


def mlp(inputs: int, hidden_size: int) -> nn.Sequential:
    """Return two hidden layers and one output."""
    return nn.Sequential(
        nn.Linear(inputs, hidden_size),
        nn.ReLU(inplace=True),
        nn.Linear(hidden_size, hidden_size),
        nn.ReLU(inplace=True),
        nn.Linear(hidden_size, 1),
    )


def symlog(features: Tensor) -> Tensor:
    """Return sign(v) log(1 + |v|): linear near 0, logarithmic beyond (Hafner et al. 2023)."""
    return torch.sign(features) * torch.log1p(features.abs())

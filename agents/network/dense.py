"""The pointer network on whole tables instead of packed rows: what is exported. Features are worked
out in double precision, as compiled code does."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from agents.network.features_torch import machine_features, row_features, shop_features
from agents.network.pointer_network import PointerNetwork, symlog
from envs.observation.columns import SHOP_INDEX

_COST_SCALE = SHOP_INDEX["cost_scale"]


class DenseNetwork(nn.Module):
    """Tables in physical units and mask in, masked logits and value out.

    Parameters
    ----------
    network
        The network that was trained.
    """

    def __init__(self, network: PointerNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, candidates: Tensor, machines: Tensor, shop: Tensor, action_mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Logits ``[B, A]``, minus infinity where a row is illegal, and values ``[B]``: minus the
        expected discounted cost to come, in currency.

        Parameters
        ----------
        candidates, machines, shop
            Tables as observed, ``[B, A, F]``, ``[B, M, Fm]`` and ``[B, Fs]``, float32.
        action_mask
            ``[B, A]``, bool.
        """
        network, exact_shop = self.network, shop.double()
        batch, rows = candidates.shape[:2]
        of_rows = exact_shop.unsqueeze(1).expand(-1, rows, -1).flatten(0, 1)
        features = row_features(candidates.double().flatten(0, 1), of_rows)
        prior = (features * network.prior.double()).sum(
            dim=1
            # not a product with a vector: onnxruntime 1.32 turns that round if it follows a
            # transposition
        )
        prior = prior.float().reshape(batch, rows)
        encoded = network.row_encoder(symlog(features).float()).reshape(
            batch, rows, network.hidden_size
        )
        legal = action_mask.unsqueeze(2)
        shown = torch.where(legal, encoded, torch.zeros_like(encoded))
        mean = shown.sum(dim=1) / action_mask.sum(dim=1, keepdim=True).clamp(min=1).float()
        pooled = network.pool_machines(machine_features(machines.double(), exact_shop).float())
        embedding = torch.cat(
            [mean, shown.amax(dim=1), pooled, shop_features(exact_shop).float()], dim=1
        )  # encodings are never negative
        context = network.context_part(network.context(embedding)).unsqueeze(1)
        logits = prior + network.row_head(torch.relu(network.row_part(encoded) + context)).squeeze(
            2
        )
        values = (
            network.denormalise_value(network.value_head(embedding).squeeze(1))
            * shop[:, _COST_SCALE]
        )
        return logits.masked_fill(~action_mask, -torch.inf), values

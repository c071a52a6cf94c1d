"""The pointer network as a policy of sb3-contrib: what MaskablePPO asks of it, on packed rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from torch import Tensor

from agents.experience import samples_of
from agents.network import Described, Packed, PointerNetwork
from agents.packing import best_places, pack_rows, to_actions
from envs.features import CANDIDATE_INDEX


class PointerPolicy(MaskableActorCriticPolicy):
    """Actor and critic in one :class:`agents.network.PointerNetwork`.

    The critic answers in units of reward; inside it works on returns brought to mean 0 and deviation 1, and :meth:`renormalise` moves its last layer along when
    these change, so that what it says stays the same (van Hasselt et al. 2016, PopArt).

    Parameters
    ----------
    prior
        Weights of the index to start as, ``[W]``.
    sharpness, width
        As for the network.
    """

    return_mean: Tensor
    return_deviation: Tensor

    def __init__(
        self,
        observation_space: Any,
        action_space: Any,
        lr_schedule: Callable[[float], float],
        *,
        prior: list[float],
        sharpness: float,
        width: int,
        **settings: Any,
    ) -> None:
        self._network_settings = {"prior": prior, "sharpness": sharpness, "width": width}
        super().__init__(observation_space, action_space, lr_schedule, **settings)

    def _build(self, lr_schedule: Callable[[float], float]) -> None:
        settings = self._network_settings
        self.network = PointerNetwork(torch.tensor(settings["prior"]), settings["sharpness"], settings["width"])  # type: ignore[arg-type]
        self.register_buffer("return_mean", torch.zeros(()))
        self.register_buffer("return_deviation", torch.ones(()))
        self.optimizer = torch.optim.Adam(self.parameters(), lr=lr_schedule(1), eps=1e-5, fused=True)

    # --- what MaskablePPO calls -----------------------------------------------------------------------------------------------

    def evaluate_actions(self, obs: Described, actions: Tensor, action_masks: Any = None) -> tuple[Tensor, Tensor, Tensor]:  # type: ignore[override]
        """Normalised values, log-probabilities of ``actions`` (places among the rows) and entropies, ``[N]`` each.

        Raises
        ------
        FloatingPointError
            If one is not finite.
        """
        logits, values, segments = self.network(obs)
        log_probabilities = segments.log_softmax(logits)
        entropy = -segments.sum(log_probabilities.exp() * log_probabilities)
        if not bool(torch.isfinite(values.sum() + log_probabilities.sum())):
            raise FloatingPointError("the network's output is not finite")
        return values, log_probabilities[actions], entropy

    def predict_values(self, obs: Any) -> Tensor:
        """Values ``[N]`` in units of reward, from :class:`Described` or from tables."""
        described = obs if isinstance(obs, Described) else self.network.describe(pack_tensors(obs))
        return self.in_reward(self.network(described)[1])

    def _predict(self, observation: Any, deterministic: bool = False, action_masks: Any = None) -> Tensor:
        """Rows of the tables ``[N]``; legal rows are those of the observation's own mask."""
        packed = pack_tensors(observation)
        logits, _, segments = self.network(self.network.describe(packed))
        if not deterministic:
            logits = logits - torch.log(-torch.log(torch.rand_like(logits).clamp(min=1e-12)))
        best = logits == segments.max(logits)[packed.sample]
        table_row = observation["action_mask"].nonzero()[:, 1]
        last = torch.full((len(packed.shop),), torch.iinfo(torch.int64).max, device=logits.device)
        found = last.scatter_reduce(0, packed.sample[best], table_row[best], "amin")
        return torch.where(found == last, torch.zeros_like(found), found)

    # --- returns --------------------------------------------------------------------------------------------------------------

    def in_reward(self, values: Tensor) -> Tensor:
        """Values in units of reward from normalised ones."""
        return values * self.return_deviation + self.return_mean

    def renormalise(self, returns: NDArray[np.float32], weight: float) -> None:
        """Move mean and deviation of returns by ``weight`` (0 to 1) towards those of ``returns``; no value in units of reward changes."""
        before = (float(self.return_mean), float(self.return_deviation))
        mean = (1 - weight) * before[0] + weight * float(returns.mean())
        square = (1 - weight) * (before[1] ** 2 + before[0] ** 2) + weight * float(np.square(returns, dtype=np.float64).mean())
        deviation = max(float(np.sqrt(max(square - mean**2, 0.0))), 1e-4)
        head: Any = self.network.value_head[-1]
        with torch.no_grad():
            head.weight.mul_(before[1] / deviation)
            head.bias.mul_(before[1] / deviation).add_((before[0] - mean) / deviation)
            self.return_mean.fill_(mean)
            self.return_deviation.fill_(deviation)


def pack_tensors(observation: Any) -> Packed:
    """Tables as tensors with their legal rows packed."""
    legal = observation["action_mask"] > 0
    return Packed(observation["candidates"][legal].float(), legal.nonzero()[:, 0], observation["machines"].float(), observation["shop"].float())


class PackedTables:
    """Tables of E environments with their legal rows packed, in memory that is used again.

    Parameters
    ----------
    candidates, machines, shop, action_mask
        As observed.
    """

    def __init__(self, candidates: NDArray[Any], machines: NDArray[Any], shop: NDArray[Any], action_mask: NDArray[Any]) -> None:
        count = np.count_nonzero(action_mask)
        rows = np.empty((count, len(CANDIDATE_INDEX)), candidates.dtype)
        self.table_rows: NDArray[np.int64] = np.empty(count, np.int64)
        self.first: NDArray[np.int64] = np.empty(len(action_mask) + 1, np.int64)
        pack_rows(candidates, action_mask, rows, self.table_rows, self.first)
        parts = (rows, samples_of(self.first), np.ascontiguousarray(machines), np.ascontiguousarray(shop))
        self.packed = Packed(*(torch.from_numpy(part if part.dtype == np.int64 else part.astype(np.float32)) for part in parts))

    def to_actions(self, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of the tables ``[E]`` from places among the legal ones."""
        actions = np.empty(len(chosen), np.int64)
        to_actions(self.table_rows, self.first, chosen, actions)
        return actions


def decide_greedily(network: PointerNetwork, observation: Any) -> NDArray[np.int64]:
    """The legal row with the highest logit in each table, ``[E]``; 0 where none is legal."""
    tables = PackedTables(*(np.ascontiguousarray(observation[name]) for name in ("candidates", "machines", "shop", "action_mask")))
    device = network.prior.device
    with torch.inference_mode():
        logits, _, _ = network(network.describe(Packed(*(part.to(device) for part in tables.packed))))
    chosen = np.zeros(len(tables.first) - 1, np.int64)
    best_places(logits.cpu().numpy(), tables.first, chosen)
    return tables.to_actions(chosen)

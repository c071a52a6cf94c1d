"""The pointer network as a policy of sb3-contrib: what MaskablePPO asks of it, on packed rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from torch import Tensor

from agents.network.minibatch import ActionBatch, ForwardBackward, Run, TorchForwardBackward
from agents.network.packed_tables import pack_tensors
from agents.network.pointer_network import Critic, NetworkInput, PointerNetwork

try:
    from agents.network.cpu_training.autograd import CpuForwardBackward as _CpuPass
except ModuleNotFoundError:  # the faster pass is left out; torch's own gives the same
    _CpuPass = TorchForwardBackward  # type: ignore[assignment,misc]


class PointerActorCriticPolicy(MaskableActorCriticPolicy):
    """Actor and critic on one :class:`agents.network.pointer_network.PointerNetwork`.

    Two critics learn from the same returns: the network's own, which sees what the actor sees, and
    the privileged one, from whose values advantages are reckoned. They answer in units of reward;
    inside they work on returns brought to mean 0 and deviation 1, and :meth:`renormalise` moves
    their last layers along when these change, so that what they say stays the same (van Hasselt et
    al. 2016, PopArt).

    Parameters
    ----------
    prior
        Weights of the index to start as, ``[W]``.
    prior_scale, hidden_size
        As for the network.
    weights, critic_weights
        States of a network and its privileged critic to go on from instead.
    run
        What takes the parts of a minibatch, in threads or not.
    """

    def __init__(
        self,
        observation_space: Any,
        action_space: Any,
        lr_schedule: Callable[[float], float],
        *,
        prior: list[float],
        prior_scale: float,
        hidden_size: int,
        weights: Mapping[str, Tensor] | None = None,
        critic_weights: Mapping[str, Tensor] | None = None,
        run: Run = map,
        **settings: Any,
    ) -> None:
        self._run = run
        self._network_settings: dict[str, Any] = {
            "prior": prior,
            "prior_scale": prior_scale,
            "hidden_size": hidden_size,
        }
        self._start, self._critic_start = weights, critic_weights
        super().__init__(observation_space, action_space, lr_schedule, **settings)

    def _build(self, lr_schedule: Callable[[float], float]) -> None:
        settings = self._network_settings
        self.network = PointerNetwork(
            torch.tensor(settings["prior"]), settings["prior_scale"], settings["hidden_size"]
        )
        if self._start is not None:
            self.network.load_state_dict(self._start)
        self.critic = Critic(self.network)
        if self._critic_start is not None:
            self.critic.load_state_dict(self._critic_start)
        self._passes: dict[bool, ForwardBackward] = {
            True: _CpuPass(self.network, self.critic, self._run),
            False: TorchForwardBackward(self.network, self.critic),
        }
        self.optimizer = torch.optim.Adam(
            self.parameters(), lr=lr_schedule(1), eps=1e-5, fused=True
        )

    @property
    def forward_backward(self) -> ForwardBackward:
        """Forward and backward pass for the device that the policy is on."""
        return self._passes[self.device.type == "cpu"]

    # --- what MaskablePPO calls ------------------------------------------------------------------

    def evaluate_actions(  # type: ignore[override]
        self, obs: Sequence[ActionBatch], actions: Tensor, action_masks: Any = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return normalised values ``[2 N]``, log-probabilities of the actions, and entropies.

        The privileged critic's values come first; log-probabilities and entropies are ``[N]``.

        Raises
        ------
        FloatingPointError
            If one is not finite.
        """
        forward_backward = self.forward_backward
        logits, values = forward_backward([part.inputs for part in obs])
        log_probabilities, entropies = forward_backward.evaluate_actions(logits, obs)
        if not bool(torch.isfinite(values.sum() + log_probabilities.sum())):
            raise FloatingPointError("the network's output is not finite")
        return values, log_probabilities, entropies

    def predict_values(self, obs: Any) -> Tensor:
        """Values ``[N]`` in units of reward, from :class:`NetworkInput` or from tables."""
        network_input = (
            obs if isinstance(obs, NetworkInput) else self.network.encode(pack_tensors(obs))
        )
        return self.network.denormalise_value(self.network(network_input).values)

    def _predict(
        self, observation: Any, deterministic: bool = False, action_masks: Any = None
    ) -> Tensor:
        """Rows of the tables ``[N]``; legal rows are those of the observation's own mask."""
        packed = pack_tensors(observation)
        logits, _, segments, _ = self.network(self.network.encode(packed))
        if not deterministic:
            logits = logits - torch.log(-torch.log(torch.rand_like(logits).clamp(min=1e-12)))
        best = logits == segments.max(logits)[packed.sample]
        table_row = observation["action_mask"].nonzero()[:, 1]
        last = torch.full((len(packed.shop),), torch.iinfo(torch.int64).max, device=logits.device)
        found = last.scatter_reduce(0, packed.sample[best], table_row[best], "amin")
        return torch.where(found == last, torch.zeros_like(found), found)

    # --- returns ----------------------------------------------------------------------------------

    def renormalise(self, returns: NDArray[np.float32], weight: float) -> None:
        """Move mean and deviation of returns by ``weight`` (0 to 1) towards those of ``returns``;
        no value in units of reward changes."""
        network = self.network
        before = (float(network.return_mean), float(network.return_deviation))
        mean = (1 - weight) * before[0] + weight * float(returns.mean())
        square = (1 - weight) * (before[1] ** 2 + before[0] ** 2) + weight * float(
            np.square(returns, dtype=np.float64).mean()
        )
        deviation = max(float(np.sqrt(max(square - mean**2, 0.0))), 1e-4)
        heads: Any = (network.value_head[-1], self.critic.layers[-1])
        with torch.no_grad():
            for head in heads:
                head.weight.mul_(before[1] / deviation)
                head.bias.mul_(before[1] / deviation).add_((before[0] - mean) / deviation)
            network.return_mean.fill_(mean)
            network.return_deviation.fill_(deviation)

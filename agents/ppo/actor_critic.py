"""The pointer network as a policy of sb3-contrib's MaskablePPO, on packed rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from torch import Tensor

from agents.network.custom_network import CustomNetwork
from agents.network.minibatch import ActionBatch, ForwardBackward, Run, TorchForwardBackward
from agents.network.packed_tables import pack_tensors
from agents.network.pointer_network import Critic, NetworkInput, PointerNetwork
from agents.user_code import UserCode

try:
    from agents.network.cpu_training.autograd import CpuForwardBackward as _CpuPass
except ModuleNotFoundError:  # the faster pass is left out; torch's own gives the same
    _CpuPass = TorchForwardBackward  # type: ignore[assignment,misc]


class PointerActorCriticPolicy(MaskableActorCriticPolicy):
    """Actor and critic on one :class:`agents.network.pointer_network.PointerNetwork`.

    Two critics learn from the same returns: the network's own, with the actor's inputs, and the
    privileged one, whose values serve advantage estimation. Their values are in units of reward.
    Inside they work on returns normalised to mean 0 and deviation 1; :meth:`renormalise` rescales
    their last layers when these change, so that the values stay the same (van Hasselt et al. 2016,
    PopArt).

    Parameters
    ----------
    prior
        Weights of the prior index, ``[W]``.
    prior_scale, hidden_size, fallbacks
        Arguments of the network.
    network_class
        Class of a network in place of the pointer network's layers.
    weights, critic_weights
        State dicts of a network and its privileged critic to start from instead.
    run
        Map function for the shards of a minibatch: ``map``, or that of a thread pool.
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
        network_class: UserCode | None = None,
        fallbacks: list[float] | None = None,
        weights: Mapping[str, Tensor] | None = None,
        critic_weights: Mapping[str, Tensor] | None = None,
        run: Run = map,
        **settings: Any,
    ) -> None:
        self._run, self._network_class = run, network_class
        self._network_settings: dict[str, Any] = {
            "prior": prior,
            "prior_scale": prior_scale,
            "hidden_size": hidden_size,
            "fallbacks": None if fallbacks is None else torch.tensor(fallbacks),
        }
        self._start, self._critic_start = weights, critic_weights
        super().__init__(observation_space, action_space, lr_schedule, **settings)

    def _build(self, lr_schedule: Callable[[float], float]) -> None:
        settings = self._network_settings
        prior = torch.tensor(settings["prior"])
        self.network = self.make_network(
            prior, settings["prior_scale"], settings["hidden_size"], settings["fallbacks"]
        )
        if self._start is not None:
            self.network.load_state_dict(self._start)
        self.critic = Critic(self.network)
        if self._critic_start is not None:
            self.critic.load_state_dict(self._critic_start)
        on_cpu = _CpuPass if self._network_class is None else TorchForwardBackward
        self._passes: dict[bool, ForwardBackward] = {
            True: on_cpu(self.network, self.critic, self._run),
            False: TorchForwardBackward(self.network, self.critic),
        }
        self.optimizer = torch.optim.Adam(
            self.parameters(), lr=lr_schedule(1), eps=1e-5, fused=True
        )

    @property
    def class_sha256(self) -> str:
        """Hash of the file of the network's class; empty for this project's network."""
        return "" if self._network_class is None else self._network_class.sha256

    def make_network(self, *arguments: Any, **settings: Any) -> PointerNetwork:
        """Return a new network of the policy's class."""
        if self._network_class is None:
            return PointerNetwork(*arguments, **settings)
        return CustomNetwork(self._network_class, *arguments, **settings)

    def copies_with(self, weights: Mapping[str, Tensor]) -> tuple[PointerNetwork, Critic]:
        """Return a network and a privileged critic of the policy's kind with other weights.

        ``weights`` are a state of the policy, on a CPU.
        """
        prior, hidden_size = weights["network.prior"], self.network.hidden_size
        network = self.make_network(prior, hidden_size=hidden_size)
        network.load_state_dict(_under("network.", weights))
        critic = Critic(network)
        critic.load_state_dict(_under("critic.", weights))
        return network, critic

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
            If a value or log-probability is not finite.
        """
        forward_backward = self.forward_backward
        logits, values = forward_backward([part.inputs for part in obs])
        log_probabilities, entropies = forward_backward.evaluate_actions(logits, obs)
        if not bool(torch.isfinite(values.sum() + log_probabilities.sum())):
            raise FloatingPointError("the network's output is not finite")
        return values, log_probabilities, entropies

    def predict_values(self, obs: Any) -> Tensor:
        """Return values ``[N]`` in units of reward, from :class:`NetworkInput` or from tables."""
        network_input = (
            obs if isinstance(obs, NetworkInput) else self.network.encode(pack_tensors(obs))
        )
        return self.network.denormalise_value(self.network(network_input).values)

    def _predict(
        self, observation: Any, deterministic: bool = False, action_masks: Any = None
    ) -> Tensor:
        """Return rows of the tables ``[N]``; the observation's own mask tells the legal rows."""
        packed = pack_tensors(observation)
        logits, _, segments, _ = self.network(self.network.encode(packed))
        if not deterministic:
            # the argmax of logits with Gumbel noise is a sample of their softmax
            logits = logits - torch.log(-torch.log(torch.rand_like(logits).clamp(min=1e-12)))
        best = logits == segments.max(logits)[packed.sample]
        table_row = observation["action_mask"].nonzero()[:, 1]
        last = torch.full((len(packed.shop),), torch.iinfo(torch.int64).max, device=logits.device)
        rows = last.scatter_reduce(0, packed.sample[best], table_row[best], "amin")
        return torch.where(rows == last, torch.zeros_like(rows), rows)

    # --- returns ----------------------------------------------------------------------------------

    def renormalise(self, returns: NDArray[np.float32], weight: float) -> None:
        """Move mean and deviation of returns by ``weight`` (0 to 1) towards those of ``returns``.

        No value in units of reward changes: with v = sigma (w x + b) + mu, the last layers become
        w' = w sigma / sigma' and b' = (sigma b + mu - mu') / sigma'.
        """
        network = self.network
        old_mean, old_deviation = float(network.return_mean), float(network.return_deviation)
        mean = (1 - weight) * old_mean + weight * float(returns.mean())
        # second moments are averaged: E[R^2] = sigma^2 + mu^2
        old_square = old_deviation**2 + old_mean**2
        new_square = float(np.square(returns, dtype=np.float64).mean())
        square = (1 - weight) * old_square + weight * new_square
        deviation = max(float(np.sqrt(max(square - mean**2, 0.0))), 1e-4)
        heads: Any = (network.value_head[-1], self.critic.layers[-1])
        with torch.no_grad():
            for head in heads:
                head.weight.mul_(old_deviation / deviation)
                head.bias.mul_(old_deviation / deviation).add_((old_mean - mean) / deviation)
            network.return_mean.fill_(mean)
            network.return_deviation.fill_(deviation)


def _under(prefix: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights whose names begin with ``prefix``, without it."""
    return {
        name.removeprefix(prefix): value
        for name, value in weights.items()
        if name.startswith(prefix)
    }

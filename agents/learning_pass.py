"""Network and privileged critic over a minibatch, forwards and backwards, dealt out to threads: what learning on a processor spends its time in.

The derivatives are written out here instead of left to torch, which would record some hundred steps, take each over the whole minibatch and run them backwards
one after the other; so each thread takes a part of the minibatch that its core's cache holds. What comes of it depends on the parts and not on the threads.
tests/test_learning_pass.py holds that values and gradients are those of :class:`agents.network.PointerNetwork` and :class:`agents.network.Critic`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from agents.network import Critic, Described, PointerNetwork
from agents.network_features import EXISTS, NEAR
from agents.pooling import (
    choose,
    join_context,
    part_context,
    pool_machines,
    pool_rows,
    rectify_gradient,
    spread_choice,
    spread_head,
    spread_machines,
    spread_pooled,
)

Run = Callable[[Callable[..., Any], Iterable[Any]], Iterable[Any]]
"""Applies a function to each item, in threads or not, and returns what came of each."""


class Experience(NamedTuple):
    """What the network and its privileged critic read of N decisions with R legal rows together."""

    described: Described
    privileged: Tensor  # [N, PRIVILEGED_FEATURES]
    first: Tensor  # [N + 1] int64, where the rows of each decision begin; each has one at least
    chosen: Tensor  # [N] int64, places of the chosen rows among the R


class _Layer(NamedTuple):
    """One linear layer, or several that read the same and are taken at once; or the gradients of one."""

    weight: Tensor  # [outputs, inputs]
    bias: Tensor | None  # [outputs]


class _Layers(NamedTuple):
    """All layers; D is the width."""

    row_1: _Layer
    row_2: _Layer
    row_part: _Layer
    row_head: _Layer
    machine: _Layer
    readers: _Layer  # the first layers of context, value and critic: [3 D, all that the critic sees]; what only the critic sees weighs nothing in the others
    context_part: _Layer
    value_2: _Layer
    value_3: _Layer
    critic_2: _Layer
    critic_3: _Layer


class LearningPass:
    """Answers what :meth:`agents.actor_critic.PointerPolicy.evaluate_actions` is asked, on a processor.

    Parameters
    ----------
    network, critic
        Whose parameters get the gradients; their values may change in place between passes.
    run
        What takes the parts of a minibatch.
    """

    def __init__(self, network: PointerNetwork, critic: Critic, run: Run) -> None:
        rows, value, judged = network.row_encoder, network.value_head, critic.layers
        self.run = run
        self._readers = [_linear(network.context[0]), _linear(value[0]), _linear(judged[0])]
        singles = [rows[0], rows[2], network.row_part, network.row_head, network.machine_encoder[0]]
        later = [network.context_part, value[2], value[4], judged[2], judged[4]]
        read = _Layer(
            torch.zeros(sum(layer.out_features for layer in self._readers), max(layer.in_features for layer in self._readers)),
            torch.zeros(sum(layer.out_features for layer in self._readers)),
        )
        self.layers = _Layers(*[*(_detached(layer) for layer in singles), read, *(_detached(layer) for layer in later)])
        linears = [*(_linear(layer) for layer in singles), *self._readers, *(_linear(layer) for layer in later)]
        self._parameters = [tensor for layer in linears for tensor in (layer.weight, layer.bias) if tensor is not None]
        self._memory: list[tuple[Tensor, _Layers]] = []  # gradients of each part, whole and layer by layer

    def look(self, described: Described, privileged: Tensor, first: Tensor) -> tuple[Tensor, Tensor]:
        """Logits ``[R]``, and the privileged critic's normalised values ``[N]``, of the layers as they were at the last :meth:`refresh`; arguments as of
        :class:`Experience`.
        """
        part = _Part(self.layers, described, privileged, first)
        return part.logits, part.privileged_values

    def __call__(self, parts: Sequence[Experience]) -> tuple[Tensor, Tensor, Tensor]:
        """Values, log-probabilities and entropies of the decisions of all ``parts`` together."""
        self.refresh()
        while len(self._memory) < len(parts):
            self._memory.append(self._allocate())
        values, log_probabilities, entropies = _Pass.apply(self, parts, *self._parameters)  # type: ignore[no-untyped-call]
        return values, log_probabilities, entropies

    def refresh(self) -> None:
        """Put the layers together as they are now."""
        start, stacked = 0, self.layers.readers
        for layer in self._readers:
            end = start + layer.out_features
            stacked.weight[start:end, : layer.in_features] = layer.weight.detach()
            _bias(stacked)[start:end] = layer.bias.detach()
            start = end

    def _allocate(self) -> tuple[Tensor, _Layers]:
        whole, start, views = torch.empty(sum(tensor.numel() for layer in self.layers for tensor in layer if tensor is not None)), 0, []
        for layer in self.layers:
            end = start + layer.weight.numel()
            weight, start = whole[start:end].view(layer.weight.shape), end
            bias = None
            if layer.bias is not None:
                bias, start = whole[end : end + layer.bias.numel()], end + layer.bias.numel()
            views.append(_Layer(weight, bias))
        return whole, _Layers(*views)

    def gradients_of_part(self, number: int) -> _Layers:
        """Memory for the gradients that a part of the minibatch finds."""
        return self._memory[number][1]

    def gradients_of_all(self, parts: int) -> list[Tensor]:
        """Gradients of each parameter, summed over the parts in their order."""
        whole = self._memory[0][0].clone()
        for other, _ in self._memory[1:parts]:
            whole += other
        found, start = [], 0
        for name, layer in zip(_Layers._fields, self.layers, strict=True):
            end = start + layer.weight.numel()
            weight, start = whole[start:end].view(layer.weight.shape), end
            if name == "readers":
                found += self._of_readers(weight, whole[start : start + len(weight)])
            else:
                found.append(weight)
                if layer.bias is not None:
                    found.append(whole[start : start + layer.bias.numel()])
            start += 0 if layer.bias is None else layer.bias.numel()
        return found

    def _of_readers(self, weight: Tensor, bias: Tensor) -> list[Tensor]:
        found, start = [], 0
        for layer in self._readers:
            end = start + layer.out_features
            found += [weight[start:end, : layer.in_features], bias[start:end]]
            start = end
        return found


def _linear(layer: nn.Module) -> nn.Linear:
    assert isinstance(layer, nn.Linear)
    return layer


def _detached(layer: nn.Module) -> _Layer:
    linear = _linear(layer)
    return _Layer(linear.weight.detach(), None if linear.bias is None else linear.bias.detach())


class _Pass(torch.autograd.Function):
    """The whole, as torch knows it."""

    @staticmethod
    def forward(ctx: Any, whole: LearningPass, parts: Sequence[Experience], *parameters: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        def take(part: Experience) -> _Part:
            taken = _Part(whole.layers, part.described, part.privileged, part.first)
            taken.choose(part.chosen)
            return taken

        ctx.whole, ctx.parts = whole, list(whole.run(take, parts))
        privileged, values, log_probabilities, entropies = (
            torch.cat([getattr(part, name) for part in ctx.parts]) for name in ("privileged_values", "values", "log_probabilities", "entropies")
        )
        return torch.cat([privileged, values]), log_probabilities, entropies

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        both_values, log_probabilities, entropies = (gradient.contiguous() for gradient in gradients)
        sizes = [len(part.values) for part in ctx.parts]
        columns = (both_values[: sum(sizes)], both_values[sum(sizes) :], log_probabilities, entropies)
        shares = list(zip(*(torch.split(column, sizes) for column in columns), strict=True))
        list(ctx.whole.run(lambda number: ctx.parts[number].find_gradients(*shares[number], ctx.whole.gradients_of_part(number)), range(len(sizes))))
        return None, None, *ctx.whole.gradients_of_all(len(sizes))


class _Part:
    """What the layers make of one part of a minibatch; arguments as of :class:`Experience`."""

    log_probabilities: Tensor  # [N] of what was chosen
    entropies: Tensor  # [N]

    def __init__(self, layers: _Layers, described: Described, privileged: Tensor, first: Tensor) -> None:
        rows, prior, _, machines, shop = described
        width, count = layers.row_1.weight.shape[0], len(shop)
        self._layers, self._described, self._first = layers, described, first.numpy()
        self._row_1 = _rectified(layers.row_1, rows)
        self._row_2 = _rectified(layers.row_2, self._row_1)
        self._machines = torch.mm(machines.flatten(0, 1), layers.machine.weight.t()).view(*machines.shape[:2], -1)
        self._summary, self._where = rows.new_empty(count, layers.readers.weight.shape[1]), torch.empty(count, width, dtype=torch.int32)
        summary = self._summary.numpy()
        pool_rows(self._row_2.numpy(), self._first, summary[:, : 2 * width], self._where.numpy())
        pool_machines(machines.numpy(), EXISTS, NEAR, self._machines.numpy(), summary[:, 2 * width : 3 * width])
        self._summary[:, 3 * width : 3 * width + shop.shape[1]] = shop
        self._summary[:, 3 * width + shop.shape[1] :] = privileged
        self._readers = _rectified(layers.readers, self._summary)
        context, value, judged = torch.split(self._readers, width, dim=1)
        self._joined = torch.mm(self._row_2, layers.row_part.weight.t())
        join_context(self._joined.numpy(), _applied(layers.context_part, context).numpy(), self._first)
        self.logits = _applied(layers.row_head, self._joined).view(-1).add_(prior)  # [R]
        self._value_2, self._critic_2 = _rectified(layers.value_2, value), _rectified(layers.critic_2, judged)
        self.values = _applied(layers.value_3, self._value_2).view(-1)  # [N] normalised
        self.privileged_values = _applied(layers.critic_3, self._critic_2).view(-1)

    def choose(self, chosen: Tensor) -> None:
        """Fill :attr:`log_probabilities` and :attr:`entropies`."""
        self._chosen, self._probabilities = chosen.numpy(), torch.empty_like(self.logits)
        self.log_probabilities, self.entropies = torch.empty_like(self.values), torch.empty_like(self.values)
        columns = (self._probabilities.numpy(), self.log_probabilities.numpy(), self.entropies.numpy())
        choose(self.logits.numpy(), self._first, self._chosen, *columns)

    def find_gradients(self, privileged_values: Tensor, values: Tensor, log_probabilities: Tensor, entropies: Tensor, found: _Layers) -> None:
        """Gradients of the layers, into ``found``, from those of what this part answered, ``[N]`` each; its memory is used up then."""
        layers, first, width = self._layers, self._first, self._row_2.shape[1]
        machines, (context, value, judged) = self._described.machines, torch.split(self._readers, width, dim=1)
        of_logits, of_context = torch.empty_like(self.logits), torch.empty_like(context)
        given = (self.entropies.numpy(), log_probabilities.numpy(), entropies.numpy())
        spread_choice(self._probabilities.numpy(), first, self._chosen, *given, of_logits.numpy())
        _bias(found.row_head).copy_(of_logits.sum())
        part_context(self._joined.numpy(), first, _row(layers.row_head), of_logits.numpy(), of_context.numpy(), _row(found.row_head))
        of_rows = _spread(layers.row_part, found.row_part, self._row_2, self._joined)

        torch.sum(of_context, 0, out=_bias(found.context_part))
        of_readers = torch.cat(
            [
                _spread(layers.context_part, found.context_part, context, of_context),
                _spread_head(layers.value_2, layers.value_3, found.value_2, found.value_3, value, self._value_2, values),
                _spread_head(layers.critic_2, layers.critic_3, found.critic_2, found.critic_3, judged, self._critic_2, privileged_values),
            ],
            dim=1,
        )
        rectify_gradient(self._readers.numpy(), of_readers.numpy(), _bias(found.readers).numpy())
        torch.mm(of_readers.t(), self._summary, out=found.readers.weight)
        of_summary = torch.mm(of_readers, layers.readers.weight[:, : 3 * width]).numpy()

        spread_machines(machines.numpy(), EXISTS, NEAR, of_summary[:, 2 * width :], self._machines.numpy())
        torch.mm(self._machines.flatten(0, 1).t(), machines.flatten(0, 1), out=found.machine.weight)
        spread_pooled(of_summary, first, self._where.numpy(), self._row_2.numpy(), of_rows.numpy(), _bias(found.row_2).numpy())
        of_rows = _spread(layers.row_2, found.row_2, self._row_1, of_rows)
        rectify_gradient(self._row_1.numpy(), of_rows.numpy(), _bias(found.row_1).numpy())
        torch.mm(of_rows.t(), self._described.rows, out=found.row_1.weight)


def _applied(layer: _Layer, inputs: Tensor) -> Tensor:
    return torch.mm(inputs, layer.weight.t()) if layer.bias is None else torch.addmm(layer.bias, inputs, layer.weight.t())


def _rectified(layer: _Layer, inputs: Tensor) -> Tensor:
    return _applied(layer, inputs).relu_()


def _spread(layer: _Layer, found: _Layer, inputs: Tensor, outputs: Tensor) -> Tensor:
    """Gradient of what a layer read, from that of what it answered; that of its weight goes into ``found``."""
    torch.mm(outputs.t(), inputs, out=found.weight)
    return torch.mm(outputs, layer.weight)


def _spread_head(second: _Layer, last: _Layer, of_second: _Layer, of_last: _Layer, inputs: Tensor, hidden: Tensor, gradient: Tensor) -> Tensor:
    """The same of a head's second, rectified layer, which answers ``hidden``, and its last one, of whose answer ``gradient [N]`` is given."""
    before = torch.empty_like(hidden)
    spread_head(hidden.numpy(), _row(last), gradient.numpy(), before.numpy(), _bias(of_second).numpy(), _row(of_last))
    _bias(of_last).copy_(gradient.sum())
    return _spread(second, of_second, inputs, before)


def _bias(layer: _Layer) -> Tensor:
    assert layer.bias is not None
    return layer.bias


def _row(layer: _Layer) -> Any:
    """The weights of a layer with one output, ``[inputs]``."""
    return layer.weight.view(-1).numpy()

"""Parts of the network that torch takes many passes over memory for, each in one pass forwards and one backwards, on a processor in single precision.

They equal the torch expressions beside which :class:`agents.network.PointerNetwork` calls them (tests/test_network.py); elsewhere those are used.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from agents.network_features import EXISTS, NEAR
from agents.packing import join_context, part_context, pool_machines, pool_rows, spread_pooled, weigh_machines


def is_plain(tensor: Tensor) -> bool:
    """Whether compiled code can read it: on a processor, in single precision, and not while the network is being exported."""
    return tensor.device.type == "cpu" and tensor.dtype == torch.float32 and not torch.compiler.is_compiling()


class PooledRows(torch.autograd.Function):
    """Mean and maximum over the rows of each sample, ``[N, 2 D]``; the gradient of a maximum goes to one row."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, sample: Tensor, count: int) -> Tensor:
        pooled = rows.new_empty(count, 2 * rows.shape[1])
        where, sizes = torch.empty(count, rows.shape[1], dtype=torch.int64), torch.empty(count, dtype=torch.int64)
        pool_rows(rows.detach().contiguous().numpy(), sample.numpy(), pooled.numpy(), where.numpy(), sizes.numpy())
        ctx.sample, ctx.where, ctx.sizes, ctx.shape = sample, where, sizes, rows.shape
        return pooled

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        gradient = gradients[0].contiguous()
        spread = gradient.new_empty(ctx.shape)
        spread_pooled(gradient.numpy(), ctx.sample.numpy(), ctx.where.numpy(), ctx.sizes.numpy(), spread.numpy())
        return spread, None, None


class PooledMachines(torch.autograd.Function):
    """Mean encoding of all machines beside that of those nearby, ``[N, 2 D]``, from ``machines [N, M, F]`` and ``weight [D, F]``; machines get no gradient."""

    @staticmethod
    def forward(ctx: Any, machines: Tensor, weight: Tensor) -> Tensor:
        read, matrix = machines.contiguous(), weight.detach().t().contiguous()
        encoded, pooled = matrix.new_empty(*machines.shape[:2], len(weight)), matrix.new_empty(len(machines), 2 * len(weight))
        pool_machines(read.numpy(), EXISTS, NEAR, matrix.numpy(), encoded.numpy(), pooled.numpy())
        ctx.machines, ctx.encoded = read, encoded
        return pooled

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor]:
        machines, encoded, gradient = ctx.machines, ctx.encoded, gradients[0].contiguous()
        matrix = gradient.new_empty(machines.shape[2], encoded.shape[2])
        row = gradient.new_empty(encoded.shape[2])
        weigh_machines(machines.numpy(), EXISTS, NEAR, encoded.numpy(), gradient.numpy(), matrix.numpy(), row.numpy())
        return None, matrix.t()


class JoinedContext(torch.autograd.Function):
    """``relu(rows + context[sample]) @ head + bias``, ``[R]``."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, context: Tensor, sample: Tensor, head: Tensor, bias: Tensor) -> Tensor:
        hidden, weight = rows.detach().clone(), head.detach().reshape(-1)
        logits = hidden.new_empty(len(hidden))
        join_context(hidden.numpy(), context.detach().contiguous().numpy(), sample.numpy(), weight.numpy(), bias.detach().numpy(), logits.numpy())
        ctx.hidden, ctx.sample, ctx.weight, ctx.samples = hidden, sample, weight, len(context)
        return logits

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, Tensor, Tensor]:
        gradient, hidden = gradients[0].contiguous(), ctx.hidden
        rows, context, head = torch.empty_like(hidden), hidden.new_empty(ctx.samples, hidden.shape[1]), torch.empty_like(ctx.weight)
        part_context(hidden.numpy(), ctx.sample.numpy(), ctx.weight.numpy(), gradient.numpy(), rows.numpy(), context.numpy(), head.numpy())
        return rows, context, None, head[None], gradient.sum().reshape(1)

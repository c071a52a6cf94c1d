"""Calls of networks on the observation of a begun batch, with inputs that may be replaced."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch

from agents.network.cpu_training.autograd import (
    ActionBatch,
    CpuForwardBackward,
    CriticInput,
    ForwardPass,
    evaluate_actions,
)
from agents.network.feature_sizes import PRIVILEGED_FEATURES
from agents.network.packed_tables import PackedTables
from tests.builders.exported_bundle import trained_policy, with_critic
from tests.builders.refused_calls import begun
from tests.builders.refused_values import E


def packed() -> PackedTables:
    """Return the packed tables of a begun batch."""
    tables = begun().tables
    return PackedTables(
        tables.candidates,
        tables.machines,
        tables.shop,
        tables.action_mask,
        trained_policy().network.weights,
    )


@cache
def states() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the weights of a network and of its critic."""
    policy = with_critic()
    assert policy.critic is not None
    network, critic = (
        {name: value.numpy() for name, value in part.state_dict().items()}
        for part in (policy.network, policy.critic)
    )
    return network, critic


def forward_pass() -> tuple[ForwardPass, PackedTables]:
    """Return a forward pass and the tables that it reads."""
    policy = with_critic()
    assert policy.critic is not None
    return ForwardPass(CpuForwardBackward(policy.network, policy.critic, map).layers), packed()


def compute(thing: tuple[ForwardPass, PackedTables], **changed: Any) -> Any:
    """Compute the forward pass with some of its inputs replaced."""
    pass_, tables = thing
    fields = {name: changed.pop(name) for name in tables.network_input._fields if name in changed}
    network_input = tables.network_input._replace(
        **{name: torch.as_tensor(value) for name, value in fields.items()}
    )
    privileged = changed.get("privileged", np.zeros((E, PRIVILEGED_FEATURES), np.float32))
    return pass_.compute(network_input, privileged, changed.get("first", tables.first))


def evaluate(tables: PackedTables, chosen: Any = None, first: Any = None) -> Any:
    """Evaluate the first row of each decision, or other rows."""
    starts = torch.from_numpy(tables.first if first is None else first)
    privileged = torch.zeros((E, PRIVILEGED_FEATURES))
    rows = torch.from_numpy(tables.first[:-1] if chosen is None else chosen)
    batch = ActionBatch(CriticInput(tables.network_input, privileged, starts), rows)
    return evaluate_actions(torch.zeros(len(tables.network_input.rows)), [batch])

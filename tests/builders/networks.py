"""Networks, and observations as their input."""

from __future__ import annotations

import numpy as np
import torch

from agents.index.policy import IndexPolicy, as_array, atcs_weights
from agents.network.pointer_network import PointerNetwork
from envs.batch import Batch
from envs.observation.tables import Tables, as_observation
from factory.io.catalogue import find_single_factory

WEIGHTS = {
    **atcs_weights(2.0, 0.5, detour=0.5, wait=-1.0, ahead=-2.0),
    "family_ready": 0.7,
    "slack": -0.4,
    "wait_upcoming": 1.5,
}


def batch_of(*names: str, envs: int = 12) -> Batch:
    batch = Batch([find_single_factory(name) for name in names], num_envs=envs)
    batch.reset(np.arange(envs, dtype=np.uint64))
    return batch


def moments(*names: str, steps: int = 40) -> list[Tables]:
    """Return copies of the tables at every eighth decision of episodes under an index."""
    batch, policy, copies = batch_of(*names), IndexPolicy(WEIGHTS), []
    for step in range(steps):
        tables = batch.tables
        if step % 8 == 0:
            arrays = (tables.candidates, tables.machines, tables.shop, tables.action_mask)
            copies.append(Tables(*map(np.array, arrays)))
        batch.step(np.asarray(policy.decide(as_observation(tables)), np.int64))
    return copies


def network(seed: int = 0, *, trained: bool = False) -> PointerNetwork:
    """Return a network; if it is ``trained``, its residual is not zero."""
    torch.manual_seed(seed)
    pointer = PointerNetwork(torch.from_numpy(as_array(WEIGHTS)))
    if trained:
        torch.nn.init.normal_(pointer.row_head.weight)
    return pointer

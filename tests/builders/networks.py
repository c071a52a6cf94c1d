"""Networks, and tables of observations for them to read."""

from __future__ import annotations

import numpy as np
import torch

from agents.index.policy import IndexPolicy, as_array, atcs_weights
from agents.network.pointer_network import PointerNetwork
from agents.policy import as_observation
from envs.batch import Batch
from envs.observation.tables import Tables
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
    """Copies of the tables at some decisions of an index's episodes."""
    batch, policy, found = batch_of(*names), IndexPolicy(WEIGHTS), []
    for step in range(steps):
        if step % 8 == 0:
            found.append(
                Tables(
                    *(
                        np.array(table)
                        for table in (
                            batch.tables.candidates,
                            batch.tables.machines,
                            batch.tables.shop,
                            batch.tables.action_mask,
                        )
                    )
                )
            )
        batch.step(np.asarray(policy.decide(as_observation(batch.tables)), np.int64))
    return found


def network(seed: int = 0, *, trained: bool = False) -> PointerNetwork:
    """A network; ``trained``: its residual is not zero."""
    torch.manual_seed(seed)
    made = PointerNetwork(torch.from_numpy(as_array(WEIGHTS)))
    if trained:
        torch.nn.init.normal_(made.row_head.weight)
    return made

"""Tables of observations as network and critic read them, and greedy decisions."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agents.network.feature_sizes import (
    MACHINE_FEATURES,
    PRIOR_WEIGHTS,
    ROW_FEATURES,
    SHOP_FEATURES,
)
from agents.network.features_compiled import encode_tables
from agents.network.pointer_network import (
    NetworkInput,
    PointerNetwork,
    RaggedObservation,
    to_device,
)
from agents.network.ragged import rows_to_actions, segment_argmax
from agents.standstill import bar_waits
from envs.observation.checks import check_observation, check_table_shapes
from envs.observation.tables import Tables
from factory.validation.arguments import check_floats, check_integers, refusal


def pack_tensors(observation: Any) -> RaggedObservation:
    """Return tables as tensors with their legal rows packed."""
    legal = observation["action_mask"] > 0
    return RaggedObservation(
        observation["candidates"][legal].float(),
        legal.nonzero()[:, 0],
        observation["machines"].float(),
        observation["shop"].float(),
    )


class PackedTables:
    """Inputs of a network for the tables of E environments, and the rows of these tables.

    Parameters
    ----------
    candidates, machines, shop, action_mask
        Tables as observed.
    weights
        Weights of the network's prior, an index, and its fallbacks, ``[W + 3]``.

    Raises
    ------
    TypeError, ValueError
        If a table does not have the type or shape of an observation's.
    """

    def __init__(
        self,
        candidates: NDArray[Any],
        machines: NDArray[Any],
        shop: NDArray[Any],
        action_mask: NDArray[Any],
        weights: NDArray[np.float64],
    ) -> None:
        check_table_shapes("PackedTables", candidates, machines, shop, action_mask)
        weights = check_floats("PackedTables: weights", weights, (PRIOR_WEIGHTS,))
        tables = (candidates, machines, shop, action_mask)
        candidates, machines, shop, action_mask = (np.ascontiguousarray(table) for table in tables)
        envs, count = len(action_mask), np.count_nonzero(action_mask)
        rows: NDArray[np.float32] = np.empty((count, ROW_FEATURES), np.float32)
        prior: NDArray[np.float32] = np.empty(count, np.float32)
        sample: NDArray[np.int64] = np.empty(count, np.int64)
        machines_out = np.empty((*machines.shape[:2], MACHINE_FEATURES), np.float32)
        shop_out = np.empty((envs, SHOP_FEATURES), np.float32)
        self.table_rows: NDArray[np.int64] = np.empty(count, np.int64)
        self.first: NDArray[np.int64] = np.empty(envs + 1, np.int64)
        filled = (rows, prior, sample, self.table_rows, self.first, machines_out, shop_out)
        scratch = np.empty(ROW_FEATURES), np.empty(action_mask.shape[1])
        encode_tables(candidates, machines, shop, action_mask, weights, *scratch, *filled)
        parts = (rows, prior, sample, machines_out, shop_out)
        self.network_input = NetworkInput(*(torch.from_numpy(part) for part in parts))

    @classmethod
    def from_tables(cls, tables: Tables, weights: NDArray[np.float64]) -> PackedTables:
        """Pack the tables of a batch, ``weights`` being those of the network's prior."""
        return cls(tables.candidates, tables.machines, tables.shop, tables.action_mask, weights)

    def to_actions(self, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return rows of the tables ``[E]`` from positions among the legal ones.

        Raises
        ------
        TypeError, ValueError
            If there is not one position for each table, or a position is too large.
        """
        label, envs = "rows_to_actions: chosen", len(self.first) - 1
        chosen = check_integers(label, chosen, (envs,), "place", (0, np.iinfo(np.int64).max))
        beyond = chosen >= np.maximum(np.diff(self.first), 1)
        if beyond.any():
            env = int(np.argmax(beyond))
            rule = f"table {env} has {self.first[env + 1] - self.first[env]} legal rows"
            remedy = "Give places among them, from 0 on."
            raise refusal(ValueError, f"{label}[{env}]", str(chosen[env]), rule, remedy)
        actions = np.empty(len(chosen), np.int64)
        rows_to_actions(self.table_rows, self.first, chosen, actions)
        return actions


def decide_greedily(network: PointerNetwork, observation: Any) -> NDArray[np.int64]:
    """Return the legal row with the highest logit in each table, ``[E]``; 0 where none is legal.

    It is not the wait where the plant would stand still by it (:mod:`agents.standstill`).

    Raises
    ------
    TypeError, ValueError
        If the tables are not those of an observation with a leading axis.
    """
    checked = check_observation("decide", observation)
    tables = PackedTables(*checked, network.weights)
    with torch.inference_mode():
        logits = network(to_device(tables.network_input, network.prior.device)).logits.cpu().numpy()
    bar_waits(*checked, tables.first, logits)
    chosen = np.zeros(len(tables.first) - 1, np.int64)
    segment_argmax(logits, tables.first, chosen)
    return tables.to_actions(chosen)

"""State of a training run as tensors, numbers and text: all that its future depends on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import torch

from agents.network.trained_policy import network_input_hash
from agents.ppo.semi_markov_ppo import SemiMarkovPPO
from agents.training.checkpoints import State
from factory.jit.array_struct import ArrayStruct


def capture_model(model: SemiMarkovPPO) -> State:
    """Return the state of the learner, its random generators and its environments."""
    batches = [collector.shops.batch for collector in model.collectors]
    return {
        "features": network_input_hash(),
        "network_class": model.policy.class_sha256,
        "policy": model.policy.state_dict(),
        "optimizer": model.policy.optimizer.state_dict(),
        "steps": model.num_timesteps,
        "updates": model._n_updates,
        "rollouts": model.rollouts,
        "random": [json.dumps(source.bit_generator.state) for source in _generators(model)],
        "torch_random": torch.get_rng_state(),
        "episodes": [collector.shops.source.next_episode for collector in model.collectors],
        "shops": [_to_tensors(batch.shop) for batch in batches],
        "tables": [_to_tensors(batch.tables) for batch in batches],
    }


def restore_model(model: SemiMarkovPPO, state: State) -> None:
    """Set learner, random generators and environments to what :func:`capture_model` returned.

    Raises
    ------
    ValueError
        If the class of the network is not the one that was trained.
    """
    if state.get("network_class", "") != model.policy.class_sha256:
        raise ValueError(
            "network.class: its file is not the one of the checkpoint. Restore the file, or train"
            " anew."
        )
    model.policy.load_state_dict(state["policy"])
    model.policy.optimizer.load_state_dict(state["optimizer"])
    model.num_timesteps = state["steps"]
    model._n_updates = state["updates"]
    model.rollouts = state["rollouts"]
    for generator, kept in zip(_generators(model), state["random"], strict=True):
        generator.bit_generator.state = json.loads(kept)
    torch.set_rng_state(state["torch_random"])
    for collector, episode, shop, tables in zip(
        model.collectors, state["episodes"], state["shops"], state["tables"], strict=True
    ):
        collector.shops.source.next_episode = episode
        _from_tensors(collector.shops.batch.shop, shop)
        _from_tensors(collector.shops.batch.tables, tables)
    model.continue_episodes()


def _generators(model: SemiMarkovPPO) -> list[np.random.Generator]:
    return [*(collector.random for collector in model.collectors), model.rollout_buffer.random]


def _to_tensors(struct: ArrayStruct) -> dict[str, torch.Tensor]:
    """Return copies of the bytes of all arrays of a struct."""
    return {
        field.name: torch.from_numpy(_bytes_of(struct, field.name).copy())
        for field in fields(struct)
    }


def _from_tensors(struct: ArrayStruct, kept: Mapping[str, torch.Tensor]) -> None:
    for field in fields(struct):
        _bytes_of(struct, field.name)[:] = kept[field.name].numpy()


def _bytes_of(struct: ArrayStruct, name: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return getattr(struct, name).view(np.ndarray).reshape(-1).view(np.uint8)

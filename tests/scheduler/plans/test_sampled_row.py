"""Rows that a network samples follow the softmax of its logits."""

from __future__ import annotations

import numpy as np
import pytest

from agents.network.inference import (
    NO_ROW,
    all_logits,
    allocate_network_scratch,
    arrange_weights,
    greedy_row,
)
from envs.batch import Batch
from factory.io.catalogue import find_single_factory
from scheduler.plans.projection import sampled_row
from tests.builders.exported_bundle import trained_policy

DRAWS = 4000


@pytest.fixture(scope="module")
def batch() -> Batch:
    """A shop some decisions into its episode, with several rows to choose from."""
    batch = Batch([find_single_factory("microfactory")], num_envs=1)
    batch.reset(np.ones(1, np.uint64))
    while batch.tables.action_mask[0].sum() < 4:
        batch.step(np.argmax(batch.tables.action_mask, axis=1), autoreset=False)
    return batch


def test_frequencies_are_those_of_the_softmax(batch: Batch) -> None:
    state = trained_policy().network.state_dict()
    weights = arrange_weights({name: value.numpy() for name, value in state.items()})
    tables, size = batch.tables, batch.tables.action_mask.shape[1]
    scratch = allocate_network_scratch(weights, size)
    parts = (tables.candidates[0], tables.machines[0], tables.shop[0], tables.action_mask[0])
    rows, logits = np.zeros(size, np.int64), np.zeros(size)
    count = all_logits(weights, scratch, *parts, rows, logits)
    expected = np.exp(logits[:count] - logits[:count].max())
    expected /= expected.sum()
    listed = rows[:count].copy()
    drawn = [
        sampled_row(weights, scratch, *parts, rows, logits, 1.0, np.uint64(5), draw)
        for draw in range(DRAWS)
    ]
    share = np.array([drawn.count(row) / DRAWS for row in listed.tolist()])
    deviation = np.sqrt(expected * (1 - expected) / DRAWS)
    assert (np.abs(share - expected) < 5 * deviation + 1e-3).all()
    cold = {
        int(sampled_row(weights, scratch, *parts, rows, logits, 1e-6, np.uint64(5), draw))
        for draw in range(20)
    }
    assert cold == {greedy_row(weights, scratch, *parts)}


def test_without_a_legal_row_there_is_none(batch: Batch) -> None:
    state = trained_policy().network.state_dict()
    weights = arrange_weights({name: value.numpy() for name, value in state.items()})
    tables, size = batch.tables, batch.tables.action_mask.shape[1]
    parts = (tables.candidates[0], tables.machines[0], tables.shop[0], np.zeros(size, np.bool_))
    work = (np.zeros(size, np.int64), np.zeros(size))
    scratch = allocate_network_scratch(weights, size)
    assert sampled_row(weights, scratch, *parts, *work, 1.0, np.uint64(1), 0) == NO_ROW

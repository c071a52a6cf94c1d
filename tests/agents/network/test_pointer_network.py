"""The network: it starts as the index, is blind to the order of rows and machines, and counts nothing but legal rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from agents.index.features import FEATURES
from agents.index.kernels import describe_row
from agents.index.policy import IndexPolicy
from agents.network.features_torch import describe_machines, describe_rows, describe_shop
from agents.network.packed_tables import PackedTables, decide_greedily
from agents.network.pointer_network import Packed, Segments
from agents.policy import as_observation
from envs.observation.candidates import Tables
from tests.builders.networks import WEIGHTS, moments, network


def pack(tables: Tables) -> Packed:
    mask = tables.action_mask.astype(bool)
    sample = np.repeat(np.arange(len(mask)), mask.sum(axis=1))
    return Packed(*(torch.from_numpy(np.ascontiguousarray(part)) for part in (tables.candidates[mask], sample, tables.machines, tables.shop)))


@pytest.mark.parametrize("names", [("microfactory",), ("scarce_crew", "one_of_a_kind"), ("green",)])
def test_features_in_torch_are_those_of_the_index(names: tuple[str, ...]) -> None:
    compared = 0
    for tables in moments(*names):
        packed = pack(tables)
        features = describe_rows(packed.rows, packed.shop[packed.sample]).numpy()
        expected = np.zeros(len(FEATURES))
        for row, sample, found in zip(packed.rows.numpy(), packed.sample.numpy(), features, strict=True):
            describe_row(row, tables.shop[sample], expected)
            np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6)
            compared += 1
    assert compared > 100


@pytest.mark.parametrize("names", [("microfactory", "tiny"), ("scarce_crew", "one_of_a_kind"), ("green",)])
def test_what_is_read_compiled_is_what_torch_makes_of_the_tables(names: tuple[str, ...]) -> None:
    made = network()
    for tables in moments(*names):
        read = PackedTables(tables.candidates, tables.machines, tables.shop, tables.action_mask, made.weights).described
        expected = made.describe(pack(tables))
        for name, found, wanted in zip(read._fields, read, expected, strict=True):
            torch.testing.assert_close(found, wanted, rtol=2e-5, atol=5e-6, msg=name)


def test_an_untrained_network_decides_as_its_index_does() -> None:
    policy, untrained = IndexPolicy(WEIGHTS), network()
    for tables in moments("microfactory", "unreliable"):
        observation = as_observation(tables)
        choices = decide_greedily(untrained, observation)
        assert choices.tolist() == np.asarray(policy.decide(observation)).tolist()


def test_reordering_rows_reorders_logits_and_leaves_values() -> None:
    (tables, *_), trained = moments("microfactory", steps=30)[2:], network(trained=True)
    packed = pack(tables)
    logits, values, *_ = trained(trained.describe(packed))
    order = torch.argsort(packed.sample * 1000 - torch.arange(len(packed.sample)))  # backwards within each sample
    reordered = packed._replace(rows=packed.rows[order], sample=packed.sample[order])
    other_logits, other_values, *_ = trained(trained.describe(reordered))
    torch.testing.assert_close(other_logits, logits[order], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(other_values, values, rtol=1e-4, atol=1e-5)


def test_reordering_machines_changes_nothing() -> None:
    packed, trained = pack(moments("microfactory", steps=20)[-1]), network(trained=True)
    turned = packed._replace(machines=packed.machines.flip(1))
    for before, after in zip(trained(trained.describe(packed))[:2], trained(trained.describe(turned))[:2], strict=True):
        torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-5)


def test_a_sample_is_not_touched_by_its_neighbours() -> None:
    packed, trained = pack(moments("microfactory", steps=20)[-1]), network(trained=True)
    logits, values, *_ = trained(trained.describe(packed))
    for n in range(3):
        mine = packed.sample == n
        alone = Packed(packed.rows[mine], torch.zeros(int(mine.sum()), dtype=torch.int64), packed.machines[n : n + 1], packed.shop[n : n + 1])
        own_logits, own_values, *_ = trained(trained.describe(alone))
        torch.testing.assert_close(own_logits, logits[mine], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(own_values, values[n : n + 1], rtol=1e-4, atol=1e-5)


def test_segments_by_hand() -> None:
    segments = Segments(torch.tensor([0, 0, 2]), 3)
    values = torch.tensor([[1.0], [3.0], [-5.0]])
    assert segments.sum(values).flatten().tolist() == [4.0, 0.0, -5.0]
    assert segments.mean(values).flatten().tolist() == [2.0, 0.0, -5.0]
    assert segments.max(values).flatten().tolist() == [3.0, 0.0, -5.0]
    expected = torch.log_softmax(torch.tensor([0.5, 2.0]), 0)
    torch.testing.assert_close(segments.log_softmax(torch.tensor([0.5, 2.0, 7.0])), torch.cat([expected, torch.zeros(1)]))


def test_log_probabilities_survive_huge_logits() -> None:
    log_probabilities = Segments(torch.tensor([0, 0]), 1).log_softmax(torch.tensor([1e4, -1e4]))
    assert log_probabilities.tolist() == [0.0, -2e4]


@pytest.mark.parametrize("name", ["microfactory", "green", "tiny", "rush_prototypes"])
def test_features_of_shop_and_machines_stay_small_and_finite(name: str) -> None:
    for tables in moments(name, steps=24):
        packed = pack(tables)
        for features in (describe_shop(packed.shop), describe_machines(packed.machines, packed.shop)):
            assert torch.isfinite(features).all()
            assert features.abs().max() <= 3.0


def test_features_do_not_depend_on_the_unit_of_time_or_money() -> None:
    """The same plant in half minutes: all times double; the same in another currency: all costs a hundredfold."""
    from envs.observation.columns import CANDIDATES, MACHINES, SHOP

    packed = pack(moments("microfactory", steps=20)[-1])

    def scaled(table: torch.Tensor, columns: tuple, factors: dict[str, float]) -> torch.Tensor:
        return table * torch.tensor([factors.get(column.unit, 1.0) for column in columns], dtype=table.dtype)

    factors = {"ticks": 2.0, "currency": 100.0, "currency/tick": 50.0, "currency/weight/tick": 50.0, "currency/hour": 100.0, "currency/kWh": 100.0}
    rows, machines, shop = (scaled(*pair, factors) for pair in ((packed.rows, CANDIDATES), (packed.machines, MACHINES), (packed.shop, SHOP)))
    np.testing.assert_allclose(describe_rows(rows, shop[packed.sample]), describe_rows(packed.rows, packed.shop[packed.sample]), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(describe_machines(machines, shop), describe_machines(packed.machines, packed.shop), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(describe_shop(shop), describe_shop(packed.shop), rtol=1e-3, atol=1e-4)

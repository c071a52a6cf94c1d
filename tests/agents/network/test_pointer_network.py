"""The network: it starts as its prior, ignores the order of rows and machines, and illegal rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from agents.index.feature_table import FEATURES
from agents.index.policy import IndexPolicy
from agents.index.transforms import fill_row_features
from agents.network.features_torch import machine_features, row_features, shop_features
from agents.network.packed_tables import PackedTables, decide_greedily
from agents.network.pointer_network import RaggedObservation, SegmentOps
from envs.observation.tables import Tables, as_observation
from tests.builders.networks import WEIGHTS, moments, network


def pack(tables: Tables) -> RaggedObservation:
    mask = tables.action_mask.astype(bool)
    sample = np.repeat(np.arange(len(mask)), mask.sum(axis=1))
    return RaggedObservation(
        *(
            torch.from_numpy(np.ascontiguousarray(part))
            for part in (tables.candidates[mask], sample, tables.machines, tables.shop)
        )
    )


@pytest.mark.parametrize("names", [("microfactory",), ("scarce_crew", "one_of_a_kind"), ("green",)])
def test_features_in_torch_are_those_of_the_index(names: tuple[str, ...]) -> None:
    compared = 0
    for tables in moments(*names):
        packed = pack(tables)
        features = row_features(packed.rows, packed.shop[packed.sample]).numpy()
        expected = np.zeros(len(FEATURES))
        for row, sample, actual in zip(
            packed.rows.numpy(), packed.sample.numpy(), features, strict=True
        ):
            fill_row_features(row, tables.shop[sample], expected)
            np.testing.assert_allclose(actual, expected, rtol=2e-5, atol=2e-6)
            compared += 1
    assert compared > 100


@pytest.mark.parametrize(
    "names", [("microfactory", "tiny"), ("scarce_crew", "one_of_a_kind"), ("green",)]
)
def test_what_is_read_compiled_is_what_torch_makes_of_the_tables(names: tuple[str, ...]) -> None:
    made = network()
    for tables in moments(*names):
        read = PackedTables(
            tables.candidates, tables.machines, tables.shop, tables.action_mask, made.weights
        ).network_input
        expected = made.encode(pack(tables))
        for name, actual, reference in zip(read._fields, read, expected, strict=True):
            torch.testing.assert_close(actual, reference, rtol=2e-5, atol=5e-6, msg=name)


def test_an_untrained_network_decides_as_its_index_does() -> None:
    policy, untrained = IndexPolicy(WEIGHTS), network()
    for tables in moments("microfactory", "unreliable"):
        observation = as_observation(tables)
        choices = decide_greedily(untrained, observation)
        assert choices.tolist() == np.asarray(policy.decide(observation)).tolist()


def test_reordering_rows_reorders_logits_and_leaves_values() -> None:
    (tables, *_), trained = moments("microfactory", steps=30)[2:], network(trained=True)
    packed = pack(tables)
    logits, values, *_ = trained(trained.encode(packed))
    order = torch.argsort(
        packed.sample * 1000 - torch.arange(len(packed.sample))
    )  # backwards within each sample
    reordered = packed._replace(rows=packed.rows[order], sample=packed.sample[order])
    other_logits, other_values, *_ = trained(trained.encode(reordered))
    torch.testing.assert_close(other_logits, logits[order], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(other_values, values, rtol=1e-4, atol=1e-5)


def test_reordering_machines_changes_nothing() -> None:
    packed, trained = pack(moments("microfactory", steps=20)[-1]), network(trained=True)
    turned = packed._replace(machines=packed.machines.flip(1))
    for before, after in zip(
        trained(trained.encode(packed))[:2], trained(trained.encode(turned))[:2], strict=True
    ):
        torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-5)


def test_a_sample_is_not_touched_by_its_neighbours() -> None:
    packed, trained = pack(moments("microfactory", steps=20)[-1]), network(trained=True)
    logits, values, *_ = trained(trained.encode(packed))
    for n in range(3):
        mine = packed.sample == n
        alone = RaggedObservation(
            packed.rows[mine],
            torch.zeros(int(mine.sum()), dtype=torch.int64),
            packed.machines[n : n + 1],
            packed.shop[n : n + 1],
        )
        own_logits, own_values, *_ = trained(trained.encode(alone))
        torch.testing.assert_close(own_logits, logits[mine], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(own_values, values[n : n + 1], rtol=1e-4, atol=1e-5)


def test_segments_by_hand() -> None:
    segments = SegmentOps(torch.tensor([0, 0, 2]), 3)
    values = torch.tensor([[1.0], [3.0], [-5.0]])
    assert segments.sum(values).flatten().tolist() == [4.0, 0.0, -5.0]
    assert segments.mean(values).flatten().tolist() == [2.0, 0.0, -5.0]
    assert segments.max(values).flatten().tolist() == [3.0, 0.0, -5.0]
    expected = torch.log_softmax(torch.tensor([0.5, 2.0]), 0)
    torch.testing.assert_close(
        segments.log_softmax(torch.tensor([0.5, 2.0, 7.0])), torch.cat([expected, torch.zeros(1)])
    )


def test_log_probabilities_survive_huge_logits() -> None:
    log_probabilities = SegmentOps(torch.tensor([0, 0]), 1).log_softmax(torch.tensor([1e4, -1e4]))
    assert log_probabilities.tolist() == [0.0, -2e4]


@pytest.mark.parametrize("name", ["microfactory", "green", "tiny", "rush_prototypes"])
def test_features_of_shop_and_machines_stay_small_and_finite(name: str) -> None:
    for tables in moments(name, steps=24):
        packed = pack(tables)
        for features in (
            shop_features(packed.shop),
            machine_features(packed.machines, packed.shop),
        ):
            assert torch.isfinite(features).all()
            assert features.abs().max() <= 3.0


def test_features_do_not_depend_on_the_unit_of_time_or_money() -> None:
    """The same plant in half minutes: all times double; the same in another currency: all costs a
    hundredfold."""
    from envs.observation.columns import CANDIDATES, MACHINES, SHOP

    packed = pack(moments("microfactory", steps=20)[-1])

    def scaled(table: torch.Tensor, columns: tuple, factors: dict[str, float]) -> torch.Tensor:
        return table * torch.tensor(
            [factors.get(column.unit, 1.0) for column in columns], dtype=table.dtype
        )

    factors = {
        "ticks": 2.0,
        "currency": 100.0,
        "currency/tick": 50.0,
        "currency/weight/tick": 50.0,
        "currency/hour": 100.0,
        "currency/kWh": 100.0,
    }
    rows, machines, shop = (
        scaled(*pair, factors)
        for pair in ((packed.rows, CANDIDATES), (packed.machines, MACHINES), (packed.shop, SHOP))
    )
    np.testing.assert_allclose(
        row_features(rows, shop[packed.sample]),
        row_features(packed.rows, packed.shop[packed.sample]),
        rtol=1e-3,
        atol=1e-4,
    )
    np.testing.assert_allclose(
        machine_features(machines, shop),
        machine_features(packed.machines, packed.shop),
        rtol=1e-3,
        atol=1e-4,
    )
    np.testing.assert_allclose(
        shop_features(shop), shop_features(packed.shop), rtol=1e-3, atol=1e-4
    )

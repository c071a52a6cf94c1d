"""Inputs of network and critic do not depend on the length of a tick."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agents.index.feature_table import SHOP_PART, part_of
from agents.index.policy import IndexPolicy, as_array
from agents.network.critic_features import CriticFeatures
from agents.network.feature_sizes import FALLBACKS
from agents.network.packed_tables import PackedTables
from envs.batch import Batch
from envs.observation.tables import as_observation
from factory.io.factory_toml import parse_factory
from factory.model import Factory, Order, OrderBook
from tests.builders.networks import WEIGHTS

_INPUTS = ("rows", "prior", "machines", "shop")


_POWER = {"idle_power": 1.0, "processing_power": 9.0, "changeover_power": 3.0}
_MINUTES = {"white": (40, 60), "red": (60, 40), "black": (80, 100)}
"""Process times of cutting and coating, by product, which is also a colour."""
_CHANGEOVERS = ((0, 30, 40), (20, 0, 30), (60, 50, 0))
_COSTS = {"tardiness": 30.0, "changeover": 1.0, "energy": 1.0, "holding": 2.0, "scale": 500.0}


def factory_with(tick_minutes: float) -> Factory:
    """Return a factory without chance, whose times in minutes do not depend on the tick."""

    def ticks(minutes: int) -> int:
        assert minutes % tick_minutes == 0
        return int(minutes / tick_minutes)

    colour = {
        "name": "colour",
        "values": list(_MINUTES),
        "time": [[ticks(minutes) for minutes in row] for row in _CHANGEOVERS],
        "cost": [[0.0, 4.0, 6.0], [3.0, 0.0, 2.0], [8.0, 5.0, 0.0]],
    }
    paint = [{"name": name, **_POWER} for name in ("booth", "cabin")]
    centres: list[dict[str, Any]] = [
        {"name": "saws", "machines": [{"name": "saw", **_POWER}]},
        {"name": "paint", "machines": paint, "attributes": [colour]},
    ]
    data = {
        "name": "clockwork",
        "tick_minutes": tick_minutes,
        "start_hour": 6,
        "work_centres": [{**centre, "longest_wait": ticks(120)} for centre in centres],
        "products": [
            {"name": name, "operations": route(name, ticks(cut), ticks(coat))}
            for name, (cut, coat) in _MINUTES.items()
        ],
        "tariff": {"price": [0.1 + 0.02 * (hour % 7) for hour in range(24)]},
        "costs": _COSTS,
    }
    return parse_factory(data, "clockwork.toml")


def route(colour: str, cut: int, coat: int) -> list[dict[str, Any]]:
    """Return the operations of a product, with process times in ticks."""
    return [
        {"name": "cut", "work_centre": "saws", "process_time": cut},
        {
            "name": "coat",
            "work_centre": "paint",
            "process_time": coat,
            "setup": {"colour": colour},
        },
    ]


def order_book(tick_minutes: float, count: int = 14) -> OrderBook:
    """Return an order book, some of whose orders will be late."""
    names = ("white", "red", "black", "red", "white")
    orders = tuple(
        Order(
            order_id=str(n),
            release_date=int(35 * n / tick_minutes),
            due_date=int((35 * n + 240 + 60 * (n % 4)) / tick_minutes),
            weight=1.0 + n % 3,
            product=names[n % len(names)],
        )
        for n in range(count)
    )
    return OrderBook(orders=orders)


def inputs_on_the_way(tick_minutes: float) -> list[dict[str, Any]]:
    """Return the inputs of network and critic at each decision of an episode of the index."""
    batch = Batch([factory_with(tick_minutes)], [order_book(tick_minutes)], num_envs=1)
    critic_features, policy, results = CriticFeatures(batch), IndexPolicy(WEIGHTS), []
    weights = np.append(as_array(WEIGHTS), np.zeros(FALLBACKS))
    batch.reset(np.zeros(1, np.uint64))
    while not batch.ended.all():
        packed = PackedTables.from_tables(batch.tables, weights)
        inputs = {name: getattr(packed.network_input, name).numpy() for name in _INPUTS}
        results.append({**inputs, "privileged": critic_features.update().copy()})
        rows = policy.decide(as_observation(batch.tables))
        batch.step(np.asarray(rows, np.int64), autoreset=False)
    return results


@pytest.mark.parametrize("tick_minutes", [5.0, 0.5])
def test_inputs_do_not_depend_on_the_length_of_a_tick(tick_minutes: float) -> None:
    expected, results = inputs_on_the_way(1.0), inputs_on_the_way(tick_minutes)
    assert len(results) == len(expected) > 28
    for decision, (ours, theirs) in enumerate(zip(results, expected, strict=True)):
        for name in ours:
            np.testing.assert_allclose(
                ours[name], theirs[name], rtol=2e-5, atol=2e-6, err_msg=f"{decision}: {name}"
            )


def test_costs_per_hour_and_per_tick_are_among_these_inputs() -> None:
    names = [feature.name for feature in part_of(SHOP_PART)]
    shops = np.concatenate([inputs["shop"] for inputs in inputs_on_the_way(5.0)])
    for name in ("processing_cost", "holding_rate", "price_soon"):
        column = np.abs(shops[:, names.index(name)])
        assert column.max() > 0.01, name
        assert column.max() < 1.0, name

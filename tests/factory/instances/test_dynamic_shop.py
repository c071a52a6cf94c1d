"""Random streams of the dynamic job shop."""

from __future__ import annotations

import statistics
from collections import Counter
from typing import Any

import pytest

from factory.instances.read import (
    draw_dynamic_shop,
)
from tests.builders.instance_texts import (
    jobs_of,
)


def test_dynamic_shop_draws_jobs_as_published() -> None:
    instance = draw_dynamic_shop(
        seed=3, utilisation=0.8, due_date_factor=4.0, num_jobs=1500, ticks_per_unit=100
    )
    jobs = jobs_of(instance)
    times = Counter(time for route in jobs for _, time in route)
    assert set(times) == {100 * time for time in range(1, 50)}
    assert all(len({centre for centre, _ in route}) == len(route) == 10 for route in jobs)
    assert Counter(route[0][0] for route in jobs).keys() == {f"C{c}" for c in range(10)}
    weights = Counter(order.weight for order in instance.book.orders)
    assert [weights[weight] / 1500 for weight in (1.0, 2.0, 4.0)] == pytest.approx(
        [0.2, 0.6, 0.2], abs=0.04
    )
    gaps = [
        b.release_date - a.release_date
        for a, b in zip(instance.book.orders, instance.book.orders[1:], strict=False)
    ]
    assert statistics.mean(gaps) == pytest.approx(100 * 25 / 0.8, rel=0.1)
    assert statistics.stdev(gaps) == pytest.approx(statistics.mean(gaps), rel=0.1)
    for order, route in zip(instance.book.orders, jobs, strict=True):
        assert order.due_date == order.release_date + 4 * sum(time for _, time in route)


def test_dynamic_shop_with_partial_routes_visits_two_to_ten_machines() -> None:
    jobs = jobs_of(
        draw_dynamic_shop(
            seed=1,
            utilisation=0.9,
            due_date_factor=6,
            operations=(2, 10),
            num_jobs=300,
            ticks_per_unit=1,
        )
    )
    assert {len(route) for route in jobs} == set(range(2, 11))


def test_dynamic_shops_of_one_seed_have_the_same_jobs_at_any_load() -> None:
    slow, busy, other = (
        draw_dynamic_shop(seed, load, 4.0, num_jobs=50)
        for seed, load in ((1, 0.8), (1, 0.95), (2, 0.8))
    )
    assert jobs_of(slow) == jobs_of(busy) != jobs_of(other)
    assert slow.book.orders[-1].release_date > busy.book.orders[-1].release_date


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ({"utilisation": 1.0}, "utilisation = 1.0; must lie in (0, 1)"),
        ({"operations": (0, 10)}, "operations = (0, 10)"),
        ({"operations": (2, 11)}, "operations = (2, 11)"),
        ({"num_jobs": 0}, "num_jobs = 0; must be at least 1"),
        ({"seed": -1}, "seed = -1; must be at least 0"),
        ({"due_date_factor": float("nan")}, "due_date_factor = nan; must be a finite number"),
        ({"due_date_factor": -0.5}, "due_date_factor = -0.5; must be at least 0"),
    ],
)
def test_dynamic_shop_refuses_arguments_out_of_range(arguments: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 the message is compared below
        draw_dynamic_shop(**{"seed": 1, "utilisation": 0.8, "due_date_factor": 4.0, **arguments})
    assert rule in str(refusal.value)

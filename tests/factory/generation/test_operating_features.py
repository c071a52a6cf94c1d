"""Random shifts, people, maintenance and runs: valid, varied, playable, and off by default."""

from __future__ import annotations

from functools import cache

import pytest

from factory.generation.generator import draw_factory
from factory.generation.offered_load import offered_load
from factory.generation.ranges import RandomisedRanges, load_ranges
from factory.io.catalogue import FACTORIES_FOLDER
from factory.model import Factory, Machine
from factory.validation.factory import check_factory
from tests.builders.shipped_factories import played_by_atcs

SEEDS = 200
SHIPPED = load_ranges(FACTORIES_FOLDER / "randomised.toml")
OPERATING = {"shifts", "staff_groups", "maintenance_share", "run_share"}


@cache
def drawn() -> tuple[Factory, ...]:
    return tuple(draw_factory(seed, SHIPPED) for seed in range(SEEDS))


def machines_of(factory: Factory) -> list[Machine]:
    return [machine for centre in factory.work_centres for machine in centre.machines]


def test_every_drawn_factory_is_valid() -> None:
    for factory in drawn():
        check_factory(factory)


def test_features_are_drawn_on_and_off() -> None:
    has = [
        (
            any(machine.calendar for machine in machines_of(factory)),
            bool(factory.staff),
            any(machine.maintenance for machine in machines_of(factory)),
            any(a.min_run or a.max_run for c in factory.work_centres for a in c.attributes),
        )
        for factory in drawn()
    ]
    for feature in zip(*has, strict=True):
        assert 0.2 * SEEDS < sum(feature) < 0.9 * SEEDS
    assert (False,) * 4 in has
    assert (True,) * 4 in has


def test_load_counts_open_time() -> None:
    for factory in drawn():
        assert 0.35 < max(offered_load(factory).values()) <= SHIPPED.load[1] + 0.01


def test_without_features_a_factory_is_that_of_its_other_ranges() -> None:
    plain = SHIPPED.model_copy(
        update={name: getattr(RandomisedRanges(), name) for name in OPERATING}
    )
    assert plain == RandomisedRanges()
    for seed in range(20):
        bare, full = draw_factory(seed), draw_factory(seed, SHIPPED)
        assert not bare.calendars
        assert not bare.staff
        assert bare.options == full.options
        assert [machine.speed for machine in machines_of(bare)] == [
            machine.speed for machine in machines_of(full)
        ]


@pytest.mark.parametrize("seed", range(24))
def test_drawn_plants_keep_up_with_their_orders_under_a_good_rule(seed: int) -> None:
    """Orders spend less than two weeks in a plant that works one shift a day."""
    shop = played_by_atcs(drawn()[seed], seed=1)
    orders = shop.orders[0]
    assert (orders.completion_date >= 0).all()
    assert (orders.completion_date - orders.release_date).mean() < 2 * 7 * 24 * 60

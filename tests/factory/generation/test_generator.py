"""Random factories: valid, within the ranges, reproducible, and varied."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from factory.generation.generator import draw_factory
from factory.generation.offered_load import changeover_profile, offered_load
from factory.generation.ranges import RandomisedRanges
from factory.model import Attribute, Demand, Factory, Machine, Operation, WorkCentre
from factory.simulator import Simulator
from factory.validation.factory import check_factory

SEEDS = 300
DEFAULTS = RandomisedRanges()
NARROW = RandomisedRanges(
    machines=(4, 5),
    work_centres=(2, 3),
    products=(2, 3),
    branches=(1, 2),
    attributes=(1, 2),
    values=(3, 4),
    severity=(0.5, 0.6),
    load=(0.5, 0.55),
    tightness=(2.0, 2.5),
    num_orders=(10, 12),
    cv=(0.1, 0.1),
    rework=(0.0, 0.0),
    forbidden_share=(0.0, 0.0),
)


@cache
def drawn(ranges: RandomisedRanges = DEFAULTS) -> tuple[Factory, ...]:
    return tuple(draw_factory(seed, ranges) for seed in range(SEEDS if ranges is DEFAULTS else 40))


def demand_of(factory: Factory) -> Demand:
    assert factory.demand is not None
    return factory.demand


def attributes_of(factory: Factory) -> list[Attribute]:
    return [attribute for centre in factory.work_centres for attribute in centre.attributes]


def operations_of(factory: Factory) -> list[Operation]:
    return [operation for product in factory.products for operation in product.operations]


def machines_of(factory: Factory) -> list[Machine]:
    return [machine for centre in factory.work_centres for machine in centre.machines]


def within(value: float, ends: tuple[float, float], slack: float = 0.0) -> bool:
    return ends[0] - slack <= value <= ends[1] + slack


# --- validity -------------------------------------------------------------------------------------


def test_every_drawn_factory_is_valid() -> None:
    for factory in drawn():
        assert Factory.model_validate(factory.model_dump()) == factory
        check_factory(factory, factory.name)  # raises an error if anything is inconsistent


def test_same_seed_gives_the_same_factory() -> None:
    assert draw_factory(11) == draw_factory(11) == drawn()[11]
    assert draw_factory(11, NARROW) != draw_factory(11)


def test_different_seeds_give_different_factories() -> None:
    plants = {
        factory.model_copy(update={"name": "", "description": ""}).model_dump_json()
        for factory in drawn()
    }
    assert len(plants) == SEEDS


def test_seed_must_not_be_negative() -> None:
    with pytest.raises(ValueError, match="seed = -1; must be at least 0"):
        draw_factory(-1)


def test_bug_a_factory_has_a_whole_seed_of_any_kind() -> None:
    assert draw_factory(np.int64(3)) == draw_factory(3)
    for seed in (2.5, True, "3"):
        with pytest.raises(TypeError, match=r"seed = .*; must be a whole number"):
            draw_factory(seed)  # type: ignore[arg-type]


def test_drawn_factories_can_be_simulated_to_the_end() -> None:
    for seed in range(3):
        simulator = Simulator(draw_factory(seed, NARROW))
        simulator.reset(seed)
        while simulator.deciding is not None:
            simulator.decide(next(choice.row for choice in simulator.choices() if choice.legal))
        assert simulator.schedule().complete


# --- ranges ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("ranges", [DEFAULTS, NARROW], ids=["defaults", "narrow"])
def test_sizes_lie_within_the_ranges(ranges: RandomisedRanges) -> None:
    for factory in drawn(ranges):
        assert within(sum(len(centre.machines) for centre in factory.work_centres), ranges.machines)
        assert within(len(factory.work_centres), ranges.work_centres)
        assert within(len(factory.products), ranges.products)
        assert within(demand_of(factory).num_orders, ranges.num_orders)
        assert all(
            within(len(centre.attributes), ranges.attributes) for centre in factory.work_centres
        )
        assert all(
            within(len(attribute.values), ranges.values) for attribute in attributes_of(factory)
        )


@pytest.mark.parametrize("ranges", [DEFAULTS, NARROW], ids=["defaults", "narrow"])
def test_due_dates_uncertainty_and_rates_lie_within_the_ranges(ranges: RandomisedRanges) -> None:
    for factory in drawn(ranges):
        assert all(
            within(end, ranges.tightness)
            for customer in demand_of(factory).customers
            for end in customer.allowance
        )
        assert within(factory.uncertainty.cv, ranges.cv)
        assert within(factory.uncertainty.rework_probability, ranges.rework)
        assert within(factory.costs.tardiness, ranges.tardiness_rate)
        assert all(
            regime.late_probability <= ranges.late_material[1] for regime in factory.material
        )


def test_machines_differ_and_fail_within_the_ranges() -> None:
    for factory in drawn():
        for machine in machines_of(factory):
            assert abs(machine.speed - 1) <= DEFAULTS.speed_spread[1] + 1e-9
            if machine.mean_time_to_failure and machine.mean_time_to_repair:
                down_share = machine.mean_time_to_repair / (
                    machine.mean_time_to_failure + machine.mean_time_to_repair
                )
                assert down_share <= DEFAULTS.down_share[1] + 0.01


@pytest.mark.parametrize("ranges", [DEFAULTS, NARROW], ids=["defaults", "narrow"])
def test_busiest_work_centre_is_loaded_within_the_range(ranges: RandomisedRanges) -> None:
    for factory in drawn(ranges):
        assert within(max(offered_load(factory).values()), ranges.load, slack=0.005), factory.name


def matrix_severity(factory: Factory, centre: WorkCentre) -> float:
    """Return the mean of the matrices off the diagonal over the mean nominal process time.

    Attributes that add count with the sum of their means.
    """
    means = [
        np.array(attribute.time).sum() / (len(attribute.values) * (len(attribute.values) - 1))
        for attribute in centre.attributes
    ]
    times = [
        operation.process_time or float(np.mean(list((operation.machine_times or {}).values())))
        for operation in operations_of(factory)
        if operation.work_centre == centre.name
    ]
    return float((sum(means) if centre.combine == "sum" else max(means)) / np.mean(times))


def test_severities_of_changeovers_lie_within_the_range() -> None:
    """Allow for the sizes of products and for rounding.

    Operations are 0.75 x 0.85 to 1.3 x 1.15 times as long as the mean time that the severity refers
    to.
    """
    severities = [
        matrix_severity(factory, centre)
        for factory in drawn()
        for centre in factory.work_centres
        if centre.attributes
    ]
    low, high = DEFAULTS.severity
    assert all(within(severity, (low / 1.6, high / 0.6)) for severity in severities)
    assert within(float(np.median(severities)), (0.5, 0.7))


def test_crews_are_never_more_than_machines_nor_fewer_than_the_range() -> None:
    for factory in drawn():
        machines = sum(len(centre.machines) for centre in factory.work_centres)
        assert factory.crews is not None
        assert max(1, round(DEFAULTS.crew_share[0] * machines)) <= factory.crews <= machines


def test_load_leaves_capacity_for_changeovers() -> None:
    """Half the changeovers of first come, first served fit beside processing.

    The only exceptions are factories at the minimum load.
    """
    for factory in drawn():
        profile = changeover_profile(factory)
        loads = offered_load(factory)
        gross = max(
            share * (1 + 0.5 * profile[name].probability * profile[name].severity)
            for name, share in loads.items()
        )
        assert gross < 0.955 or max(loads.values()) < DEFAULTS.load[0] + 0.005, factory.name


# --- variety --------------------------------------------------------------------------------------


def test_draws_reach_both_ends_of_the_ranges() -> None:
    machines = {len(machines_of(factory)) for factory in drawn()}
    values = {len(attribute.values) for factory in drawn() for attribute in attributes_of(factory)}
    loads = [max(offered_load(factory).values()) for factory in drawn()]
    assert machines == set(range(3, 16))
    assert values == set(range(2, 9))
    counts = {len(centre.attributes) for factory in drawn() for centre in factory.work_centres}
    assert counts == {0, 1, 2, 3}
    assert min(loads) < 0.62
    assert max(loads) > 0.84


FEATURES: dict[str, Callable[[Factory], bool]] = {
    "joins": lambda f: any(len(operation.after or ()) > 1 for operation in operations_of(f)),
    "own machine times": lambda f: any(operation.machine_times for operation in operations_of(f)),
    "own routes": lambda f: len({product.operations[0].name for product in f.products}) > 1,
    "forbidden pairs": lambda f: any(attribute.forbidden for attribute in attributes_of(f)),
    "attributes that add": lambda f: any(
        centre.combine == "sum" and len(centre.attributes) > 1 for centre in f.work_centres
    ),
    "waste": lambda f: any(attribute.waste for attribute in attributes_of(f)),
    "options": lambda f: bool(f.options),
    "launches": lambda f: any(product.launch_date > 0 for product in f.products),
    "demand regimes": lambda f: len(demand_of(f).regimes) > 1,
    "mix drift": lambda f: any(regime.mix_end for regime in demand_of(f).regimes),
    "batches": lambda f: demand_of(f).batch[1] > 1,
    "late material": lambda f: (
        bool(f.material) and any(operation.needs_material for operation in operations_of(f))
    ),
    "failures": lambda f: any(machine.mean_time_to_failure for machine in machines_of(f)),
    "scarce crews": lambda f: f.crews is not None and f.crews < len(machines_of(f)),
    "hourly prices": lambda f: len(set(f.tariff.price)) > 2,
}
"""Whether a factory has each feature of the model."""


@pytest.mark.parametrize("feature", FEATURES)
def test_every_feature_of_the_model_is_drawn(feature: str) -> None:
    assert 0.03 < np.mean([FEATURES[feature](factory) for factory in drawn()]) <= 1


def test_launches_lie_within_the_episode() -> None:
    for factory in drawn():
        demand = demand_of(factory)
        slowest = max(regime.interarrival_time for regime in demand.regimes)
        for product in factory.products:
            assert product.launch_date <= 0.75 * slowest * demand.num_orders

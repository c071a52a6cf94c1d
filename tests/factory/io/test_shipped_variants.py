"""Features of each shipped factory: the default, its variants, large, tiny."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from factory.cost_terms import COST_TERMS
from factory.generation.offered_load import changeover_profile, mean_interarrival_time, offered_load
from factory.io.catalogue import find_single_factory
from factory.simulator import Simulator
from tests.builders.shipped_factories import (
    STOCHASTIC,
    VARIANTS,
    demand_of,
    option_values,
    orders_of,
    played,
    product_of,
    reference,
    sizes,
)

# --- the default ----------------------------------------------------------------------------------


def test_microfactory_has_ten_machines_in_five_centres() -> None:
    assert sizes(find_single_factory("microfactory")) == {
        "body": 2,
        "paint": 2,
        "powertrain": 2,
        "assembly": 3,
        "test": 1,
    }


def test_microfactory_joins_body_and_powertrain_at_assembly() -> None:
    for product in find_single_factory("microfactory").products:
        after = {operation.name: operation.after for operation in product.operations}
        assert [operation.name for operation in product.operations] == [
            "body",
            "paint",
            "powertrain",
            "assembly",
            "test",
        ]
        assert (after["paint"], after["test"]) == (None, None)  # after body, after assembly
        assert after["powertrain"] == ()
        assert after["assembly"] == ("paint", "powertrain")


def test_microfactory_offers_four_products_and_five_options() -> None:
    factory = find_single_factory("microfactory")
    assert len(factory.products) == 4
    assert [len(option_values(factory, name)) for name in ("colour", "battery", "trim")] == [
        6,
        3,
        4,
    ]
    assert len(option_values(factory, "roof")) > 1
    assert len(option_values(factory, "software")) > 1


def test_microfactory_changes_over_for_seven_tenths_of_a_process_time() -> None:
    severities = [
        centre.severity
        for centre in changeover_profile(find_single_factory("microfactory")).values()
        if centre.probability > 0
    ]
    assert len(severities) == 4
    assert np.mean(severities) == pytest.approx(0.7, abs=0.03)


def test_microfactory_is_busy_78_percent_of_the_time() -> None:
    factory = find_single_factory("microfactory")
    machines = sizes(factory)
    assert sum(
        share * machines[name] for name, share in offered_load(factory).items()
    ) / 10 == pytest.approx(0.78, abs=0.01)


def test_microfactory_has_three_customer_classes() -> None:
    demand = demand_of(find_single_factory("microfactory"))
    assert demand.num_orders == 100
    assert [(customer.weight, customer.share) for customer in demand.customers] == [
        (1.0, 0.5),
        (2.0, 0.3),
        (4.0, 0.2),
    ]
    assert {customer.allowance for customer in demand.customers} == {(1.5, 4.0)}


@pytest.mark.parametrize("name", ["microfactory", "large", "one_of_a_kind"])
def test_changes_to_darker_colours_are_cheaper_than_to_lighter_colours(name: str) -> None:
    paint = next(
        centre for centre in find_single_factory(name).work_centres if centre.name == "paint"
    )
    colour = paint.attributes[0]
    assert colour.cost is not None
    assert colour.waste is not None
    for matrix in (colour.time, colour.cost, colour.waste):
        darker = [matrix[i][j] for i in range(len(matrix)) for j in range(i + 1, len(matrix))]
        lighter = [matrix[j][i] for i in range(len(matrix)) for j in range(i + 1, len(matrix))]
        assert all(up < down for up, down in zip(darker, lighter, strict=True))
        assert all(
            nearer <= further
            for row in range(len(matrix))
            for nearer, further in pairwise(matrix[row][row:])
        )


@pytest.mark.parametrize("name", STOCHASTIC)
def test_changeover_times_obey_the_triangle_inequality(name: str) -> None:
    for centre in find_single_factory(name).work_centres:
        for attribute in centre.attributes:
            time = np.array(attribute.time)
            assert (time <= (time[:, :, None] + time[None, :, :]).min(axis=1)).all(), (
                f"{centre.name}.{attribute.name}"
            )


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_share_the_plant_of_the_default(name: str) -> None:
    assert sizes(find_single_factory(name)) == sizes(find_single_factory("microfactory"))


# --- the variants ---------------------------------------------------------------------------------


def test_demand_swing_overloads_the_plant_in_one_regime_only() -> None:
    factory = find_single_factory("demand_swing")
    demand = demand_of(factory)
    retail, season = (
        max(
            offered_load(
                factory.model_copy(
                    update={"demand": demand.model_copy(update={"regimes": (regime,)})}
                )
            ).values()
        )
        for regime in demand.regimes
    )
    assert retail < 0.65
    assert season > 1.1
    assert max(offered_load(factory).values()) < 0.8


def test_demand_swing_changes_the_mix() -> None:
    retail, season = demand_of(find_single_factory("demand_swing")).regimes
    assert season.mix["van"] > 1.5 * retail.mix["van"]
    assert set(season.options["colour"]) < set(
        option_values(find_single_factory("demand_swing"), "colour")
    )
    assert retail.mix_end is not None
    assert retail.mix_end != retail.mix


def test_new_model_is_ordered_from_its_launch_on() -> None:
    launch_date = product_of(find_single_factory("new_model"), "roadster").launch_date
    for seed in range(10):
        orders = orders_of("new_model", seed)
        late = [order.product for order in orders if order.release_date >= launch_date]
        assert "roadster" not in [
            order.product for order in orders if order.release_date < launch_date
        ]
        assert 0.15 < late.count("roadster") / len(late) < 0.6


def test_new_model_wants_setups_that_no_other_product_wants() -> None:
    factory = find_single_factory("new_model")
    before: set[tuple[str, str]] = set()
    new: set[tuple[str, str]] = set()
    for product in factory.products:
        wanted = new if product.name == "roadster" else before
        wanted |= {
            setting for operation in product.operations for setting in operation.setup.items()
        }
        for option in factory.options:
            if option.products is None or product.name in option.products:
                wanted |= {
                    setting
                    for value in option.values
                    for effect in value.effects
                    for setting in effect.setup.items()
                }
    assert new - before == {
        ("fixture", "roadster"),
        ("colour", "copper"),
        ("battery", "solid_state"),
        ("platform", "sports"),
    }


def test_supply_shock_makes_material_late() -> None:
    factory = find_single_factory("supply_shock")
    usual, shock = factory.material
    assert shock.late_probability >= 10 * usual.late_probability
    assert shock.mean_lateness > usual.mean_lateness
    share = np.mean(
        [
            order.material_date > order.release_date
            for seed in range(30)
            for order in orders_of("supply_shock", seed)
        ]
    )
    assert 0.1 < share < 0.3


def test_unreliable_loses_a_tenth_of_its_time_and_spoils_first_pieces() -> None:
    factory = find_single_factory("unreliable")
    for centre in factory.work_centres[:4]:
        for machine in centre.machines:
            assert machine.mean_time_to_failure is not None
            assert machine.mean_time_to_repair is not None
            assert machine.mean_time_to_repair / (
                machine.mean_time_to_failure + machine.mean_time_to_repair
            ) == pytest.approx(0.1)
    assert (
        factory.uncertainty.first_piece_rework_probability
        == 6 * factory.uncertainty.rework_probability
    )


def test_unreliable_episode_has_failures_and_rework() -> None:
    schedule = played(find_single_factory("unreliable"), seed=3)
    assert len(schedule.failures) > 20
    assert sum(operation.attempt > 0 for operation in schedule.operations) > 10


def test_prototypes_are_urgent_and_heavy_and_come_in_bursts() -> None:
    orders = [order for seed in range(10) for order in orders_of("rush_prototypes", seed)]
    prototypes = [order for order in orders if order.product == "prototype"]
    assert {order.weight for order in prototypes} == {10.0}
    assert max(order.weight for order in orders if order.product != "prototype") == 4.0
    assert 0.05 < len(prototypes) / len(orders) < 0.2
    follows = [
        after.product == "prototype"
        for seed in range(10)
        for before, after in pairwise(orders_of("rush_prototypes", seed))
        if before.product == "prototype"
    ]
    assert np.mean(follows) > 2 * len(prototypes) / len(orders)


def test_prototypes_use_a_fixture_of_their_own() -> None:
    factory = find_single_factory("rush_prototypes")
    fixtures = {
        product.name: product.operations[0].setup["fixture"] for product in factory.products
    }
    assert list(fixtures.values()).count(fixtures["prototype"]) == 1


def test_green_is_about_energy_and_waste() -> None:
    shares = reference("green").shares
    assert shares["energy"] + shares["waste"] > 0.8
    assert min(shares["energy"], shares["waste"]) > 0.3
    price = find_single_factory("green").tariff.price
    assert max(price) > 8 * min(price)
    assert len(set(price)) > 12


def test_one_of_a_kind_repeats_hardly_any_order() -> None:
    factory = find_single_factory("one_of_a_kind")
    assert sum(len(centre.attributes) for centre in factory.work_centres) == 6
    unique = [
        len(
            {
                (order.product, *sorted(order.options.items()))
                for order in orders_of("one_of_a_kind", seed)
            }
        )
        for seed in range(10)
    ]
    assert min(unique) >= 97


def test_in_scarce_crew_changeovers_wait_for_crews() -> None:
    factory = find_single_factory("scarce_crew")
    assert factory.crews == 2
    schedule = played(factory, seed=1)
    changes = sorted(
        [(record.start_date, 1) for record in schedule.changeovers]
        + [(record.end_date, -1) for record in schedule.changeovers]
    )
    at_work = np.cumsum([change for _, change in changes])
    dates = np.array([date for date, _ in changes])
    assert at_work.max() == 2
    assert (np.diff(dates) * (at_work[:-1] == 2)).sum() > 0.5 * schedule.end_date


def test_large_has_thirty_machines_and_400_orders() -> None:
    factory = find_single_factory("large")
    assert sum(sizes(factory).values()) == 30
    assert demand_of(factory).num_orders == 400
    assert (
        len({machine.speed for centre in factory.work_centres for machine in centre.machines}) == 3
    )
    assert any(
        operation.machine_times for product in factory.products for operation in product.operations
    )


# --- tiny -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1])
def test_tiny_has_the_schedule_of_its_file(seed: int) -> None:
    """First come, first served welds all four frames before it fits any kart.

    cell   weld 0-4-8-12-16, change over 16-19, fit 19-24-29-34-39
    booth  coat 4-10-16-22-28
    """
    schedule = played(find_single_factory("tiny"), seed)
    spans = {
        name: [(o.start_date, o.end_date) for o in schedule.operations if o.name == name]
        for name in ("weld", "coat", "fit")
    }
    assert spans["weld"] == [(0, 4), (4, 8), (8, 12), (12, 16)]
    assert spans["coat"] == [(4, 10), (10, 16), (16, 22), (22, 28)]
    assert spans["fit"] == [(19, 24), (24, 29), (29, 34), (34, 39)]
    assert [(c.start_date, c.end_date, c.from_setup, c.to_setup) for c in schedule.changeovers] == [
        (16, 19, ("weld",), ("fit",))
    ]
    assert [(order.release_date, order.due_date) for order in schedule.orders] == [(0, 30)] * 4


def test_tiny_has_the_costs_of_its_file() -> None:
    simulator = Simulator(find_single_factory("tiny"))
    simulator.reset(seed=5)
    while simulator.deciding is not None:
        simulator.decide(next(choice.row for choice in simulator.choices() if choice.legal))
    assert simulator.costs == pytest.approx(
        dict(zip(COST_TERMS, (13.0, 5.0, 2.0, 3.075, 12.6, 0.0, 0.0, 0.0), strict=True))
    )
    assert sum(simulator.costs.values()) == pytest.approx(simulator.factory.costs.scale)


def test_tiny_load_is_15_minutes_of_work_an_interval() -> None:
    factory = find_single_factory("tiny")
    assert mean_interarrival_time(factory) == 15.0
    assert offered_load(factory) == pytest.approx({"cell": 9 / 15, "booth": 6 / 15})

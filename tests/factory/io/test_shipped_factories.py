"""Every shipped factory loads, is what docs/factories.md and its own comments promise, and is
heavily but bearably loaded."""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from envs.observation.tables import allocate_observation_scratch, allocate_tables
from envs.step_kernels import reference_cost
from factory.futures.lulls import allocate_lulls
from factory.generation.offered_load import changeover_profile, mean_interarrival_time, offered_load
from factory.generation.ranges import RandomisedRanges
from factory.io.catalogue import FACTORIES_FOLDER, find_factory, find_single_factory, shipped
from factory.io.order_book_csv import read_order_book
from factory.lookups import FactoryLookup
from factory.model import Demand, Factory, Product
from factory.schedule.records import OrderRecord, Schedule
from factory.simulation.allocation import allocate
from factory.simulation.arrays import COST_TERMS
from factory.simulation.load import load
from factory.simulator import Simulator
from factory.verification.reference_world import draw_orders

PROMISED = [
    "demand_swing", "green", "large", "microfactory", "new_model", "one_of_a_kind",
    "randomised", "rush_prototypes", "scarce_crew", "supply_shock", "tiny", "unreliable",
]  # fmt: skip
SINGLE = [name for name in PROMISED if name != "randomised"]
STOCHASTIC = [name for name in SINGLE if name != "tiny"]
VARIANTS = [name for name in STOCHASTIC if name not in ("large", "microfactory")]
GUIDE = (FACTORIES_FOLDER.parent.parent / "docs" / "factories.md").read_text(encoding="utf-8")
EPISODES = 24


def demand_of(factory: Factory) -> Demand:
    assert factory.demand is not None
    return factory.demand


@cache
def orders_of(name: str, seed: int) -> tuple[OrderRecord, ...]:
    return draw_orders(FactoryLookup(find_single_factory(name)), seed)


def product_of(factory: Factory, name: str) -> Product:
    return next(product for product in factory.products if product.name == name)


def option_values(factory: Factory, name: str) -> list[str]:
    return [
        value.name for option in factory.options if option.name == name for value in option.values
    ]


def sizes(factory: Factory) -> dict[str, int]:
    return {centre.name: len(centre.machines) for centre in factory.work_centres}


# --- files ----------------------------------------------------------------------------------------


def test_what_was_promised_ships() -> None:
    assert shipped() == PROMISED


@pytest.mark.parametrize("name", SINGLE)
def test_file_is_named_after_its_factory(name: str) -> None:
    factory = find_factory(name)
    assert isinstance(factory, Factory)
    assert factory.name == name
    assert factory.description


@pytest.mark.parametrize("name", PROMISED)
def test_file_says_what_it_models_and_why(name: str) -> None:
    lines = (FACTORIES_FOLDER / f"{name}.toml").read_text(encoding="utf-8").splitlines()
    opening = lines[: next(n for n, line in enumerate(lines) if not line.startswith("#"))]
    assert len(" ".join(opening).split()) > 40
    assert sum("#" in line for line in lines[len(opening) :]) >= 6


def test_name_that_is_not_shipped_gets_the_closest() -> None:
    with pytest.raises(ValueError, match=r"'microfactry' is not shipped\. Write 'microfactory'"):
        find_factory("microfactry")


def test_path_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"plant\.toml': there is no such file"):
        find_factory(tmp_path / "plant.toml")


def test_factory_is_found_by_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text((FACTORIES_FOLDER / "tiny.toml").read_text(encoding="utf-8"), encoding="utf-8")
    assert find_factory(path) == find_factory(str(path)) == find_factory("tiny")


def test_ranges_are_no_single_factory() -> None:
    assert isinstance(find_factory("randomised"), RandomisedRanges)
    with pytest.raises(ValueError, match="'randomised' holds ranges, but one factory is needed"):
        find_single_factory("randomised")


# --- the guide ------------------------------------------------------------------------------------


def guide_row(name: str) -> list[str]:
    shipped_table = GUIDE.partition("## Write your own factory")[0]
    (row,) = re.findall(rf"^\| `{name}` \|(.*)\|$", shipped_table, re.MULTILINE)
    return [cell.strip() for cell in row.split(" | ")]


@pytest.mark.parametrize("name", STOCHASTIC)
def test_guide_tells_size_load_and_changeovers(name: str) -> None:
    factory = find_single_factory(name)
    severities = sorted(
        round(at_centre.severity, 2)
        for at_centre in changeover_profile(factory).values()
        if at_centre.probability > 0
    )
    _, machines, products, orders, load_factor, changeovers = guide_row(name)
    assert machines == f"{sum(sizes(factory).values())}, {len(factory.work_centres)}"
    assert (int(products), int(orders)) == (len(factory.products), demand_of(factory).num_orders)
    assert float(load_factor) == pytest.approx(max(offered_load(factory).values()), abs=0.006)
    assert [float(end) for end in changeovers.split(" to ")] == [severities[0], severities[-1]]


def test_example_of_the_guide_is_a_factory_that_runs(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
    path = tmp_path / "bicycles.toml"
    path.write_text(text, encoding="utf-8")
    factory = find_single_factory(path)
    told = re.search(r"# paint ([\d.]+), wheels ([\d.]+), assembly ([\d.]+)", GUIDE)
    assert told is not None
    assert [round(share, 2) for share in offered_load(factory).values()] == [
        float(share) for share in told.groups()
    ]
    assert changeover_profile(factory)["paint"][:2] == pytest.approx((0.48, 10.0))
    assert played(factory, seed=1).complete


def test_order_book_of_the_guide_is_read_as_it_says(tmp_path: Path) -> None:
    """Tick 0 is midnight before the first release; due at the end of 10 April."""
    (text,) = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
    (book,) = re.findall(r"```\n(order_id,.*?)```", GUIDE, re.DOTALL)
    (tmp_path / "bicycles.toml").write_text(text, encoding="utf-8")
    (tmp_path / "orders.csv").write_text(book, encoding="utf-8")
    orders = read_order_book(
        tmp_path / "orders.csv", find_single_factory(tmp_path / "bicycles.toml")
    ).orders
    assert [order.release_date for order in orders] == [6 * 60, 30 * 60]
    assert [order.due_date for order in orders] == [11 * 24 * 60] * 2


def played(factory: Factory, seed: int) -> Schedule:
    """An episode in which each machine takes the first legal row: first come, first served."""
    simulator = Simulator(factory)
    simulator.reset(seed)
    while simulator.deciding is not None:
        simulator.decide(next(choice.row for choice in simulator.choices() if choice.legal))
    return simulator.schedule()


# --- load -----------------------------------------------------------------------------------------


class Reference(NamedTuple):
    """Means over episodes under ATCS(k1=2, k2=0.5)."""

    cost: float
    shares: dict[str, float]
    on_time: float
    flow_over_work: float


@cache
def reference(name: str) -> Reference:
    factory = find_single_factory(name)
    arrays = load([factory])
    shop = allocate(arrays, 1, job_rows=64, changeover_rows=16)
    working = (
        allocate_observation_scratch(shop),
        allocate_tables(arrays, shop, np.float32),
        allocate_lulls(arrays, 1),
    )
    episodes = []
    for seed in range(EPISODES // 4 if name == "large" else EPISODES):
        cost = reference_cost(arrays, shop, 0, 0, np.uint64(seed), *working)
        orders = shop.orders[0]
        on_time = (orders.completion_date <= orders.due_date).mean()
        exists = (
            np.arange(shop.operations.shape[2])
            < arrays.products.num_operations[0][orders.product][:, None]
        )
        work_content = (shop.operations.mean_time[0] * exists).sum(axis=1)
        flow = (orders.completion_date - orders.release_date).mean() / work_content.mean()
        episodes.append([cost, on_time, flow, *(shop.cost[0] / cost)])
    cost, on_time, flow, *shares = np.mean(episodes, axis=0).tolist()
    return Reference(cost, dict(zip(COST_TERMS, shares, strict=True)), on_time, flow)


@pytest.mark.parametrize("name", STOCHASTIC)
def test_cost_scale_is_what_atcs_costs(name: str) -> None:
    assert reference(name).cost == pytest.approx(find_single_factory(name).costs.scale, rel=0.25)


@pytest.mark.parametrize("name", STOCHASTIC)
def test_work_centres_share_the_load_evenly(name: str) -> None:
    loads = offered_load(find_single_factory(name)).values()
    assert min(loads) > 0.5
    assert max(loads) < 0.92
    assert min(loads) > 0.85 * max(loads)


@pytest.mark.parametrize("name", STOCHASTIC)
def test_shop_is_busy_but_does_not_drown_under_atcs(name: str) -> None:
    means = reference(name)
    assert 1.5 < means.flow_over_work < 3.5
    assert (0.9 if name == "green" else 0.5) < means.on_time
    assert means.on_time < (1.0 if name == "green" else 0.9)


@pytest.mark.parametrize("name", [name for name in STOCHASTIC if name != "green"])
def test_tardiness_and_changeovers_both_matter(name: str) -> None:
    shares = reference(name).shares
    assert 0.25 < shares["tardiness"] < 0.7
    assert 0.2 < shares["changeover"] + shares["waste"] < 0.55
    assert shares["energy"] + shares["holding"] < 0.35


@pytest.mark.parametrize("name", [name for name in STOCHASTIC if name != "green"])
def test_changing_over_for_every_order_is_impossible(name: str) -> None:
    factory = find_single_factory(name)
    profile = changeover_profile(factory)
    assert (
        max(
            share * (1 + profile[centre].probability * profile[centre].severity)
            for centre, share in offered_load(factory).items()
        )
        > 1
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


def test_microfactory_offers_what_was_promised() -> None:
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
def test_darker_colours_are_cheap_and_lighter_ones_dear(name: str) -> None:
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
def test_going_by_way_of_another_setup_is_never_quicker(name: str) -> None:
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


def test_demand_swing_changes_what_is_asked_for() -> None:
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


def test_new_model_wants_setups_that_nothing_before_it_wanted() -> None:
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


def test_scarce_crew_is_what_changeovers_wait_for() -> None:
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
def test_tiny_is_as_worked_out_in_its_file(seed: int) -> None:
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


def test_tiny_costs_what_its_file_adds_up() -> None:
    simulator = Simulator(find_single_factory("tiny"))
    simulator.reset(seed=5)
    while simulator.deciding is not None:
        simulator.decide(next(choice.row for choice in simulator.choices() if choice.legal))
    assert simulator.costs == pytest.approx(
        {"tardiness": 13.0, "changeover": 5.0, "waste": 2.0, "energy": 3.075, "holding": 12.6}
    )
    assert sum(simulator.costs.values()) == pytest.approx(simulator.factory.costs.scale)


def test_tiny_load_is_15_minutes_of_work_an_interval() -> None:
    factory = find_single_factory("tiny")
    assert mean_interarrival_time(factory) == 15.0
    assert offered_load(factory) == pytest.approx({"cell": 9 / 15, "booth": 6 / 15})

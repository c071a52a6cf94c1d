"""From objects to arrays: every number of the factory stands in its place, and padding means
nothing."""

from __future__ import annotations

import heapq
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.loading.load import load, next_on_the_way
from factory.model import Order, OrderBook
from factory.simulation.arrays import FactoryArrays
from tests.builders.kart_factory import karts

WELD, COAT, FIT = range(3)
KART, TRAILER = range(2)
CELL, PAINT = range(2)


@pytest.fixture(scope="module")
def loaded() -> FactoryArrays:
    return load([karts()])


# --- the plant ------------------------------------------------------------------------------------


def test_the_clock_and_the_switches() -> None:
    plant = load([karts(("tick_minutes = 1.0", "tick_minutes = 5.0\nwaiting = false"))]).plant[0]
    assert (plant.ticks_per_hour, plant.hours_per_tick, plant.start_hour) == (12, 5 / 60, 6)
    assert (plant.changeover_ahead, plant.waiting) == (True, False)


@pytest.mark.parametrize(("crews", "expected"), [("crews = 1", 1), ("crews = 2", 2), ("", 3)])
def test_crews_are_one_a_machine_unless_counted(crews: str, expected: int) -> None:
    assert load([karts(("crews = 1", crews))]).plant.crews[0] == expected


def test_machines_stand_centre_by_centre(loaded: FactoryArrays) -> None:
    plant = loaded.plant[0]
    assert (plant.num_centres, plant.num_machines) == (2, 3)
    assert loaded.centres.first_machine[0].tolist() == [0, 2, 3]
    assert loaded.machines.centre[0].tolist() == [CELL, CELL, PAINT]
    assert loaded.machines.speed[0].tolist() == [1.0, 1.0, 1.0]
    assert loaded.machines.idle_power[0].tolist() == [0.5, 0.0, 0.0]
    assert loaded.machines.mean_time_to_failure[0].tolist() == [500.0, 0.0, 0.0]
    assert loaded.machines.mean_time_to_repair[0].tolist() == [30.0, 0.0, 0.0]
    assert loaded.centres.combine_sum[0, :2].tolist() == [False, False]
    assert loaded.centres.num_attributes[0, :2].tolist() == [1, 1]


def test_powers_stand_in_their_columns() -> None:
    machine = load(
        [
            karts(
                (
                    "idle_power = 0.5",
                    "idle_power = 1.0\n  processing_power = 2.0\n  changeover_power = 3.0",
                )
            )
        ]
    ).machines[0, 0]
    assert (machine.idle_power, machine.processing_power, machine.changeover_power) == (
        1.0,
        2.0,
        3.0,
    )


def test_attributes_add_where_the_centre_says_so() -> None:
    assert load([karts(('combine = "max"', 'combine = "sum"'))]).centres.combine_sum[0, CELL]


def test_transport_takes_the_default_time_between_centres_and_none_within(
    loaded: FactoryArrays,
) -> None:
    assert loaded.transport_time[0].tolist() == [[0, 5], [2, 0]]


def test_machines_begin_with_the_first_value_unless_they_say_otherwise(
    loaded: FactoryArrays,
) -> None:
    assert loaded.initial_setup[0, :, 0].tolist() == [0, 0, 0]
    assert load(
        [karts(('initial_setup = { tool = "weld" }', 'initial_setup = { tool = "fit" }'))]
    ).initial_setup[0, :, 0].tolist() == [1, 0, 0]


def test_matrices_are_from_mounted_to_wanted_and_a_machine_may_have_its_own(
    loaded: FactoryArrays,
) -> None:
    assert loaded.setups.time[0, 0, 0, :2, :2].tolist() == [[0, 3], [2, 0]]
    assert loaded.setups.time[0, 1, 0, :2, :2].tolist() == [[0, 4], [5, 0]]
    assert loaded.setups.cost[0, :2, 0, :2, :2].tolist() == [[[0, 5], [4, 0]]] * 2
    assert loaded.setups.waste[0, 2, 0].tolist() == [[0, 1, 2], [2, 0, 1], [4, 2, 0]]
    assert not loaded.setups.cost[0, 2].any()


def test_forbidden_pairs_have_no_time_and_lead_over_the_quickest_way(loaded: FactoryArrays) -> None:
    assert loaded.setups.time[0, 2, 0].tolist() == [[0, 6, 8], [9, 0, 7], [-1, 10, 0]]
    assert loaded.setups.via[0, 2, 0, 2].tolist() == [1, 1, 2]  # from black to white by way of red


def shortest_first_step(time: np.ndarray, origin: int, destination: int) -> int:
    """By search over whole paths: least total time, then fewest steps, then the lowest first
    step."""
    heap = [(0, 0, -1, origin)]
    seen = set()
    while heap:
        total, steps, first, here = heapq.heappop(heap)
        if here == destination:
            return destination if first < 0 else first
        if (here, first) not in seen:
            seen.add((here, first))
            for value in range(len(time)):
                if value != here and time[here, value] >= 0:
                    heapq.heappush(
                        heap,
                        (
                            total + int(time[here, value]),
                            steps + 1,
                            value if first < 0 else first,
                            value,
                        ),
                    )
    return -1


@given(st.data())
def test_detours_take_the_shortest_allowed_way(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 5))
    longest = data.draw(st.sampled_from([1, 3, 20]))
    time = np.array(
        data.draw(st.lists(st.integers(-1, longest), min_size=size * size, max_size=size * size))
    ).reshape(size, size)
    np.fill_diagonal(time, 0)
    via = next_on_the_way(time)
    for origin in range(size):
        for destination in range(size):
            if time[origin, destination] < 0:
                assert via[origin, destination] == shortest_first_step(time, origin, destination)


# --- products -------------------------------------------------------------------------------------


def test_operations_know_where_and_how_long(loaded: FactoryArrays) -> None:
    assert loaded.products.num_operations[0].tolist() == [3, 1]
    assert loaded.products.launch_date[0].tolist() == [0, 600]
    assert loaded.operations.centre[0, KART].tolist() == [CELL, PAINT, CELL]
    assert loaded.base_time[0, KART].tolist() == [[4, 5, -1], [-1, -1, 6], [5, 5, -1]]
    assert loaded.base_time[0, TRAILER, 0].tolist() == [7, 7, -1]
    assert loaded.operations.needs_material[0, KART].tolist() == [False, True, False]
    assert loaded.operation_setup[0, KART, :, 0].tolist() == [0, -1, 1]
    assert loaded.operation_setup[0, TRAILER, 0, 0] == -1


def test_means_are_over_eligible_machines_at_their_speeds() -> None:
    only_first = ("{ cell-1 = 4, cell-2 = 5 }", "{ cell-1 = 4 }")
    operations = load([karts(("speed = 1.0", "speed = 2.0"), only_first)]).operations[0, KART]
    assert operations.mean_base.tolist() == [4 / 2, 6.0, (5 / 2 + 5) / 2]
    assert operations.mean_pace.tolist() == [1 / 2, 1.0, (1 / 2 + 1) / 2]


def test_neighbours_are_numbered_topologically() -> None:
    joined = load(
        [
            karts(
                ('after = ["weld"]', "after = []"),
                ("process_time = 5\n", 'process_time = 5\n  after = ["coat", "weld"]\n'),
            )
        ]
    )
    assert joined.operations.num_predecessors[0, KART].tolist() == [0, 0, 2]
    assert joined.operations.num_successors[0, KART].tolist() == [1, 1, 0]
    assert joined.predecessors[0, KART, FIT].tolist() == [WELD, COAT, -1]
    assert joined.successors[0, KART].tolist() == [[FIT, -1, -1], [FIT, -1, -1], [-1, -1, -1]]


def test_operations_listed_late_may_be_done_early() -> None:
    reversed_route = karts(
        ("cv = 0.2", 'after = ["fit"]'), ("process_time = 5\n", "process_time = 5\n  after = []\n")
    )
    numbered = load([reversed_route])
    assert numbered.base_time[0, KART].tolist() == [
        [5, 5, -1],
        [4, 5, -1],
        [-1, -1, 6],
    ]  # fit, weld, coat
    assert numbered.option_time[0, 0, 1, KART].tolist() == [0, 0, 3]
    assert numbered.option_setup[0, 0, 1, KART, :, 0].tolist() == [-1, -1, 2]


def test_sigma_is_that_of_a_log_normal_time_with_the_cv(loaded: FactoryArrays) -> None:
    sigma = [math.sqrt(math.log(1 + cv * cv)) for cv in (0.2, 0.1, 0.1)]
    assert loaded.operations.sigma[0, KART].tolist() == sigma


@pytest.mark.parametrize(
    ("everywhere", "here", "expected"),
    [
        ("", "", (0.02, 0.02)),
        ("first_piece_rework_probability = 0.3", "", (0.02, 0.3)),
        ("first_piece_rework_probability = 0.3", "rework_probability = 0.1", (0.1, 0.1)),
        ("", "rework_probability = 0.1\n  first_piece_rework_probability = 0.4", (0.1, 0.4)),
        ("", "first_piece_rework_probability = 0.4", (0.02, 0.4)),
    ],
)
def test_an_operations_own_rework_holds_for_its_first_pieces_too(
    everywhere: str, here: str, expected: tuple[float, float]
) -> None:
    factory = karts(
        ("rework_probability = 0.02", f"rework_probability = 0.02\n{everywhere}"),
        ("cv = 0.2", here),
    )
    operation = load([factory]).operations[0, KART, WELD]
    assert (operation.rework_probability, operation.first_piece_rework_probability) == expected


def test_the_longest_wait_is_twice_the_mean_process_time_unless_given(
    loaded: FactoryArrays,
) -> None:
    assert loaded.centres.longest_wait[0, :2].tolist() == [20, 12]
    silent = load([karts(("longest_wait = 20\n", ""))])
    assert silent.centres.longest_wait[0, CELL] == math.floor(2 * (4.5 + 5 + 7) / 3 + 0.5)
    quick = load([karts(("process_time = 6", "process_time = 0"))])
    assert quick.centres.longest_wait[0, PAINT] == 1


def test_options_act_where_they_apply(loaded: FactoryArrays) -> None:
    assert (loaded.plant.num_options[0], loaded.options.num_values[0].tolist()) == (1, [2])
    assert loaded.option_applies[0, 0].tolist() == [True, False]
    assert loaded.option_time[0, 0, :, KART].tolist() == [[0, 0, 0], [0, 3, 0]]
    assert loaded.option_setup[0, 0, :, KART, :, 0].tolist() == [[-1, 0, -1], [-1, 2, -1]]
    assert not loaded.option_time[0, 0, :, TRAILER].any()
    assert (loaded.option_setup[0, 0, :, TRAILER] == -1).all()


def test_effects_on_one_operation_add_up() -> None:
    twice = '{ operation = "coat", time = 2 }, { operation = "coat", time = 3, setup'
    assert load([karts(('{ operation = "coat", time = 3, setup', twice))]).option_time[
        0, 0, 1, KART
    ].tolist() == [0, 5, 0]


# --- demand, books, costs -------------------------------------------------------------------------


def test_demand_stands_regime_by_regime(loaded: FactoryArrays) -> None:
    plant = loaded.plant[0]
    assert (
        plant.num_orders,
        plant.initial_orders,
        plant.batch_low,
        plant.batch_high,
        plant.num_regimes,
        plant.num_customers,
    ) == (40, 4, 1, 2, 2, 2)
    assert loaded.regimes.duration[0].tolist() == [900.0, 300.0]
    assert loaded.regimes.interarrival_time[0].tolist() == [15.0, 8.0]
    assert loaded.mix[0].tolist() == [[3.0, 1.0], [1.0, 0.0]]
    assert loaded.mix_end[0].tolist() == [[3.0, 1.0], [1.0, 2.0]]


def test_regimes_override_shares(loaded: FactoryArrays) -> None:
    assert loaded.option_share[0, :, 0].tolist() == [[1.0, 2.0], [2.0, 1.0]]
    assert loaded.customer_share[0].tolist() == [[0.7, 0.3], [2.0, 0.3]]


def test_values_left_out_of_an_override_have_no_share() -> None:
    assert load([karts(("snow = 1.0, coal = 2.0", "coal = 2.0"))]).option_share[
        0, 0, 0
    ].tolist() == [0.0, 2.0]


def test_customers_bring_weight_and_allowance(loaded: FactoryArrays) -> None:
    assert loaded.customers.weight[0].tolist() == [1.0, 4.0]
    assert loaded.customers.allowance_low[0].tolist() == [1.5, 1.2]
    assert loaded.customers.allowance_high[0].tolist() == [4.0, 2.0]


def test_a_single_regime_lasts_for_ever() -> None:
    factory = karts()
    assert factory.demand is not None
    alone = factory.model_copy(
        update={"demand": factory.demand.model_copy(update={"regimes": factory.demand.regimes[:1]})}
    )
    assert load([alone]).regimes.duration[0].tolist() == [0.0]


def test_supply_regimes(loaded: FactoryArrays) -> None:
    assert loaded.plant.num_supply_regimes[0] == 1
    supply = loaded.supplies[0, 0]
    assert (supply.duration, supply.late_probability, supply.mean_lateness) == (0.0, 0.05, 60.0)


def book(*products: str) -> OrderBook:
    orders = enumerate(products)
    return OrderBook(
        orders=tuple(
            Order(
                order_id=str(j),
                release_date=10 * j,
                due_date=90,
                weight=2.0,
                product=p,
                options={"colour": "coal"} if p == "kart" else {},
            )
            for j, p in orders
        )
    )


def test_an_order_book_takes_the_place_of_demand() -> None:
    loaded = load([karts()], [book("kart", "trailer")])
    assert (loaded.plant.num_orders[0], loaded.plant.num_regimes[0]) == (2, 0)
    assert loaded.book.release_date[0].tolist() == [0, 10]
    assert loaded.book.due_date[0].tolist() == [90, 90]
    assert loaded.book.weight[0].tolist() == [2.0, 2.0]
    assert loaded.book.product[0].tolist() == [KART, TRAILER]
    assert loaded.book_options[0].tolist() == [[1], [-1]]


def test_hourly_rates_become_rates_a_tick() -> None:
    costs = (
        "[costs]\nchangeover = 1.5\nwaste = 2.5\nenergy = 3.5\nholding = 30.0\nco2_per_waste_kg ="
        " 4.5\n"
    )
    plant = load([karts(("[costs]\n", costs), ("tick_minutes = 1.0", "tick_minutes = 6.0"))]).plant[
        0
    ]
    assert (plant.tardiness_rate, plant.holding_rate) == (6.0, 3.0)
    assert (plant.changeover_rate, plant.waste_rate, plant.energy_rate, plant.co2_per_waste_kg) == (
        1.5,
        2.5,
        3.5,
        4.5,
    )
    assert plant.cost_scale == 100.0


def test_a_cost_scale_that_is_to_be_measured_is_0() -> None:
    assert load([karts(("scale = 100.0", ""))]).plant.cost_scale[0] == 0.0


def test_the_tariff_is_summed_over_the_day(loaded: FactoryArrays) -> None:
    prices = [0.2] * 12 + [0.3] * 12
    assert loaded.hours.price[0, :24].tolist() == prices
    assert loaded.hours.price_before[0] == pytest.approx([sum(prices[:hour]) for hour in range(25)])
    assert not loaded.hours.co2[0].any()

"""Hand-worked demand, draws and bills that pin the twin to ``docs/model.md``, sections 6 to 8."""

from __future__ import annotations

from typing import Any

import pytest

from factory.cost_terms import COST_TERMS
from factory.model import (
    Attribute,
    Costs,
    Customer,
    Demand,
    DemandRegime,
    Machine,
    Tariff,
    WorkCentre,
)
from tests.builders.shop_floor_script import (
    COLOUR,
    book,
    cell,
    dates,
    follow,
    job,
    painted,
    plant,
    product,
    race_against_a_changeover,
)
from tests.oracles.twin import Twin
from tests.oracles.twin_draws import GOLDEN, MASK, REWORK, Draws, half_up, scramble

# --- demand ---------------------------------------------------------------------------------------


def demand(num_orders: int, *regimes: DemandRegime, **fields: Any) -> Demand:
    customer = Customer(name="all", share=1.0, weight=2.0, allowance=(1.0, 4.0))
    return Demand(
        **{"num_orders": num_orders, "regimes": regimes, "customers": (customer,), **fields}
    )


def regime(interarrival_time: float, **fields: Any) -> DemandRegime:
    return DemandRegime(
        **{"name": "r", "interarrival_time": interarrival_time, "mix": {"p": 1.0}, **fields}
    )


def test_batches_arrive_by_the_unit_exponential_of_the_regime_in_force(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All draws are 1/2: unit exponentials of log 2 = 0.6931 and stays of 7 ticks. One order is
    there at 0.

    Batch 0 comes at 0.6931 * 10 = 6.93; of batch 1's exponential 0.0069 is used up until 7, the
    rest at 2 ticks each: 7 + 0.6863 * 2 = 8.37. Each batch has 1 + floor(3/2) = 2 orders; the fifth
    order ends the episode.
    """
    monkeypatch.setattr(Draws, "uniform", lambda *_: 0.5)
    factory = plant(
        (cell(),),
        (product("p", job(4)),),
        demand=demand(
            5, regime(10.0, duration=10), regime(2.0, duration=10), batch=(1, 3), initial_orders=1
        ),
    )
    assert [order.release_date for order in Twin(factory, 1).orders] == [0, 7, 7, 8, 8]


def test_due_date_is_release_plus_drawn_allowance_times_work_content(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Allowance 1 + 0.5 * 3 = 2.5; work 4 at speeds 1 and 2 is 3 on average, plus 5 elsewhere: 2.5
    * 8 = 20."""
    monkeypatch.setattr(Draws, "uniform", lambda *_: 0.5)
    fast = WorkCentre(name="cell", machines=(Machine(name="a"), Machine(name="b", speed=2.0)))
    factory = plant(
        (fast, cell("other")),
        (product("p", job(4), job(5, "finish", "other")),),
        demand=demand(1, regime(10.0)),
    )
    order = Twin(factory, 1).orders[0]
    assert (order.release_date, order.due_date, order.weight) == (7, 27, 2.0)


def test_mix_drifts_and_spares_what_is_not_launched(monkeypatch: pytest.MonkeyPatch) -> None:
    """From all p to all q over 3 orders at 7, 14 and 21; the middle one has equal weights, and the
    draw of 1/2 needs a sum *above* half: q."""
    monkeypatch.setattr(Draws, "uniform", lambda *_: 0.5)
    drift = regime(10.0, mix={"p": 1.0}, mix_end={"q": 1.0})
    products = (product("p", job(4)), product("q", job(4), launch_date=14))
    assert [
        order.product
        for order in Twin(plant((cell(),), products, demand=demand(3, drift)), 1).orders
    ] == ["p", "q", "q"]
    later = (products[0], product("q", job(4), launch_date=15))
    assert [
        order.product for order in Twin(plant((cell(),), later, demand=demand(3, drift)), 1).orders
    ] == ["p", "p", "q"]


def test_batch_sizes_span_their_range_evenly() -> None:
    """Batches so rare that no two share a date; the last one is cut short by the end of the
    episode, so it is left out."""
    factory = plant(
        (cell(),), (product("p", job(4)),), demand=demand(3000, regime(1e6), batch=(2, 4))
    )
    released = [order.release_date for order in Twin(factory, 1).orders]
    sizes = [released.count(date) for date in sorted(set(released))[:-1]]
    assert {size: sizes.count(size) / len(sizes) for size in set(sizes)} == pytest.approx(
        dict.fromkeys((2, 3, 4), 1 / 3), abs=0.05
    )


# --- random numbers -------------------------------------------------------------------------------


def test_draws_chain_the_published_splitmix64() -> None:
    """The first two outputs of splitmix64 from 0, as published with xoshiro; keys enter one after
    the other."""
    first, second = 0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4
    assert [scramble(GOLDEN), scramble(2 * GOLDEN & MASK)] == [first, second]
    state = scramble(GOLDEN * (REWORK + 1) & MASK)
    state = scramble((state + GOLDEN * 4) & MASK)
    state = scramble((state + GOLDEN * 6) & MASK)
    assert Draws(0).uniform(REWORK, 3, 5) == ((state >> 11) + 0.5) / 2**53


def test_half_ticks_round_up() -> None:
    assert [half_up(number) for number in (0.5, 1.5, 2.49, -0.5)] == [1, 2, 2, 0]


# --- costs ----------------------------------------------------------------------------------------


def test_cost_terms_by_hand() -> None:
    """Ticks of half an hour, from 23 o'clock: ``####00000000`` is 2 h of changeover and 4 h of
    processing beside an idle machine; due at 8, so 2 h late.

    Tariff 2 at 23 h, 1 at 0 h and 1 h, 3 from 2 h on; 6 kW changeover, 10 kW processing, 1 kW idle:
    23 h and 0 h at 6 + 1 kW: 14 + 7, 1 h at 10 + 1 kW: 11, three hours from 2 h: 99; together 131,
    half of it billed.
    """
    machine = Machine(name="m", idle_power=1.0, processing_power=10.0, changeover_power=6.0)
    colour = Attribute(
        name="colour",
        values=("white", "red"),
        time=((0, 4), (4, 0)),
        cost=((0.0, 30.0), (30.0, 0.0)),
        waste=((0.0, 0.5), (0.5, 0.0)),
    )
    spare = machine.model_copy(update={"name": "spare"})
    centres = (
        WorkCentre(name="cell", machines=(machine,), attributes=(colour,)),
        WorkCentre(name="other", machines=(spare,)),
    )
    price = [3.0] * 24
    price[23], price[0], price[1] = 2.0, 1.0, 1.0
    factory = plant(
        centres,
        (painted("red", 8),),
        tick_minutes=30.0,
        start_hour=23,
        tariff=Tariff(price=tuple(price), co2=(0.5,) * 24),
        costs=Costs(
            tardiness=5.0,
            changeover=2.0,
            waste=4.0,
            energy=0.5,
            holding=0.25,
            co2_per_waste_kg=10.0,
        ),
    )
    twin = follow(Twin(factory, 1, book((0, "red"), due=8, weight=3.0)), (0, (0, 0)))
    costs = (5 * 3 * 2, 60, 2, 65.5, 0.25 * 6, 0, 0, 0)
    assert twin.costs == pytest.approx(dict(zip(COST_TERMS, costs, strict=True)))
    assert (twin.energy_kwh, twin.waste_kg, twin.co2_kg) == pytest.approx((58, 0.5, 34))


def test_costs_accrue_as_time_passes_but_changeovers_are_booked_at_their_start() -> None:
    """At 3 nothing is late and nothing changed over. At 5, amid the changeover, three orders due at
    4 are a tick late, the newest upon its release.

    ::

        0: 000000000
        1: ...####111111111
        2: .....2
    """
    colour = COLOUR.model_copy(update={"cost": ((0.0, 7.0, 7.0), (7.0, 0.0, 7.0), (7.0, 7.0, 0.0))})
    centres = cell(machines=2, attributes=(colour,)), cell("other")
    products = painted("white", 9), painted("black", 9), product("small", job(1, at="other"))
    factory = plant(centres, products, costs=Costs(tardiness=60.0, changeover=1.0))
    twin = follow(
        Twin(factory, 1, book((0, "white"), (3, "black"), (5, "small"), due=4)), (0, (0, 0))
    )
    assert (twin.deciding, twin.clock, twin.costs["tardiness"], twin.costs["changeover"]) == (
        1,
        3,
        0.0,
        0.0,
    )
    follow(twin, (1, (1, 0)))
    assert (twin.deciding, twin.clock, twin.costs["tardiness"], twin.costs["changeover"]) == (
        2,
        5,
        3.0,
        7.0,
    )
    follow(twin, (2, (2, 0)))
    assert twin.deciding is None
    assert twin.costs["tardiness"] == (9 - 4) + (16 - 4) + (6 - 4)


def test_changeover_that_outlasts_the_last_order_is_billed_but_never_ends() -> None:
    """Its cost was booked at its start, its power is drawn until the last completion.

    ::

        0: 00000
        1: .....0
        2: ######### (cut off at 6)
    """
    factory, lines = race_against_a_changeover()
    twin = follow(Twin(factory, 1, lines), (0, (0, 0)), (2, [1]), (1, (0, 1)))
    assert (twin.deciding, twin.clock) == (None, 6)
    assert dates(twin, "changeover") == []
    assert (twin.costs["changeover"], twin.costs["energy"]) == pytest.approx((2.0, 6 * 3.0))

"""Offered load and changeover profile, compared with hand calculations."""

from __future__ import annotations

from typing import Any

import pytest

from factory.generation.offered_load import (
    changeover_profile,
    machine_work,
    mean_interarrival_time,
    offered_load,
)
from factory.model import (
    Attribute,
    Customer,
    Demand,
    DemandRegime,
    Effect,
    Factory,
    Machine,
    Operation,
    Option,
    OptionValue,
    Product,
    Uncertainty,
    WorkCentre,
)

COLOUR = Attribute(name="colour", values=("white", "black"), time=((0, 6), (14, 0)))
TRIM = Attribute(name="trim", values=("plain", "sport"), time=((0, 10), (10, 0)))
ANYBODY = (Customer(name="anybody", share=1.0, weight=1.0, allowance=(2.0, 2.0)),)


def steady(interarrival_time: float = 20.0, **mix: float) -> DemandRegime:
    return DemandRegime(
        name="steady", interarrival_time=interarrival_time, mix=mix or {"chair": 1.0}
    )


def choice(name: str, *values: str) -> Option:
    """Return an option that sets the attribute of its name, with equal shares."""
    return Option(
        name=name,
        values=tuple(
            OptionValue(name=value, effects=(Effect(operation="make", setup={name: value}),))
            for value in values
        ),
    )


def workshop(
    *,
    machines: tuple[Machine, ...] = (Machine(name="m"),),
    operation: dict[str, Any] | None = None,
    centre: dict[str, Any] | None = None,
    **fields: Any,
) -> Factory:
    make = Operation(
        **{"name": "make", "work_centre": "cell", "process_time": 12, **(operation or {})}
    )
    fields.setdefault("products", (Product(name="chair", operations=(make,)),))
    fields.setdefault("demand", Demand(num_orders=10, regimes=(steady(),), customers=ANYBODY))
    return Factory(
        name="workshop",
        work_centres=(WorkCentre(name="cell", machines=machines, **(centre or {})),),
        **fields,
    )


def test_load_is_process_time_over_interarrival_time() -> None:
    assert offered_load(workshop()) == {"cell": pytest.approx(0.6)}


def test_machines_of_a_centre_share_its_load() -> None:
    assert offered_load(workshop(machines=(Machine(name="a"), Machine(name="b")))) == {
        "cell": pytest.approx(0.3)
    }


def test_load_takes_the_mean_over_eligible_machines() -> None:
    machines = (Machine(name="a"), Machine(name="b", speed=2.0))
    assert machine_work(workshop(machines=machines)) == {"cell": pytest.approx((12 + 6) / 2 / 2)}
    only_b = {"process_time": None, "machine_times": {"b": 16}}
    assert machine_work(workshop(machines=machines, operation=only_b)) == {
        "cell": pytest.approx(16 / 2 / 2)
    }


def test_options_add_their_expected_time() -> None:
    lacquer = Option(
        name="lacquer",
        values=(
            OptionValue(name="none", share=3.0),
            OptionValue(name="gloss", share=1.0, effects=(Effect(operation="make", time=8),)),
        ),
    )
    assert machine_work(workshop(options=(lacquer,))) == {"cell": pytest.approx(12 + 8 / 4)}


def test_rework_repeats_an_operation_up_to_three_times() -> None:
    factory = workshop(uncertainty=Uncertainty(rework_probability=0.5))
    assert machine_work(factory) == {"cell": pytest.approx(12 * (1 + 0.5 + 0.25 + 0.125))}


def test_regimes_weigh_by_their_durations() -> None:
    regimes = (
        DemandRegime(name="slow", interarrival_time=30.0, mix={"chair": 1.0}, duration=300),
        DemandRegime(name="fast", interarrival_time=10.0, mix={"chair": 1.0}, duration=100),
    )
    demand = Demand(num_orders=10, regimes=regimes, customers=ANYBODY, batch=(1, 3))
    assert mean_interarrival_time(workshop(demand=demand)) == pytest.approx(400 / (10 + 10) / 2)


def two_products(**chair: int) -> tuple[Product, ...]:
    times = {"chair": 10, "table": 30}
    return tuple(
        Product(
            name=name,
            operations=(Operation(name="make", work_centre="cell", process_time=time),),
            **(chair if name == "chair" else {}),
        )
        for name, time in times.items()
    )


def test_mix_drifts_over_the_episode() -> None:
    regime = steady(chair=1.0, table=0.0).model_copy(
        update={"mix_end": {"chair": 0.0, "table": 1.0}}
    )
    factory = workshop(
        products=two_products(), demand=Demand(num_orders=11, regimes=(regime,), customers=ANYBODY)
    )
    assert machine_work(factory) == {"cell": pytest.approx(20.0)}


def test_product_counts_from_its_launch_on() -> None:
    demand = Demand(num_orders=10, regimes=(steady(chair=1.0, table=1.0),), customers=ANYBODY)
    # orders are expected at 20, 40, ..., 200: the first five come before the launch
    factory = workshop(products=two_products(launch_date=101), demand=demand)
    assert machine_work(factory) == {"cell": pytest.approx((5 * 30 + 5 * 20) / 10)}


def test_profile_counts_consecutive_orders_that_differ() -> None:
    at_cell = changeover_profile(
        workshop(centre={"attributes": (COLOUR,)}, options=(choice("colour", "white", "black"),))
    )["cell"]
    assert at_cell == pytest.approx((0.5, 10.0, 10 / 12))


@pytest.mark.parametrize(
    ("combine", "both"), [("max", 10 + 10 + 14 + 14), ("sum", 16 + 16 + 24 + 24)]
)
def test_profile_combines_attributes_as_the_centre_does(combine: str, both: int) -> None:
    """Of 16 pairs 4 change nothing, 4 the colour (6, 6, 14, 14), 4 the trim (10), 4 both."""
    options = (choice("colour", "white", "black"), choice("trim", "plain", "sport"))
    at_cell = changeover_profile(
        workshop(centre={"attributes": (COLOUR, TRIM), "combine": combine}, options=options)
    )["cell"]
    assert at_cell.probability == pytest.approx(12 / 16)
    assert at_cell.mean_time == pytest.approx((6 + 6 + 14 + 14 + 4 * 10 + both) / 12)


def test_profile_leaves_out_unwanted_and_forbidden_changeovers() -> None:
    forbidden = COLOUR.model_copy(update={"forbidden": (("black", "white"),)})
    options = (choice("colour", "white", "black"),)
    one_way = changeover_profile(workshop(centre={"attributes": (forbidden,)}, options=options))
    assert one_way["cell"][:2] == pytest.approx((0.25, 6.0))
    not_wanted = changeover_profile(workshop(centre={"attributes": (COLOUR,)}))
    assert not_wanted["cell"] == (0.0, 0.0, 0.0)


def test_profile_of_very_many_setups_is_estimated() -> None:
    """Six attributes of four values: 4096 setups.

    Each attribute takes 6 ticks, so the mean over all pairs is 6 * 3/4 * 6 = 27.
    """
    values = ("a", "b", "c", "d")
    time = tuple(tuple(0 if start == end else 6 for end in values) for start in values)
    attributes = tuple(
        Attribute(name=f"tool{index}", values=values, time=time) for index in range(6)
    )
    options = tuple(choice(attribute.name, *values) for attribute in attributes)
    at_cell = changeover_profile(
        workshop(centre={"attributes": attributes, "combine": "sum"}, options=options)
    )["cell"]
    assert at_cell.probability == pytest.approx(1 - 0.25**6, abs=0.01)
    assert at_cell.probability * at_cell.mean_time == pytest.approx(27.0, rel=0.02)


def test_later_option_overrides_an_earlier_setting() -> None:
    fixed = Option(
        name="special",
        values=(
            OptionValue(
                name="night", effects=(Effect(operation="make", setup={"colour": "black"}),)
            ),
        ),
    )
    factory = workshop(
        centre={"attributes": (COLOUR,)}, options=(choice("colour", "white", "black"), fixed)
    )
    assert changeover_profile(factory)["cell"].probability == 0.0


def test_load_needs_demand() -> None:
    with pytest.raises(ValueError, match=r"workshop: demand is missing"):
        offered_load(workshop(demand=None))

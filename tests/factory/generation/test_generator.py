"""Factories drawn from ranges: valid, within the ranges, the same for the same seed, and different
in what they are."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from factory.generation.generator import Draw, draw_factory
from factory.generation.offered_load import changeover_profile, offered_load
from factory.generation.ranges import LIMITS, RandomisedRanges, load_ranges
from factory.generation.setup_matrices import draw_forbidden, draw_setup_times
from factory.io.catalogue import FACTORIES_FOLDER
from factory.model import Attribute, Demand, Factory, WorkCentre
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


def within(value: float, ends: tuple[float, float], slack: float = 0.0) -> bool:
    return ends[0] - slack <= value <= ends[1] + slack


# --- validity -------------------------------------------------------------------------------------


def test_every_drawn_factory_is_valid() -> None:
    for factory in drawn():
        assert Factory.model_validate(factory.model_dump()) == factory
        check_factory(factory, factory.name)  # raises if anything in it contradicts anything else


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


def test_drawn_factories_can_be_played_to_the_end() -> None:
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
        for machine in (machine for centre in factory.work_centres for machine in centre.machines):
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
    """Mean of the matrices off the diagonal (their sum where attributes add) over the mean nominal
    process time."""
    means = [
        np.array(attribute.time).sum() / (len(attribute.values) * (len(attribute.values) - 1))
        for attribute in centre.attributes
    ]
    times: list[float] = []
    for operation in (
        operation
        for product in factory.products
        for operation in product.operations
        if operation.work_centre == centre.name
    ):
        times.append(
            operation.process_time or float(np.mean(list((operation.machine_times or {}).values())))
        )
    return float((sum(means) if centre.combine == "sum" else max(means)) / np.mean(times))


def test_changeovers_are_as_severe_as_the_range_says() -> None:
    """Products are up to 1.3 x 1.15 as large, or 0.75 x 0.85 as small, as what a changeover's
    severity is drawn for; small matrices are rounded."""
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


def test_load_leaves_room_for_changeovers() -> None:
    """Half of first come, first served's changeovers fit into the time that processing leaves,
    unless the range forbids so low a load."""
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
    machines = {sum(len(centre.machines) for centre in factory.work_centres) for factory in drawn()}
    values = {len(attribute.values) for factory in drawn() for attribute in attributes_of(factory)}
    loads = [max(offered_load(factory).values()) for factory in drawn()]
    assert machines == set(range(3, 16))
    assert values == set(range(2, 9))
    assert {len(centre.attributes) for factory in drawn() for centre in factory.work_centres} == {
        0,
        1,
        2,
        3,
    }
    assert min(loads) < 0.62
    assert max(loads) > 0.84


def test_every_feature_of_the_model_turns_up() -> None:
    features = {
        "joins": [
            any(
                len(operation.after or ()) > 1
                for product in f.products
                for operation in product.operations
            )
            for f in drawn()
        ],
        "own machine times": [
            any(
                operation.machine_times
                for product in f.products
                for operation in product.operations
            )
            for f in drawn()
        ],
        "own routes": [
            len({product.operations[0].name for product in f.products}) > 1 for f in drawn()
        ],
        "forbidden pairs": [
            any(attribute.forbidden for attribute in attributes_of(f)) for f in drawn()
        ],
        "attributes that add": [
            any(centre.combine == "sum" and len(centre.attributes) > 1 for centre in f.work_centres)
            for f in drawn()
        ],
        "waste": [any(attribute.waste for attribute in attributes_of(f)) for f in drawn()],
        "options": [bool(f.options) for f in drawn()],
        "launches": [any(product.launch_date > 0 for product in f.products) for f in drawn()],
        "demand regimes": [len(demand_of(f).regimes) > 1 for f in drawn()],
        "mix drift": [any(regime.mix_end for regime in demand_of(f).regimes) for f in drawn()],
        "batches": [demand_of(f).batch[1] > 1 for f in drawn()],
        "late material": [
            bool(f.material)
            and any(
                operation.needs_material
                for product in f.products
                for operation in product.operations
            )
            for f in drawn()
        ],
        "failures": [
            any(
                machine.mean_time_to_failure
                for centre in f.work_centres
                for machine in centre.machines
            )
            for f in drawn()
        ],
        "scarce crews": [
            f.crews is not None and f.crews < sum(len(centre.machines) for centre in f.work_centres)
            for f in drawn()
        ],
        "hourly prices": [len(set(f.tariff.price)) > 2 for f in drawn()],
    }
    for feature, present in features.items():
        assert 0.03 < np.mean(present) <= 1, feature


def test_launches_lie_within_the_episode() -> None:
    for factory in drawn():
        demand = demand_of(factory)
        slowest = max(regime.interarrival_time for regime in demand.regimes)
        for product in factory.products:
            assert product.launch_date <= 0.75 * slowest * demand.num_orders


# --- matrices -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(30))
def test_setup_times_have_the_mean_asked_for_and_mostly_obey_the_triangle(seed: int) -> None:
    count = 2 + seed % 7
    time = np.array(draw_setup_times(Draw(seed).generator, count, mean_time=100.0))
    assert (np.diag(time) == 0).all()
    assert (time[~np.eye(count, dtype=bool)] >= 1).all()
    assert time.sum() / (count * (count - 1)) == pytest.approx(100, abs=1)
    direct_is_shortest = time <= (time[:, :, None] + time[None, :, :]).min(axis=1) + 1
    assert direct_is_shortest.mean() > 0.9


def test_setup_times_may_be_zero() -> None:
    assert draw_setup_times(Draw(1).generator, 3, mean_time=0.0) == ((0, 0, 0),) * 3


def test_forbidden_pairs_leave_every_value_reachable_step_by_step() -> None:
    values = ("a", "b", "c", "d")
    assert set(draw_forbidden(Draw(1).generator, values, share=1.0)) == {
        ("a", "c"),
        ("a", "d"),
        ("b", "d"),
        ("c", "a"),
        ("d", "a"),
        ("d", "b"),
    }
    assert draw_forbidden(Draw(1).generator, values, share=0.0) == ()


def test_split_gives_every_part_something() -> None:
    for seed in range(20):
        parts = Draw(seed).split(9, 4)
        assert len(parts) == 4
        assert sum(parts) == 9
        assert min(parts) >= 1


# --- ranges in files ------------------------------------------------------------------------------


def write(folder: Path, text: str) -> Path:
    path = folder / "ranges.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_shipped_ranges_name_every_range_and_are_the_defaults() -> None:
    text = (FACTORIES_FOLDER / "randomised.toml").read_text(encoding="utf-8")
    assert load_ranges(FACTORIES_FOLDER / "randomised.toml") == DEFAULTS
    assert (
        set(re.findall(r"^(\w+) = ", text, re.MULTILINE))
        == set(LIMITS)
        == set(RandomisedRanges.model_fields)
    )


def test_ranges_left_out_have_their_defaults(tmp_path: Path) -> None:
    assert load_ranges(write(tmp_path, "[randomised]\nload = [0.7, 0.8]")) == RandomisedRanges(
        load=(0.7, 0.8)
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[randomised", "is not TOML"),
        ("randomised = 3", "randomised = 3; must be a table. Write [randomised] above the ranges."),
        (
            "[randomised]\n[demand]",
            "demand = {}; ranges stand in one table [randomised]. Remove it.",
        ),
        (
            "[randomised]\nlaod = [0.6, 0.9]",
            "randomised.laod = [0.6, 0.9]; there is no such range. Write 'load', if that is meant.",
        ),
        (
            "[randomised]\nload = [0.9, 0.6]",
            (
                "randomised.load = [0.9, 0.6]; the low end must not exceed the high end. Write"
                " [0.6, 0.9]."
            ),
        ),
        (
            "[randomised]\nload = [0.6, 1.2]",
            (
                "randomised.load = [0.6, 1.2]; both ends must lie between 0.05 and 0.95. Narrow the"
                " range."
            ),
        ),
        (
            "[randomised]\nload = [nan, 0.9]",
            "randomised.load = [nan, 0.9]; both ends must be finite. Write two numbers.",
        ),
        (
            "[randomised]\nload = 0.7",
            "randomised.load = 0.7; must be a list of two numbers. Write [low, high].",
        ),
        (
            "[randomised]\nload = [0.7]",
            "randomised.load = [0.7]; must have a low and a high end. Write [low, high].",
        ),
        (
            "[randomised]\nload = [0.6, 0.7, 0.8]",
            (
                "randomised.load = [0.6, 0.7, 0.8]; must have a low and a high end, no more. Write"
                " [low, high]."
            ),
        ),
        (
            "[randomised]\nmachines = [3.5, 9]",
            "randomised.machines = [3.5, 9]; both ends must be whole numbers. Write [low, high].",
        ),
        (
            "[randomised]\ncv = ['low', 0.3]",
            "randomised.cv = ['low', 0.3]; both ends must be numbers. Write [low, high].",
        ),
        (
            "[randomised]\nmachines = [3, 9]\nwork_centres = [4, 6]",
            (
                "randomised.work_centres = [4, 6]; every work centre needs a machine, but machines"
                " begin at 3. Lower the low end or draw more machines."
            ),
        ),
    ],
)
def test_malformed_ranges_are_refused_with_place_value_rule_and_remedy(
    tmp_path: Path, text: str, message: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ValueError, match=re.escape(message)) as refused:
        load_ranges(path)
    assert str(refused.value).startswith(f"{path}: ")


def test_ranges_are_checked_when_written_in_python_too() -> None:
    with pytest.raises(ValidationError, match="the low end must not exceed the high end"):
        RandomisedRanges(load=(0.9, 0.6))


@pytest.mark.parametrize("name", LIMITS)
def test_ranges_may_be_pinned_at_their_limits(name: str) -> None:
    """A factory can be drawn even where one range is pinned at either limit (large sizes aside)."""
    whole = isinstance(getattr(DEFAULTS, name)[0], int)
    for limit in LIMITS[name]:
        end = int(min(limit, 12)) if whole else limit
        small: dict[str, Any] = {
            "machines": (12, 12),
            "work_centres": (2, 3),
            "num_orders": (5, 5),
            name: (end, end),
        }
        if name == "machines":
            small["work_centres"] = (1, 1)
        check_factory(draw_factory(1, RandomisedRanges(**small)), name)

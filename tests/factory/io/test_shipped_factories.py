"""Shipped factories: files, guide (docs/factories.md), and loads that are high but feasible."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from factory.generation.offered_load import changeover_profile, offered_load
from factory.generation.ranges import RandomisedRanges
from factory.io.catalogue import FACTORIES_FOLDER, find_factory, find_single_factory, shipped
from factory.io.order_book_csv import read_order_book
from factory.io.order_list.layout import OrderListLayout, parse_columns
from factory.model import Factory
from tests.builders.markdown_pages import file_of_page
from tests.builders.shipped_factories import STOCHASTIC, demand_of, played, reference, sizes

PROMISED = [
    "campaigns", "demand_swing", "green", "large", "microfactory", "new_model", "one_of_a_kind",
    "randomised", "real_week", "rush_prototypes", "scarce_crew", "skilled_crew", "supply_shock",
    "tiny", "two_shift", "unreliable",
]  # fmt: skip
SINGLE = [name for name in PROMISED if name != "randomised"]
GUIDE = (FACTORIES_FOLDER.parent.parent / "docs" / "factories.md").read_text(encoding="utf-8")


# --- files ----------------------------------------------------------------------------------------


def test_the_promised_factories_ship() -> None:
    assert shipped() == PROMISED


@pytest.mark.parametrize("name", SINGLE)
def test_file_is_named_after_its_factory(name: str) -> None:
    factory = find_factory(name)
    assert isinstance(factory, Factory)
    assert factory.name == name
    assert factory.description


@pytest.mark.parametrize("name", PROMISED)
def test_comments_of_a_file_explain_the_model(name: str) -> None:
    lines = (FACTORIES_FOLDER / f"{name}.toml").read_text(encoding="utf-8").splitlines()
    opening = lines[: next(n for n, line in enumerate(lines) if not line.startswith("#"))]
    assert len(" ".join(opening).split()) > 40
    assert sum("#" in line for line in lines[len(opening) :]) >= 6


def test_an_unknown_name_suggests_the_closest() -> None:
    with pytest.raises(
        ValueError,
        match=r"'nowhere'; there is no shipped one of that name\. The names are campaigns, ",
    ):
        find_factory("nowhere")
    with pytest.raises(
        ValueError,
        match=r"'microfactry'; there is no shipped one of that name\. Write 'microfactory'",
    ):
        find_factory("microfactry")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
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
def test_guide_has_size_load_and_changeovers_of_each_factory(name: str) -> None:
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
    text = file_of_page("docs/factories.md", "bicycles.toml")
    path = tmp_path / "bicycles.toml"
    path.write_text(text, encoding="utf-8")
    factory = find_single_factory(path)
    loads = re.search(r"# paint ([\d.]+), wheels ([\d.]+), assembly ([\d.]+)", GUIDE)
    assert loads is not None
    assert [round(share, 2) for share in offered_load(factory).values()] == [
        float(share) for share in loads.groups()
    ]
    assert changeover_profile(factory)["paint"][:2] == pytest.approx((0.48, 10.0))
    assert played(factory, seed=1).complete


def test_order_books_of_the_guide_have_the_dates_of_the_guide(tmp_path: Path) -> None:
    """Tick 0 is midnight before the first release; due at the end of 10 April."""
    for file in ("bicycles.toml", "orders.csv", "auftraege.csv"):
        (tmp_path / file).write_text(file_of_page("docs/factories.md", file), encoding="utf-8")
    factory = find_single_factory(tmp_path / "bicycles.toml")
    orders = read_order_book(tmp_path / "orders.csv", factory).orders
    assert [order.release_date for order in orders] == [6 * 60, 30 * 60]
    assert [order.due_date for order in orders] == [11 * 24 * 60] * 2
    layout = OrderListLayout(columns=parse_columns("Farbe=colour"))
    assert read_order_book(tmp_path / "auftraege.csv", factory, layout=layout).orders == orders


# --- load -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STOCHASTIC)
def test_cost_scale_is_the_cost_of_atcs(name: str) -> None:
    assert reference(name).cost == pytest.approx(find_single_factory(name).costs.scale, rel=0.25)


@pytest.mark.parametrize("name", STOCHASTIC)
def test_work_centres_share_the_load_evenly(name: str) -> None:
    loads = offered_load(find_single_factory(name)).values()
    assert min(loads) > 0.5
    assert max(loads) < 0.92
    assert min(loads) > 0.85 * max(loads)


@pytest.mark.parametrize("name", STOCHASTIC)
def test_shop_is_busy_but_stable_under_atcs(name: str) -> None:
    means = reference(name)
    longest = 7.0 if find_single_factory(name).calendars else 3.5  # nights and weekends count
    assert 1.5 < means.flow_over_work < longest
    assert (0.9 if name == "green" else 0.5) < means.on_time
    assert means.on_time < (1.0 if name == "green" else 0.9)


@pytest.mark.parametrize("name", [name for name in STOCHASTIC if name != "green"])
def test_tardiness_and_changeovers_both_matter(name: str) -> None:
    shares = reference(name).shares
    assert 0.25 < shares["tardiness"] < 0.7
    assert 0.2 < (shares["changeover"] + shares["waste"]) / (1 - shares["staff"]) < 0.55
    assert shares["energy"] + shares["holding"] < 0.35


@pytest.mark.parametrize("name", [name for name in STOCHASTIC if name != "green"])
def test_changing_over_for_every_order_is_impossible(name: str) -> None:
    factory = find_single_factory(name)
    profile = changeover_profile(factory)
    loads = [
        share * (1 + profile[centre].probability * profile[centre].severity)
        for centre, share in offered_load(factory).items()
    ]
    assert max(loads) > 1

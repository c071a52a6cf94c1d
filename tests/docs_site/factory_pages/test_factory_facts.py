"""Facts on the pages of factories are those of the files they are read from."""

from __future__ import annotations

import pytest

from docs_site.factory_pages.factory_facts import (
    centre_table,
    escape_text,
    file_comments,
    markdown_table,
    range_table,
    result_row,
    size_facts,
    tuned_table,
)
from evaluation.tuned_parameters import read_tuned
from factory.generation.ranges import RandomisedRanges
from factory.io.catalogue import FACTORIES_FOLDER, find_single_factory, shipped
from tests.builders.hand_made_schedule import hand_factory
from tests.builders.repository import ROOT

RESULTS = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", shipped())
def test_every_factory_has_comments_results_and_tuned_rules(name: str) -> None:
    row, tuned = result_row(RESULTS, name), read_tuned(name)
    assert row is not None
    assert len(row) == 3
    assert f"| `{name}` | {row[0]} | {row[1]} |" in RESULTS
    assert "[" not in "".join(row)
    assert tuned is not None
    assert tuned.rule(row[0]).name == row[0], "the best rule is one that can be made"
    assert file_comments((FACTORIES_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def test_a_factory_without_results_has_no_row() -> None:
    assert result_row(RESULTS, "micro") is None


def test_sizes_are_those_of_the_factory() -> None:
    facts = dict(size_facts(find_single_factory("scarce_crew")))
    assert facts["work centres, machines"] == "5, 10"
    assert facts["changeover crews"] == "2 for 10 machines"
    assert facts["orders of an episode"] == "100"
    assert facts["offered load, processing only"].startswith("0.68")
    assert facts["electricity"] == "0.14 to 0.24 EUR per kWh"


def test_a_factory_without_demand_has_sizes_too() -> None:
    facts = dict(size_facts(hand_factory()))
    assert "orders of an episode" not in facts
    assert facts["breakdowns"] == "none"
    assert "| build | 2 | 12.0 | | | |" in centre_table(hand_factory())


def test_changeovers_of_work_centres_are_those_of_the_guide() -> None:
    """docs/factories.md gives the ratios of microfactory as 0.65 to 0.74."""
    lines = centre_table(find_single_factory("microfactory")).splitlines()[2:]
    ratios = [line.split("|")[5].strip() for line in lines]
    assert sorted(ratios) == ["", "0.65", "0.67", "0.70", "0.74"]


def test_tuned_rules_stand_in_the_order_of_their_costs() -> None:
    tuned = read_tuned("microfactory")
    assert tuned is not None
    lines = tuned_table(tuned).splitlines()
    costs = [int(line.split("|")[3].replace(",", "")) for line in lines[2:-1]]
    assert costs == sorted(costs)
    assert lines[2].startswith("| `ATCS+HOLD(k1=2.112")
    assert lines[-1].startswith("| evolved priority index |")


def test_ranges_have_a_row_each() -> None:
    table = range_table(RandomisedRanges())
    assert "| `machines` | 3 | 15 |" in table
    assert table.count("\n") == len(RandomisedRanges.model_fields) + 1


def test_tables_and_text_are_markdown() -> None:
    assert markdown_table(["a"], []) == "| a |\n|---|"
    assert escape_text("`tiny` <b>") == r"`tiny` \<b\>"

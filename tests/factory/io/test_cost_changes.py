"""Cost rates changed with --set, without another file."""

from __future__ import annotations

from typing import Any

import pytest

from factory.io.catalogue import find_factory
from factory.io.cost_changes import COST_KEYS, MEASURED, change_costs, read_cost_changes
from factory.io.factory_toml import dump_factory
from factory.model import Costs
from factory.validation.errors import FactoryError
from tests.builders.own_factories import own_factory


def test_a_changed_rate_is_the_only_difference_beside_the_note() -> None:
    factory = own_factory("bakery")
    changed = change_costs(factory, read_cost_changes(["costs.energy=0", "costs.tardiness=5.5"]))
    assert changed.costs == factory.costs.model_copy(update={"energy": 0.0, "tardiness": 5.5})
    assert changed.description == "costs changed: energy = 0 (was 1), tardiness = 5.5 (was 12)"
    same = changed.model_copy(update={"costs": factory.costs, "description": factory.description})
    assert same == factory
    assert "energy" not in dump_factory(changed).partition("[costs]")[2]


def test_every_key_of_the_table_costs_can_be_changed() -> None:
    changes = read_cost_changes([f"costs.{key}=2" for key in COST_KEYS])
    changed = change_costs(own_factory("bakery"), changes)
    assert changed.costs == Costs(**dict.fromkeys(COST_KEYS, 2.0))


def test_a_stated_scale_is_warned_about_and_can_be_measured(
    capsys: pytest.CaptureFixture[str],
) -> None:
    saws = own_factory("saws")
    assert change_costs(saws, {"tardiness": 1}).costs.scale == 50.0
    assert "costs.scale = 50 was stated for other costs" in capsys.readouterr().err
    assert change_costs(saws, {"tardiness": 1, "scale": MEASURED}).costs.scale is None
    assert change_costs(own_factory("bakery"), {"tardiness": 1}).costs.scale is None
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("costs.enrgy=0", "The keys are tardiness, changeover, waste, energy, holding,"),
        ("energy=0", "must be costs.KEY=VALUE"),
        ("costs.energy", "must be costs.KEY=VALUE"),
    ],
)
def test_an_unknown_key_is_refused_with_the_list_of_keys(text: str, message: str) -> None:
    with pytest.raises(FactoryError) as caught:
        read_cost_changes([text])
    assert message in str(caught.value)


@pytest.mark.parametrize("value", ["much", True, -1, float("nan")])
def test_a_wrong_rate_is_refused(value: Any) -> None:
    with pytest.raises(FactoryError, match=r"costs\.energy = "):
        change_costs(own_factory("bakery"), {"energy": value})


def test_ranges_draw_their_own_costs() -> None:
    with pytest.raises(FactoryError, match="each draws its own costs"):
        change_costs(find_factory("randomised"), {"energy": 0})

"""The scheduler refuses factories whose hours, people, maintenance or runs it cannot keep."""

from __future__ import annotations

import pytest

from factory.io.factory_toml import parse_factory
from factory.validation.errors import FactoryError
from scheduler.floor.floor import ShopFloor
from tests.builders.operating_plant import plant


def test_a_floor_names_what_the_scheduler_cannot_keep() -> None:
    with pytest.raises(FactoryError) as refusal:
        ShopFloor(parse_factory(plant(), "works.toml"))
    assert [line.split(" = ")[0] for line in str(refusal.value).splitlines()] == [
        "factory works: calendars",
        "factory works: staff",
        "factory works: changeover_staff",
        "factory works: operations with staff",
        "factory works: maintenance",
        "factory works: attributes with min_run or max_run",
    ]

"""Positions of work centres, machines and orders."""

from __future__ import annotations

import pytest

from factory.io.catalogue import find_single_factory
from factory.lookups import FactoryLookup
from factory.model import Factory, Machine
from factory.schedule.shop_floor.floor_layout import (
    CHIP_HEIGHT,
    CHIP_WIDTH,
    CHIPS_A_ROW,
    MAX_BOXES,
    PANEL_WIDTH,
    PANELS_A_ROW,
    QUEUE_ROWS,
    FloorLayout,
    Panel,
    flow_order,
)
from tests.builders.hand_made_schedule import hand_factory


def layout(factory: Factory) -> FloorLayout:
    return FloorLayout(FactoryLookup(factory))


def test_work_centres_stand_in_the_order_of_flow() -> None:
    lookup = FactoryLookup(find_single_factory("microfactory"))
    names = [lookup.centres[centre].name for centre in flow_order(lookup)]
    assert names == ["body", "powertrain", "paint", "assembly", "test"]


def test_a_work_centre_without_operations_comes_last() -> None:
    spare = hand_factory().work_centres[2].model_copy(update={"name": "spare"})
    lookup = FactoryLookup(hand_factory(work_centres=(spare, *hand_factory().work_centres)))
    assert flow_order(lookup)[-1] == 0


@pytest.mark.parametrize("name", ["tiny", "microfactory", "large"])
def test_panels_and_chips_do_not_overlap(name: str) -> None:
    plan = layout(find_single_factory(name))
    for left, right in zip(plan.panels, plan.panels[1:], strict=False):
        assert right.left >= left.left + PANEL_WIDTH
    assert max(panel.left + PANEL_WIDTH for panel in plan.panels) < plan.width
    for panel in plan.panels:
        assert_chips_fit(panel)
        assert panel.box_top(len(panel.machines)) <= panel.bottom <= plan.bottom


def assert_chips_fit(panel: Panel) -> None:
    places = [panel.chip(slot) for slot in range(CHIPS_A_ROW * QUEUE_ROWS)]
    places += [panel.transit_chip(slot) for slot in range(CHIPS_A_ROW)]
    assert len(set(places)) == len(places)
    for left, top in places:
        assert panel.left < left < left + CHIP_WIDTH < panel.left + PANEL_WIDTH
        assert panel.top < top < top + CHIP_HEIGHT < panel.box_top(0)


def test_many_work_centres_stand_in_rows() -> None:
    centre = hand_factory().work_centres[2]
    machine = centre.machines[0]
    more = [
        centre.model_copy(
            update={
                "name": f"c{i}",
                "machines": (machine.model_copy(update={"name": f"c{i}-1"}),),
            }
        )
        for i in range(2 * PANELS_A_ROW)
    ]
    plan = layout(hand_factory(work_centres=(*hand_factory().work_centres, *more)))
    assert len({panel.top for panel in plan.panels}) == 3
    assert len({(panel.left, panel.top) for panel in plan.panels}) == 2 * PANELS_A_ROW + 3


def test_a_panel_has_boxes_for_some_of_very_many_machines() -> None:
    centres = hand_factory().work_centres
    machines = tuple(Machine(name=f"m{i}") for i in range(40))
    crowded = centres[2].model_copy(update={"machines": machines})
    plan = layout(hand_factory(work_centres=(*centres[:2], crowded)))
    (panel,) = [panel for panel in plan.panels if panel.centre == 2]
    assert panel.machines == tuple(range(4, 4 + MAX_BOXES))

"""Pictures of routes."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from docs_site.factory_pages.route_diagram import group_products, route_svg
from factory.io.catalogue import find_single_factory
from factory.lookups import FactoryLookup
from tests.builders.hand_made_schedule import hand_factory
from tests.builders.hostile_names import NASTY

_SVG = "{http://www.w3.org/2000/svg}"


def test_products_with_one_route_share_a_picture() -> None:
    assert group_products(FactoryLookup(hand_factory())) == [["car", "van"]]
    car, van = hand_factory().products
    alone = van.model_copy(update={"operations": van.operations[:1]})
    factory = hand_factory(products=(car, alone))
    assert group_products(FactoryLookup(factory)) == [["car"], ["van"]]


def test_each_operation_is_a_box_and_each_precedence_an_arrow() -> None:
    """paint and kit come before build; moving between centres takes a tick."""
    root = ElementTree.fromstring(route_svg(FactoryLookup(hand_factory())))
    texts = [text.text for text in root.iter(f"{_SVG}text")]
    assert len(list(root.iter(f"{_SVG}rect"))) == 3
    arrows = [path for path in root.iter(f"{_SVG}path") if path.get("marker-end")]
    assert len(arrows) == 2
    assert {"car, van", "paint", "kit (test)", "build", "10, material", "3", "12"} <= set(texts)
    assert texts.count("1") == 2


@pytest.mark.parametrize("name", ["tiny", "microfactory", "large"])
def test_boxes_do_not_overlap_and_lie_inside(name: str) -> None:
    root = ElementTree.fromstring(route_svg(FactoryLookup(find_single_factory(name))))
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    boxes = [
        [float(rect.get(key, 0)) for key in ("x", "y", "width", "height")]
        for rect in root.iter(f"{_SVG}rect")
    ]
    assert boxes
    for n, (x, y, w, h) in enumerate(boxes):
        assert x >= 0
        assert x + w <= width
        assert y + h <= height
        for other in boxes[:n]:
            apart = abs(x - other[0]) >= w or abs(y - other[1]) >= h
            assert apart


@pytest.mark.parametrize("name", NASTY)
def test_any_name_gives_a_picture(name: str) -> None:
    car, van = hand_factory().products
    factory = hand_factory(products=(car.model_copy(update={"name": name}), van))
    svg = route_svg(FactoryLookup(factory))
    assert ElementTree.fromstring(svg).tag == f"{_SVG}svg"
    assert not re.search(r"<script", svg)

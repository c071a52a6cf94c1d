"""Charts of factories: what is drawn in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from PIL import Image

from docs_site.factory_pages import factory_charts
from docs_site.factory_pages.factory_charts import (
    draw_heat_map,
    draw_loads,
    draw_tariff,
    draw_uses,
)
from factory.io.catalogue import find_single_factory
from factory.model import Attribute
from factory.schedule.kpis import Use
from tests.builders.hand_made_schedule import hand_factory
from tests.builders.hostile_names import NASTY


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Return the figures that are saved."""
    figures: list[Figure] = []
    monkeypatch.setattr(factory_charts, "_save", lambda figure, path: figures.append(figure))
    return figures


def texts_of(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_a_heat_map_has_minutes_and_crosses(drawn: list[Figure], tmp_path: Path) -> None:
    """A tick is six minutes; black to white is forbidden."""
    colour = hand_factory().work_centres[0].attributes[0]
    draw_heat_map(colour, "paint", 6.0, tmp_path / "a.png")
    (axes,) = drawn[0].axes
    assert texts_of(axes) == ["0", "12", "24", "18", "0", "12", "✕", "30", "0"]
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [label.get_text() for label in labels] == ["white", "red", "black"]
    assert {"paint: colour", "from", "to"} == {text.get_text() for text in drawn[0].texts}


@pytest.mark.parametrize("name", ["large", "one_of_a_kind", "green"])
def test_labels_of_heat_maps_stay_inside_the_picture(
    drawn: list[Figure], tmp_path: Path, name: str
) -> None:
    for centre in find_single_factory(name).work_centres:
        for attribute in centre.attributes:
            draw_heat_map(attribute, centre.name, 1.0, tmp_path / "a.png")
    assert drawn
    for figure in drawn:
        assert_inside(figure)


def drawn_labels(axis: Any, coordinate: int) -> list[Any]:
    """Return the labels of an axis whose strokes lie on it."""
    low, high = sorted(axis.get_view_interval())
    labels = axis.get_ticklabels()
    return [text for text in labels if low <= text.get_position()[coordinate] <= high]


def assert_inside(figure: Figure) -> None:
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    width, height = figure.bbox.size
    for axes in figure.axes:
        labels = [axes.xaxis.label, *drawn_labels(axes.xaxis, 0), *drawn_labels(axes.yaxis, 1)]
        for text in (*labels, *figure.texts):
            box = text.get_window_extent(renderer)
            assert -1 <= box.x0 <= box.x1 <= width + 1, text.get_text()
            assert -1 <= box.y0 <= box.y1 <= height + 1, text.get_text()


def test_loads_and_uses_have_a_bar_for_each_name(drawn: list[Figure], tmp_path: Path) -> None:
    factory = find_single_factory("microfactory")
    draw_loads(factory, tmp_path / "a.png")
    draw_uses(
        {"m1": Use(0.5, 0.2, 0.1, 0.1, 0, 0, 0.1), "m2": Use(0, 0, 0, 0, 0, 0, 1)},
        tmp_path / "b.png",
    )
    draw_tariff(factory, tmp_path / "c.png")
    loads, uses, _ = drawn
    assert len(loads.axes[0].patches) == 2 * len(factory.work_centres)
    assert len(uses.axes[0].patches) == 5 * 2
    assert len(uses.legends[0].get_texts()) == 5
    for figure in drawn:
        assert_inside(figure)


@pytest.mark.parametrize("name", NASTY)
def test_any_name_can_be_drawn(name: str, tmp_path: Path) -> None:
    attribute = Attribute(name=name, values=(name, "other"), time=((0, 1), (2, 0)))
    draw_heat_map(attribute, name, 1.0, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.width > image.height / 2

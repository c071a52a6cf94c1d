"""Pages of factories name pictures that exist, and figures that stand elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agents.rules.registry import make_rule
from docs_site.factory_pages.factory_index import order_names, write_factory_index
from docs_site.factory_pages.factory_page import write_factory_page
from docs_site.factory_pages.world_episodes import play_world
from factory.io.catalogue import shipped


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pages")
    write_factory_page("tiny", path)
    return path


def test_a_page_shows_all_of_its_pictures(folder: Path) -> None:
    text = (folder / "tiny.md").read_text(encoding="utf-8")
    shown = {name for name in re.findall(r"\(([\w.-]+)\)", text) if name.startswith("tiny-")}
    made = {path.name for path in folder.iterdir() if path.name.startswith("tiny-")}
    assert shown == made - {"tiny-preview.png"}
    assert {
        "tiny-floor.webp",
        "tiny-gantt.png",
        "tiny-routes.svg",
        "tiny-changeover-0-0.png",
    } < made


def test_a_page_has_results_commands_and_seeds(folder: Path) -> None:
    text = (folder / "tiny.md").read_text(encoding="utf-8")
    assert "| FIFO | 0 % | +128 % |" in text
    assert 'changeover demo --factory tiny --rule "FIFO" --seed 1' in text
    assert "| test | 1125899906842624 |" in text
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings == [
        *("Size", "Layout", "Changeover matrices", "Load"),
        *("An episode", "Results", "Use it", "Seeds"),
    ]


def test_the_list_has_every_factory_with_its_picture(folder: Path) -> None:
    write_factory_index(folder)
    text = (folder / "index.md").read_text(encoding="utf-8")
    assert sorted(order_names()) == shipped()
    for name in shipped():
        assert f"[![Shop floor]({name}-preview.png)]({name}.md)" in text
    assert "2 machines, 2 work centres, 1 product, 4 orders\n" in text


def test_a_seed_draws_one_factory_of_ranges() -> None:
    schedule, factory = play_world("randomised", make_rule("FIFO"), seed=3)
    again, _ = play_world("randomised", make_rule("FIFO"), seed=3)
    assert schedule == again
    assert schedule.complete
    assert len(schedule.machine_names) == sum(len(c.machines) for c in factory.work_centres)

"""The pictures of the page on concepts show what the text says."""

from __future__ import annotations

import re
from pathlib import Path

from docs_site.concept_pictures import PICTURES, draw_matrices, find_moment, network_view
from tests.builders.repository import ROOT


def test_the_page_shows_each_picture() -> None:
    text = (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\]\(pictures/([\w.]+)\)", text)) == set(PICTURES)
    assert {path.name for path in (ROOT / "docs" / "pictures").iterdir()} == set(PICTURES)


def test_the_moment_has_rows_of_all_kinds_and_no_certain_choice(tmp_path: Path) -> None:
    moment = find_moment()
    assert set(moment.kinds()) == {"start", "change over", "wait"}
    inputs, probabilities = network_view(moment)
    assert len(inputs) == len(probabilities) == len(moment.legal_rows())
    assert abs(probabilities.sum() - 1) < 1e-6
    assert probabilities.max() < 0.7
    draw_matrices(moment, tmp_path / "matrices.svg")
    assert (tmp_path / "matrices.svg").read_text(encoding="utf-8").startswith("<?xml")

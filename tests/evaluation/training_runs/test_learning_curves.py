"""Learning curves: a line for each run, a band for the seeds of a folder."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evaluation.curves import main
from evaluation.training_runs.learning_curves import draw_curves, find_curves


def write_run(folder: Path, points: Sequence[tuple[int, float]]) -> Path:
    folder.mkdir(parents=True)
    entries = [{"step": step, "ratio": ratio} for step, ratio in points]
    (folder / "validation.json").write_text(json.dumps(entries))
    return folder


def test_seeds_of_a_folder_are_one_band_and_runs_are_lines(tmp_path: Path) -> None:
    single = write_run(tmp_path / "single", [(0, 1.0), (100, 0.5)])
    group = tmp_path / "group"
    write_run(group / "seed-0", [(0, 1.0), (100, 0.8), (200, 0.6)])
    write_run(group / "seed-1", [(0, 1.2), (200, 0.8)])
    for folders in ([single, group], [single, *sorted(group.iterdir())]):
        line, band = find_curves(folders)
        assert (line.seeds, line.ratios.tolist()) == (1, [1.0, 0.5])
        assert (band.name, band.seeds) == (str(group), 2)
        np.testing.assert_allclose(band.steps, [0, 100, 200])
        np.testing.assert_allclose(band.ratios, [1.1, 0.9, 0.7])
        np.testing.assert_allclose(band.low, [1.0, 0.8, 0.6])
        np.testing.assert_allclose(band.high, [1.2, 1.0, 0.8])


def test_a_band_ends_where_the_shortest_run_ends(tmp_path: Path) -> None:
    write_run(tmp_path / "seed-0", [(0, 1.0), (100, 0.8), (200, 0.6)])
    write_run(tmp_path / "seed-1", [(0, 1.0), (100, 0.7)])
    (band,) = find_curves([tmp_path])
    assert band.steps.tolist() == [0.0, 100.0]


def test_the_command_writes_picture_and_table_and_prints_the_lowest_points(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "one", [(0, 1.0), (1000, 0.5), (2000, 0.7)])
    out = tmp_path / "out"
    assert main([str(run), str(tmp_path / "no run"), "--out", str(out)]) == 0
    assert "1 run: 0.700 after 2,000 decisions, lowest 0.500 after 1,000" in capsys.readouterr().out
    with (out / "curves.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["step"], row["ratio"]) for row in rows] == [
        ("0", "1"),
        ("1000", "0.5"),
        ("2000", "0.7"),
    ]
    with Image.open(out / "curves.png") as picture:
        assert picture.size[0] > 500


def test_a_picture_shows_the_band_beside_the_line(tmp_path: Path) -> None:
    write_run(tmp_path / "seed-0", [(0, 1.0), (100, 0.9)])
    alone = draw_curves(find_curves([tmp_path]))
    write_run(tmp_path / "seed-1", [(0, 1.4), (100, 0.5)])
    both = draw_curves(find_curves([tmp_path]))
    pictures = [np.asarray(Image.open(BytesIO(data)).convert("RGB")) for data in (alone, both)]
    pale = [
        ((picture > 150).all(axis=2) & (picture < 250).any(axis=2)).sum() for picture in pictures
    ]
    assert pale[1] > 2 * pale[0]


@pytest.mark.parametrize("content", ["{", "[]", '[{"step": 1}]'])
def test_a_damaged_file_is_named(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "validation.json").write_text(content)
    assert main([str(tmp_path)]) == 2
    assert f"{tmp_path / 'validation.json'}: " in capsys.readouterr().err


def test_folders_without_runs_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path)]) == 2
    assert "no folder of a run" in capsys.readouterr().err

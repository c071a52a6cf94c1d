"""Pieces of datasets: in order, kept when work is interrupted, made again for other inputs."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from agents.policy_improvement.dataset_pieces import PieceError, make_pieces, piece_files
from agents.policy_improvement.decision_dataset import DecisionDataset, load_dataset
from factory.work_units.local_processes import LocalProcesses
from tests.builders.small_datasets import make_dataset


def make(folder: Path, inputs: str = "a") -> list[float]:
    """Make three pieces; return the number that each holds."""
    pieces = make_pieces(
        partial(make_dataset, folder),
        episodes=5,
        piece_size=2,
        kind=DecisionDataset,
        inputs=inputs,
        folder=folder / "targets",
        workers=LocalProcesses(1),
        label="play",
    )
    return [float(piece.rows[0, 0]) for piece in pieces]


def times_made(folder: Path) -> list[int]:
    marks = [folder / f"{index}" for index in range(3)]
    return [len(mark.read_text()) if mark.exists() else 0 for mark in marks]


def test_an_interruption_loses_no_finished_piece(tmp_path: Path) -> None:
    (tmp_path / "fail-1").touch()
    with pytest.raises(MemoryError):
        make(tmp_path)
    (tmp_path / "fail-1").unlink()
    assert make(tmp_path) == [0.0, 1.0, 2.0]
    assert times_made(tmp_path) == [1, 2, 1]


def test_a_piece_whose_process_dies_is_named_and_the_others_are_kept(tmp_path: Path) -> None:
    (tmp_path / "die-1").touch()
    with pytest.raises(PieceError, match="piece 1 could not be made: its process ended"):
        make(tmp_path)
    assert [path.name[:4] for path in piece_files(tmp_path / "targets")][:1] == ["0000"]
    (tmp_path / "die-1").unlink()
    assert make(tmp_path) == [0.0, 1.0, 2.0]
    assert times_made(tmp_path)[0] == 1


def test_pieces_of_other_inputs_and_damaged_ones_are_made_again(tmp_path: Path) -> None:
    make(tmp_path)
    piece_files(tmp_path / "targets")[1].write_bytes(b"damaged")
    make(tmp_path)
    assert times_made(tmp_path) == [1, 2, 1]
    make(tmp_path, inputs="b")
    assert times_made(tmp_path) == [2, 3, 2]


def test_files_are_listed_by_index_and_read_one_by_one(tmp_path: Path) -> None:
    make(tmp_path)
    datasets = [load_dataset(path, DecisionDataset) for path in piece_files(tmp_path / "targets")]
    assert [dataset.rows[0, 0] for dataset in datasets] == [0.0, 1.0, 2.0]

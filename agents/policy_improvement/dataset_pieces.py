"""Datasets in pieces of whole episodes, played by several processes and kept in a folder.

Interrupted work resumes without the finished pieces (:mod:`factory.work_units.units`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from agents.policy_improvement.decision_dataset import Dataset, DecisionDataset, as_arrays
from factory.work_units.result_store import NpzCodec, Store
from factory.work_units.units import JsonObject, Workers, run_units


class PieceError(RuntimeError):
    """A piece that could not be made."""


@dataclass(frozen=True)
class DatasetPiece:
    """Episodes that are played together; a unit of :mod:`factory.work_units.units`."""

    index: int
    size: int  # episodes
    inputs: str  # hash of everything that the pieces depend on, besides their index
    make: Callable[[int], DecisionDataset]  # dataset of the piece with an index; it must pickle
    group: str = "pieces"

    @property
    def name(self) -> str:
        return f"piece {self.index}"

    @property
    def key(self) -> str:
        return f"{self.index:04d}-{self.inputs}"

    def run(self) -> JsonObject:
        """Return the arrays of the dataset."""
        torch.set_num_threads(1)
        return as_arrays(self.make(self.index))


def make_pieces(
    make: Callable[[int], Dataset],
    episodes: int,
    piece_size: int,
    kind: type[Dataset],
    *,
    inputs: str,
    folder: Path,
    workers: Workers,
    label: str,
) -> list[Dataset]:
    """Return the datasets of all pieces, in their order; those in ``folder`` are read.

    Parameters
    ----------
    make
        Function from the index of a piece to its dataset; it must pickle.
    episodes, piece_size
        Least number of episodes in all, and number of episodes of each piece.
    kind
        Class of the datasets.
    inputs
        Hash of everything that the pieces depend on, besides their index.
    folder
        Folder of finished pieces.
    workers
        Processes that make the pieces; they do not change the result.
    label
        Label of the progress bar.

    Raises
    ------
    PieceError
        If a process died twice over the same piece.
    """
    count = -(-episodes // piece_size)
    pieces = [DatasetPiece(index, piece_size, inputs, make) for index in range(count)]
    with tqdm(total=count * piece_size, unit=" episodes", desc=label) as bar:
        results = run_units(pieces, Store(folder, NpzCodec()), workers, bar.update)
    for piece, result in zip(pieces, results, strict=True):
        if "failed" in result:
            raise PieceError(
                f"{folder}: {piece.name} could not be made: {result['failed']['message']}."
                " The other pieces are kept. Start the same command again, with fewer --processes"
                " if memory is short."
            )
    return [kind(**result) for result in results]


def piece_files(folder: Path) -> list[Path]:
    """Return the files of the finished pieces in ``folder``, in the order of their indices."""
    return sorted(folder.glob("*/*.npz"), key=lambda path: path.name)

"""Runs of several training seeds in one folder: ``seed-0``, ``seed-1`` and so on."""

from __future__ import annotations

import json
from pathlib import Path

from agents.training.config import TrainingConfig, to_toml
from agents.training.config_errors import ConfigError
from agents.training.resumption import keep_resumed, with_seed
from evaluation.training_runs.learning_curves import find_curves, write_curves
from evaluation.training_runs.run_summary import read_summary
from evaluation.training_runs.seed_table import format_seeds
from factory.io.atomic_write import write_atomically

SEEDS_FILE = "seeds.json"
"""File that marks a folder of runs of several seeds."""


class SeedRuns:
    """Folder of the runs of consecutive training seeds.

    Parameters
    ----------
    folder
        Folder of all runs.
    config
        Config of all runs, with the first seed.
    count
        Number of seeds.
    """

    def __init__(self, folder: Path, config: TrainingConfig, count: int) -> None:
        self.folder, self._config = folder, config
        self._seeds = range(config.seed, config.seed + count)

    @staticmethod
    def are_in(folder: Path | None) -> bool:
        """Return True if the folder holds runs of several seeds."""
        return folder is not None and (folder / SEEDS_FILE).is_file()

    @classmethod
    def open(
        cls, folder: Path, config: TrainingConfig, count: int | None, *, resume: bool
    ) -> SeedRuns:
        """Begin runs in a new folder, or take up those in it.

        Parameters
        ----------
        count
            Number of seeds; None: as many as before. A folder of seeds can only grow.

        Raises
        ------
        ConfigError
            If the folder holds runs already, or more seeds than ``count``.
        """
        if not resume:
            return cls._begin(folder, config, count or 1)
        before = _read_count(folder / SEEDS_FILE)
        if count is not None and count < before:
            raise ConfigError(
                f"--resume {folder} with --seeds {count}: {before} seeds were begun there. Give"
                f" {before} or more, or leave --seeds out."
            )
        keep_resumed(folder, config)
        return cls._with_file(folder, config, count or before)

    @classmethod
    def _begin(cls, folder: Path, config: TrainingConfig, count: int) -> SeedRuns:
        if (folder / "config.toml").exists():
            raise ConfigError(
                f"{folder}: holds a run already. Continue it with --resume {folder}, or name"
                " another folder with --out."
            )
        with_seed(config, config.seed + count - 1)
        write_atomically(folder / "config.toml", to_toml(config))
        return cls._with_file(folder, config, count)

    @classmethod
    def _with_file(cls, folder: Path, config: TrainingConfig, count: int) -> SeedRuns:
        text = json.dumps({"first": config.seed, "count": count}) + "\n"
        write_atomically(folder / SEEDS_FILE, text)
        return cls(folder, config, count)

    @property
    def folders(self) -> list[Path]:
        """Folder of each run, in the order of the seeds."""
        return [self.folder / f"seed-{seed}" for seed in self._seeds]

    def config_of(self, folder: Path) -> TrainingConfig:
        """Return the config of the run in one of the folders."""
        return with_seed(self._config, int(folder.name.removeprefix("seed-")))

    def finish(self) -> str:
        """Draw the learning curve of all seeds; return the table over seeds and the files."""
        summaries = [read_summary(folder) for folder in self.folders]
        table = format_seeds([summary for summary in summaries if summary is not None])
        files = write_curves(find_curves([self.folder]), self.folder)
        write_atomically(self.folder / "seeds.txt", table + "\n")
        names = ", ".join(str(path) for path in [*files, self.folder / "seeds.txt"])
        return f"\n{table}\nWritten: {names}"


def _read_count(path: Path) -> int:
    """Return the number of seeds that were begun in a folder."""
    try:
        return int(json.loads(path.read_text(encoding="utf-8"))["count"])
    except (ValueError, LookupError, TypeError) as error:
        raise ConfigError(
            f"{path}: is not the file of a folder of seeds ({error!r}). Resume the folders of the"
            " seeds one by one."
        ) from None

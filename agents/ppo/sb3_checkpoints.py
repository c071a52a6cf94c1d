"""Trained policies by path: policy folders, and checkpoints of Stable-Baselines3 and sb3-contrib.

``load_checkpoint("runs/x/policy").decide(observation)``. A checkpoint of Stable-Baselines3 is a
pickle: load only those you trust. (The evaluator loads them in a process of their own.)
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from agents.policy import Policy
from agents.standstill import bar_wait_rows
from envs.observation.checks import check_observation
from factory.validation.arguments import check_integers

if TYPE_CHECKING:
    from agents.network.trained_policy import TrainedPolicy

ALGORITHMS = {
    "MaskablePPO": "sb3_contrib",
    "PPO": "stable_baselines3",
    "A2C": "stable_baselines3",
    "DQN": "stable_baselines3",
    "QRDQN": "sb3_contrib",
}
"""Algorithms with discrete actions, and their packages."""


class CheckpointPolicy:
    """Actions of a trained model.

    A model without masks may choose a row that is not legal; a legal one is taken then, by the rule
    of its training (:func:`replace_illegal_rows`). The wait does not count as legal if the plant
    would stand still by it (:mod:`agents.standstill`).

    Parameters
    ----------
    model
        Model with a method ``predict``.
    deterministic
        Take the best action; False: sample one, as the model did in its training.
    """

    def __init__(self, model: Any, deterministic: bool = True) -> None:
        self.model, self.deterministic = model, deterministic
        self._takes_masks = type(model).__name__.startswith("Maskable")

    def decide(self, observation: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
        """Return rows ``[E]``; 0 where no row is legal.

        Raises
        ------
        TypeError, ValueError
            If the tables are not those of an observation with a leading axis.
        """
        tables = check_observation("predict", observation)
        mask = tables.action_mask.copy()
        bar_wait_rows(tables.candidates, tables.machines, tables.shop, mask)
        # all rows where none is legal: a distribution over no row cannot be made
        mask = np.where(mask.any(axis=1, keepdims=True), mask, True)
        settings = {"action_masks": mask} if self._takes_masks else {}
        actions, _ = self.model.predict(observation, deterministic=self.deterministic, **settings)
        return replace_illegal_rows(check_integers("predict", actions, mask.shape[:1]), mask)


def replace_illegal_rows(actions: NDArray[np.int64], mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return legal rows, the actions themselves where they are.

    An illegal action stands for row number ``action % n`` among the n legal ones, as in
    :class:`envs.batch.Batch`.
    """
    count = mask.shape[1]
    is_legal = np.take_along_axis(mask, actions[:, None] % count, axis=1)[:, 0]
    is_legal &= (actions >= 0) & (actions < count)
    number = actions % mask.sum(axis=1)
    # the first row with more than `number` legal ones up to it
    replacement = (np.cumsum(mask, axis=1) > number[:, None]).argmax(axis=1)
    return np.where(is_legal, actions, replacement)


def load_checkpoint(path: Path | str) -> Policy:
    """Load a policy folder, or a ``.zip`` that an algorithm of ALGORITHMS has saved.

    Raises
    ------
    ValueError
        If the file is no checkpoint, or one of another algorithm.
    """
    import importlib

    if Path(path).is_dir():
        return _load_folder(path)
    _use_single_thread()
    name = algorithm_of(Path(path))
    model = getattr(importlib.import_module(ALGORITHMS[name]), name).load(path, device="cpu")
    return CheckpointPolicy(model)


def _load_folder(path: Path | str) -> TrainedPolicy:
    """Load a policy folder, whose network may be of a user's class."""
    from agents.network.trained_policy import load_any_policy

    _use_single_thread()
    return load_any_policy(path)


def load_trained(path: Path | str) -> TrainedPolicy:
    """Load a policy folder with this project's network, for lookahead."""
    from agents.network.trained_policy import load_policy

    _use_single_thread()
    return load_policy(path)


def _use_single_thread() -> None:
    """Keep torch to one thread: evaluation runs one process for each core."""
    import torch

    torch.set_num_threads(1)


def algorithm_of(path: Path) -> str:
    """Return the name of the algorithm whose model a checkpoint holds.

    Raises
    ------
    ValueError
        If the file is no checkpoint, or the algorithm is unknown.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            content = json.loads(archive.read("data"))
    except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ValueError(
            f"{path}: not a checkpoint of Stable-Baselines3 ({error}). Give a .zip that"
            " model.save() wrote."
        ) from None
    policy = json.dumps(content.get("policy_class", ""))
    if "clip_range" in content:
        return "MaskablePPO" if "maskable" in policy else "PPO"
    if "gae_lambda" in content:
        return "A2C"
    if "exploration_fraction" in content:
        return "QRDQN" if "qrdqn" in policy else "DQN"
    raise ValueError(
        f"{path}: the checkpoint is of an unknown algorithm. Known are {', '.join(ALGORITHMS)}."
    )

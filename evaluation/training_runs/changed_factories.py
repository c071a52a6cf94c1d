"""Factories of a run whose costs were changed: files in the folder of the run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agents.training.config import TrainingConfig
from factory.io.atomic_write import write_atomically
from factory.io.catalogue import find_factory
from factory.io.cost_changes import change_costs
from factory.io.factory_toml import dump_factory
from factory.validation.names import file_name

_FOLDER = "factories"


def write_changed_factories(config: TrainingConfig, folder: Path) -> TrainingConfig:
    """Return the config with the factories as section ``costs`` changes them.

    The changed factories are written into the folder of the run, so that validation, expert
    iteration, the final comparison and later evaluations all read the same files. Without changes,
    the config stays as it is and nothing is written.

    Raises
    ------
    FactoryError
        If a changed rate is wrong, or a factory is a range.
    """
    changes = config.costs.changes()
    if not changes:
        return config
    scenario = config.scenario
    paths = {
        name: _write_changed(name, changes, folder / _FOLDER)
        for name in dict.fromkeys([*scenario.factories, *scenario.validation_factories])
    }
    update = {
        key: _replace(getattr(scenario, key), paths)
        for key in ("factories", "validation_factories")
    }
    update_prior = {"prior_factory": config.network.prior_factory or scenario.factories[0]}
    return config.model_copy(
        update={
            "scenario": scenario.model_copy(update=update),
            "network": config.network.model_copy(update=update_prior),
        }
    )


def _write_changed(name: str, changes: dict[str, Any], folder: Path) -> str:
    changed = change_costs(find_factory(name), changes)
    path = folder / f"{file_name(changed.name)}.toml"
    write_atomically(path, dump_factory(changed))
    print(f"factory {changed.name}: {changed.description}. File: {path}")
    return str(path)


def _replace(names: Sequence[str], paths: dict[str, str]) -> tuple[str, ...]:
    return tuple(paths[name] for name in names)

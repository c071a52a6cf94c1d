"""Start and baselines of a training run, from what was tuned for its factories."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from agents.rules.registry import Rule
from agents.training.config import TrainingConfig
from agents.training.config_errors import ConfigError
from evaluation.runner.contenders import parse_contenders
from evaluation.runner.scenarios import find_scenarios
from evaluation.tuned_parameters import best_tuned_rule, name_of, read_tuned, tuned_index
from factory.io.catalogue import find_factory
from factory.io.shipped_files import command_of, find_shipped
from factory.model import Factory
from factory.validation.errors import FactoryError

POLICY_NAME = "policy"
"""Name of the trained policy in the final table."""
LAST_RESORT = "ATCS"
"""Baseline if none of those that are listed exists for the factories."""


def compared_factories(config: TrainingConfig) -> list[str]:
    """Return the factories of validation and final comparison."""
    return list(config.scenario.validation_factories or config.scenario.factories)


def tuned_folder(config: TrainingConfig) -> Path | None:
    """Return the folder of tuned parameters; None for the shipped ones."""
    return None if config.scenario.tuned is None else Path(config.scenario.tuned)


def settle_start(config: TrainingConfig) -> tuple[TrainingConfig, list[str]]:
    """Return the config with a start and baselines that exist, and a line for each change.

    The default prior becomes ATCS where no index was evolved for its factory. An index among the
    baselines is left out where a compared factory has none.
    """
    notes = []
    without = _without_index(config)
    if without:
        entries = split_list(config.logging.baselines)
        kept = [entry for entry in entries if not _is_index(entry)]
        if len(kept) < len(entries):
            notes.append(
                f"logging.baselines: index is left out, as none was evolved for {_join(without)}."
            )
            baselines = ",".join(kept or [LAST_RESORT])
            logging = config.logging.model_copy(update={"baselines": baselines})
            config = config.model_copy(update={"logging": logging})
    start = _prior_factory(config)
    if _has_default_prior(config) and tuned_index(start, tuned_folder(config)) is None:
        notes.append(
            f"network.prior: the policy starts as ATCS, as no index was evolved for {start}."
        )
        network = config.network.model_copy(update={"prior": "atcs"})
        config = config.model_copy(update={"network": network})
    untuned = _untuned(config)
    if untuned:
        notes.append(
            f"rules have default parameters, as none were tuned for {_join(untuned)}."
            f" {_tuning_command(untuned[0])} searches rules and index; then train with --tuned DIR."
        )
    return config, notes


def check_start(config: TrainingConfig) -> None:
    """Check prior and final comparison before training, which may take hours.

    Raises
    ------
    ConfigError
        If a folder is missing; the prior is the index of a factory that has none; a baseline is
        unknown or has the name of the trained policy; or the order book comes with several
        factories.
    FactoryError
        If the factories cannot be compared in one table.
    """
    _check_folders(config)
    find_prior(config)
    find_scenarios(compared_factories(config))
    if config.scenario.orders is None:
        _check_demand(config)
    else:
        _check_orders(config)
    setting = f"logging.baselines = {config.logging.baselines!r}"
    try:
        contenders = parse_contenders(config.logging.baselines)
    except ValueError as error:
        raise ConfigError(f"{setting}; {error}") from None
    if any(contender.name == POLICY_NAME for contender in contenders):
        raise ConfigError(
            f"{setting}; the trained policy is called {POLICY_NAME!r} in the table. Give the"
            " baseline another name: other=PATH."
        )


def find_prior(config: TrainingConfig) -> dict[str, float] | None:
    """Return the weights of the evolved index that is the network's prior; None for others.

    Raises
    ------
    ConfigError
        If there is no index for its factory.
    """
    if config.network.prior != "index" or config.network.init_from is not None:
        return None
    name = _prior_factory(config)
    index = tuned_index(name, tuned_folder(config))
    if index is None:
        raise ConfigError(
            f"network.prior = 'index'; no index was evolved for {name}. Run"
            f" {_tuning_command(name)}, then train with --tuned DIR; or set network.prior=atcs."
        )
    return dict(index.weights)


def best_rules(config: TrainingConfig) -> dict[str, Rule]:
    """Return the rule to compare with during training, by factory."""
    folder = tuned_folder(config)
    return {name: best_tuned_rule(name, folder) for name in compared_factories(config)}


def split_list(text: str) -> list[str]:
    """Split a list of policies at the commas outside parentheses.

    Examples
    --------
    >>> split_list("ATCS(k1=2, k2=0.5),index")
    ['ATCS(k1=2, k2=0.5)', 'index']
    """
    return [entry.strip() for entry in re.split(r",(?![^()]*\))", text) if entry.strip()]


def _check_folders(config: TrainingConfig) -> None:
    """Refuse folders that do not exist."""
    folder = tuned_folder(config)
    if folder is not None and not folder.is_dir():
        raise ConfigError(
            f"scenario.tuned = {str(folder)!r}; there is no such folder. Give one that evaluate.py"
            " --tune --tuned DIR wrote, or leave --tuned out."
        )
    start = config.network.init_from
    if start is not None and not (find_shipped(start) / "manifest.json").is_file():
        raise ConfigError(
            f"network.init_from = {start!r}; is not a policy folder. Give one that train.py wrote,"
            " for example policies/microfactory."
        )


def _check_demand(config: TrainingConfig) -> None:
    """Refuse a factory that says nothing about its orders."""
    for name in [*config.scenario.factories, *config.scenario.validation_factories]:
        source = find_factory(name)
        if isinstance(source, Factory) and source.demand is None:
            raise FactoryError(
                f"factory {name}: demand = nothing; without an order book there must be a demand to"
                " draw orders from. Give an order book with --orders FILE, or add [demand]."
            )


def _check_orders(config: TrainingConfig) -> None:
    """Refuse settings that an order book does not go with; the book itself is read later."""
    scenario, orders = config.scenario, config.scenario.orders
    names = {*scenario.factories, *scenario.validation_factories}
    if len(names) > 1:
        raise ConfigError(
            f"scenario.orders = {orders!r} with factories {', '.join(sorted(names))}; an order book"
            " belongs to one factory. Name that one in scenario.factories."
        )
    if config.expert_iteration.iterations:
        raise ConfigError(
            f"expert_iteration.iterations = {config.expert_iteration.iterations} with"
            " scenario.orders; lookahead samples future orders from the [demand] of the factory,"
            " which an order book replaces. Set expert_iteration.iterations=0, or describe the"
            " demand."
        )
    find_scenarios(list(names), Path(str(orders)))


def _prior_factory(config: TrainingConfig) -> str:
    return config.network.prior_factory or config.scenario.factories[0]


def _has_default_prior(config: TrainingConfig) -> bool:
    is_default = "prior" not in config.network.model_fields_set
    return config.network.prior == "index" and config.network.init_from is None and is_default


def _is_index(entry: str) -> bool:
    try:
        return any(contender.kind == "index" for contender in parse_contenders(entry))
    except ValueError:
        return False  # check_start refuses it


def _without_index(config: TrainingConfig) -> list[str]:
    folder = tuned_folder(config)
    return [name for name in compared_factories(config) if tuned_index(name, folder) is None]


def _untuned(config: TrainingConfig) -> list[str]:
    folder = tuned_folder(config)
    names = compared_factories(config)
    return [name for name in names if read_tuned(name_of(name), folder) is None]


def _join(names: list[str]) -> str:
    return ", ".join(names)


def _tuning_command(name: str) -> str:
    return f"{command_of('evaluate')} --tune --factory {shlex.quote(name)} --tuned DIR"

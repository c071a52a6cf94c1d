"""Settings of expert iteration."""

from __future__ import annotations

from dataclasses import dataclass

from agents.training.config import TrainingConfig


@dataclass(frozen=True)
class ExpertIterationConfig:
    """Settings of expert iteration.

    A run continues with more ``iterations``; any other change needs another folder.
    """

    factories: tuple[str, ...]
    iterations: int = 3
    episodes: int = 384  # played for search targets in each iteration
    top_k: int = 4  # choices that are simulated at a decision
    num_futures: int = 3  # sampled futures of each choice
    horizon: float = 4.0  # mean process times that are simulated
    buffer_size: int = 400_000  # newest search targets that the policy is fitted to
    update_epochs: int = 6
    minibatch_size: int = 512
    learning_rate: float = 2e-3  # falls linearly to a twentieth
    kl_coef: float = 0.05  # weight of the KL divergence from the policy before the iteration
    ent_coef: float = 0.02  # weight of the entropy over the simulated choices
    value_coef: float = 0.5  # weight of the critics' squared errors
    # advantage that counts as 1, as a share of the cost scale of an episode
    advantage_unit: float = 1.5e-3
    validation_episodes: int = 512
    seed: int = 0
    extra_data: tuple[str, ...] = ()  # folders of other runs whose search targets are added


def expert_iteration_config(config: TrainingConfig) -> ExpertIterationConfig:
    """Return the settings in section ``expert_iteration`` of a training config."""
    scenario = config.scenario
    return ExpertIterationConfig(
        tuple(scenario.validation_factories or scenario.factories),
        seed=config.seed,
        **config.expert_iteration.model_dump(),
    )

"""Training configuration: a TOML file, whose keys ``--set section.key=value`` overrides."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    model_validator,
)

from agents.training.config_files import (
    override_key,
    read_tables,
    validate_tables,
    write_toml,
)
from factory.field_notes import FieldNote
from factory.validation.names import printable
from factory.validation.text_files import require_number

_Number = BeforeValidator(require_number)
Count = Annotated[int, Field(ge=1, le=10**12), _Number]
Episodes = Annotated[int, Field(ge=1, le=10**6), _Number]
# to 1e9, so that the sums and products of single precision stay finite
Positive = Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False), _Number]
Weight = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False), _Number]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), _Number]
Flag = Annotated[bool, Strict()]
NonEmptyText = Annotated[str, Field(min_length=1)]
_Rate = Annotated[Weight | None, FieldNote(default="the factory's own")]


SEEDS = 2**15
"""Number of training seeds; the upper half of the block ``train`` is for
:func:`envs.seed_splits.first_episode_of`."""


class _Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=False, use_attribute_docstrings=True
    )


class ScenarioSection(_Section):
    """Factories to play."""

    factories: Annotated[tuple[NonEmptyText, ...], Field(min_length=1)] = ("microfactory",)
    """Names or TOML files of factories; episodes take turns with them."""
    num_generated: Annotated[int, Field(ge=1, le=10**5), _Number] = 64
    """Factories generated from a range, or order books resampled from ``orders``."""
    validation_factories: Annotated[
        tuple[NonEmptyText, ...], FieldNote(default="those of `factories`")
    ] = ()
    """Factories to validate on."""
    orders: NonEmptyText | None = None
    """Order book (CSV) of the only factory; the same as ``--orders``."""
    tuned: Annotated[NonEmptyText | None, FieldNote(default="`configs/evaluation/tuned`")] = None
    """Folder of tuned parameters; the same as ``--tuned``."""


class CostsSection(_Section):
    """Cost rates in place of those of the factories."""

    tardiness: _Rate = None
    """Cost of an hour of tardiness."""
    changeover: _Rate = None
    """Factor on the ``cost`` matrices."""
    waste: _Rate = None
    """Cost of a kilogram of waste."""
    energy: _Rate = None
    """Factor on the tariff."""
    holding: _Rate = None
    """Cost of an order in progress for an hour."""
    co2_per_waste_kg: _Rate = None
    """CO2e of a kilogram of waste; reported, not billed."""
    scale: Annotated[
        Positive | Literal["measured"] | None, FieldNote(default="the factory's own")
    ] = None
    """Cost that rewards are divided by."""

    def changes(self) -> dict[str, Any]:
        """Return the rates that are set."""
        return self.model_dump(exclude_none=True)


class NetworkSection(_Section):
    """The policy at the start."""

    prior: Literal["index", "atcs", "none"] = "index"
    """Prior of the logits: ``index`` is the evolved priority index of ``prior_factory``, by default
    ``atcs`` where there is none; ``atcs`` is ATCS(k1=2, k2=0.5); ``none`` is no prior.
    """
    prior_factory: Annotated[
        NonEmptyText | None, FieldNote(default="the first of `scenario.factories`")
    ] = None
    """Factory whose index is the prior."""
    prior_scale: Positive = 0.5
    """Logits per unit of the prior; high values make the early policy follow it closely."""
    # even, as machines are encoded with half of it
    hidden_size: Annotated[int, Field(ge=2, le=4096, multiple_of=2), _Number] = 64
    """Hidden units per layer."""
    class_: NonEmptyText | None = Field(default=None, alias="class")
    """Network of your own (docs/training.md): ``FILE.py:NAME`` or ``MODULE:NAME``."""
    init_from: NonEmptyText | None = None
    """Folder of a policy to start from, critics included; sets ``hidden_size``."""


class LearningSection(_Section):
    """Hyperparameters of semi-Markov PPO, named as in Stable-Baselines3 and CleanRL."""

    total_timesteps: Count = 3_000_000
    """Decisions of the training."""
    num_envs: Count = 256
    """Environments."""
    num_steps: Count = 128
    """Decisions of each environment in a rollout."""
    # 2 or more, as the advantages of a minibatch are divided by their deviation
    minibatch_size: Annotated[int, Field(ge=2, le=10**12), _Number] = 512
    """Decisions in a minibatch."""
    update_epochs: Count = 2
    """Passes over a rollout."""
    learning_rate: Positive = 1e-3
    """Learning rate of Adam at the start."""
    final_learning_rate: Positive = 5e-5
    """Learning rate at the end, reached linearly."""
    ent_coef: Weight = 0.02
    """Weight of the entropy bonus at the start."""
    final_ent_coef: Weight = 0.001
    """Weight of the entropy bonus at the end, reached linearly."""
    clip_range: Positive = 0.2
    """Clipping of the probability ratio."""
    target_kl: Positive | None = None
    """KL divergence beyond which the epochs of a rollout end early."""
    vf_coef: Positive = 0.5
    """Weight of the value loss."""
    max_grad_norm: Positive = 0.5
    """Gradient clipping."""
    discount_time: Annotated[Positive, FieldNote("mean process times")] = 240.0
    """Time constant of the discount ``exp(-dt / discount_time)``."""
    gae_time: Annotated[Positive, FieldNote("mean process times")] = 4.0
    """Time constant of generalised advantage estimation."""
    ema_decay: Share = 0.95
    """Decay per rollout of the averaged weights, which are validated and saved; 0: the newest."""

    @model_validator(mode="after")
    def _check_rollout(self) -> LearningSection:
        if self.num_envs * self.num_steps < 2:
            raise ValueError(
                "num_envs * num_steps = 1; a rollout must have 2 decisions or more. Set num_steps"
                " to 2 or more"
            )
        return self

    def ppo_arguments(self) -> dict[str, Any]:
        """Return the arguments of :class:`agents.ppo.semi_markov_ppo.SemiMarkovPPO`."""
        first, last = self.learning_rate, self.final_learning_rate
        return {
            "n_steps": self.num_steps,
            "batch_size": self.minibatch_size,
            "n_epochs": self.update_epochs,
            # Stable-Baselines3 asks with the share of the training that is left, from 1 to 0.
            "learning_rate": lambda left: last + (first - last) * left,
            "ent_coef_schedule": (self.ent_coef, self.final_ent_coef),
            **self.model_dump(include=_SAME_NAMES),
        }


_SAME_NAMES = {
    "clip_range",
    "target_kl",
    "vf_coef",
    "max_grad_norm",
    "discount_time",
    "gae_time",
}
"""Keys of section ``learning`` that are arguments of the same name."""


class ExpertIterationSection(_Section):
    """Expert iteration after PPO: the policy learns from lookahead search over itself."""

    iterations: Annotated[int, Field(ge=0, le=63), _Number] = 0
    """Iterations; 0: none."""
    episodes: Episodes = 384
    """Episodes played in each iteration."""
    num_futures: Annotated[int, Field(ge=2, le=10**4), _Number] = 3
    """Sampled futures in which each candidate action is simulated."""
    horizon: Annotated[Positive, FieldNote("mean process times")] = 4.0
    """Time that is simulated before the critic values the shop."""
    update_epochs: Count = 6
    """Passes of the supervised fit."""
    buffer_size: Count = 400_000
    """Newest search targets to fit to; a million take some 5 GB."""


class LoggingSection(_Section):
    """Validation, checkpoints and outputs."""

    validation_interval: Count = 20
    """Rollouts between two validations."""
    validation_episodes: Episodes = 64
    """Episodes of each validation and factory."""
    checkpoint_interval: Count = 20
    """Rollouts between two checkpoints."""
    keep_checkpoints: Annotated[int, Field(ge=2, le=10**6), _Number] = 2
    """Newest checkpoints kept."""
    log_gantt: Flag = True
    """Draw Gantt charts in TensorBoard."""
    export_bundle: Annotated[Flag, FieldNote(default="`true`; `false` with `network.class`")] = True
    """Export the policy as a bundle for schedulers at the end."""
    test_episodes: Episodes = 256
    """Episodes of the table at the end."""
    baselines: NonEmptyText = "ATCS,ATCSR,ATCS+HOLD,EDD,SST,index"
    """Policies in that table, beside the best rule; ``index`` is left out where there is none."""
    hook: NonEmptyText | None = None
    """Function that makes a logger (docs/training.md): ``FILE.py:NAME`` or ``MODULE:NAME``."""


class TrainingConfig(_Section):
    """A training run."""

    seed: Annotated[int, Field(ge=0, lt=SEEDS), _Number] = 0
    """Training seed."""
    threads: Annotated[int, Field(ge=1, le=1024), _Number] = 2
    """Threads for rollout collection and learning; results depend on their number."""
    scenario: ScenarioSection = ScenarioSection()
    """Factories to play."""
    costs: CostsSection = CostsSection()
    """Cost rates in place of those of the factories."""
    network: NetworkSection = NetworkSection()
    """The policy at the start."""
    learning: LearningSection = LearningSection()
    """Hyperparameters of PPO."""
    expert_iteration: ExpertIterationSection = ExpertIterationSection()
    """Expert iteration after PPO."""
    logging: LoggingSection = LoggingSection()
    """Validation, checkpoints and outputs."""

    @model_validator(mode="before")
    @classmethod
    def _without_bundle(cls, data: Any) -> Any:
        """Switch bundles off by default where the network is of a user's class."""
        network, logging = (data.get(name, {}) for name in ("network", "logging"))
        both = isinstance(network, dict) and isinstance(logging, dict)
        if both and network.get("class") is not None:
            return {**data, "logging": {"export_bundle": False, **logging}}
        return data

    @model_validator(mode="after")
    def _check_class(self) -> TrainingConfig:
        """Refuse what needs this project's network, if it is of a user's class."""
        needs = {
            "network.init_from": self.network.init_from is not None,
            "expert_iteration.iterations": self.expert_iteration.iterations > 0,
            "logging.export_bundle": self.logging.export_bundle,
        }
        wrong = [name for name, is_set in needs.items() if is_set]
        if self.network.class_ is not None and wrong:
            raise ValueError(f"{wrong[0]} needs this project's network; leave it or the class out")
        return self


def read_config(path: Path, changes: Sequence[str] = ()) -> TrainingConfig:
    """Read and check a config.

    Parameters
    ----------
    path
        TOML file.
    changes
        Overrides ``section.key=value`` (or ``seed=1``) with values in TOML; text needs no quotes.

    Raises
    ------
    ConfigError
        If the file cannot be read or a key is wrong; the message has one line for each problem.
    """
    data = read_tables(path, "configs/training/quick.toml")
    changed = [key for change in changes for key in override(data, change)]
    return parse_config(data, printable(str(path)), changed)


def parse_config(data: dict[str, Any], where: str, changed: Sequence[str] = ()) -> TrainingConfig:
    """Return a checked config from nested tables.

    Parameters
    ----------
    data
        Tables of the config.
    where
        Beginning of error messages.
    changed
        Keys ``section.key`` and sections that stand only on the command line; their errors begin
        with ``command line`` instead.

    Raises
    ------
    ConfigError
        As :func:`read_config`.
    """
    return validate_tables(TrainingConfig, data, where, changed)


def override(data: dict[str, Any], change: str) -> list[str]:
    """Set the key of an override in the tables of a config; return the keys that are new."""
    return override_key(data, change, section_names(), "learning.total_timesteps=1000000")


def section_names() -> list[str]:
    """Return the names of the sections of a config."""
    return [
        name
        for name, info in TrainingConfig.model_fields.items()
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel)
    ]


def to_toml(config: TrainingConfig) -> str:
    """Return the config as TOML, defaults included."""
    tables: dict[str, Any] = {"seed": config.seed, "threads": config.threads}
    for name in section_names():
        tables[name] = {
            key.rstrip("_"): value for key, value in getattr(config, name) if value is not None
        }
    return write_toml(tables)

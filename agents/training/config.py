"""Training configuration: a TOML file, whose keys ``--set section.key=value`` overrides."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from factory.io.factory_toml import quote
from factory.io.shipped_files import find_shipped, searched_folders
from factory.validation.errors import FactoryError, suggest
from factory.validation.text_files import read_text, refuse_text

_Number = BeforeValidator(refuse_text)
Count = Annotated[int, Field(ge=1), _Number]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False), _Number]
Share = Annotated[float, Field(ge=0, le=1), _Number]


class ConfigError(ValueError):
    """A training config that cannot be used; the message has one line for each problem."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class ScenarioSection(_Section):
    """Factories to play."""

    # names or TOML files; episodes cycle through them
    factories: Annotated[tuple[str, ...], Field(min_length=1)] = ("microfactory",)
    num_generated: Count = 64  # factories generated from each range, such as `randomised`
    validation_factories: tuple[str, ...] = ()  # names to validate on; empty: `factories`


class NetworkSection(_Section):
    """The network before training."""

    # evolved priority index of `prior_factory`, ATCS(2, 0.5), or no prior
    prior: Literal["index", "atcs", "none"] = "index"
    prior_factory: str | None = None  # None: the first of `scenario.factories`
    prior_scale: Positive = 0.5  # logits per unit of the prior's index
    hidden_size: Count = 64
    # FILE.py:NAME or MODULE:NAME of a network's class in place of ours; see docs/training.md
    class_: str | None = Field(default=None, alias="class")
    # folder of a trained policy to start from, for example policies/mixture; sets hidden_size
    init_from: str | None = None


class LearningSection(_Section):
    """Hyperparameters of semi-Markov PPO, named as in Stable-Baselines3 and CleanRL."""

    total_timesteps: Count = 3_000_000  # decisions
    num_envs: Count = 256
    num_steps: Count = 128  # per environment and rollout
    minibatch_size: Count = 512
    update_epochs: Count = 2
    learning_rate: Positive = 1e-3
    final_learning_rate: Positive = 5e-5  # reached linearly
    ent_coef: Annotated[float, Field(ge=0), _Number] = 0.02
    final_ent_coef: Annotated[float, Field(ge=0), _Number] = 0.001  # reached linearly
    clip_range: Positive = 0.2
    target_kl: Positive | None = None  # stops the epochs of a rollout early
    vf_coef: Positive = 0.5
    max_grad_norm: Positive = 0.5
    # time constants in mean process times: of the discount exp(-dt / discount_time), and of
    # generalised advantage estimation
    discount_time: Positive = 240.0
    gae_time: Positive = 4.0
    # decay per rollout of the moving average of the weights, which is validated and saved; 0: the
    # newest weights
    ema_decay: Share = 0.95

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
    episodes: Count = 384  # per iteration
    # sampled futures in which each candidate action is simulated
    num_futures: Annotated[int, Field(ge=2), _Number] = 3
    # mean process times to simulate; the critic values the state after them
    horizon: Positive = 4.0
    update_epochs: Count = 6
    buffer_size: Count = 400_000  # newest search targets to fit to; a million take some 5 GB


class LoggingSection(_Section):
    """Validation, checkpoints and outputs."""

    validation_interval: Count = 20  # rollouts
    validation_episodes: Count = 64
    checkpoint_interval: Count = 20  # rollouts
    keep_checkpoints: Annotated[int, Field(ge=2), _Number] = 2
    log_gantt: bool = True  # Gantt charts in TensorBoard
    export_bundle: bool = True  # write a bundle for schedulers at the end
    test_episodes: Count = 256  # of the table at the end
    baselines: str = "ATCS,ATCSR,ATCS+HOLD,EDD,SST,index"  # policies in that table
    # FILE.py:NAME or MODULE:NAME of a function that makes a logger; see docs/training.md
    hook: str | None = None


class TrainingConfig(_Section):
    """A training run."""

    # the upper half of the block `train` is for envs.seed_splits.first_episode_of
    seed: Annotated[int, Field(ge=0, lt=2**15), _Number] = 0
    # threads that collect from environments of their own and learn from shards of each minibatch;
    # results depend on their number
    threads: Count = 2
    scenario: ScenarioSection = ScenarioSection()
    network: NetworkSection = NetworkSection()
    learning: LearningSection = LearningSection()
    expert_iteration: ExpertIterationSection = ExpertIterationSection()
    logging: LoggingSection = LoggingSection()

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


RENAMED = {
    "improving": "expert_iteration",
    "keeping": "logging",
    "scenario.drawn": "scenario.num_generated",
    "scenario.validate_on": "scenario.validation_factories",
    "network.start": "network.prior",
    "network.start_factory": "network.prior_factory",
    "network.sharpness": "network.prior_scale",
    "network.width": "network.hidden_size",
    "network.policy": "network.init_from",
    "learning.steps": "learning.total_timesteps",
    "learning.envs": "learning.num_envs",
    "learning.steps_a_rollout": "learning.num_steps",
    "learning.minibatch": "learning.minibatch_size",
    "learning.epochs": "learning.update_epochs",
    "learning.entropy": "learning.ent_coef",
    "learning.final_entropy": "learning.final_ent_coef",
    "learning.clip": "learning.clip_range",
    "learning.most_kl": "learning.target_kl",
    "learning.value_weight": "learning.vf_coef",
    "learning.most_gradient": "learning.max_grad_norm",
    "learning.horizon": "learning.discount_time",
    "learning.trace": "learning.gae_time",
    "learning.averaging": "learning.ema_decay",
    "expert_iteration.rounds": "expert_iteration.iterations",
    "expert_iteration.futures": "expert_iteration.num_futures",
    "expert_iteration.epochs": "expert_iteration.update_epochs",
    "expert_iteration.remembered": "expert_iteration.buffer_size",
    "logging.rollouts_a_validation": "logging.validation_interval",
    "logging.rollouts_a_checkpoint": "logging.checkpoint_interval",
    "logging.checkpoints": "logging.keep_checkpoints",
    "logging.pictures": "logging.log_gantt",
    "logging.bundle": "logging.export_bundle",
    "logging.rivals": "logging.baselines",
}
"""Former names of sections and keys, and the keys to write instead."""
_REMOVED = {"learning.levelled": "advantages are never scaled by state"}
"""Former keys without a successor, and the reason."""


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
    try:
        data = tomllib.loads(read_text(find_shipped(path)))
    except FactoryError as error:
        raise ConfigError(str(error)) from None
    except OSError as error:
        where = f"looked for in {searched_folders()}"
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}); {where}. Give a TOML file, for example"
            " configs/training/quick.toml."
        ) from None
    except ValueError as error:
        raise ConfigError(f"{path}: is not TOML ({error}). Correct the text there.") from None
    for change in changes:
        _apply(data, change)
    return parse_config(data, str(path))


def parse_config(data: dict[str, Any], where: str) -> TrainingConfig:
    """Return a checked config from nested tables; error messages begin with ``where``."""
    try:
        return TrainingConfig.model_validate(data)
    except ValidationError as error:
        raise ConfigError(
            "\n".join(f"{where}: {_explain(item)}" for item in error.errors())
        ) from None


def _apply(data: dict[str, Any], change: str) -> None:
    path, equals, text = change.partition("=")
    *sections, key = path.strip().split(".")
    if not equals or not key:
        raise ConfigError(
            f"--set {change!r}: is not section.key=value. Write for example --set"
            " learning.total_timesteps=1000000."
        )
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except ValueError:
        value = text.strip()
    for section in sections:
        data = data.setdefault(section, {})
        if not isinstance(data, dict):
            raise ConfigError(
                f"--set {change!r}: {section} is not a section. The sections are"
                f" {', '.join(_sections())}."
            )
    data[key] = value


def _sections() -> list[str]:
    return [
        name for name, info in TrainingConfig.model_fields.items() if _model_of(info.annotation)
    ]


def _model_of(annotation: Any) -> type[BaseModel] | None:
    return (
        annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
    )


def _explain(error: Any) -> str:
    """Return the message for a pydantic error: key, value, rule, remedy."""
    key = ".".join(str(step) for step in error["loc"])
    # the value of a section is left out
    assignment = key if isinstance(error["input"], dict) else f"{key} = {error['input']!r}"
    if error["type"] != "extra_forbidden":
        rule = error["msg"].removeprefix("Value error, ")
        if not key:  # a rule about several keys names them itself
            return f"{rule}."
        return f"{key} = {error['input']!r}; {rule[0].lower()}{rule[1:]}. Correct it."
    if key in RENAMED:
        return f"{assignment}; its name is {RENAMED[key]}. Write {RENAMED[key]} instead."
    if key in _REMOVED:
        return f"{assignment}; there is no such key: {_REMOVED[key]}. Leave it out."
    model: type[BaseModel] = TrainingConfig
    for step in error["loc"][:-1]:
        model = _model_of(model.model_fields[str(step)].annotation) or model
    remedy = suggest(str(error["loc"][-1]), model.model_fields)
    return f"{assignment}; there is no such key. {remedy}."


def to_toml(config: TrainingConfig) -> str:
    """Return the config as TOML, defaults included."""
    lines = [f"seed = {config.seed}", f"threads = {config.threads}"]
    for name in _sections():
        lines += ["", f"[{name}]"]
        lines += [
            f"{key.rstrip('_')} = {_to_toml(value)}"
            for key, value in getattr(config, name)
            if value is not None
        ]
    return "\n".join(lines) + "\n"


def _to_toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(_to_toml(item) for item in value) + "]"
    return quote(value) if isinstance(value, str) else repr(value)

"""What a training run is told: one TOML file, every key checked; ``--set section.key=value`` overrides it."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from factory.io.factory_toml import quote
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


class Scenario(_Section):
    """What is played."""

    factories: Annotated[tuple[str, ...], Field(min_length=1)] = ("microfactory",)  # names or TOML files; the episodes take turns with them
    drawn: Count = 64  # factories that stand for ranges such as `randomised`
    validate_on: tuple[str, ...] = ()  # names to validate on; empty: the factories themselves


class Network(_Section):
    """The policy at the start."""

    start: Literal["index", "atcs", "nothing"] = "index"  # the evolved index of `start_factory`, ATCS(2, 0.5), or no prior at all
    start_factory: str | None = None  # None: the first of the scenario
    sharpness: Positive = 0.5  # logits per unit of the index: how firmly it is followed at first
    width: Count = 64
    policy: str | None = None  # folder of a trained policy to go on from instead, for example policies/mixture; the width is its own then


class Learning(_Section):
    """How it learns."""

    steps: Count = 3_000_000  # decisions
    envs: Count = 256
    steps_a_rollout: Count = 128  # of every environment
    minibatch: Count = 512
    epochs: Count = 2
    learning_rate: Positive = 1e-3
    final_learning_rate: Positive = 5e-5  # reached linearly
    entropy: Annotated[float, Field(ge=0), _Number] = 0.02  # weight of the entropy bonus
    final_entropy: Annotated[float, Field(ge=0), _Number] = 0.001  # reached linearly
    clip: Positive = 0.2
    most_kl: Positive | None = None  # ends the epochs of a rollout early
    value_weight: Positive = 0.5
    most_gradient: Positive = 0.5
    horizon: Positive = 240.0  # mean process times
    trace: Positive = 4.0  # mean process times
    levelled: bool = False  # whether advantages are divided by the size that they are expected to have in each state
    averaging: Share = 0.95  # of weights, per rollout, in the policy that is validated and shipped; 0: the newest weights


class Keeping(_Section):
    """What is measured and kept on the way."""

    rollouts_a_validation: Count = 20
    validation_episodes: Count = 64
    rollouts_a_checkpoint: Count = 20
    checkpoints: Annotated[int, Field(ge=2), _Number] = 2  # that are kept
    pictures: bool = True  # Gantt charts in TensorBoard
    bundle: bool = True  # export the policy at the end, for schedulers
    test_episodes: Count = 256  # of the table at the end
    rivals: str = "ATCS,ATCSR,ATCS+HOLD,EDD,SST,index"  # beside the best rule in that table


class Improving(_Section):
    """What the trained policy learns from lookahead over itself, once training has ended (agents/policy_improvement/expert_iteration.py)."""

    rounds: Annotated[int, Field(ge=0, le=63), _Number] = 0
    episodes: Count = 384  # of which decisions are judged, in each round
    futures: Annotated[int, Field(ge=2), _Number] = 3  # in which each choice is tried
    horizon: Positive = 4.0  # mean process times that are simulated; then the critic values the shop
    epochs: Count = 6  # of fitting
    remembered: Count = 400_000  # most judged decisions that are fitted to, the newest; a million take some 5 GB


class TrainingConfig(_Section):
    """A training run."""

    seed: Annotated[int, Field(ge=0, lt=2**15), _Number] = 0  # the upper half of the block `train` is for envs.seed_splits.first_episode_of
    threads: Count = 2  # that gather and learn, each with environments and parts of minibatches of its own; their number is part of the result
    scenario: Scenario = Scenario()
    network: Network = Network()
    learning: Learning = Learning()
    improving: Improving = Improving()
    keeping: Keeping = Keeping()


def read_config(path: Path, changes: Sequence[str] = ()) -> TrainingConfig:
    """Read and check a config.

    Parameters
    ----------
    changes
        ``section.key=value`` (or ``seed=1``), the value as TOML writes it; text may stand without quotes.

    Raises
    ------
    ConfigError
        With one line for each problem: file, place, value, rule, remedy.
    """
    try:
        data = tomllib.loads(read_text(path))
    except FactoryError as error:
        raise ConfigError(str(error)) from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}). Give a TOML file, for example configs/training/quick.toml.") from None
    except ValueError as error:
        raise ConfigError(f"{path}: is not TOML ({error}). Correct the text there.") from None
    for change in changes:
        _apply(data, change)
    return parse_config(data, str(path))


def parse_config(data: dict[str, Any], where: str) -> TrainingConfig:
    """A checked config from nested tables; ``where`` is what messages begin with."""
    try:
        return TrainingConfig.model_validate(data)
    except ValidationError as error:
        raise ConfigError("\n".join(f"{where}: {_explain(item)}" for item in error.errors())) from None


def _apply(data: dict[str, Any], change: str) -> None:
    place, equals, text = change.partition("=")
    *sections, key = place.strip().split(".")
    if not equals or not key:
        raise ConfigError(f"--set {change!r}: is not section.key=value. Write for example --set learning.steps=1000000.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except ValueError:
        value = text.strip()
    for section in sections:
        data = data.setdefault(section, {})
        if not isinstance(data, dict):
            raise ConfigError(f"--set {change!r}: {section} is not a section. The sections are {', '.join(_sections())}.")
    data[key] = value


def _sections() -> list[str]:
    return [name for name, info in TrainingConfig.model_fields.items() if _model_of(info.annotation)]


def _model_of(annotation: Any) -> type[BaseModel] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _explain(error: Any) -> str:
    """A pydantic error: place, value, rule, remedy."""
    place = ".".join(str(step) for step in error["loc"])
    if error["type"] == "extra_forbidden":
        model: type[BaseModel] = TrainingConfig
        for step in error["loc"][:-1]:
            model = _model_of(model.model_fields[str(step)].annotation) or model
        return f"{place} = {error['input']!r}; there is no such key. {suggest(str(error['loc'][-1]), model.model_fields)}."
    rule = error["msg"].removeprefix("Value error, ")
    rule = rule[0].lower() + rule[1:]
    return f"{place} = {error['input']!r}; {rule}. Correct it."


def to_toml(config: TrainingConfig) -> str:
    """The whole config, defaults too, as :func:`read_config` reads it."""
    lines = [f"seed = {config.seed}", f"threads = {config.threads}"]
    for name in _sections():
        lines += ["", f"[{name}]"]
        lines += [f"{key} = {_to_toml(value)}" for key, value in getattr(config, name) if value is not None]
    return "\n".join(lines) + "\n"


def _to_toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(_to_toml(item) for item in value) + "]"
    return quote(value) if isinstance(value, str) else repr(value)

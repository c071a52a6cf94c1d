"""Errors of training configs: key, value, rule, remedy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from factory.validation.errors import Problem, suggest
from factory.validation.names import printable


class ConfigError(ValueError):
    """A training config that cannot be used; the message has one line for each problem."""


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
REMOVED = {"learning.levelled": "advantages are never scaled by state"}
"""Former keys without a successor, and the reason."""


class KeyProblem(Problem):
    """A key or section that is not known; the value of a section is left out."""

    __slots__ = ()

    def __str__(self) -> str:
        text = super().__str__()
        if not self.place:  # a rule about several keys names them itself, with the remedy
            return f"{self.rule}."
        if isinstance(self.value, dict):
            return f"{printable(self.place)}; {self.rule}. {self.remedy}."
        return text


def explain_errors(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Return the problems that pydantic has found in the nested tables of a config.

    Parameters
    ----------
    error
        Error of pydantic.
    model
        Config of sections.
    """
    items = error.errors()
    places = [_place_of(item["loc"]) for item in items]
    return [
        problem
        for item, place in zip(items, places, strict=True)
        # pydantic counts no entries of a list that are wrong themselves
        if item["type"] != "too_short" or not any(p.startswith(f"{place}[") for p in places)
        for problem in _explain(item, model)
    ]


def _explain(error: Any, model: type[BaseModel]) -> Iterator[Problem]:
    """Yield the problems of one error; a section of a former name has one for each key."""
    place, value, kind = _place_of(error["loc"]), error["input"], error["type"]
    if kind != "extra_forbidden":
        problem = KeyProblem if kind == "value_error" else Problem
        yield problem(place, value, *_rule_of(kind, error))
    elif place in RENAMED and isinstance(value, dict) and value:
        for key, item in value.items():
            new = f"{RENAMED[place]}.{key}"
            yield _renamed(f"{place}.{key}", item, RENAMED.get(new, new))
    elif place in RENAMED:
        yield _renamed(place, value, RENAMED[place])
    elif place in REMOVED:
        rule = f"there is no such key: {REMOVED[place]}"
        yield KeyProblem(place, value, rule, "Leave it out")
    else:
        yield KeyProblem(place, value, "there is no such key", _suggest_key(error["loc"], model))


def _place_of(location: tuple[str | int, ...]) -> str:
    """Return the place of a value, for example ``scenario.factories[0]``."""
    place = ""
    for step in location:
        place += f"[{step}]" if isinstance(step, int) else f".{step}"
    return place.removeprefix(".")


def _renamed(place: str, value: Any, new: str) -> Problem:
    return KeyProblem(place, value, f"its name is {new}", f"Write {new} instead")


def _suggest_key(location: tuple[str | int, ...], model: type[BaseModel]) -> str:
    """Return the remedy for an unknown key: a key of that name elsewhere, or the closest one."""
    sections = {
        name: info.annotation
        for name, info in model.model_fields.items()
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel)
    }
    key = str(location[-1])
    for name, section in sections.items():
        if key in section.model_fields:
            return f"Write {name}.{key}, if that is meant"
    here = sections.get(str(location[0]), model) if len(location) > 1 else model
    return suggest(key, here.model_fields)


_RULES = {
    "int_type": ("must be a whole number", "Write one"),
    "int_from_float": ("must be a whole number", "Write one"),
    "float_type": ("must be a number", "Write one"),
    "finite_number": ("must be a finite number", "Write one"),
    "bool_type": ("must be true or false", "Write one of them, without quotes"),
    "string_type": ("must be a text", "Put it in quotes"),
    "tuple_type": ("must be a list", "Put it in brackets: ['tiny']"),
    "model_type": ("must be a section", "Write section.key = value for each of its keys"),
    "too_short": ("must not be empty", "Name one or more"),
    "string_too_short": ("must not be empty", "Write a text, or leave the key out"),
    "multiple_of": ("must be even", "Write an even number"),
}


def _rule_of(kind: str, error: Any) -> tuple[str, str]:
    """Return rule and remedy of an error of pydantic."""
    context = error.get("ctx", {})
    if kind == "literal_error":
        return "is not one of the choices", f"Write {context['expected']}"
    for name, words, limit in (
        ("greater_than_equal", "at least", "ge"),
        ("greater_than", "more than", "gt"),
        ("less_than_equal", "at most", "le"),
        ("less_than", "less than", "lt"),
    ):
        if kind == name:
            return f"must be {words} {context[limit]:,g}", "Write another number"
    message = error["msg"].removeprefix("Value error, ")
    return _RULES.get(kind, (message[0].lower() + message[1:], "Correct it"))

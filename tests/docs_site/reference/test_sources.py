"""The reference leaves nothing of the code out."""

from __future__ import annotations

import re
from typing import Any

import gymnasium
import pytest

from agents.rules.registry import RULES, Rule
from changeover.__main__ import COMMANDS
from docs_site.reference.command_lines import COMMAND_PARSERS, SHORT_FORMS, inner_commands
from docs_site.reference.environment import parameter_docs
from docs_site.reference.http import service_document
from docs_site.reference.pages import render_reference
from docs_site.reference.rules import priority_formula
from envs.env import ChangeoverEnv
from envs.registration import ENV_ID
from envs.vector_env import ChangeoverVectorEnv
from factory import model
from scheduler.service.openapi import _BODIES


def section(page: str, title: str) -> str:
    """Return the text from a heading to the next one of its level."""
    (text,) = re.findall(rf"^## {title}$(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    return str(text)


def test_every_command_has_a_parser_or_stands_for_another_one() -> None:
    assert {*COMMAND_PARSERS, *SHORT_FORMS} == set(COMMANDS)
    assert not {*COMMAND_PARSERS} & {*SHORT_FORMS}


PARSERS = {
    title: parser
    for name in COMMAND_PARSERS
    for title, parser in (
        (f"changeover {name}", COMMAND_PARSERS[name]()),
        *(
            (f"changeover {name} {inner}", parser)
            for inner, _, parser in inner_commands(COMMAND_PARSERS[name]())
        ),
    )
}
"""Parsers by the heading of their section."""


@pytest.mark.parametrize("title", PARSERS)
def test_every_option_of_a_command_is_listed_with_a_meaning(title: str) -> None:
    page = render_reference("commands.md")
    (text,) = re.findall(rf"^#+ `{title}`$(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL)
    rows = dict(re.findall(r"^\| `([^`]*)` \|.*\| ([^|]*) \|$", text, re.MULTILINE))
    listed = {option: meaning for cell, meaning in rows.items() for option in cell.split(", ")}
    options = {
        option
        for action in PARSERS[title]._actions
        for option in action.option_strings
        if option not in ("-h", "--help")
    }
    named = {name.partition(" ")[0]: meaning for name, meaning in listed.items()}
    assert options <= set(named)
    assert all(named.values())


def test_every_model_of_a_factory_has_a_section() -> None:
    page = render_reference("factory_file.md")
    classes = [value for value in vars(model).values() if isinstance(value, type)]
    models = {each for each in classes if issubclass(each, model.Model)}
    listed = models - {model.Model, model.Order, model.OrderBook}
    tables = [
        re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE)
        for part in re.split("^### ", page, flags=re.MULTILINE)[1:]
    ]
    for each in listed:
        assert list(each.model_fields) in [table[: len(each.model_fields)] for table in tables]


def test_every_path_of_the_service_is_listed() -> None:
    page = section(render_reference("http.md"), "Paths")
    listed = set(re.findall(r"^\| `(\w+) (\S+)` \|", page, re.MULTILINE))
    assert listed == {(method.upper(), path) for path, method in _BODIES}


def test_every_field_of_a_message_is_explained_in_the_openapi_document() -> None:
    schemas: dict[str, Any] = service_document()["components"]["schemas"]
    assert len(schemas) > 20
    bare = [
        f"{name}.{field}"
        for name, schema in schemas.items()
        for field, content in schema.get("properties", {}).items()
        if not content.get("description")
    ]
    assert bare == []


def test_every_schema_of_the_service_has_a_section() -> None:
    page = render_reference("http.md")
    schemas = service_document()["components"]["schemas"]
    assert set(re.findall(r"^### (\w+)$", page, re.MULTILINE)) == set(schemas)


@pytest.mark.parametrize("owner", [ChangeoverEnv, ChangeoverVectorEnv])
def test_every_argument_of_the_environment_has_a_meaning(owner: type[Any]) -> None:
    page = render_reference("environment.md")
    assert {"factory", "num_orders", "dtype"} <= set(parameter_docs(owner))
    rows = re.findall(r"^\| `(\w+)` \| (.*) \| ([^|]*) \|$", page, re.MULTILINE)
    assert [name for name, _, meaning in rows if not meaning.strip()] == []


def test_the_keys_of_info_are_those_of_the_environment() -> None:
    page = section(render_reference("environment.md"), "Information")
    env: Any = gymnasium.make(ENV_ID, factory="tiny")
    _, info = env.reset(seed=1)
    at_reset, over = set(info), False
    while not over:
        _, _, terminated, truncated, info = env.step(int(info["action_mask"].argmax()))
        over = terminated or truncated
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", page, re.MULTILINE))
    assert set(rows) == set(info)
    assert {name for name, by in rows.items() if "`reset`" in by} == at_reset


@pytest.mark.parametrize("rule", RULES.values(), ids=str)
def test_every_priority_has_a_formula(rule: Rule) -> None:
    assert all(priority_formula(priority) for priority in rule.priorities)


def test_a_priority_without_a_formula_is_refused() -> None:
    def priority(rows: Any) -> Any:
        """Rank by something."""

    with pytest.raises(ValueError, match="a docstring begins with name and formula"):
        priority_formula(priority)

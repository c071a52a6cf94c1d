"""Dispatching rules: formulas from the docstrings of their priorities, parameters, sources."""

from __future__ import annotations

import inspect
import re

from agents.rules.literature import OBJECTIVES, PUBLICATIONS
from agents.rules.registry import OTHER_NAMES, RULES, PriorityFunction, Rule
from docs_site.reference.markdown_tables import as_code, markdown_table

_IS_FORMULA = re.compile("(min|max) ")


def rule_tables() -> dict[str, str]:
    """Return the tables of rules and synonyms, and the list of publications."""
    head = ["rule", "takes", "parameters", "source", "objective, remark"]
    rows = [
        [
            as_code(rule.name),
            rule_formula(rule),
            ", ".join(f"{parameter} {parameter.scale}" for parameter in rule.parameters),
            rule.source,
            OBJECTIVES[rule.name],
        ]
        for rule in RULES.values()
    ]
    synonyms = [[as_code(name), as_code(rule)] for name, rule in OTHER_NAMES.items()]
    return {
        "rules": markdown_table(head, rows),
        "synonyms": markdown_table(["synonym", "rule"], synonyms),
        "publications": "\n".join(f"- {who}, {what}." for who, what in PUBLICATIONS.items()),
    }


def rule_formula(rule: Rule) -> str:
    """Return the formulas of a rule's priorities, the deciding one first."""
    return ", then ".join(priority_formula(priority) for priority in rule.priorities)


def priority_formula(priority: PriorityFunction) -> str:
    """Return the formula in a docstring such as ``SPT: min p. Smith (1956), ...``.

    A second paragraph that begins with ``min`` or ``max`` belongs to it.

    Raises
    ------
    ValueError
        If the docstring has another form.
    """
    paragraphs = [" ".join(part.split()) for part in (inspect.getdoc(priority) or "").split("\n\n")]
    match = re.match(r"[^:]+: (.+?)(?:[.;](?: [A-Z:]|$)|$)", paragraphs[0])
    if match is None:
        raise ValueError(
            f"{priority.__name__}: {paragraphs[0]!r}; a docstring begins with name and formula."
            " Write for example SPT: min p. Smith (1956), ..."
        )
    more = [part for part in paragraphs[1:2] if _IS_FORMULA.match(part)]
    parts = (match[1], *more)
    return ": ".join(as_code(part) if _IS_FORMULA.match(part) else part for part in parts)

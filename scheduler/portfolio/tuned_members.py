"""Tuned rules and priority index of a factory, as candidates of a search for plans.

A candidate is only taken where its plan is the cheapest, so it need not fit the factory.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from agents.index.policy import IndexPolicy
from agents.rules.registry import make_rule
from factory.io.shipped_files import find_shipped
from scheduler.portfolio.member_policies import RowPolicy

_FOLDER = Path("configs", "evaluation", "tuned")
_RULES = 3
"""Number of tuned rules that take part, those with the cheapest episodes."""


def tuned_members(factory_name: str) -> list[RowPolicy]:
    """Return the index and the best tuned rules of a factory; none if it was never tuned."""
    try:
        text = find_shipped(_FOLDER / f"{factory_name}.toml").read_text(encoding="utf-8")
        content = tomllib.loads(text)
        members = []
        if "index" in content:
            members.append(RowPolicy("index", IndexPolicy(content["index"]["weights"])))
        rules = [
            make_rule(name, **result["parameters"])
            for name, result in sorted(content.get("rules", {}).items(), key=_tuned_cost)[:_RULES]
        ]
    except (OSError, ValueError, LookupError, TypeError):
        return []
    return [*members, *(RowPolicy(str(rule), rule) for rule in rules)]


def _tuned_cost(item: tuple[str, dict[str, Any]]) -> float:
    return float(item[1]["validate_cost"]["tuned"])

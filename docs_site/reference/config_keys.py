"""Keys of training configs and of sweep files."""

from __future__ import annotations

from agents.training.config import TrainingConfig, section_names
from docs_site.reference.field_docs import FieldDoc, model_fields
from docs_site.reference.markdown_tables import markdown_table
from evaluation.sweeps.search_space import SearchParameter
from evaluation.sweeps.sweep_config import CHANGEABLE, TUNABLE, EarlyStopping, SweepConfig


def config_tables() -> dict[str, str]:
    """Return a table of keys for the top level and each section."""
    sections = section_names()
    top = [each for each in model_fields(TrainingConfig) if each.name.strip("`") not in sections]
    parts = [f"## Top level\n\n{_list_keys(top)}"]
    for name in sections:
        section = TrainingConfig.model_fields[name].annotation
        assert isinstance(section, type)
        meaning = (section.__doc__ or "").strip()
        parts.append(f"## `[{name}]`\n\n{meaning}\n\n{_list_keys(model_fields(section))}")
    return {"sections": "\n\n".join(parts)}


def sweep_tables() -> dict[str, str]:
    """Return tables of the keys of sweep files, and of the parameters that a sweep may change."""
    top = [
        each
        for each in model_fields(SweepConfig)
        if each.name.strip("`") not in ("early_stopping", "space")
    ]
    return {
        "top": _list_keys(top),
        "stopping": _list_keys(model_fields(EarlyStopping)),
        "parameters": _list_keys(model_fields(SearchParameter)),
        "tunable": ", ".join(f"`{key}`" for key in TUNABLE),
        "changeable": ", ".join(f"`{key}`" for key in CHANGEABLE),
    }


def _list_keys(fields: list[FieldDoc]) -> str:
    rows = [
        [
            each.name,
            each.type,
            each.default,
            each.bounds,
            f"{each.meaning}, in {each.unit}" if each.unit else each.meaning,
        ]
        for each in fields
    ]
    return markdown_table(["key", "type", "default", "bounds", "meaning"], rows)

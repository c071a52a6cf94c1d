"""Features: the inputs of index and network."""

from __future__ import annotations

from agents.index.feature_table import (
    MACHINE_PART,
    QUANTITIES,
    ROW_PART,
    SHOP_PART,
    formula_of,
    part_of,
    word_of,
)
from docs_site.reference.markdown_tables import as_code, markdown_table


def feature_tables() -> dict[str, str]:
    """Return the tables of quantities and features."""
    quantities = [
        [word_of(name), as_code(formula)] for name, formula in QUANTITIES.items() if name != "one"
    ]
    return {
        "quantities": markdown_table(["quantity", "formula"], quantities),
        "rows": _list_features(ROW_PART),
        "machines": _list_features(MACHINE_PART),
        "shop": _list_features(SHOP_PART),
    }


def _list_features(part: str) -> str:
    is_row = part == ROW_PART
    rows = [
        [as_code(each.name), *([each.rows] if is_row else []), as_code(formula_of(each))]
        for each in part_of(part)
    ]
    return markdown_table(["feature", *(["rows"] if is_row else []), "formula"], rows)

"""Columns of order lists, and keys of their layouts."""

from __future__ import annotations

from docs_site.reference.field_docs import dataclass_fields, model_fields
from docs_site.reference.markdown_tables import as_code, markdown_table
from factory.io.order_list.column_names import SYNONYMS
from factory.io.order_list.layout import DELIMITERS, OrderListLayout
from factory.model import Order
from factory.validation.references import BOOK_COLUMNS


def order_list_tables() -> dict[str, str]:
    """Return the tables of columns, synonyms and layout keys."""
    fields = {each.name.strip("`"): each for each in model_fields(Order)}
    rows = [
        [
            "one column per option" if name == "options" else as_code(name),
            fields[name].unit,
            fields[name].bounds,
            fields[name].default,
            fields[name].meaning,
        ]
        for name in (*BOOK_COLUMNS, "options")
    ]
    layout = [
        [each.name, each.default or "guessed", each.meaning]
        for each in dataclass_fields(OrderListLayout)
    ]
    return {
        "columns": markdown_table(["column", "kind", "bounds", "if missing", "meaning"], rows),
        "layout": markdown_table(["key", "default", "meaning"], layout),
        "synonyms": "\n".join(f"- `{column}`: {names}." for column, names in SYNONYMS.items()),
        "delimiters": ", ".join(as_code(name) for name in DELIMITERS.values()),
    }

"""Cost terms, their rates, and key figures."""

from __future__ import annotations

from docs_site.reference.field_docs import FieldDoc, dataclass_fields, model_fields
from docs_site.reference.markdown_tables import as_code, markdown_table
from factory.cost_terms import COST_TABLE
from factory.model import Costs
from factory.schedule.bill import Bill
from factory.schedule.kpis import Kpis, Use
from factory.schedule.operating_times import OperatingKpis

_ACCRUALS = {"event": "at an event", "time": "as time passes"}
_HEAD = ["name", "unit", "meaning"]


def cost_tables() -> dict[str, str]:
    """Return the tables of cost terms and key figures."""
    rates = {each.name.strip("`"): each for each in model_fields(Costs)}
    terms = [
        [
            as_code(term.name),
            _ACCRUALS[term.accrual],
            as_code(f"costs.{term.name}"),
            rates[term.name].unit,
            rates[term.name].default,
            rates[term.name].meaning,
        ]
        for term in COST_TABLE
    ]
    head = ["term", "charged", "rate", "unit of the rate", "default", "meaning of the rate"]
    return {
        "terms": markdown_table(head, terms),
        "figures": markdown_table(_HEAD, map(_figure, dataclass_fields(Kpis))),
        "operating": markdown_table(_HEAD, map(_figure, dataclass_fields(OperatingKpis))),
        "bill": markdown_table(_HEAD, map(_figure, dataclass_fields(Bill))),
        "use": markdown_table(["name", "meaning"], [row[::5] for row in dataclass_fields(Use)]),
    }


def _figure(field: FieldDoc) -> list[str]:
    return [field.name, field.unit, field.meaning]

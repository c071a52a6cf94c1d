"""Tables of cost terms and log kinds: everything that is made from them agrees with them."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from factory import cost_terms
from factory.cost_terms import COST_TABLE, COST_TERMS, CostTerm
from factory.log_kinds import LOG_COLUMNS, LOG_KINDS, LogKind, columns_of_kind
from factory.model import Costs
from factory.schedule.bill import Bill
from factory.schedule.columns import ScheduleColumns
from factory.schedule.records import Schedule
from factory.simulation import arrays
from tests.builders.repository import ROOT


def section(title: str) -> list[str]:
    """Return the lines of a section of docs/model.md."""
    text = (ROOT / "docs" / "model.md").read_text(encoding="utf-8")
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0].splitlines()


def test_the_document_lists_the_cost_terms_in_their_order() -> None:
    rows = [line for line in section("8. Costs") if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows[: len(COST_TERMS)]] == list(COST_TERMS)


def test_the_page_on_evaluation_adds_the_cost_terms_up() -> None:
    text = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")
    assert f"| `total_cost` = {' + '.join(f'`{term}`' for term in COST_TERMS)} |" in text


@pytest.mark.parametrize("term", COST_TABLE, ids=lambda term: term.name)
def test_a_cost_term_has_a_rate_in_the_factory_and_a_line_in_the_bill(
    term: CostTerm,
) -> None:
    assert term.name in Costs.model_fields
    assert term.rate_field in arrays.PLANT.names
    assert term.name in {field.name for field in fields(Bill)}


def test_the_index_of_a_cost_term_has_its_name() -> None:
    named = {getattr(cost_terms, term.upper()): term for term in COST_TERMS}
    assert [named[i] for i in range(len(COST_TERMS))] == list(COST_TERMS)


@pytest.mark.parametrize("kind", LOG_KINDS, ids=lambda kind: kind.name)
def test_a_kind_of_log_line_is_listed_in_schedules_and_names_columns_of_the_log(
    kind: LogKind,
) -> None:
    assert kind.name in {field.name for field in fields(Schedule)}
    assert kind.name in ScheduleColumns._fields
    assert set(kind.columns.values()) <= set(LOG_COLUMNS)


def test_columns_of_a_kind_leave_out_lines_of_all_others() -> None:
    lines = np.array([[kind, 10 + kind, 2, 3, 4, 5, 6, 7, 8] for kind in range(len(LOG_KINDS))])
    for kind in range(len(LOG_KINDS)):
        assert columns_of_kind(lines, kind)["machine"].tolist() == [10 + kind]

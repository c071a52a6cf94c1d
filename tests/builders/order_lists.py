"""Order lists as people have them, and factories for them."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

from openpyxl import Workbook

from factory.io.order_list.layout import OrderListLayout
from factory.io.order_list_files import OrderList
from factory.model import Factory
from tests.builders.kart_factory import karts

GERMAN = """Auftragsnummer;Kunde;Liefertermin;Freigabe;Gewicht;Artikel;Farbe
A-1;Müller;10.04.2026;31.03.2026;1,5;Kart;SNOW
A-2;Jäger & Söhne;03.04.2026;01.04.2026 07:30;1.000,25;trailer;
A-3;Groß;03.04.2026;05.04.2026;2;kart; coal
"""
"""Semicolons, decimal commas, days first; the third order is due before its release."""

ENGLISH = """Order No,Customer,Due,Start,Priority,Article,colour
A-1,Smith,4/10/2026,3/31/2026,1.5,kart,snow
A-2,Jones,4/3/2026,4/1/2026 7:30 AM,"1,000.25",trailer,
A-3,Brown,4/3/2026,4/5/2026,2,kart,coal
"""
"""The same orders, months first."""

COLOUR = OrderListLayout(columns={"Farbe": "colour"})
"""The column that no synonym names."""

HEADER = "order_id,release_date,due_date,weight,product,colour"


def only_karts(*values: str) -> Factory:
    """Return a factory with one product, and with these values of its option."""
    factory = karts()
    (option,) = factory.options
    kept = tuple(value for value in option.values if value.name in values)
    return factory.model_copy(
        update={
            "products": factory.products[:1],
            "options": (option.model_copy(update={"values": kept}),) if values else (),
        }
    )


def workbook(*sheets: Sequence[Sequence[Any]], formats: dict[str, str] | None = None) -> bytes:
    """Return an xlsx file with rows of cells; ``formats`` are number formats by cell (``B2``)."""
    book = Workbook()
    for index, rows in enumerate(sheets):
        sheet = book.active if index == 0 else book.create_sheet()
        for row in rows:
            sheet.append(row)
        for cell, number_format in (formats or {}).items():
            sheet[cell].number_format = number_format
    buffer = BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def listed(*pairs: str, header: str = HEADER) -> str:
    return "\n".join([header, *(f"o{i},{pair},1,kart,snow" for i, pair in enumerate(pairs))])


def dates_of(orders: OrderList) -> list[tuple[str, int, int]]:
    return [(one.order_id, one.release_date, one.due_date) for one in orders.book.orders]

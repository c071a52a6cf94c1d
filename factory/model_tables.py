"""Tables of factories and orders for notebooks.

The models call these functions, so their arguments are typed as Any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from factory.html_tables import (
    SHOWN_ROWS,
    html_figures,
    html_heading,
    html_table,
    shorten_names,
)
from factory.tick_dates import TickDates


def factory_html(factory: Any) -> str:
    """Return work centres, products and demand of a factory as HTML tables."""
    centres, products = factory.work_centres[:SHOWN_ROWS], factory.products[:SHOWN_ROWS]
    duration = TickDates(factory.tick_minutes).duration
    parts = [
        html_heading(factory.name, factory.description),
        html_figures(_factory_figures(factory)),
        html_table(
            ("work centre", "machines", "changeover attributes", "longest changeover"),
            [_centre_row(centre, duration) for centre in centres],
            total=len(factory.work_centres),
        ),
        html_table(
            ("product", "operations", "process time"),
            [_product_row(product, duration) for product in products],
            total=len(factory.products),
        ),
    ]
    if factory.options:
        rows = [
            (option.name, shorten_names([value.name for value in option.values], 8))
            for option in factory.options
        ]
        parts.append(html_table(("option", "values"), rows))
    return "".join(parts)


def orders_html(book: Any, date_text: Callable[[int], str] = str) -> str:
    """Return the first orders of a book as an HTML table.

    Parameters
    ----------
    book
        The orders.
    date_text
        Function that returns a tick as text.
    """
    rows = [
        (
            order.order_id,
            order.product,
            shorten_names([f"{option}: {value}" for option, value in order.options.items()], 8),
            date_text(order.release_date),
            date_text(order.due_date),
            f"{order.weight:g}",
        )
        for order in book.orders[:SHOWN_ROWS]
    ]
    head = ("order", "product", "options", "release", "due", "weight")
    return html_table(head, rows, numbers=(5,), total=len(book.orders))


def _factory_figures(factory: Any) -> dict[str, str]:
    machines = sum(len(centre.machines) for centre in factory.work_centres)
    figures = {
        "machines": f"{machines} in {len(factory.work_centres)} work centres",
        "crews for changeovers": "one a machine" if factory.crews is None else f"{factory.crews}",
        "a tick": f"{factory.tick_minutes:g} min",
    }
    demand = factory.demand
    if demand is None:
        return {**figures, "demand": "order lists only"}
    hours = demand.regimes[0].interarrival_time * factory.tick_minutes / 60
    regimes = "" if len(demand.regimes) == 1 else f", {len(demand.regimes)} regimes"
    return {
        **figures,
        "orders of an episode": f"{demand.num_orders}",
        "demand": f"an arrival every {hours:.2g} h{regimes}",
        "customers": shorten_names([customer.name for customer in demand.customers]),
    }


def _centre_row(centre: Any, duration: Callable[[float], str]) -> tuple[str, ...]:
    names = [f"{each.name} ({len(each.values)} values)" for each in centre.attributes]
    longest = [max(map(max, each.time)) for each in centre.attributes if each.values]
    combined = sum(longest) if centre.combine == "sum" else max(longest, default=0)
    return (
        centre.name,
        shorten_names([machine.name for machine in centre.machines]),
        shorten_names(names),
        duration(combined) if longest else "none",
    )


def _product_row(product: Any, duration: Callable[[float], str]) -> tuple[str, ...]:
    names = [f"{operation.name} ({operation.work_centre})" for operation in product.operations]
    work = sum(_nominal_times(product))
    return (product.name, shorten_names(names, 6), duration(work))


def _nominal_times(product: Any) -> Iterator[float]:
    """Yield the process time of each operation; the mean over machines where they differ."""
    for operation in product.operations:
        times = list((operation.machine_times or {}).values())
        yield sum(times) / len(times) if times else operation.process_time or 0

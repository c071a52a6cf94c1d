"""Printable names that mean something to a program on their way: to matplotlib, Markdown, HTML,
CSV, TOML, a shell, a file system."""

from __future__ import annotations

from hypothesis import strategies as st

from factory.model import (
    Attribute,
    Costs,
    Customer,
    Demand,
    DemandRegime,
    Factory,
    Machine,
    Operation,
    Option,
    OptionValue,
    Order,
    OrderBook,
    Product,
    WorkCentre,
)
from factory.validation.names import MAX_NAME

NASTY = (
    "$$ white",
    "a$b$c",
    r"$\frac{1}{0}$",
    r"\alpha_{1}^2",
    "_hidden",
    "__proto__",
    "constructor",
    "<script>alert(1)</script>",
    "</svg><!-- & --> &amp; &#36;",
    "a|b||c",
    "`code` ``more``",
    "**bold** _soft_ ~~gone~~ [x](y) # !",
    "=SUM(A1:A9)",
    "+1;-2;@x",
    "quote\" and 'apostrophe'",
    'red=1;"blue"+small',
    "a,b;c\\d",
    "..",
    "../../escape",
    "/etc/passwd",
    "C:\\windows\\nul",
    "CON",
    "a/b",
    "a b",
    "a_b",
    "{0} %s %(name)s {name}",
    "Größe 測試 🚗 שלום",
    "0",
    "None",
    "better",
    "Against the best rule",
    "-rf --help",
    "~",
    "*.toml?",
    "x" * MAX_NAME,
)

UNPRINTABLE = (
    "line\nbreak",
    "carriage\rreturn",
    "tab\tstop",
    "bell\x07",
    "escape\x1b[31m",
    "delete\x7f",
    "right to left\u202egpj",
    "zero\u200bwidth",
    "no\ufeffsign",
)

names = st.sampled_from(NASTY) | st.text(min_size=1, max_size=MAX_NAME).filter(
    lambda name: name.isprintable() and name == name.strip()
)
"""Nasty names, and any others that a factory may have."""


def named(chosen: list[str]) -> tuple[Factory, OrderBook]:
    """A factory in which everything is called by the chosen names, and an order of each product."""
    first, size = chosen[0], len(chosen)
    square = tuple(tuple(int(old != new) for new in range(size)) for old in range(size))
    centres = tuple(
        WorkCentre(
            name=name,
            machines=tuple(Machine(name=machine) for machine in chosen[place::2]),
            attributes=(
                (Attribute(name=name, values=tuple(chosen), time=square),) if not place else ()
            ),
        )
        for place, name in enumerate(chosen[:2])
    )
    products = tuple(
        Product(
            name=name,
            operations=(
                Operation(name=name, work_centre=first, process_time=4, setup={first: name}),
            ),
        )
        for name in chosen
    )
    factory = Factory(
        name=first,
        work_centres=centres,
        products=products,
        options=(Option(name=first, values=tuple(OptionValue(name=name) for name in chosen)),),
        demand=Demand(
            num_orders=3,
            regimes=(
                DemandRegime(
                    name=first,
                    interarrival_time=5.0,
                    mix=dict.fromkeys(chosen, 1.0),
                    options={first: dict.fromkeys(chosen, 1.0)},
                ),
            ),
            customers=tuple(
                Customer(name=name, share=1.0, weight=1.0, allowance=(2.0, 2.0)) for name in chosen
            ),
        ),
        costs=Costs(scale=1.0),
    )
    orders = (
        Order(
            order_id=name,
            release_date=0,
            due_date=9,
            weight=1.0,
            product=name,
            options={first: name},
        )
        for name in chosen
    )
    return factory, OrderBook(orders=tuple(orders))

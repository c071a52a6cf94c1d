"""Routes of a factory's products as an SVG picture."""

from __future__ import annotations

from collections import defaultdict
from html import escape

from factory.lookups import FactoryLookup, Step
from factory.schedule.gantt_style import shorten

_BOX_WIDTH, _BOX_HEIGHT, _GAP_X, _GAP_Y = 146, 44, 58, 14
_MARGIN, _HEADING, _LETTER = 12, 26, 9
_MAX_LETTERS = 17
_STYLE = (
    'font-family="DejaVu Sans, Verdana, sans-serif" font-size="12" fill="#222222"'
    ' xmlns="http://www.w3.org/2000/svg"'
)
_Route = tuple[tuple[str, int, tuple[int, ...]], ...]
"""Name, work centre and predecessors of each operation."""


def route_svg(lookup: FactoryLookup) -> str:
    """Return the picture of all routes; products with one route share it.

    Boxes are operations with their work centres and the range of their process times over the
    products; the number at an arrow is the transport time in ticks.

    Parameters
    ----------
    lookup
        Look-ups of the factory.
    """
    parts, y, width = list[str](), 0.0, 0.0
    for products in group_products(lookup):
        steps = lookup.route(products[0])
        columns = _columns(steps)
        heading = shorten(", ".join(products), 90)
        parts.append(_text(_MARGIN, y + 18, heading, bold=True))
        height = max(len(column) for column in columns.values()) * (_BOX_HEIGHT + _GAP_Y)
        places = _place_boxes(columns, y + _HEADING, height)
        parts += [
            _arrow(lookup, steps, before, after, places)
            for after, step in enumerate(steps)
            for before in step.predecessors
        ]
        parts += [
            _box(lookup, products, number, *place) for number, place in sorted(places.items())
        ]
        boxes = len(columns) * (_BOX_WIDTH + _GAP_X) - _GAP_X
        width = max(width, 2 * _MARGIN + max(boxes, _LETTER * len(heading)))
        y += _HEADING + height + _GAP_Y
    head = f'<svg viewBox="0 0 {width:.0f} {y:.0f}" width="{width:.0f}" height="{y:.0f}" {_STYLE}>'
    marker = (
        '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7"'
        ' markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#666666"/></marker></defs>'
    )
    return "\n".join([head, marker, *parts, "</svg>\n"])


def group_products(lookup: FactoryLookup) -> list[list[str]]:
    """Return the products in groups with the same route, in the order of the factory."""
    groups: dict[_Route, list[str]] = defaultdict(list)
    for product in lookup.products:
        route = tuple(
            (step.operation.name, step.centre, step.predecessors) for step in lookup.route(product)
        )
        groups[route].append(product)
    return list(groups.values())


def _columns(steps: tuple[Step, ...]) -> dict[int, list[int]]:
    """Return the operations by column: each stands one column before the first that needs it."""
    depth = list[int]()
    for step in steps:
        depth.append(1 + max((depth[p] for p in step.predecessors), default=-1))
    for number in reversed(range(len(steps))):
        after = [n for n, step in enumerate(steps) if number in step.predecessors]
        if after:
            depth[number] = min(depth[n] for n in after) - 1
    columns: dict[int, list[int]] = defaultdict(list)
    for number, column in enumerate(depth):
        columns[column].append(number)
    return {column: columns[column] for column in sorted(columns)}


def _place_boxes(
    columns: dict[int, list[int]], top: float, height: float
) -> dict[int, tuple[float, float]]:
    """Return left and top of each operation's box; columns are centred."""
    places: dict[int, tuple[float, float]] = {}
    for index, numbers in enumerate(columns.values()):
        x = _MARGIN + index * (_BOX_WIDTH + _GAP_X)
        y = top + (height - len(numbers) * (_BOX_HEIGHT + _GAP_Y)) / 2
        for row, number in enumerate(numbers):
            places[number] = (x, y + row * (_BOX_HEIGHT + _GAP_Y))
    return places


def _box(lookup: FactoryLookup, products: list[str], number: int, x: float, y: float) -> str:
    step = lookup.route(products[0])[number]
    centre = lookup.centres[step.centre].name
    times = [
        time for product in products for time in lookup.route(product)[number].base_times.values()
    ]
    low, high = min(times), max(times)
    time = f"{low}" if low == high else f"{low} to {high}"
    name = step.operation.name
    label = shorten(name if name == centre else f"{name} ({centre})", _MAX_LETTERS)
    return "\n".join(
        [
            f'<rect x="{x:.0f}" y="{y:.0f}" width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}" rx="4"'
            ' fill="#eef2f7" stroke="#55708f"/>',
            _text(x + 8, y + 18, label, bold=True),
            _text(x + 8, y + 35, time + ", material" * step.operation.needs_material),
        ]
    )


def _arrow(
    lookup: FactoryLookup,
    steps: tuple[Step, ...],
    before: int,
    after: int,
    places: dict[int, tuple[float, float]],
) -> str:
    x1, y1 = places[before][0] + _BOX_WIDTH, places[before][1] + _BOX_HEIGHT / 2
    x2, y2 = places[after][0], places[after][1] + _BOX_HEIGHT / 2
    bend = _GAP_X / 2
    curve = (
        f"M{x1:.0f} {y1:.0f}C{x1 + bend:.0f} {y1:.0f} {x2 - bend:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"
    )
    line = f'<path d="{curve}" fill="none" stroke="#666666" marker-end="url(#head)"/>'
    time = lookup.transport_time(steps[before].centre, steps[after].centre)
    if not time:
        return line
    label = f'<text x="{x1 + 6:.0f}" y="{y1 - 4:.0f}" font-size="10" fill="#666666">{time}</text>'
    return f"{line}\n{label}"


def _text(x: float, y: float, text: str, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.0f}" y="{y:.0f}"{weight}>{escape(text)}</text>'

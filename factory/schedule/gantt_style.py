"""Colours of a Gantt chart, and labels of its clock."""

from __future__ import annotations

import colorsys
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from factory.lookups import FactoryLookup
from factory.schedule.record_kinds import OperationRecord, OrderRecord
from factory.tick_dates import TickDates

Colour = tuple[float, float, float]
LegendLine = tuple[str, list[tuple[str, dict[str, Any]]]]
"""Heading, then labels with the look of their swatch."""

PLAIN: dict[str, Any] = {"parse_math": False, "usetex": False}
"""Settings of text with names in it: nothing in them is a formula."""

MARK_COLOURS = {
    "late": "#e00000",
    "on_time": "#2e8b57",
    "open": "#9a9a9a",
    "changeover": "#f2f2f2",
    "changeover_edge": "#555555",
    "failure": "#3a0d12",
    "wait": "#e3ecf7",
    "closed": "#dcdcdc",
    "maintenance": "#7a5bb5",
    "pause": "#ffffff",
}
"""Colours of marks: due dates (late, on time, open), changeovers, failures, chosen waits, closures,
maintenance, pauses of work."""

_SAME_HOUR = 1e-6
"""Difference up to which hours are the same."""
_PALETTE = (
    "#4c78a8",
    "#f58518",
    "#54a24b",
    "#b279a2",
    "#eeca3b",
    "#72b7b2",
    "#ff9da6",
    "#9d755d",
    "#8c9ad6",
    "#a6c34c",
    "#d67195",
    "#7f7f7f",
)


class Colours:
    """Colours of setups and products.

    Parameters
    ----------
    lookup
        Look-ups of the factory.
    """

    def __init__(self, lookup: FactoryLookup) -> None:
        self.lookup = lookup
        self.product_colour = {
            name: _palette(number) for number, name in enumerate(lookup.products)
        }

    def of_operation(self, order: OrderRecord, operation: OperationRecord) -> Colour:
        """Return the colour of the setup that an operation wants; of its product where it does not
        care for the first attribute, or there is none.
        """
        centre = self.lookup.route(order.product)[operation.operation].centre
        wanted = self.lookup.wanted_setup(order.product, operation.operation, order.options)
        colour = self.of_setup(centre, wanted)
        return self.product_colour[order.product] if colour is None else colour

    def of_setup(self, centre: int, setup: Sequence[str | None]) -> Colour | None:
        """Return the colour of a setup of a work centre; None where it has no first attribute, or
        does not care for it.
        """
        attributes = self.lookup.centres[centre].attributes
        if not attributes or setup[0] is None:
            return None
        base = _value_colour(attributes[0].values.index(setup[0]), setup[0])
        return _shade(
            base, _shade_number(setup[1:], [attribute.values for attribute in attributes[1:]])
        )

    def legend(self, products: set[str]) -> list[LegendLine]:
        """Return a line for each distinct first attribute of a work centre, and one for products if
        any centre is coloured by them.
        """
        lines = []
        for centre in self.lookup.centres:
            if centre.attributes:
                first = centre.attributes[0]
                entries = [
                    (value, {"facecolor": _value_colour(number, value)})
                    for number, value in enumerate(first.values)
                ]
                shaded = (
                    ", shade: " + ", ".join(attribute.name for attribute in centre.attributes[1:])
                    if len(centre.attributes) > 1
                    else ""
                )
                lines.append((f"{centre.name}: {first.name}{shaded}", entries))
        if any(not centre.attributes for centre in self.lookup.centres):
            entries = [
                (name, {"facecolor": colour})
                for name, colour in self.product_colour.items()
                if name in products
            ]
            bare = ", ".join(centre.name for centre in self.lookup.centres if not centre.attributes)
            lines.append((f"{bare}: product", entries))
        return lines


def _palette(number: int) -> Colour:
    """Return a colour for each number: the palette, then its shades."""
    from matplotlib.colors import to_rgb

    base: Colour = to_rgb(_PALETTE[number % len(_PALETTE)])
    return _shade(base, number // len(_PALETTE))


def _value_colour(number: int, value: str) -> Colour:
    """Return the colour of a value: the one that it is named after, a little softened, or else the
    palette's.
    """
    from matplotlib.colors import is_color_like, to_rgb

    if value.isalpha() and len(value) > 2 and is_color_like(value):
        red, green, blue = to_rgb(value)
        return 0.22 + 0.7 * red, 0.22 + 0.7 * green, 0.22 + 0.7 * blue
    return _palette(number)


def _shade_number(wanted: Sequence[str | None], values: Sequence[Sequence[str]]) -> int:
    """Return one number for the values of the attributes after the first."""
    number = 0
    for want, known in zip(wanted, values, strict=True):
        number = number * (len(known) + 1) + (0 if want is None else known.index(want))
    return number


def _shade(colour: Colour, number: int) -> Colour:
    """Return the colour itself for 0, lighter and darker relatives for other numbers."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*colour)
    change = (0.0, 0.16, -0.14, 0.26, -0.24, 0.08, -0.07)[number % 7]
    return colorsys.hls_to_rgb(hue, min(0.9, max(0.15, lightness + change)), saturation)


def readable_on(colour: Colour) -> str:
    """Return black or white, whichever can be read on a colour."""
    red, green, blue = colour
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"


@contextmanager
def any_letters() -> Iterator[None]:
    """Draw letters that the font lacks as boxes, without a warning for each."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        warnings.filterwarnings(
            "ignore", "Matplotlib currently does not support .* natively", UserWarning
        )
        yield


def shorten(name: str, most: int) -> str:
    """Return a name with its middle left out where it has more than ``most`` letters.

    Examples
    --------
    >>> shorten("a very long name", 9)
    'a ve…name'
    """
    kept = (most - 1) // 2
    return name if len(name) <= most else f"{name[: most - 1 - kept]}…{name[-kept:]}"


class Clock:
    """Strokes of the time axis: whole hours, or days, at most ``strokes`` of them.

    They are hours of the local clock, also after a change to summer or winter time.

    Parameters
    ----------
    dates
        Dates of the ticks; where no epoch is known, days are counted from 1.
    since, until
        First and last tick of the axis.
    strokes
        Largest number of strokes.
    """

    def __init__(self, dates: TickDates, since: int, until: int, strokes: int) -> None:
        self.ticks_per_hour = 60 / dates.tick_minutes
        self.dates, self.epoch, self.since, self.until = dates, dates.epoch, since, until
        self.start_hour = float(dates.start_hour)
        if dates.epoch is not None:
            self.start_hour = dates.epoch.hour + dates.epoch.minute / 60 + dates.epoch.second / 3600
        hours = (until - since) / self.ticks_per_hour
        steps = (1 / 12, 1 / 6, 1 / 4, 1 / 2, 1, 2, 3, 4, 6, 12, 24, 48, 120, 240, 480, 960)
        self.step = next(
            (step for step in steps if hours / step <= strokes), math.ceil(hours / strokes)
        )

    def _hours(self) -> list[float]:
        """Return the hours of the strokes since midnight of the first day."""
        first = math.ceil(self._hour(self.since) / self.step - 1e-9)
        last = math.floor(self._hour(self.until) / self.step + 1e-9)
        hours = [number * self.step for number in range(first, last + 1)]
        return [hour for hour in hours if abs(self._hour(self._tick(hour)) - hour) < _SAME_HOUR]

    def _hour(self, tick: float) -> float:
        """Return the hour of a tick since midnight of the first day."""
        return self.start_hour + tick / self.ticks_per_hour + self._change(self.dates.date(tick))

    def _tick(self, hour: float) -> float:
        """Return the tick of an hour; one that is skipped in spring is that of the next."""
        date = None
        if self.epoch is not None and self.epoch.tzinfo is not None:
            try:
                date = self.epoch + timedelta(hours=hour - self.start_hour)  # of the local clock
            except OverflowError:
                date = None
        return (hour - self.start_hour - self._change(date)) * self.ticks_per_hour

    def _change(self, date: datetime | None) -> float:
        """Return by how many hours the local clock was changed since tick 0."""
        if date is None or self.epoch is None or self.epoch.tzinfo is None:
            return 0.0
        before, after = self.epoch.utcoffset(), date.utcoffset()
        return 0.0 if before is None or after is None else (after - before) / timedelta(hours=1)

    def ticks(self) -> list[float]:
        """Return the dates of the strokes."""
        return [self._tick(hour) for hour in self._hours()]

    def labels(self) -> list[str]:
        """Return the time of day of each stroke, and the day where one begins."""
        labels = []
        for number, hour in enumerate(self._hours()):
            day, minutes = divmod(round(hour * 60), 24 * 60)
            text = f"{minutes // 60:02d}:{minutes % 60:02d}"
            begins = number == 0 or minutes < self.step * 60
            labels.append(f"{text}\n{self._day(day)}" if begins else text)
        return labels

    def _day(self, day: int) -> str:
        """Return the date of a day, which are numbered from 0; or its number, counted from 1."""
        try:
            date = None if self.epoch is None else self.epoch.date() + timedelta(days=day)
        except OverflowError:
            date = None
        return f"day {day + 1}" if date is None else date.isoformat()

    def midnights(self) -> list[float]:
        """Dates at which a day begins, unless there are too many to tell apart."""
        days = range(1, math.floor(self._hour(self.until) / 24) + 1)
        return [self._tick(24 * day) for day in days] if len(days) <= 60 else []

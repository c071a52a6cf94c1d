"""Queries of calendars: when is one open, and when does work end that stops in closures. Compiled.

docs/model.md, section 9. ``calendar`` is a row of the ``calendars`` of
:class:`factory.simulation.arrays.FactoryArrays`; -1 is always open. Dates are ticks, NEVER where
nothing happens any more.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls, no-check-untyped-defs

from __future__ import annotations

from factory.jit.compile import compiled
from factory.tick_dates import NEVER


@compiled
def shift_of(factory, g, calendar, date):
    """Return the ticks by which ``date`` lies in a later repetition of the listed edges."""
    listed = factory.calendars[g, calendar]
    if date < listed.end:
        return 0
    return (date - listed.repeat_from) // listed.period * listed.period


@compiled
def count_edges(factory, g, calendar, date):
    """Return the number of listed edges up to ``date``, which lies before the listed end.

    Binary search; the calendar is open where the number is odd.
    """
    first = factory.calendars[g, calendar].first_edge
    low, high = 0, factory.calendars[g, calendar].num_edges
    while low < high:
        middle = (low + high) // 2
        if factory.edges[g, first + middle].date <= date:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def is_open(factory, g, calendar, date):
    """Return whether the calendar is open at a date."""
    if calendar < 0:
        return True
    shift = shift_of(factory, g, calendar, date)
    return count_edges(factory, g, calendar, date - shift) % 2 == 1


@compiled
def next_edge(factory, g, calendar, date):
    """Return the first date after ``date`` at which the calendar opens or closes."""
    if calendar < 0:
        return NEVER
    listed = factory.calendars[g, calendar]
    shift = shift_of(factory, g, calendar, date)
    count = count_edges(factory, g, calendar, date - shift)
    if count < listed.num_edges:
        return shift + factory.edges[g, listed.first_edge + count].date
    # the listed edges end, and those from repeat_from on follow
    again = count_edges(factory, g, calendar, listed.repeat_from)
    if again % 2 != count % 2:
        return shift + listed.end
    if again < listed.num_edges:
        return shift + listed.period + factory.edges[g, listed.first_edge + again].date
    return NEVER


@compiled
def next_closing(factory, g, calendar, date):
    """Return the next date at which the calendar closes; ``date`` itself if it is closed."""
    if calendar < 0:
        return NEVER
    if not is_open(factory, g, calendar, date):
        return date
    return next_edge(factory, g, calendar, date)


@compiled
def next_opening(factory, g, calendar, date):
    """Return the next date at which the calendar is open: ``date`` itself if it is open."""
    if is_open(factory, g, calendar, date):
        return date
    return next_edge(factory, g, calendar, date)


@compiled
def open_time(factory, g, calendar, date):
    """Return the ticks between 0 and ``date`` in which the calendar is open."""
    if calendar < 0:
        return date
    listed = factory.calendars[g, calendar]
    shift = shift_of(factory, g, calendar, date)
    rounds = shift // listed.period
    return rounds * listed.open_in_period + listed_open_time(factory, g, calendar, date - shift)


@compiled
def listed_open_time(factory, g, calendar, date):
    """Return the open ticks up to a date before the listed end, or at it."""
    count = count_edges(factory, g, calendar, date)
    if count == 0:
        return 0
    edge = factory.edges[g, factory.calendars[g, calendar].first_edge + count - 1]
    return edge.open_before + (date - edge.date if count % 2 == 1 else 0)


@compiled
def date_of_open_time(factory, g, calendar, ticks):
    """Return the first date by which the calendar has been open for ``ticks``, 1 or more."""
    listed = factory.calendars[g, calendar]
    shift = 0
    if ticks > listed.open_at_end:
        if listed.open_in_period == 0:
            return NEVER
        rounds = (ticks - listed.open_at_end - 1) // listed.open_in_period + 1
        shift = rounds * listed.period
        ticks -= rounds * listed.open_in_period
    # the last opening before which the calendar has been open for less
    low, high = 0, (listed.num_edges + 1) // 2
    while high - low > 1:
        middle = (low + high) // 2
        if factory.edges[g, listed.first_edge + 2 * middle].open_before < ticks:
            low = middle
        else:
            high = middle
    opening = factory.edges[g, listed.first_edge + 2 * low]
    return shift + opening.date + ticks - opening.open_before


@compiled
def end_of_work(factory, g, calendar, date, ticks):
    """Return the end of work that begins at ``date`` and stops while the calendar is closed."""
    if calendar < 0 or ticks == 0:
        return date + ticks
    return date_of_open_time(factory, g, calendar, open_time(factory, g, calendar, date) + ticks)


@compiled
def is_interrupted_longer(factory, g, calendar, start_date, ticks, longest):
    """Return whether work that stops in closures meets one that lasts longer than ``longest``.

    The calendar is open at ``start_date``. Work that never ends meets one without end.
    """
    end_date = end_of_work(factory, g, calendar, start_date, ticks)
    if end_date == NEVER:
        return True
    closing = next_edge(factory, g, calendar, start_date)
    while closing < end_date:
        opening = next_edge(factory, g, calendar, closing)
        if opening - closing > longest:
            return True
        closing = next_edge(factory, g, calendar, opening)
    return False

"""Effects of columns on a preference: the alternative's values, given to the policy's choice.

Let ``z(a) - z(b)`` be the preference: the logit of the choice minus that of the alternative. The
effect of some columns is what the preference loses when they get the alternative's values in the
row of the choice. The network reads the whole table again, so that its context changes too. All
columns together have the whole preference as their effect.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from envs.observation.columns import Column
from envs.observation.tables import Observation
from factory.tick_dates import TickDates
from scheduler.decisions.bundle import Bundle
from scheduler.decisions.column_texts import COLUMN_TEXTS, INSTEAD, NO, YES


def exchange_effects(
    bundle: Bundle, observation: Observation, choice: int, other: int, sets: Sequence[Sequence[int]]
) -> NDArray[np.float64]:
    """Return the effects ``[S]`` of sets of columns on the preference of a choice.

    Parameters
    ----------
    observation
        Tables of one decision, with a leading axis of 1.
    choice, other
        Legal rows of the candidate table.
    sets
        Columns of each exchange.
    """
    count = len(sets) + 1
    batch = {name: np.repeat(table, count, axis=0) for name, table in observation.items()}
    rows = batch["candidates"]
    for i, columns in enumerate(sets):
        rows[i + 1, choice, list(columns)] = rows[i + 1, other, list(columns)]
    logits = bundle.logits(batch).astype(np.float64)
    preferences = logits[:, choice] - logits[:, other]
    effects: NDArray[np.float64] = preferences[0] - preferences[1:]
    return effects


def exchanged_text(column: Column, here: float, chosen: float, dates: TickDates) -> str:
    """Return a column's values as text: ``changeover time 12 min instead of 0 min``."""
    texts = (value_text(column, value, dates) for value in (here, chosen))
    return f"{COLUMN_TEXTS[column.name]}: {f' {INSTEAD} '.join(texts)}"


def value_text(column: Column, value: float, dates: TickDates) -> str:
    """Return a value of a column in plain words, with its unit."""
    if column.unit == "ticks":
        sign = "-" if value < 0 else ""
        return f"{sign}{dates.duration(abs(value))}"
    if column.unit == "flag":
        return YES if value else NO
    if column.unit == "probability":
        return f"{value:.0%}"
    return f"{value:,.2f}".rstrip("0").rstrip(".")

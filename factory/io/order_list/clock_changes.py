"""Local dates of an order list that a change of the clock makes doubtful."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from factory.io.order_list.date_columns import DateTexts


def explain_clock_changes(
    texts: Mapping[str, DateTexts], moments: Mapping[str, Mapping[str, datetime]]
) -> Iterator[str]:
    """Yield a line for each column and kind of local date that occurs twice, or never.

    Both are read with the offset before the change.

    Parameters
    ----------
    texts
        Texts of each column.
    moments
        Moments by column and text.
    """
    for column, by_text in moments.items():
        for kind in ("skipped", "doubled"):
            doubtful = [text for text, moment in by_text.items() if _kind_of(moment) == kind]
            if not doubtful:
                continue
            rows = sum(texts[column].counts[text] for text in doubtful)
            moment = by_text[doubtful[0]]
            written = moment.replace(tzinfo=None).isoformat(" ", "minutes")
            meaning = f"the first of two, {moment.isoformat(' ', 'minutes')}"
            if kind == "skipped":
                there = moment.astimezone(UTC).astimezone(moment.tzinfo)
                meaning = f"not on the clock of that day, so {there.isoformat(' ', 'minutes')}"
            yield f"{column} {written}: {meaning}, in {rows} row{'s'[: rows != 1]}"


def _kind_of(moment: datetime) -> str:
    """Return whether a local time is ``doubled``, ``skipped`` or neither."""
    first, second = moment.utcoffset(), moment.replace(fold=1).utcoffset()
    if first is None or second is None or first == second:
        return ""
    return "doubled" if first > second else "skipped"

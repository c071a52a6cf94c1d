"""Numbers of machines and families in public instances: some files count from 0, others from 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from factory.instances.common import TextLine, refuse_text_line


@dataclass(frozen=True, slots=True)
class Mention:
    """A machine or a family as a file names it."""

    what: str
    number: int  # as it stands in the file
    count: int  # how many machines (or families) there are
    line: TextLine
    word: int

    @property
    def place(self) -> str:
        """Return where it stands."""
        return f"{self.line.place}: {self.what} (word {self.word + 1})"


def read_mention(line: TextLine, word: int, what: str, count: int) -> Mention:
    """Return the machine or family at a word of a line; it may be counted from 0 or from 1.

    Raises
    ------
    ValueError
        If there is no whole number, or it fits neither.
    """
    return Mention(what, line.whole(word, what, high=count), count, line, word)


def find_first_number(mentions: Sequence[Mention], path: Path, told: int | None) -> int:
    """Return the number of the first machine (and family) in a file: 0 or 1.

    The content decides: where 0 occurs the file counts from 0, where the number of machines occurs
    it counts from 1. Where neither does, both readings are possible and would be different shops.

    Parameters
    ----------
    told
        The number, where the caller knows it; the content must agree.

    Raises
    ------
    ValueError
        If both occur, neither does and the number is not told, or the content contradicts it.
    """
    if told not in (None, 0, 1):
        refuse_text_line(
            f"{path}: first_machine", told, "must be 0 or 1", "Give one of them, or leave it out."
        )
    lowest = next((one for one in mentions if one.number == 0), None)
    highest = next((one for one in mentions if one.number == one.count), None)
    if lowest is not None and highest is not None:
        rule = f"must lie in 0..{highest.count - 1}, as {lowest.what} 0 occurs too ({lowest.place})"
        refuse_text_line(
            highest.place,
            highest.number,
            rule,
            "Correct one of the two, or the counts in the first line.",
        )
    if told is None:
        return _decide(lowest, highest, mentions, path)
    wrong = highest if told == 0 else lowest
    if wrong is not None:
        rule = (
            f"must lie in {told}..{told + wrong.count - 1}, as the first {wrong.what} is to be"
            f" {told}"
        )
        remedy = f"Correct the number, or leave first_machine={told} (--first-machine {told}) out."
        refuse_text_line(wrong.place, wrong.number, rule, remedy)
    return told


def _decide(
    lowest: Mention | None, highest: Mention | None, mentions: Sequence[Mention], path: Path
) -> int:
    if lowest is None and highest is None:
        first = mentions[0]
        numbers = sorted({one.number for one in mentions if one.what == first.what})
        rule = f"neither 0 nor {first.count} occurs, so the first may be 0 or 1"
        remedy = "Say from which: first_machine=0 or first_machine=1 (--first-machine 0 or 1)."
        refuse_text_line(
            f"{path}: numbers of machines", f"{numbers[0]}..{numbers[-1]}", rule, remedy
        )
    return 0 if lowest is not None else 1

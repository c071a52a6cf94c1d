"""Numbers of machines and families in public instances: some files count from 0, others from 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from factory.instances.common import TextLine, refuse_text_line


@dataclass(frozen=True, slots=True)
class Mention:
    """The number of a machine or a family in a file."""

    kind: str
    number: int  # as written in the file
    count: int  # number of machines (or families)
    line: TextLine
    word: int

    @property
    def place(self) -> str:
        """Return the place for messages."""
        return f"{self.line.place}: {self.kind} (word {self.word + 1})"


def read_mention(line: TextLine, word: int, kind: str, count: int) -> Mention:
    """Return the machine or family at a word of a line; it may be counted from 0 or from 1.

    Raises
    ------
    ValueError
        If it is no whole number, or out of range in both cases.
    """
    return Mention(kind, line.whole(word, kind, high=count), count, line, word)


def find_first_number(mentions: Sequence[Mention], path: Path, given: int | None) -> int:
    """Return the number of the first machine (and family) in a file: 0 or 1.

    The content decides: with a 0 the file counts from 0, with the number of machines it counts from
    1. With neither, both are possible and give different shops.

    Parameters
    ----------
    given
        The number, if the caller knows it; the content must agree.

    Raises
    ------
    ValueError
        If both occur, if neither occurs and the number is not given, or if the content contradicts
        the given number.
    """
    if given not in (None, 0, 1):
        refuse_text_line(
            f"{path}: first_machine", given, "must be 0 or 1", "Give one of them, or leave it out."
        )
    lowest = next((mention for mention in mentions if mention.number == 0), None)
    highest = next((mention for mention in mentions if mention.number == mention.count), None)
    if lowest is not None and highest is not None:
        rule = f"must lie in 0..{highest.count - 1}, as {lowest.kind} 0 occurs too ({lowest.place})"
        refuse_text_line(
            highest.place,
            highest.number,
            rule,
            "Correct one of the two, or the counts in the first line.",
        )
    if given is None:
        return _decide(lowest, highest, mentions, path)
    wrong = highest if given == 0 else lowest
    if wrong is not None:
        rule = (
            f"must lie in {given}..{given + wrong.count - 1}, as the first {wrong.kind} is to be"
            f" {given}"
        )
        remedy = (
            f"Correct the number, or leave first_machine={given} (--first-machine {given}) out."
        )
        refuse_text_line(wrong.place, wrong.number, rule, remedy)
    return given


def _decide(
    lowest: Mention | None, highest: Mention | None, mentions: Sequence[Mention], path: Path
) -> int:
    if lowest is None and highest is None:
        first = mentions[0]
        numbers = sorted({mention.number for mention in mentions if mention.kind == first.kind})
        rule = f"neither 0 nor {first.count} occurs, so the first may be 0 or 1"
        remedy = "Say from which: first_machine=0 or first_machine=1 (--first-machine 0 or 1)."
        refuse_text_line(
            f"{path}: numbers of machines", f"{numbers[0]}..{numbers[-1]}", rule, remedy
        )
    return 0 if lowest is not None else 1

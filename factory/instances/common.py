"""Common parts of public instances: :class:`Instance`, its building blocks, a reader of numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn

from factory.model import (
    Attribute,
    Costs,
    Factory,
    Machine,
    Operation,
    Order,
    OrderBook,
    Product,
    Tariff,
    WorkCentre,
)
from factory.validation.numbers import MAX_TICKS
from factory.validation.text_files import drop_mark

ObjectiveName = Literal["makespan", "weighted_tardiness"]
ReferenceKind = Literal["optimum", "best_known"]
TimeMatrix = tuple[tuple[int, ...], ...]

TICK_MINUTES = 60.0
"""A tick of a public instance is an hour, so that rates per hour are rates per tick."""

LARGEST = 10**9
"""Largest number in a file."""

LONGEST_TIME = MAX_TICKS
"""Longest process or setup time in a file, in ticks."""

FAMILY_ATTRIBUTE = "family"
"""Name of the only changeover attribute of a work centre."""

BARE = "bare"
"""Value of the attribute at the start: nothing is mounted."""


@dataclass(frozen=True)
class Instance:
    """A published problem: a factory with one product per job, and an order book with each once.

    Machines, jobs, operations and families are named ``M0``, ``J0``, ``J0.O0``, ``F0``, ... in the
    order of the file, counted from 0 (``M0`` is machine ``first_machine`` of the file).
    ``order_id`` is the number of the job in its file.

    The total cost of an episode **is** the objective in ticks: sum w_j T_j, or C_max (the first
    machine draws 1 kW from 0 to the last completion, at a price of 1 per kWh and an hour per tick).
    """

    name: str
    factory: Factory
    book: OrderBook
    objective: ObjectiveName
    # True: a machine may be set up before the job has arrived; False: only at selection
    anticipatory: bool
    # all machines must follow one sequence; the factory does not enforce it
    permutation: bool = False
    ticks_per_unit: int = 1  # ticks in one time unit of the file
    reference: float | None = None  # published objective value, in time units of the file
    reference_kind: ReferenceKind | None = None
    # number of the first machine in the file, 0 or 1; None: the format has no such numbers
    first_machine: int | None = None
    is_test: bool = False  # reserved for tests: neither tune nor train on it


def refuse_text_line(place: str, value: object, rule: str, remedy: str) -> NoReturn:
    """Refuse a file.

    Raises
    ------
    ValueError
        Always, with place, value, rule and remedy.
    """
    raise ValueError(f"{place} = {value}; {rule}. {remedy}")


@dataclass(frozen=True)
class TextLine:
    """A line of a text file, split into words."""

    place: str  # file:line
    words: tuple[str, ...]

    def whole(self, index: int, meaning: str, low: int = 0, high: int = LARGEST) -> int:
        """Return the whole number at word ``index``.

        Raises
        ------
        ValueError
            If the line is too short, the word is no whole number, or it lies outside ``low..high``.
        """
        if index >= len(self.words):
            self._refuse(
                index,
                meaning,
                "nothing",
                f"the line ends after {len(self.words)} words",
                "Complete the line, or correct the counts before it.",
            )
        word = self.words[index]
        if not (word.isascii() and word.removeprefix("-").isdigit()):
            self._refuse(
                index,
                meaning,
                repr(word),
                "must be a whole number",
                "Write digits only; scale fractions to a finer time unit.",
            )
        number = int(word) if len(word) <= 20 else LARGEST + 1
        if not low <= number <= high:
            self._refuse(
                index,
                meaning,
                word,
                f"must lie in {low}..{high}",
                "Correct the number, or the counts in the first line.",
            )
        return number

    def _refuse(self, index: int, meaning: str, value: str, rule: str, remedy: str) -> NoReturn:
        refuse_text_line(f"{self.place}: {meaning} (word {index + 1})", value, rule, remedy)

    def wholes(self, count: int, meaning: str, high: int = LARGEST) -> tuple[int, ...]:
        """Return the line as exactly ``count`` whole numbers in ``0..high``.

        Raises
        ------
        ValueError
            If it has more or fewer words, or a word is no such number.
        """
        self.end_after(count, meaning)
        return tuple(self.whole(index, meaning, high=high) for index in range(count))

    def end_after(self, count: int, meaning: str) -> None:
        """Check that the line has exactly ``count`` words.

        Raises
        ------
        ValueError
            If it has more or fewer words.
        """
        if len(self.words) != count:
            place = f"{self.place}: {meaning}"
            refuse_text_line(
                place,
                f"{len(self.words)} words",
                f"must have {count}",
                "Complete or shorten the line, or correct the counts before it.",
            )


class TextLines:
    """Lines of a text file, except blank lines and comments (``#``), read in order."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        content = drop_mark(self.path.read_bytes(), str(path))
        text = content.decode("utf-8", errors="replace")
        self._lines = [
            TextLine(f"{path}:{number}", tuple(line.split()))
            for number, line in enumerate(text.splitlines(), start=1)
            if line.strip() and not line.lstrip().startswith("#")
        ]
        self._next = 0

    def take(self, meaning: str) -> TextLine:
        """Return the next line.

        Raises
        ------
        ValueError
            If the file has ended.
        """
        if self._next == len(self._lines):
            refuse_text_line(
                f"{self.path}: {meaning}",
                "nothing",
                f"the file ends after {len(self._lines)} lines with content",
                "Complete the file.",
            )
        self._next += 1
        return self._lines[self._next - 1]

    def take_matrix(self, rows: int, columns: int, meaning: str) -> TimeMatrix:
        """Return the next ``rows`` lines of ``columns`` durations each."""
        return tuple(
            self.take(f"{meaning}, row {row}").wholes(
                columns, f"{meaning}, row {row}", LONGEST_TIME
            )
            for row in range(rows)
        )

    def finish(self) -> None:
        """Check that all lines have been read.

        Raises
        ------
        ValueError
            If lines are left over.
        """
        if self._next < len(self._lines):
            line = self._lines[self._next]
            refuse_text_line(
                f"{line.place}: line",
                repr(" ".join(line.words[:8])),
                "the file must end before it",
                "Delete it, or correct the counts in the first line.",
            )


def single_machine_centres(matrices: Sequence[TimeMatrix | None]) -> tuple[WorkCentre, ...]:
    """Return work centres ``C0``, ``C1``, ... of one machine each.

    Their setup times are as in :func:`family_attributes`.
    """
    return tuple(
        WorkCentre(name=f"C{c}", machines=(make_machine(c),), attributes=family_attributes(matrix))
        for c, matrix in enumerate(matrices)
    )


def make_machine(number: int, setup_time: TimeMatrix | None = None) -> Machine:
    """Return machine ``M<number>``, with setup times of its own if given.

    The first machine draws power at all times, so that the cost of an episode is its makespan.
    """
    power = 1.0 if number == 0 else 0.0
    own = {} if setup_time is None else {FAMILY_ATTRIBUTE: setup_time}
    return Machine(
        name=f"M{number}",
        idle_power=power,
        processing_power=power,
        changeover_power=power,
        setup_time=own,
    )


def family_attributes(
    time: TimeMatrix | None, names: Sequence[str] | None = None
) -> tuple[Attribute, ...]:
    """Return the attribute of a work centre; no attribute if ``time`` is None.

    Value 0 is ``bare``, the other values are ``names`` (default ``F0``, ``F1``, ...).
    """
    if time is None:
        return ()
    names = [f"F{f}" for f in range(len(time) - 1)] if names is None else names
    return (Attribute(name=FAMILY_ATTRIBUTE, values=(BARE, *names), time=time),)


def with_bare(initial: Sequence[int], time: Sequence[Sequence[int]]) -> TimeMatrix:
    """Return setup times with ``bare`` as the first value.

    Times from it are ``initial``; times to it, which no operation wants, and on the diagonal are 0.
    """
    rows = [[0, *row] for row in time]
    for family, row in enumerate(rows):
        row[family + 1] = 0
    return ((0, *initial), *(tuple(row) for row in rows))


def job(number: int, steps: Iterable[tuple[int, int, int | None]]) -> Product:
    """Return the product of job ``number``; ``steps`` are (work centre, process time, family)."""
    operations = tuple(
        Operation(
            name=f"J{number}.O{i}",
            work_centre=f"C{centre}",
            process_time=time,
            setup={} if family is None else {FAMILY_ATTRIBUTE: f"F{family}"},
        )
        for i, (centre, time, family) in enumerate(steps)
    )
    return Product(name=f"J{number}", operations=operations)


def makespan_instance(
    path: Path,
    centres: tuple[WorkCentre, ...],
    products: tuple[Product, ...],
    anticipatory: bool,
    permutation: bool = False,
) -> Instance:
    """Return an instance with objective C_max: all jobs are released at 0, without due dates."""
    factory = Factory(
        name=path.stem,
        tick_minutes=TICK_MINUTES,
        changeover_ahead=anticipatory,
        work_centres=centres,
        products=products,
        tariff=Tariff(price=(1.0,) * 24),
        costs=Costs(tardiness=0.0, energy=1.0, scale=1.0),
    )
    orders = tuple(
        Order(order_id=f"{j}", release_date=0, due_date=0, weight=1.0, product=product.name)
        for j, product in enumerate(products)
    )
    return Instance(
        path.stem, factory, OrderBook(orders=orders), "makespan", anticipatory, permutation
    )


def tardiness_instance(
    name: str,
    centres: tuple[WorkCentre, ...],
    products: tuple[Product, ...],
    orders: Iterable[Order],
    ticks_per_unit: int = 1,
) -> Instance:
    """Return an instance with objective sum w_j T_j, non-delay, with setups at selection."""
    factory = Factory(
        name=name,
        tick_minutes=TICK_MINUTES,
        changeover_ahead=False,
        waiting=False,
        work_centres=centres,
        products=products,
        costs=Costs(tardiness=1.0, scale=1.0),
    )
    book = OrderBook(orders=tuple(sorted(orders, key=lambda order: order.release_date)))
    return Instance(
        name, factory, book, "weighted_tardiness", anticipatory=False, ticks_per_unit=ticks_per_unit
    )

"""What all public instances share: the :class:`Instance`, the parts they are built from, and a
reader of numbers that says what is wrong where."""

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

Objective = Literal["makespan", "weighted_tardiness"]
ReferenceKind = Literal["optimum", "best_known"]
Matrix = tuple[tuple[int, ...], ...]

TICK_MINUTES = 60.0
"""A tick of a public instance lasts an hour, so that a rate per hour is a rate per tick and a bill
is the objective itself."""

LARGEST = 10**9
"""Largest number that a file may give."""

LONGEST_TIME = MAX_TICKS
"""Longest process or setup time that a file may give, in ticks."""

FAMILY_ATTRIBUTE = "family"
"""Name of the one changeover attribute of a work centre."""

BARE = "bare"
"""The setup mounted at the start: none."""


@dataclass(frozen=True)
class Instance:
    """A published problem: a factory with one product a job, and the order book that orders each
    once.

    Machines, jobs, operations and families are called ``M0``, ``J0``, ``J0.O0``, ``F0``, ... in the
    order of the file, counted from 0 (``M0`` is machine ``first_machine`` of the file);
    ``order_id`` is the number of the job in its file.

    The total cost of an episode **is** the objective, in ticks: C_max (the first machine draws 1 kW
    from 0 to the last completion, at 1 a kWh and an hour a tick) or sum w_j T_j.
    """

    name: str
    factory: Factory
    book: OrderBook
    objective: Objective
    anticipatory: (
        bool  # a machine may be set up before the job has arrived; else: at selection only
    )
    permutation: bool = (
        False  # all machines must follow one sequence, which the factory does not enforce
    )
    ticks_per_unit: int = 1  # ticks in one time unit of the file
    reference: float | None = None  # published objective value, in time units of the file
    reference_kind: ReferenceKind | None = None
    first_machine: int | None = (
        # number of the first machine in the file, 0 or 1; None: its format has no such numbers
        None
    )
    is_test: bool = False  # kept for testing: neither tune nor train on it


def refuse_text_line(place: str, value: object, rule: str, remedy: str) -> NoReturn:
    """Refuse a file.

    Raises
    ------
    ValueError
        Always; it names the place, the value found there, the rule it breaks and the remedy.
    """
    raise ValueError(f"{place} = {value}; {rule}. {remedy}")


@dataclass(frozen=True)
class TextLine:
    """One line of a text file, cut into words."""

    place: str  # file:line
    words: tuple[str, ...]

    def whole(self, index: int, meaning: str, low: int = 0, high: int = LARGEST) -> int:
        """The whole number at word ``index``.

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
        """The line as exactly ``count`` whole numbers in ``0..high``.

        Raises
        ------
        ValueError
            If it has more or fewer words, or one of them is no such number.
        """
        self.end_after(count, meaning)
        return tuple(self.whole(index, meaning, high=high) for index in range(count))

    def end_after(self, count: int, meaning: str) -> None:
        """Check that the line has exactly ``count`` words.

        Raises
        ------
        ValueError
            If it has not.
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
    """The lines of a text file that are neither blank nor comments (``#``), taken one after the
    other."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        text = (
            drop_mark(self.path.read_bytes(), str(path))
            .decode("utf-8", errors="replace")
            .splitlines()
        )
        numbered = enumerate(text, start=1)
        self._lines = [
            TextLine(f"{path}:{number}", tuple(line.split()))
            for number, line in numbered
            if line.strip() and not line.lstrip().startswith("#")
        ]
        self._next = 0

    def take(self, meaning: str) -> TextLine:
        """The next line.

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

    def take_matrix(self, rows: int, columns: int, meaning: str) -> Matrix:
        """The next ``rows`` lines of ``columns`` durations each."""
        return tuple(
            self.take(f"{meaning}, row {row}").wholes(
                columns, f"{meaning}, row {row}", LONGEST_TIME
            )
            for row in range(rows)
        )

    def finish(self) -> None:
        """Check that everything was taken.

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


def single_machine_centres(matrices: Sequence[Matrix | None]) -> tuple[WorkCentre, ...]:
    """Work centres ``C0``, ``C1``, ... of one machine each, with their setup times (see
    :func:`family_attributes`)."""
    return tuple(
        WorkCentre(name=f"C{c}", machines=(make_machine(c),), attributes=family_attributes(matrix))
        for c, matrix in enumerate(matrices)
    )


def make_machine(number: int, setup_time: Matrix | None = None) -> Machine:
    """Machine ``M<number>``, with its own setup times where given; the first one is the meter that
    makes a makespan cost what it lasts."""
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
    time: Matrix | None, names: Sequence[str] | None = None
) -> tuple[Attribute, ...]:
    """The one attribute of a centre: value 0 is ``bare``, the others are ``names`` (default ``F0``,
    ``F1``, ...). No attribute where ``time`` is None."""
    if time is None:
        return ()
    names = [f"F{f}" for f in range(len(time) - 1)] if names is None else names
    return (Attribute(name=FAMILY_ATTRIBUTE, values=(BARE, *names), time=time),)


def with_bare(initial: Sequence[int], time: Sequence[Sequence[int]]) -> Matrix:
    """Setup times with ``bare`` put first: from it ``initial``, to it (which nothing wants) 0,
    staying 0."""
    rows = [
        (0, *(0 if f == k else ticks for k, ticks in enumerate(row))) for f, row in enumerate(time)
    ]
    return ((0, *initial), *rows)


def job(number: int, steps: Iterable[tuple[int, int, int | None]]) -> Product:
    """The product that is job ``number``: ``steps`` are (work centre, process time, family or
    None), done one after the other."""
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
    """Every job is there at 0, due at 0 (there are no due dates) and costs nothing but the time
    until the last is done."""
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
    """Non-delay, setups at selection; a tick late costs the order's weight."""
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

"""Changeovers, worked out by hand: kernel and twin do what the Gantt charts say."""

from __future__ import annotations

import pytest

from factory.model import (
    Attribute,
    Costs,
    Machine,
    WorkCentre,
)
from tests.builders.shop_floor_script import (
    COLOUR,
    TRIM,
    WAIT,
    book,
    cell,
    coloured,
    dates,
    follow,
    job,
    named,
    offers,
    painted,
    plant,
    product,
)
from tests.oracles.twin import Twin


@pytest.mark.parametrize(("combine", "start"), [("max", 3), ("sum", 5)])
def test_changeover_times_of_attributes_combine_as_the_centre_says(
    combine: str, start: int
) -> None:
    """Colour takes 2 and trim 3: ``###0000`` in parallel, ``#####0000`` one after the other."""
    ordered = product("a", job(setup={"colour": "red", "trim": "sport"}))
    twin = follow(
        Twin(
            plant((cell(attributes=(COLOUR, TRIM), combine=combine),), (ordered,)),
            1,
            book((0, "a")),
        ),
        (0, (0, 0)),
    )
    assert twin.events == [
        ("changeover", 0, 0, 0, 0, start, (0, 0), (1, 1)),
        ("operation", 0, 0, 0, 0, start, start + 4, 0),
    ]


def test_attribute_that_an_operation_does_not_care_about_stays_as_mounted() -> None:
    """Sport is mounted and nobody wants plain: ``##0000``, and sport it stays."""
    centre = WorkCentre(
        name="cell",
        machines=(Machine(name="m", initial_setup={"trim": "sport"}),),
        attributes=(COLOUR, TRIM),
    )
    twin = follow(Twin(plant((centre,), (painted("red"),)), 1, book((0, "red"))), (0, (0, 0)))
    assert twin.events[0] == ("changeover", 0, 0, 0, 0, 2, (0, 1), (1, 1))


def test_machine_with_its_own_matrix_changes_over_by_it() -> None:
    """White to red takes 2 at the centre but 7 on this machine: ``#######0000``."""
    machine = Machine(name="m", setup_time={"colour": ((0, 7, 7), (7, 0, 7), (7, 7, 0))})
    twin = follow(
        Twin(
            plant(
                (WorkCentre(name="cell", machines=(machine,), attributes=(COLOUR,)),),
                (painted("red"),),
            ),
            1,
            book((0, "red")),
        ),
        (0, (0, 0)),
    )
    assert dates(twin, "changeover") == [(0, 0, 7)]


def test_changeover_waits_for_a_crew() -> None:
    """One crew, two red orders and two white machines: the second machine may not change over, and
    is not asked, until the crew is free.

    ::

        0: ##0000
        1: ..##1111
    """
    twin = Twin(
        plant((coloured(machines=2),), (painted("red"),), crews=1),
        1,
        book((0, "red"), (0, "red"), (5, "red")),
    )
    follow(twin, (0, (0, 0)))
    assert (twin.deciding, twin.clock) == (
        1,
        2,
    ), "with no crew free the second machine has nothing to choose"
    follow(twin, (1, (1, 0)))
    assert dates(twin, "changeover") == [(0, 0, 2), (1, 2, 4)]


def test_wait_ends_when_a_crew_comes_free_where_none_was() -> None:
    """Paint and trim are different centres with one crew between them; the trim machine waits for
    no event of its own centre.

    ::

        0: ##0000
        1: ww1111
    """
    centres = (coloured(), cell("trim", attributes=(TRIM,), longest_wait=50))
    products = (painted("red"), product("plain", job(at="trim", setup={"trim": "plain"})))
    twin = follow(
        Twin(plant(centres, products, crews=1), 1, book((0, "red"), (0, "plain"))),
        (0, (0, 0)),
        (1, WAIT),
        (1, (1, 0)),
    )
    assert dates(twin, "wait") == [(1, 0, 2)]


def test_wait_goes_on_when_a_second_crew_comes_free() -> None:
    """As before with two crews: one was free all along, so the wait lasts its 5 ticks: ``1:
    wwwww1111``."""
    centres = (coloured(), cell("trim", attributes=(TRIM,), longest_wait=5))
    products = (painted("red"), product("plain", job(at="trim", setup={"trim": "plain"})))
    twin = follow(
        Twin(plant(centres, products, crews=2), 1, book((0, "red"), (0, "plain"))),
        (0, (0, 0)),
        (1, WAIT),
        (1, (1, 0)),
    )
    assert dates(twin, "wait") == [(1, 0, 5)]


def test_changeover_of_no_time_needs_no_crew_and_books_its_cost() -> None:
    """``#`` has no length on machine 1: ``1111`` runs while the only crew works on machine 0:
    ``##0000``."""
    quick = Machine(name="quick", setup_time={"colour": ((0, 0, 0),) * 3})
    colour = COLOUR.model_copy(update={"cost": ((0.0, 8.0, 8.0), (8.0, 0.0, 8.0), (8.0, 8.0, 0.0))})
    centre = WorkCentre(name="cell", machines=(Machine(name="slow"), quick), attributes=(colour,))
    twin = follow(
        Twin(
            plant((centre,), (painted("red"),), crews=1, costs=Costs(changeover=0.5)),
            1,
            book((0, "red"), (0, "red")),
        ),
        (0, (0, 0)),
        (1, (1, 0)),
    )
    assert dates(twin) == [(1, 1, 0, 0, 4), (0, 0, 0, 2, 6)]
    assert ("changeover", 1, 1, 0, 0, 0, (0,), (1,)) in twin.events
    assert twin.costs["changeover"] == 8.0


def test_forbidden_changeover_is_made_by_detours() -> None:
    """White to black is forbidden, by way of red it takes 2 + 1: ``###0000``, and the machine is
    asked between."""
    colour = COLOUR.model_copy(update={"forbidden": (("white", "black"),)})
    twin = Twin(
        plant(
            (cell(attributes=(colour,)),),
            (painted("black"),),
            waiting=False,
            changeover_ahead=False,
        ),
        1,
        book((0, "black")),
    )
    assert [(named(choice), choice.legal) for choice in twin.choices()] == [
        ((0, 0), False),
        ([1], True),
        (WAIT, False),
    ]
    follow(twin, (0, [1]), (0, (0, 0)))
    assert dates(twin, "changeover") == [(0, 0, 2), (0, 2, 3)]
    assert dates(twin) == [(0, 0, 0, 3, 7)]


def test_detour_takes_the_quickest_way_not_the_shortest() -> None:
    """Four values, 0 to 3 forbidden: 0 - 1 - 3 takes 9 + 1, 0 - 2 - 1 - 3 takes 1 + 1 + 1 (2 to 3
    takes 20)."""
    ring = Attribute(
        name="tool",
        values=("a", "b", "c", "d"),
        time=((0, 9, 1, 1), (9, 0, 9, 1), (9, 1, 0, 20), (9, 9, 9, 0)),
        forbidden=(("a", "d"),),
    )
    twin = Twin(
        plant((cell(attributes=(ring,)),), (product("p", job(setup={"tool": "d"})),)),
        1,
        book((0, "p")),
    )
    assert offers(twin) == [[2], WAIT]


def test_changeover_ahead_is_offered_for_what_is_on_its_way() -> None:
    """Body takes 5; meanwhile the paint machine mounts red: ``#`` before, not after, the body is
    there.

    ::

        body:  00000
        paint: ##...0000
    """
    car = product("car", job(5, "body", "body"), job(4, "paint", "cell", setup={"colour": "red"}))
    twin = follow(Twin(plant((cell("body"), coloured()), (car,)), 1, book((0, "car"))), (0, (0, 0)))
    assert (twin.deciding, offers(twin)) == (1, [[1], WAIT])
    follow(twin, (1, [1]))
    assert (twin.deciding, twin.clock) == (1, 5)
    assert offers(twin) == [(0, 1), WAIT], "what is mounted is not offered again"
    follow(twin, (1, (0, 1)))
    assert twin.events[0] == ("changeover", 1, -1, -1, 0, 2, (0,), (1,))
    assert twin.orders[0].completion_date == 9


@pytest.mark.parametrize("switch", ["changeover_ahead", "waiting"])
def test_machine_with_nothing_but_changeovers_ahead_is_not_asked_without_leave(switch: str) -> None:
    """Neither where changeovers ahead are off, nor where it could not choose to wait instead:
    ``paint: .....##0000``."""
    car = product("car", job(5, "body", "body"), job(4, "paint", "cell", setup={"colour": "red"}))
    twin = follow(
        Twin(plant((cell("body"), coloured()), (car,), **{switch: False}), 1, book((0, "car"))),
        (0, (0, 0)),
        (1, (0, 1)),
    )
    assert dates(twin, "changeover") == [(1, 5, 7)]


def test_setup_that_a_ready_operation_wants_is_no_changeover_ahead() -> None:
    """Order 0 is ready and red, order 1 on its way and red, order 2 on its way and black: only
    black is ahead."""
    cars = tuple(
        product(
            f"car {colour}",
            job(5, "body", "body"),
            job(4, "paint", "cell", setup={"colour": colour}),
        )
        for colour in ("red", "black")
    )
    twin = Twin(
        plant((cell("body"), coloured()), (painted("red"), *cars)),
        1,
        book((0, "red"), (0, "car red"), (0, "car black")),
    )
    follow(twin, (0, (1, 0)))
    assert (twin.deciding, offers(twin)) == (1, [(0, 0), [2], WAIT])

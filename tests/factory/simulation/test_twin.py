"""Hand-worked shop floors that pin the twin to ``docs/model.md``, sections 2 to 5. The Gantt of
each stands in its docstring: digits are orders, ``#`` changeover, ``x`` repair, ``w`` chosen wait,
``.`` idle; one character a tick."""

from __future__ import annotations

import pytest

from factory.model import (
    Effect,
    Machine,
    Operation,
    Option,
    OptionValue,
    SupplyRegime,
    Transport,
    Uncertainty,
    WorkCentre,
)
from tests.builders.shop_floor_script import (
    COLOUR,
    WAIT,
    book,
    cell,
    coloured,
    dates,
    follow,
    job,
    offers,
    painted,
    plant,
    product,
)
from tests.oracles.twin import Twin
from tests.oracles.twin_draws import FAILURE, REPAIR, Draws

# --- operations -----------------------------------------------------------------------------------


def test_join_waits_for_its_last_branch_and_the_transport() -> None:
    """Transport takes 3 from body and 1 from engine: 5 + 3 is later than 6 + 1.

    ::

        body:     00000
        engine:   000000
        assembly: ........0000
    """
    car = product(
        "car",
        job(5, "body", "body", after=()),
        job(6, "engine", "engine", after=()),
        job(4, "join", "assembly", after=("body", "engine")),
    )
    factory = plant(
        (cell("body"), cell("engine"), cell("assembly")),
        (car,),
        transport=Transport(default=1, times=(("body", "assembly", 3),)),
    )
    twin = follow(Twin(factory, 1, book((0, "car"))), (0, (0, 0)), (1, (0, 1)))
    assert (twin.deciding, twin.clock) == (2, 8)
    assert dates(follow(twin, (2, (0, 2))))[-1] == (2, 0, 2, 8, 12)


def test_operations_are_numbered_by_the_first_listed_that_is_available() -> None:
    """Listed last-first: paint needs body, trim nothing, body nothing; so trim is 0, body 1, paint
    2."""
    car = product(
        "car", job(1, "paint", after=("body",)), job(2, "trim", after=()), job(3, "body", after=())
    )
    twin = Twin(plant((cell(),), (car,)), 1, book((0, "car")))
    assert [task.name for task in twin.orders[0].tasks] == ["trim", "body", "paint"]
    assert offers(twin) == [(0, 0), (0, 1), WAIT]


def test_operation_of_no_time_completes_within_the_instant() -> None:
    """Order 0 takes no time in body and is in assembly at once: ``assembly: 0000`` from 0."""
    car = product("car", job(0, "scan", "body"), job(4, "join", "assembly"))
    twin = follow(
        Twin(plant((cell("body"), cell("assembly")), (car,)), 1, book((0, "car"))), (0, (0, 0))
    )
    assert (twin.deciding, twin.clock, dates(twin)) == (1, 0, [(0, 0, 0, 0, 0)])


def test_process_time_is_rounded_half_up_on_each_machine() -> None:
    """5 nominal ticks at speed 2 take 2.5, that is 3; own machine times of 7 at speed 2 take 3.5,
    that is 4; the third machine is not eligible."""
    machines = tuple(Machine(name=name, speed=2.0) for name in ("a", "b", "c"))
    own = Operation(name="make", work_centre="cell", machine_times={"b": 7})
    factory = plant(
        (WorkCentre(name="cell", machines=machines),),
        (product("any", job(5)), product("own", own)),
        waiting=False,
    )
    twin = follow(Twin(factory, 1, book((0, "any"), (0, "own"))), (0, (0, 0)), (1, (1, 0)))
    assert dates(twin) == [(0, 0, 0, 0, 3), (1, 1, 0, 0, 4)]


def test_options_add_time_and_the_last_one_sets_the_setup() -> None:
    """4 + 1 + 2 ticks in black, though the operation itself wants red: ``####0000000``."""
    paint, finish = (
        Option(
            name=name,
            values=(
                OptionValue(
                    name="yes",
                    effects=(Effect(operation="make", time=time, setup={"colour": colour}),),
                ),
            ),
        )
        for name, time, colour in (("paint", 1, "white"), ("finish", 2, "black"))
    )
    lines = book((0, "red"), options={"paint": "yes", "finish": "yes"})
    twin = follow(
        Twin(plant((coloured(),), (painted("red"),), options=(paint, finish)), 1, lines),
        (0, (0, 0)),
    )
    assert dates(twin) == [(0, 0, 0, 4, 11)]


def test_log_normal_process_time_has_the_expected_mean_and_a_floor_of_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With cv 1, sigma^2 = log 2; at z = 1 ten ticks become 10 exp(0.8326 - 0.3466) = 16.26, at z =
    -9 they become 1."""
    for z, ticks in ((1.0, 16), (-9.0, 1)):
        monkeypatch.setattr(Draws, "normal", lambda *_, z=z: z)
        twin = follow(
            Twin(
                plant((cell(),), (product("p", job(10)),), uncertainty=Uncertainty(cv=1.0)),
                1,
                book((0, "p")),
            ),
            (0, (0, 0)),
        )
        assert dates(twin) == [(0, 0, 0, 0, ticks)]


def test_first_piece_after_a_changeover_is_done_again_in_the_same_queue(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only first pieces fail here, so the second attempt is good; order 1 stood in the queue before
    it, so it keeps its place.

    ::

        ##00001111 0000   order 0, attempt 1, comes after order 1
    """
    monkeypatch.setattr(Draws, "uniform", lambda *_: 0.1)
    uncertainty = Uncertainty(rework_probability=0.0, first_piece_rework_probability=0.2)
    twin = follow(
        Twin(
            plant((coloured(),), (painted("red"),), uncertainty=uncertainty),
            1,
            book((0, "red"), (0, "red")),
        ),
        (0, (0, 0)),
    )
    assert (twin.clock, offers(twin)) == (6, [(1, 0), (0, 0), WAIT])
    follow(twin, (0, (1, 0)), (0, (0, 0)))
    assert [(event[2], event[7]) for event in twin.events if event[0] == "operation"] == [
        (0, 0),
        (1, 0),
        (0, 1),
    ]
    assert [order.completion_date for order in twin.orders] == [14, 10]


def test_fourth_attempt_is_always_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every draw says rework, yet the operation is done after 4 times 4 ticks."""
    monkeypatch.setattr(Draws, "uniform", lambda *_: 0.1)
    twin = Twin(
        plant((cell(),), (product("p", job(4, rework_probability=0.2)),)), 1, book((0, "p"))
    )
    follow(twin, *[(0, (0, 0))] * 4)
    assert (twin.deciding, twin.orders[0].completion_date) == (None, 16)


def test_material_that_is_late_keeps_the_operation_upcoming(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Released at 2, material 5 ticks late: ``.......0000``."""
    monkeypatch.setattr(Draws, "lifetime", lambda *_: 5)
    supply = SupplyRegime(name="bad", late_probability=1.0, mean_lateness=9)
    twin = Twin(
        plant((cell(),), (product("p", job(4, needs_material=True)),), material=(supply,)),
        1,
        book((2, "p")),
    )
    assert (twin.orders[0].material_date, twin.clock) == (7, 7)
    assert dates(follow(twin, (0, (0, 0)))) == [(0, 0, 0, 7, 11)]


# --- breakdowns -----------------------------------------------------------------------------------


def fragile(monkeypatch: pytest.MonkeyPatch, lifetimes: list[int], repairs: list[int]) -> Machine:
    """A machine whose k-th failure comes after ``lifetimes[k]`` ticks of processing and takes
    ``repairs[k]``."""
    plan = {FAILURE: lifetimes, REPAIR: repairs}
    monkeypatch.setattr(
        Draws, "lifetime", lambda _self, _mean, role, _machine, index: plan[role][index]
    )
    return Machine(name="m", mean_time_to_failure=1, mean_time_to_repair=1)


def test_paused_operation_resumes_after_repair(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures after 2 and another 3 ticks of processing; changeovers do not count:
    ``##00xxx000x0``."""
    machine = fragile(monkeypatch, [2, 3, 99], [3, 1])
    twin = follow(
        Twin(
            plant(
                (WorkCentre(name="cell", machines=(machine,), attributes=(COLOUR,)),),
                (painted("red", 6),),
            ),
            1,
            book((0, "red")),
        ),
        (0, (0, 0)),
    )
    assert dates(twin, "failure") == [(0, 4, 7), (0, 10, 11)]
    assert dates(twin) == [(0, 0, 0, 2, 12)]


def test_completion_comes_before_a_failure_of_the_same_tick(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The failure due at 4 strikes the next operation before its first tick, and passes over one of
    no time: ``0000xx2222``."""
    machine = fragile(monkeypatch, [4, 99], [2])
    factory = plant(
        (WorkCentre(name="cell", machines=(machine,)),),
        (product("p", job(4)), product("scan", job(0))),
        waiting=False,
    )
    twin = follow(
        Twin(factory, 1, book((0, "p"), (0, "scan"), (0, "p"))),
        (0, (0, 0)),
        (0, (1, 0)),
        (0, (2, 0)),
    )
    assert dates(twin) == [(0, 0, 0, 0, 4), (0, 1, 0, 4, 4), (0, 2, 0, 4, 10)]
    assert dates(twin, "failure") == [(0, 4, 6)]


# --- waits, queues and ties -----------------------------------------------------------------------


def test_wait_ends_when_the_twin_machine_takes_a_job_or_completes_one() -> None:
    """Machine 0 waits twice: its first wait has no length, as machine 1 selects at once; the second
    ends when machine 1 completes.

    ::

        0: wwww1111
        1: 0000
    """
    twin = Twin(
        plant((cell(machines=2, longest_wait=50),), (product("p", job(4)),)),
        1,
        book((0, "p"), (0, "p"), (9, "p")),
    )
    follow(twin, (0, WAIT), (1, (0, 0)), (0, WAIT), (0, (1, 0)))
    assert dates(twin, "wait") == [(0, 0, 0), (0, 0, 4)]


def test_wait_lasts_no_longer_than_the_longest_wait() -> None:
    """``www0000``: nothing happens for 3 ticks, and the machine is asked again."""
    twin = follow(
        Twin(plant((cell(longest_wait=3),), (product("p", job(4)),)), 1, book((0, "p"))), (0, WAIT)
    )
    assert (twin.deciding, twin.clock, dates(twin, "wait")) == (0, 3, [(0, 0, 3)])


def test_longest_wait_is_twice_the_mean_process_time_unless_given() -> None:
    """Operations of 4 and 3 ticks there: 7 ticks."""
    twin = follow(
        Twin(
            plant((cell(),), (product("p", job(4)), product("q", job(3)))),
            1,
            book((0, "p"), (90, "q")),
        ),
        (0, WAIT),
    )
    assert dates(twin, "wait") == [(0, 0, 7)]


def test_bug_machine_asked_first_may_leave_the_only_job_to_a_cheaper_one() -> None:
    """Machine 0 has white mounted, machine 1 red, and the only order is red; nothing is under way.

    ::

        0: (asked first, waits; the wait ends at once)
        1: 0000
    """
    machines = (
        Machine(name="white", initial_setup={"colour": "white"}),
        Machine(name="red", initial_setup={"colour": "red"}),
    )
    centre = WorkCentre(name="cell", machines=machines, attributes=(COLOUR,))
    twin = Twin(plant((centre,), (painted("red"),)), 1, book((0, "red")))
    assert (twin.deciding, offers(twin)) == (0, [(0, 0), WAIT])
    follow(twin, (0, WAIT), (1, (0, 0)))
    assert (dates(twin), dates(twin, "changeover"), dates(twin, "wait")) == (
        [(1, 0, 0, 0, 4)],
        [],
        [(0, 0, 0)],
    )
    assert twin.costs["changeover"] == 0


def test_bug_flexible_operation_may_be_left_to_its_fastest_machine() -> None:
    """The only operation takes 100 on machine 0, which is asked first, and 1 on machine 1."""
    flexible = job(machine_times={"cell0": 100, "cell1": 1})
    twin = Twin(plant((cell(machines=2),), (product("p", flexible),)), 1, book((0, "p")))
    follow(twin, (0, WAIT), (1, (0, 0)))
    assert twin.orders[0].completion_date == 1


def test_bug_machines_may_all_wait_with_nothing_under_way() -> None:
    """Time passes to the end of the earlier wait: ``0: ww`` then again, ``1: www`` meanwhile."""
    centres = (cell(longest_wait=2), cell("other", longest_wait=3))
    products = (product("p", job(4)), product("q", job(4, at="other")))
    twin = Twin(plant(centres, products), 1, book((0, "p"), (0, "q")))
    follow(twin, (0, WAIT), (1, WAIT), (0, WAIT), (1, WAIT))
    assert (twin.deciding, twin.clock) == (0, 4)
    assert dates(twin, "wait") == [(0, 0, 2), (1, 0, 3), (0, 2, 4)]


def test_queue_is_ordered_by_date_of_joining_then_order_then_operation() -> None:
    """Both operations of order 2 are there from the start; orders 1 and 0 arrive from body
    together, at 3, machine 1 having done order 1.

    ::

        0: www
        1: 111
        2: 000
    """
    car = product("car", job(3, "body", "body"), job(4, "paint"))
    double = product("double", job(4, "left", after=()), job(4, "right", after=()))
    factory = plant((cell(), cell("body", machines=2)), (car, double))
    twin = follow(
        Twin(factory, 1, book((0, "car"), (0, "car"), (0, "double"), (90, "car"))),
        (0, WAIT),
        (1, (1, 0)),
        (2, (0, 0)),
    )
    assert (twin.deciding, twin.clock, offers(twin)) == (
        0,
        3,
        [(2, 0), (2, 1), (0, 1), (1, 1), WAIT],
    )


def test_lowest_machine_is_asked_first_and_again_after_each_decision() -> None:
    """Both machines come free at 4; machine 0 is asked before machine 1."""
    twin = follow(
        Twin(
            plant((cell(machines=2),), (product("p", job(4)),), waiting=False),
            1,
            book(*[(0, "p")] * 4),
        ),
        (0, (0, 0)),
        (1, (1, 0)),
    )
    assert (twin.deciding, twin.clock) == (0, 4)
    assert dates(follow(twin, (0, (3, 0)), (1, (2, 0))))[2:] == [(0, 3, 0, 4, 8), (1, 2, 0, 4, 8)]


def test_orders_released_when_a_machine_comes_free_are_known_before_it_decides() -> None:
    twin = follow(
        Twin(plant((cell(),), (product("p", job(4)),)), 1, book((0, "p"), (4, "p"), (4, "p"))),
        (0, (0, 0)),
    )
    assert (twin.clock, offers(twin)) == (4, [(1, 0), (2, 0), WAIT])

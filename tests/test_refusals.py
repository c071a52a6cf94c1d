"""A refused call leaves no trace: whatever follows is what would have followed without it. NumPy's
integers are integers, seeds of every form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.policy import play
from agents.ppo.vec_env import ShopVecEnv
from envs.batch import Batch
from envs.env import ChangeoverEnv
from envs.vector_env import ChangeoverVectorEnv
from evaluation.runner.measurement import Stopwatch
from factory.io.catalogue import find_single_factory
from factory.simulation.errors import IllegalActionError
from factory.simulator import Simulator
from tests.builders.entry_points import fingerprint
from tests.builders.refused_values import (
    NAN,
    WRONG_COUNT,
    WRONG_FACTORIES,
    WRONG_ROW,
    WRONG_ROWS,
    WRONG_SEED,
    WRONG_SEEDS,
    E,
)

TINY = find_single_factory("tiny")
REFUSED = (TypeError, ValueError, RuntimeError, AttributeError)
INTEGERS = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64, ">i4"]


class Single:
    """The single environment, as far as these tests play with it."""

    def __init__(self, name: str = "tiny", **given: Any) -> None:
        self.env = ChangeoverEnv(name, **given)

    def begin(self, seed: int | None = None) -> Any:
        return self.env.reset(seed=seed)

    def mask(self) -> np.ndarray:
        return self.env.action_masks()[None]

    def step(self, rows: np.ndarray) -> Any:
        if self.env._over:
            return self.env.reset()
        return self.env.step(int(rows[0]))

    def refuse(self, draw: Any) -> None:
        env = self.env
        options = (
            {"orders": 5},
            {"factory": 5},
            {"factory": "large"},
            {"num_orders": 200_000},
            5,
            *({"num_orders": value} for value in WRONG_COUNT.values()),
        )
        match draw(st.sampled_from(["step", "illegal", "seed", "options", "both"])):
            case "step":
                env.step(draw(st.sampled_from(list(WRONG_ROW.values()))))
            case "illegal":
                env.step(illegal_row(self.mask()[0], draw))
            case "seed":
                env.reset(
                    seed=draw(st.sampled_from(list(WRONG_SEED.values()))),
                    options=draw(st.sampled_from([None, {"num_orders": 3}])),
                )
            case "options":
                env.reset(options=draw(st.sampled_from(options)))
            case _:
                env.reset(seed=draw(st.integers(0, 9)), options=draw(st.sampled_from(options)))


class Drawn(Single):
    """The single environment that draws a factory for each episode."""

    def __init__(self) -> None:
        super().__init__("randomised", num_orders=3)


class Vector:
    def __init__(self) -> None:
        self.env = ChangeoverVectorEnv("tiny", E, num_orders=2)

    def begin(self, seed: int | None = None) -> Any:
        return self.env.reset(seed=seed)

    def mask(self) -> np.ndarray:
        return self.env.action_masks()

    def step(self, rows: np.ndarray) -> Any:
        return self.env.step(rows)

    def refuse(self, draw: Any) -> None:
        env, index = (
            self.env,
            st.sampled_from([{"factory_index": value} for value in WRONG_FACTORIES.values()]),
        )
        match draw(st.sampled_from(["step", "illegal", "seed", "options"])):
            case "step":
                env.step(draw(st.sampled_from(list(WRONG_ROWS.values()))))
            case "illegal":
                rows = self.mask().argmax(axis=1)
                rows[1] = illegal_row(self.mask()[1], draw)
                env.step(rows)
            case "seed":
                env.reset(seed=draw(st.sampled_from([*WRONG_SEED.values(), *WRONG_SEEDS.values()])))
            case _:
                env.reset(
                    seed=draw(st.none() | st.integers(0, 9)),
                    options=draw(index | st.sampled_from([5, {"factory": "tiny"}])),
                )


class Shops:
    def __init__(self) -> None:
        self.env = ShopVecEnv([TINY], E, max_decisions=9)

    def begin(self, seed: int | None = None) -> Any:
        return {name: table.copy() for name, table in self.env.reset().items()}

    def mask(self) -> np.ndarray:
        return self.env.action_masks()

    def step(self, rows: np.ndarray) -> Any:
        observation, *rest = self.env.step(rows)
        return {name: table.copy() for name, table in observation.items()}, *rest

    def refuse(self, draw: Any) -> None:
        env, wrong = self.env, st.sampled_from(list(WRONG_ROWS.values()))
        match draw(
            st.sampled_from(
                [
                    "step",
                    "async",
                    "wait",
                    "advance",
                    "illegal",
                    "reset_done",
                    "seed",
                    "method",
                    "attribute",
                ]
            )
        ):
            case "step":
                env.step(draw(wrong))
            case "async":
                env.step_async(draw(wrong))
            case "wait":
                env.step_wait()
            case "advance":
                env.advance(draw(wrong))
            case "illegal":
                rows = self.mask().argmax(axis=1)
                rows[2] = illegal_row(self.mask()[2], draw)
                env.step(rows)
            case "reset_done":
                env.reset_done(draw(st.sampled_from([[True], [1] * E, True, "yes", None])))
            case "seed":
                env.seed(draw(st.sampled_from(list(WRONG_SEED.values()))))
            case "method":
                env.env_method("reset")
            case _:
                env.set_attr("max_decisions", 3)


class Bare:
    """The batch beneath them all."""

    def __init__(self) -> None:
        self.batch = Batch([TINY], num_envs=E)
        self.generator = np.random.default_rng(0)

    def begin(self, seed: int | None = None) -> Any:
        self.batch.reset(self.generator.integers(2**63, size=E))
        return self.seen()

    def seen(self) -> Any:
        return (
            fingerprint(self.batch.tables),
            fingerprint(self.batch.outcome),
            fingerprint(self.batch.final),
        )

    def mask(self) -> np.ndarray:
        return self.batch.tables.action_mask

    def step(self, rows: np.ndarray) -> Any:
        self.batch.step(rows)
        return self.seen()

    def refuse(self, draw: Any) -> None:
        batch, seeds = self.batch, st.sampled_from(list(WRONG_SEEDS.values()))
        factories, everywhere = (
            st.sampled_from(list(WRONG_FACTORIES.values())),
            np.ones(E, np.bool_),
        )
        match draw(st.sampled_from(["step", "illegal", "seeds", "factories", "chosen", "restart"])):
            case "step":
                batch.step(
                    draw(st.sampled_from(list(WRONG_ROWS.values()))), autoreset=draw(st.booleans())
                )
            case "illegal":
                rows = self.mask().argmax(axis=1)
                rows[0] = illegal_row(self.mask()[0], draw)
                batch.step(rows, autoreset=draw(st.booleans()))
            case "seeds":
                batch.reset(draw(seeds))
            case "factories":
                batch.reset(np.arange(E), draw(factories))
            case "chosen":
                batch.restart(draw(st.sampled_from([[True], np.ones(E), None])), [1], [0])
            case _:
                batch.restart(everywhere, draw(seeds), draw(factories))


def illegal_row(mask: np.ndarray, draw: Any) -> int:
    return draw(
        st.sampled_from([-1, len(mask), 2**40, *np.flatnonzero(~mask.astype(bool)).tolist()])
    )


def play_on(player: Any, choices: list[int]) -> list[Any]:
    """What is seen and returned while each choice picks one of the legal rows, in every
    environment."""
    found = []
    for choice in choices:
        mask = player.mask().astype(bool)
        rows = np.array(
            [np.flatnonzero(own)[choice % own.sum()] if own.any() else 0 for own in mask]
        )
        found.append(fingerprint(player.step(rows)))
    return found


CHOICES = st.lists(st.integers(0, 9), max_size=12)


def check_no_trace(make: Callable[[], Any], data: st.DataObject) -> None:
    """Play with an environment and its twin; the twin never sees the refused calls."""
    player, twin = make(), make()
    seed, before, after = data.draw(st.integers(0, 99)), data.draw(CHOICES), data.draw(CHOICES)
    assert fingerprint(player.begin(seed)) == fingerprint(twin.begin(seed))
    assert play_on(player, before) == play_on(twin, before)
    for _ in range(data.draw(st.integers(1, 3))):
        with pytest.raises(REFUSED):
            player.refuse(data.draw)
    assert play_on(player, after) == play_on(twin, after)
    assert fingerprint(player.begin()) == fingerprint(twin.begin())
    with pytest.raises(REFUSED):
        player.refuse(data.draw)
    assert fingerprint(player.begin()) == fingerprint(twin.begin())
    assert play_on(player, before) == play_on(twin, before)


@pytest.mark.parametrize("make", [Single, Vector, Shops, Bare])
@settings(max_examples=60)
@given(data=st.data())
def test_bug_after_a_refused_call_everything_is_as_before(
    make: Callable[[], Any], data: st.DataObject
) -> None:
    check_no_trace(make, data)


@settings(max_examples=12)
@given(data=st.data())
def test_bug_after_a_refused_call_the_next_factory_is_drawn_as_before(data: st.DataObject) -> None:
    check_no_trace(Drawn, data)


def test_bug_a_refused_number_of_orders_does_not_stay() -> None:
    for name, option in (("randomised", 200_000), ("tiny", 2.5), ("tiny", True), ("tiny", "3")):
        env, twin = ChangeoverEnv(name), ChangeoverEnv(name)
        for one in (env, twin):
            one.reset(seed=1)
        with pytest.raises((TypeError, ValueError), match="num_orders"):
            env.reset(seed=2, options={"num_orders": option})
        assert fingerprint(env.reset()) == fingerprint(twin.reset())


@pytest.mark.parametrize("answer", [0.9, 0.0, True, "0", None], ids=repr)
def test_bug_a_policy_that_answers_no_row_numbers_is_refused(answer: Any) -> None:
    class Answering:
        def decide(self, observation: Any) -> Any:
            return np.array([answer] * E)

    batch = Batch([TINY], num_envs=E)
    for policy in (Answering(), Stopwatch(Answering())):
        with pytest.raises(TypeError, match=r"decide: actions = .* row numbers \(integers\)"):
            play(batch, policy, np.arange(E))
        assert batch.shop.env.decisions.tolist() == [0] * E


# --- integers of every kind -------------------------------------------------------------------


@pytest.mark.parametrize("kind", INTEGERS, ids=str)
def test_bug_actions_may_be_integers_of_any_kind(kind: Any) -> None:
    dtype = np.dtype(kind)
    env, twin = ChangeoverEnv("tiny"), ChangeoverEnv("tiny")
    row = int(env.reset(seed=1)[1]["action_mask"].argmax())
    twin.reset(seed=1)
    expected = fingerprint(twin.step(row))
    assert fingerprint(env.step(np.array([row], dtype))) == expected
    for one in (np.array(row, dtype), np.array(row, dtype)[()], np.array([[row]], dtype)):
        env.reset(seed=1)
        assert fingerprint(env.step(one)) == expected
    vector, shops = Vector(), Shops()
    for player in (vector, shops):
        player.begin(1)
        rows = player.mask().argmax(axis=1)
        player.step(rows.astype(dtype))
    assert (
        vector.env.batch.shop.env.decisions.tolist()
        == shops.env.batch.shop.env.decisions.tolist()
        == [1] * E
    )


def test_bug_actions_that_cannot_be_written_to_or_lie_apart_are_taken() -> None:
    given, twin = Vector(), Vector()
    for player in (given, twin):
        player.begin(1)
    rows = given.mask().argmax(axis=1)
    fixed = np.frombuffer(rows.tobytes(), np.int64)
    apart = np.repeat(rows, 2)[::2]
    assert fingerprint(given.step(fixed)) == fingerprint(twin.step(rows))
    rows = given.mask().argmax(axis=1)
    apart = np.repeat(rows, 2)[::2]
    assert not apart.flags.c_contiguous
    assert fingerprint(given.step(apart)) == fingerprint(twin.step(rows.tolist()))


def test_bug_a_row_beyond_the_table_is_an_illegal_action_and_replaced_where_that_is_asked_for() -> (
    None
):
    env = ChangeoverEnv("tiny")
    env.reset(seed=1)
    with pytest.raises(IllegalActionError, match=f"action = {2**62}"):
        env.step(2**62)
    vector = ChangeoverVectorEnv("tiny", 2, illegal_actions="replace")
    vector.reset(seed=1)
    *_, infos = vector.step([2**62, -(2**62)])
    assert vector.batch.shop.env.decisions.tolist() == [1, 1]
    assert infos["replaced"].dtype == np.bool_


def test_bug_actions_given_to_be_replaced_stay_as_they_are() -> None:
    vector = ChangeoverVectorEnv("tiny", 2, illegal_actions="replace")
    observation, _ = vector.reset(seed=1)
    rows = (observation["action_mask"] == 0).argmax(axis=1)
    kept = rows.copy()
    *_, infos = vector.step(rows)
    assert infos["replaced"].all()
    assert rows.tolist() == kept.tolist()


@pytest.mark.parametrize(
    "kind", [int, np.int16, np.int64, np.uint32], ids=lambda kind: kind.__name__
)
def test_bug_counts_may_be_integers_of_any_kind(kind: Any) -> None:
    given = {
        "num_orders": kind(3),
        "job_rows": kind(6),
        "changeover_rows": kind(2),
        "last_date": kind(500),
        "max_decisions": kind(9),
    }
    plain = {name: int(value) for name, value in given.items()}
    assert fingerprint(ChangeoverEnv("tiny", **given).reset(seed=3)) == fingerprint(
        ChangeoverEnv("tiny", **plain).reset(seed=3)
    )
    env, twin = ChangeoverEnv("tiny"), ChangeoverEnv("tiny")
    assert fingerprint(env.reset(seed=3, options={"num_orders": kind(2)})) == fingerprint(
        twin.reset(seed=3, options={"num_orders": 2})
    )
    assert env.factory.demand is not None
    assert type(env.factory.demand.num_orders) is int
    vector = ChangeoverVectorEnv("tiny", kind(2), **given)
    assert vector.batch.num_envs == vector.num_envs == 2
    assert ShopVecEnv([TINY], kind(2), first_episode=kind(5)).num_envs == 2
    assert Simulator(TINY, job_rows=kind(3)).shop.job_row.shape == (1, 3)


def test_bug_nothing_moves_before_the_first_reset() -> None:
    batch = Batch([TINY], num_envs=E, illegal_actions="replace")
    for call in (
        lambda: ChangeoverVectorEnv("tiny", E).step(np.zeros(E, np.int64)),
        lambda: ShopVecEnv([TINY], E, illegal_actions="replace").step(np.zeros(E, np.int64)),
        lambda: batch.step(np.zeros(E, np.int64)),
        lambda: batch.restart(np.ones(E, np.bool_), np.arange(E), np.zeros(E, np.int64)),
    ):
        with pytest.raises(RuntimeError, match=r"no episode has begun\. Call reset"):
            call()
    simulator = Simulator(TINY)
    assert simulator.deciding is None
    with pytest.raises(IllegalActionError):
        simulator.decide(0)


def test_bug_actions_of_a_vec_env_are_taken_once() -> None:
    shops = Shops()
    shops.begin()
    shops.env.step_async(shops.mask().argmax(axis=1))
    shops.env.step_wait()
    with pytest.raises(RuntimeError, match="no actions are waiting"):
        shops.env.step_wait()


# --- seeds ------------------------------------------------------------------------------------

FORMS: dict[str, Any] = {
    "a number": 11,
    "a NumPy number": np.int64(11),
    "an unsigned number": np.uint64(11),
    "an array of no axis": np.array(11),
    "a list": [11, 12, 13],
    "a tuple": (11, 12, 13),
    "an array": np.array([11, 12, 13]),
    "a range": range(11, 14),
    "a list with one to draw": [11, None, 13],
    "a large number": 2**63,
    "large numbers": [2**64 - 1, 2**63, 0],
}


def seeds_of(vector: ChangeoverVectorEnv, seed: Any = None) -> list[int]:
    vector.reset(seed=seed)
    found: list[int] = vector.batch.shop.env.seed.tolist()
    return found


@pytest.mark.parametrize("seed", FORMS.values(), ids=FORMS)
def test_bug_a_vector_seed_of_any_form_makes_what_follows_repeatable(seed: Any) -> None:
    used, fresh = ChangeoverVectorEnv("tiny", E), ChangeoverVectorEnv("tiny", E)
    for _ in range(3):
        used.reset()
    assert [seeds_of(used, seed), seeds_of(used), seeds_of(used)] == [
        seeds_of(fresh, seed),
        seeds_of(fresh),
        seeds_of(fresh),
    ]
    assert len(set(seeds_of(used))) == E


def test_bug_forms_of_one_number_are_one_seed_and_other_seeds_are_others() -> None:
    vector = ChangeoverVectorEnv("tiny", E)
    first = [
        (seeds_of(vector, form), seeds_of(vector))
        for form in (11, np.int64(11), np.uint64(11), np.array(11))
    ]
    assert first[0][0] == [11, 12, 13]
    assert all(one == first[0] for one in first)
    assert seeds_of(vector, [11, 12, 13]) == [11, 12, 13]
    following = [
        seeds_of(vector, form) and seeds_of(vector)
        for form in ([1, 2, 3], [1, 2, 4], [3, 2, 1], [None, 2, 1], [2, 1, None])
    ]
    assert len({tuple(one) for one in following}) == len(following)


def test_bug_seeds_that_are_none_are_drawn() -> None:
    vector = ChangeoverVectorEnv("tiny", E)
    first, drawn, last = seeds_of(vector, [1, None, 3])
    assert (first, last) == (1, 3)
    assert drawn not in (0, 1, 3)
    vector.reset(seed=5)
    twin = ChangeoverVectorEnv("tiny", E)
    twin.reset(seed=5)
    assert seeds_of(vector, [None] * E) == seeds_of(twin)


@pytest.mark.parametrize(
    "kind", [np.int8, np.int64, np.uint64, np.array], ids=lambda kind: kind.__name__
)
def test_bug_a_single_seed_may_be_an_integer_of_any_kind(kind: Any) -> None:
    env, twin = ChangeoverEnv("tiny"), ChangeoverEnv("tiny")
    assert fingerprint([env.reset(seed=kind(7)), env.reset()]) == fingerprint(
        [twin.reset(seed=7), twin.reset()]
    )
    assert env.np_random_seed == 7


def test_bug_the_largest_seed_is_one_and_the_next_is_refused() -> None:
    env, vector = ChangeoverEnv("tiny"), ChangeoverVectorEnv("tiny", E)
    env.reset(seed=2**64 - 1)
    assert env.schedule().seed == 2**64 - 1
    assert seeds_of(vector, 2**64 - E) == [2**64 - 3, 2**64 - 2, 2**64 - 1]
    with pytest.raises(
        ValueError,
        match=(
            r"seed = 18446744073709551614; must be at most 18446744073709551613\. Choose a"
            r" smaller one"
        ),
    ):
        vector.reset(seed=2**64 - 2)


def test_bug_a_vec_env_checks_its_seed_and_plays_the_same_episodes() -> None:
    global_state = np.random.get_state()[1].tolist()  # noqa: NPY002  # nothing may be drawn from it
    seeded, plain = Shops(), Shops()
    assert seeded.env.seed(np.int64(7)) == [7, 8, 9]
    assert seeded.env.seed() == [None] * E
    assert np.random.get_state()[1].tolist() == global_state  # noqa: NPY002
    assert fingerprint(seeded.begin()) == fingerprint(plain.begin())
    for seed in (NAN, -1, 0.5, True):
        with pytest.raises((TypeError, ValueError), match="seed = "):
            seeded.env.seed(seed)

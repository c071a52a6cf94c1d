"""Actions, counts and seeds of environments may be integers of any kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agents.ppo.vec_env import ShopVecEnv
from envs.env import ChangeoverEnv
from envs.vector_env import ChangeoverVectorEnv
from factory.io.catalogue import find_single_factory
from factory.simulation_errors import IllegalActionError
from factory.simulator import Simulator
from tests.builders.entry_points import fingerprint
from tests.builders.environment_players import Shops, Vector
from tests.builders.refused_values import NAN, E

TINY = find_single_factory("tiny")
INTEGERS = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64, ">i4"]

# --- integers of any kind ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", INTEGERS, ids=str)
def test_bug_actions_may_be_integers_of_any_kind(kind: Any) -> None:
    dtype = np.dtype(kind)
    env, twin = ChangeoverEnv("tiny"), ChangeoverEnv("tiny")
    row = int(env.reset(seed=1)[1]["action_mask"].argmax())
    twin.reset(seed=1)
    expected = fingerprint(twin.step(row))
    assert fingerprint(env.step(np.array([row], dtype))) == expected
    for action in (np.array(row, dtype), np.array(row, dtype)[()], np.array([[row]], dtype)):
        env.reset(seed=1)
        assert fingerprint(env.step(action)) == expected
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


def test_bug_actions_may_be_read_only_or_not_contiguous() -> None:
    given, twin = Vector(), Vector()
    for player in (given, twin):
        player.begin(1)
    rows = given.mask().argmax(axis=1)
    read_only = np.frombuffer(rows.tobytes(), np.int64)
    assert not read_only.flags.writeable
    assert fingerprint(given.step(read_only)) == fingerprint(twin.step(rows))
    rows = given.mask().argmax(axis=1)
    strided = np.repeat(rows, 2)[::2]
    assert not strided.flags.c_contiguous
    assert fingerprint(given.step(strided)) == fingerprint(twin.step(rows.tolist()))


def test_bug_a_row_beyond_the_table_is_an_illegal_action_and_may_be_replaced() -> None:
    env = ChangeoverEnv("tiny")
    env.reset(seed=1)
    with pytest.raises(IllegalActionError, match=f"action = {2**62}"):
        env.step(2**62)
    vector = ChangeoverVectorEnv("tiny", 2, illegal_actions="replace")
    vector.reset(seed=1)
    *_, infos = vector.step([2**62, -(2**62)])
    assert vector.batch.shop.env.decisions.tolist() == [1, 1]
    assert infos["replaced"].dtype == np.bool_


def test_bug_the_array_of_replaced_actions_is_not_changed() -> None:
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
    first, expected = ChangeoverEnv("tiny", **given), ChangeoverEnv("tiny", **plain)
    assert fingerprint(first.reset(seed=3)) == fingerprint(expected.reset(seed=3))
    env, twin = ChangeoverEnv("tiny"), ChangeoverEnv("tiny")
    reset = env.reset(seed=3, options={"num_orders": kind(2)})
    assert fingerprint(reset) == fingerprint(twin.reset(seed=3, options={"num_orders": 2}))
    assert env.factory.demand is not None
    assert type(env.factory.demand.num_orders) is int
    vector = ChangeoverVectorEnv("tiny", kind(2), **given)
    assert vector.batch.num_envs == vector.num_envs == 2
    assert ShopVecEnv([TINY], kind(2), first_episode=kind(5)).num_envs == 2
    assert Simulator(TINY, job_rows=kind(3)).shop.job_row.shape == (1, 3)


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
    seeds: list[int] = vector.batch.shop.env.seed.tolist()
    return seeds


@pytest.mark.parametrize("seed", FORMS.values(), ids=FORMS)
def test_bug_a_vector_seed_of_any_form_makes_later_seeds_repeatable(seed: Any) -> None:
    used, fresh = ChangeoverVectorEnv("tiny", E), ChangeoverVectorEnv("tiny", E)
    for _ in range(3):
        used.reset()
    assert [seeds_of(used, seed), seeds_of(used), seeds_of(used)] == [
        seeds_of(fresh, seed),
        seeds_of(fresh),
        seeds_of(fresh),
    ]
    assert len(set(seeds_of(used))) == E


def test_bug_forms_of_one_number_are_one_seed_and_other_numbers_are_others() -> None:
    vector = ChangeoverVectorEnv("tiny", E)
    first = [
        (seeds_of(vector, form), seeds_of(vector))
        for form in (11, np.int64(11), np.uint64(11), np.array(11))
    ]
    assert first[0][0] == [11, 12, 13]
    assert all(seeds == first[0] for seeds in first)
    assert seeds_of(vector, [11, 12, 13]) == [11, 12, 13]
    following = [
        seeds_of(vector, form) and seeds_of(vector)
        for form in ([1, 2, 3], [1, 2, 4], [3, 2, 1], [None, 2, 1], [2, 1, None])
    ]
    assert len({tuple(seeds) for seeds in following}) == len(following)


def test_bug_missing_seeds_are_drawn() -> None:
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


def test_bug_the_largest_seed_is_accepted_and_the_next_is_refused() -> None:
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

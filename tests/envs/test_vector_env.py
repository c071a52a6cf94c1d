"""The vector environment equals single environments, through autoreset and for mixtures."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from envs.env import ChangeoverEnv
from envs.observation.columns import CANDIDATE_COLUMN
from envs.vector_env import ChangeoverVectorEnv
from factory.cost_terms import COST_TERMS
from factory.realisation import random_numbers
from factory.simulation_errors import IllegalActionError

MIXTURE = ["microfactory", "tiny", "scarce_crew", "unreliable", "green", "one_of_a_kind"]
SETTINGS = {"num_orders": 6, "job_rows": 8, "changeover_rows": 4, "dtype": np.float64}


def next_seed(seed: int) -> int:
    return int(random_numbers.bits(np.uint64(seed), random_numbers.EPISODE, 0, 0))


def choose(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return (rng.random(mask.shape) * mask).argmax(axis=-1)


@pytest.mark.parametrize(
    "limit",
    [{}, {"max_decisions": 23}, {"last_date": 400}],
    ids=["whole", "max_decisions", "last_date"],
)
def test_vector_equals_single_through_autoreset(limit: dict[str, int]) -> None:
    """Compare rewards, costs, times, masks and observations, also the last of each episode.

    Smaller factories are padded with zeros.
    """
    seeds, rng = [11 + e for e in range(len(MIXTURE))], np.random.default_rng(0)
    vector = ChangeoverVectorEnv(MIXTURE, len(MIXTURE), **SETTINGS, **limit)
    singles = [ChangeoverEnv(name, **SETTINGS, **limit) for name in MIXTURE]
    assert len({len(single.observation_space["machines"].low) for single in singles}) > 1, (
        "some tables are padded"
    )
    observations, _ = vector.reset(seed=seeds)
    own = [single.reset(seed=seed)[0] for single, seed in zip(singles, seeds, strict=True)]
    finished = truncations = 0
    for _ in range(400):
        actions = choose(observations["action_mask"], rng)
        observations, rewards, terminated, truncated, infos = vector.step(actions)
        for e, single in enumerate(singles):
            own[e], reward, over, cut, info = single.step(int(actions[e]))
            assert (reward, over, cut) == (rewards[e], terminated[e], truncated[e])
            assert info["elapsed"] == infos["elapsed"][e]
            assert [info["cost"][term] for term in COST_TERMS] == [
                infos["cost"][term][e] for term in COST_TERMS
            ]
            assert over or cut or "_final_obs" not in infos or not infos["_final_obs"][e]
            if over or cut:
                assert_equal_tables(own[e], infos["final_obs"][e])
                assert infos["_final_obs"][e]
                assert info["episode_cost"] == {
                    term: infos["final_info"]["episode_cost"][term][e] for term in COST_TERMS
                }
                assert info["decisions"] == infos["final_info"]["decisions"][e]
                seeds[e] = next_seed(seeds[e])
                if seeds[e] < 2**63:
                    own[e] = single.reset(seed=seeds[e])[0]
                else:
                    own[e] = reset_with_large_seed(single, seeds[e])
                finished += 1
                truncations += cut
            assert_equal_tables(own[e], {name: table[e] for name, table in observations.items()})
    assert finished >= 2 * len(MIXTURE)
    assert (truncations > 0) == bool(limit)


def reset_with_large_seed(single: ChangeoverEnv, seed: int) -> dict[str, np.ndarray]:
    """Reset with a seed of 64 bits, which the batch takes but Gymnasium does not."""
    single._batch.reset(np.array([seed], np.uint64))
    single._over = False
    tables = single._batch.tables
    return single._observation(tables, tables.action_mask[0].astype(np.int8))


def assert_equal_tables(single: dict[str, np.ndarray], batched: dict[str, np.ndarray]) -> None:
    for name in ("candidates", "shop", "action_mask"):
        assert (single[name] == batched[name]).all(), name
    machines = len(single["machines"])
    assert (single["machines"] == batched["machines"][:machines]).all()
    assert not batched["machines"][machines:].any()


def test_without_copy_a_step_leaves_the_last_observation_unchanged() -> None:
    vector = ChangeoverVectorEnv("microfactory", 4, copy=False, num_orders=6)
    rng = np.random.default_rng(1)
    last, _ = vector.reset(seed=5)
    for _ in range(60):
        kept = {name: table.copy() for name, table in last.items()}
        now, *_ = vector.step(choose(last["action_mask"], rng))
        assert all((kept[name] == last[name]).all() for name in kept)
        assert not np.shares_memory(now["candidates"], last["candidates"])
        last = now


def test_with_copy_observations_never_change() -> None:
    vector = ChangeoverVectorEnv("tiny", 2)
    rng = np.random.default_rng(1)
    seen, _ = vector.reset(seed=5)
    first = {name: table.copy() for name, table in seen.items()}
    now = seen
    for _ in range(6):
        now, *_ = vector.step(choose(now["action_mask"], rng))
    assert all((first[name] == seen[name]).all() for name in first)
    assert (now["shop"] != first["shop"]).any()


def test_one_illegal_action_moves_no_environment() -> None:
    vector = ChangeoverVectorEnv("microfactory", 3)
    observations, _ = vector.reset(seed=1)
    before = vector.batch.shop.env.tobytes() + vector.batch.shop.operations.tobytes()
    actions = observations["action_mask"].argmax(axis=1)
    actions[2] = int(np.flatnonzero(observations["action_mask"][2] == 0)[0])
    with pytest.raises(IllegalActionError, match="environment 2"):
        vector.step(actions)
    assert before == vector.batch.shop.env.tobytes() + vector.batch.shop.operations.tobytes()
    assert (vector.batch.tables.candidates == observations["candidates"]).all()


def test_drawn_factories_follow_from_the_seed() -> None:
    """With ``draw_factory``, the seed of an episode determines the factory of the next."""
    vector = ChangeoverVectorEnv(
        ["tiny", "microfactory", "green"], 4, draw_factory=True, num_orders=3
    )
    rng = np.random.default_rng(2)
    envs = vector.batch.shop.env
    observations, _ = vector.reset(seed=1)
    factories = set()
    for _ in range(300):
        seeds = envs.seed.copy()
        observations, _, terminated, _, _ = vector.step(choose(observations["action_mask"], rng))
        for e in np.flatnonzero(terminated):
            draw = int(random_numbers.bits(seeds[e], random_numbers.EPISODE, 1, 0))
            assert envs.factory[e] == draw % 3
            assert int(envs.seed[e]) == next_seed(int(seeds[e]))
            factories.add(int(envs.factory[e]))
    assert factories == {0, 1, 2}


def test_the_option_factory_index_chooses_the_factory_of_each_environment() -> None:
    vector = ChangeoverVectorEnv(["tiny", "microfactory"], 3, num_orders=3, dtype=np.float64)
    observations, _ = vector.reset(seed=[4, 5, 6], options={"factory_index": [1, 1, 0]})
    for e, name in enumerate(["microfactory", "microfactory", "tiny"]):
        single, _ = ChangeoverEnv(name, num_orders=3, dtype=np.float64).reset(seed=4 + e)
        assert_equal_tables(single, {table: observations[table][e] for table in observations})


def test_every_mask_row_is_a_candidate_of_its_kind() -> None:
    vector = ChangeoverVectorEnv(MIXTURE, 6, **SETTINGS)
    rng = np.random.default_rng(3)
    observations, _ = vector.reset(seed=1)
    for _ in range(100):
        candidates = observations["candidates"]
        kinds = (
            candidates[..., CANDIDATE_COLUMN.is_job]
            + candidates[..., CANDIDATE_COLUMN.is_changeover]
            + candidates[..., CANDIDATE_COLUMN.is_wait]
        )
        assert (kinds[observations["action_mask"] == 1] == 1).all()
        observations, *_ = vector.step(choose(observations["action_mask"], rng))


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="num_envs = 0; must be at least 1"):
        ChangeoverVectorEnv("tiny", 0)
    vector = ChangeoverVectorEnv("tiny", 2)
    with pytest.raises(ValueError, match="3 seeds for 2 environments"):
        vector.reset(seed=[1, 2, 3])
    for index, message in (
        ([0, 1], r"\[1\] = 1"),
        ([0], r"\.shape = \(1,\); must be \(2,\)"),
        ([-1, 0], r"\[0\] = -1"),
    ):
        with pytest.raises(ValueError, match=f"factory_index{message}"):
            vector.reset(seed=1, options={"factory_index": index})
    with pytest.raises(ValueError, match="unknown key 'factory'; must be 'factory_index'"):
        vector.reset(seed=1, options={"factory": "tiny"})
    assert vector.metadata["autoreset_mode"] is gymnasium.vector.AutoresetMode.SAME_STEP

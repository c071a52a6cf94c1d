"""Seed blocks: disjoint, fixed, and named in results."""

from __future__ import annotations

import json
from itertools import combinations

import numpy as np
import pytest

from envs.seed_splits import BLOCKS, block, describe_seeds, episode_seeds, which_block
from factory.realisation.random_numbers import EPISODE

GOLDEN = 0x9E3779B97F4A7C15
"""Distance between the keys of two neighbouring roles (docs/model.md, section 7)."""


def test_blocks_are_disjoint() -> None:
    for first, second in combinations(BLOCKS.values(), 2):
        is_disjoint = first.last < second.first or second.last < first.first
        assert is_disjoint, f"{first.name} meets {second.name}"


def test_there_are_four_blocks_that_are_large_enough_for_training() -> None:
    assert list(BLOCKS) == ["train", "tune", "validate", "test"]
    assert all(each.count >= 2**40 for each in BLOCKS.values())


def test_blocks_have_fixed_seeds() -> None:
    assert {name: each.first for name, each in BLOCKS.items()} == {
        "train": 2**48,
        "tune": 2 * 2**48,
        "validate": 3 * 2**48,
        "test": 4 * 2**48,
    }


def test_no_two_seeds_share_the_stream_of_two_roles() -> None:
    # Role r of seed s is keyed by s + GOLDEN (r + 1): two seeds whose distance is a multiple of
    # GOLDEN would share draws in different roles.
    span = max(each.last for each in BLOCKS.values())
    for difference in range(1, EPISODE + 1):
        distance = difference * GOLDEN % 2**64
        assert min(distance, 2**64 - distance) > span


def test_seeds_survive_every_json_reader() -> None:
    for each in BLOCKS.values():
        assert float(each.last) == each.last
        assert json.loads(json.dumps(each.last), parse_int=float) == each.last


def test_episode_seeds_are_distinct_unsigned_and_of_their_block() -> None:
    seeds = {name: episode_seeds(name, 300) for name in BLOCKS}
    assert all(values.dtype == np.uint64 and values.shape == (300,) for values in seeds.values())
    assert np.unique(np.concatenate(list(seeds.values()))).size == 4 * 300
    for name, values in seeds.items():
        assert {which_block(int(seed)) for seed in values} == {name}


def test_fewer_episodes_are_the_first_of_more() -> None:
    np.testing.assert_array_equal(episode_seeds("test", 20), episode_seeds("test", 256)[:20])


def test_start_skips_seeds() -> None:
    np.testing.assert_array_equal(
        episode_seeds("train", 10, start=90), episode_seeds("train", 100)[90:]
    )


@pytest.mark.parametrize("name", BLOCKS)
def test_last_seed_of_a_block_can_be_used_and_none_after_it(name: str) -> None:
    count = block(name).count
    last = int(episode_seeds(name, 1, start=count - 1)[0])
    assert last == block(name).last
    assert which_block(last) == name
    assert which_block(last + 1) != name
    assert which_block(block(name).first - 1) != name
    message = f"start \\+ count = {count + 1}; block {name} holds {count} seeds"
    with pytest.raises(ValueError, match=message):
        episode_seeds(name, 2, start=count - 1)


@pytest.mark.parametrize("seed", [0, 1, 42, 2**32 - 1, 2**63, 2**64 - 1])
def test_seeds_typed_by_hand_belong_to_no_block(seed: int) -> None:
    assert which_block(seed) is None


def test_unknown_block_names_the_closest() -> None:
    with pytest.raises(
        ValueError, match=r"seed block = 'tests'; there is no such block. Did you mean 'test'\?"
    ):
        episode_seeds("tests", 1)


def test_unknown_block_lists_all_where_none_is_close() -> None:
    with pytest.raises(ValueError, match="Choose one of train, tune, validate, test"):
        block("xyz")


@pytest.mark.parametrize(
    ("count", "start", "message"),
    [
        (0, 0, "count = 0; must be at least 1"),
        (-3, 0, "count = -3"),
        (1, -1, "start = -1; must be at least 0"),
    ],
)
def test_impossible_requests_are_refused(count: int, start: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        episode_seeds("train", count, start)
    with pytest.raises(ValueError, match=message):
        describe_seeds("train", count, start)


def test_description_names_block_seeds_and_number() -> None:
    first = 4 * 2**48
    assert (
        describe_seeds("test", 256) == f"block test, seeds {first} to {first + 255} (256 episodes)"
    )
    assert (
        describe_seeds("test", 1, start=5)
        == f"block test, seeds {first + 5} to {first + 5} (1 episode)"
    )

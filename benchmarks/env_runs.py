"""Subjects of the speed measurement: kernel, single and vector environments under two policies."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.batch import Batch
from envs.env import ChangeoverEnv
from envs.observation.columns import CANDIDATE_INDEX
from envs.observation.kernel import observe
from envs.reward_scale import best_by_column
from envs.vector_env import ChangeoverVectorEnv
from factory.jit.compile import compiled
from factory.realisation import random_numbers
from factory.simulation.arrays import FactoryArrays, ShopState
from factory.simulation.kernel import advance, apply_action, begin_episode

KERNEL_NUM_ENVS = (1, 256)
POLICIES = ("ATCS", "random")
_ATCS, _IS_JOB = CANDIDATE_INDEX["atcs"], CANDIDATE_INDEX["is_job"]
_CHOICE = 31  # a role of random numbers that the model does not use
_KERNEL_DECISIONS = 2048
_PLAYED_ENVS = 64


class Subject(NamedTuple):
    """Something whose decisions are counted: ``step(choose())`` takes ``decisions`` of them."""

    name: str
    policy: str
    factory: str
    num_envs: int
    decisions: int
    choose: Callable[[], Any]
    step: Callable[[Any], None]


@compiled
def pick_legal(mask, u):
    """Return the legal row of ``mask [A]`` that the uniform number ``u`` selects."""
    legal = 0
    for row in range(mask.shape[0]):
        legal += mask[row]
    skip = int(u * legal)
    row = 0
    while skip > 0 or not mask[row]:
        skip -= mask[row]
        row += 1
    return row


@compiled
def choose_at_random(mask, step, actions):
    """Choose a random legal row of every environment: ``mask [E, A]`` to ``actions [E]``."""
    for e in range(mask.shape[0]):
        actions[e] = pick_legal(mask[e], random_numbers.uniform(np.uint64(0), _CHOICE, e, step))


@compiled
def play_at_random(factory, shop, e, decisions):
    """Take random legal decisions in environment ``e`` without observations.

    The next episode follows where one ends.
    """
    for _ in range(decisions):
        u = random_numbers.uniform(shop.env[e].seed, _CHOICE, e, shop.env[e].decisions)
        apply_action(factory, shop, e, pick_legal(shop.legal[e], u))
        advance(factory, shop, e)
        if shop.env[e].deciding < 0:
            begin_episode(factory, shop, e, shop.env[e].factory, shop.env[e].seed + np.uint64(1))
            advance(factory, shop, e)


@compiled
def play_in_turn(factory, shop, first, decisions):
    """Take random legal decisions in all environments in turn, from ``first`` on."""
    for count in range(decisions):
        play_at_random(factory, shop, (first + count) % shop.env.shape[0], 1)


@compiled
def play_by_atcs(factory, shop, e, decisions, scratch, tables):
    """Take decisions in environment ``e`` under the ATCS rule.

    The next episode follows where one ends.
    """
    for _ in range(decisions):
        observe(
            factory,
            shop,
            e,
            scratch,
            tables.candidates[e],
            tables.machines[e],
            tables.shop[e],
            tables.action_mask[e],
        )
        apply_action(factory, shop, e, best_by_column(shop, e, tables.candidates[e], _ATCS))
        advance(factory, shop, e)
        if shop.env[e].deciding < 0:
            begin_episode(factory, shop, e, shop.env[e].factory, shop.env[e].seed + np.uint64(1))
            advance(factory, shop, e)


@compiled
def choose_by_atcs(shop, candidates, actions):
    """Choose every environment's row under ATCS: ``candidates [E, A, F]`` to ``actions [E]``."""
    for e in range(actions.shape[0]):
        actions[e] = best_by_column(shop, e, candidates[e], _ATCS)


def spread_over_episode(batch: Batch, policy: str) -> None:
    """Advance reset environments to evenly spread phases of an episode.

    The first environments play; the others are copies of them.
    """
    shop = batch.shop

    def play_on(env: int, decisions: int) -> None:
        if policy == "ATCS":
            play_by_atcs(batch.arrays, shop, env, decisions, batch.scratch, batch.tables)
        else:
            play_at_random(batch.arrays, shop, env, decisions)

    length = 0
    while shop.env.decisions[0] >= length:
        length = int(shop.env.decisions[0])
        play_on(0, 1)
    played = min(_PLAYED_ENVS, batch.num_envs)
    for env in range(played):
        play_on(env, length * env // played)
    for field in dataclasses.fields(shop):
        states = getattr(shop, field.name)
        for start in range(played, len(states), played):
            states[start : start + played] = states[: min(played, len(states) - start)]


class KernelRun:
    """The kernel on the arrays of a vector environment, under random decisions."""

    def __init__(self, factory: str, num_envs: int) -> None:
        env = ChangeoverVectorEnv(factory, num_envs)
        env.reset(seed=0)
        spread_over_episode(env.batch, "random")
        self.arrays: FactoryArrays = env.batch.arrays
        self.shop: ShopState = env.batch.shop
        self.taken = 0

    def choose(self) -> int:
        return self.taken

    def step(self, first: int) -> None:
        play_in_turn(self.arrays, self.shop, first, _KERNEL_DECISIONS)
        self.taken += _KERNEL_DECISIONS


class SingleRun:
    """One Gymnasium environment, reset where an episode ends."""

    def __init__(self, factory: str, policy: str) -> None:
        self.env = ChangeoverEnv(factory)
        self.policy = policy
        self.observation, _ = self.env.reset(seed=0)
        self.random = np.random.default_rng(0)

    def choose(self) -> int:
        legal = self.observation["action_mask"] != 0
        rows = legal.nonzero()[0]
        if self.policy == "random":
            return int(rows[int(self.random.random() * len(rows))])
        candidates = self.observation["candidates"]
        jobs = legal & (candidates[:, _IS_JOB] > 0)
        if jobs.any():
            return int(np.where(jobs, candidates[:, _ATCS], -np.inf).argmax())
        return int(rows[-1])

    def step(self, action: int) -> None:
        self.observation, _, terminated, truncated, _ = self.env.step(action)
        if terminated or truncated:
            self.observation, _ = self.env.reset()


class VectorRun:
    """A vector environment, with fresh arrays (``copy``) or with alternating buffers."""

    def __init__(self, env: ChangeoverVectorEnv, policy: str, *, copy: bool) -> None:
        self.env, self.policy, self.copy = env, policy, copy
        self.actions: NDArray[np.int64] = np.zeros(env.num_envs, np.int64)
        self.steps = 0

    def choose(self) -> NDArray[np.int64]:
        self.steps += 1
        batch = self.env.batch
        if self.policy == "ATCS" and self.steps > 1:
            choose_by_atcs(batch.shop, batch.tables.candidates, self.actions)
        else:  # before the first step the tables may be older than the shop
            choose_at_random(batch.shop.legal, self.steps, self.actions)
        return self.actions

    def step(self, actions: NDArray[np.int64]) -> None:
        self.env.copy = self.copy
        self.env.step(actions)


def build_subjects(factory: str, sizes: Sequence[int]) -> list[Subject]:
    """Return all subjects of one factory."""
    subjects = []
    for num_envs in KERNEL_NUM_ENVS:
        kernel = KernelRun(factory, num_envs)
        subjects.append(
            Subject(
                "kernel", "random", factory, num_envs, _KERNEL_DECISIONS, kernel.choose, kernel.step
            )
        )
    for policy in POLICIES:
        single = SingleRun(factory, policy)
        subjects.append(Subject("Env", policy, factory, 1, 1, single.choose, single.step))
        for num_envs in sizes:
            env = ChangeoverVectorEnv(factory, num_envs)
            env.reset(seed=0)
            spread_over_episode(env.batch, policy)
            for copy, name in ((True, "VectorEnv"), (False, "VectorEnv, copy=False")):
                vector = VectorRun(env, policy, copy=copy)
                subjects.append(
                    Subject(name, policy, factory, num_envs, num_envs, vector.choose, vector.step)
                )
    return subjects

"""The last machine that could start something does not wait."""

from __future__ import annotations

import numpy as np
import pytest

from agents.index.policy import IndexPolicy
from agents.network.trained_policy import load_policy
from agents.policy import play
from agents.rules.registry import make_rule
from agents.standstill import bar_waits, would_stand_still
from envs.batch import Batch
from envs.observation.columns import CANDIDATE_INDEX, MACHINE_INDEX, SHOP_INDEX
from envs.observation.tables import as_observation
from envs.seed_splits import episode_seeds
from factory.io.catalogue import find_single_factory
from factory.model import Operation
from tests.builders.repository import ROOT
from tests.builders.shop_floor_script import book, cell, coloured, job, plant, product

JOB, AHEAD, WAIT = 0, 1, 2


def tables(
    *machines: str,
    legal: tuple[int, ...] = (JOB, WAIT),
    family_ready: float = 0.0,
    upcoming: float = 0.0,
    waited: float = 0.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return tables of a job row, a changeover row and the wait, and machines by their statuses.

    A wait lasts 10 ticks; nothing has changed for ``waited`` ticks.
    """
    candidates = np.zeros((3, len(CANDIDATE_INDEX)))
    for row, kind in enumerate(("is_job", "is_changeover", "is_wait")):
        candidates[row, CANDIDATE_INDEX[kind]] = 1.0
    candidates[JOB, CANDIDATE_INDEX["time_in_queue"]] = waited
    candidates[AHEAD, CANDIDATE_INDEX["family_ready"]] = family_ready
    candidates[WAIT, CANDIDATE_INDEX["family_upcoming"]] = upcoming
    table = np.zeros((len(machines) + 1, len(MACHINE_INDEX)))  # the last row is no machine
    table[:-1, MACHINE_INDEX["in_state_for"]] = waited
    for row, words in enumerate(machines):
        for word in ("exists", *words.split()):
            name = {"queue": "queue_length"}.get(word, word if word == "exists" else f"is_{word}")
            table[row, MACHINE_INDEX[name]] = 1.0
    shop = np.zeros(len(SHOP_INDEX))
    shop[SHOP_INDEX["longest_wait"]] = 10.0
    mask = np.zeros(3, np.bool_)
    mask[list(legal)] = True
    return candidates, table, shop, mask


ASKED = "idle asked queue"


@pytest.mark.parametrize(
    ("machines", "stands_still"),
    [
        ((ASKED,), True),
        ((ASKED, "processing"), False),
        ((ASKED, "changing"), False),
        ((ASKED, "down"), False),
        ((ASKED, "idle queue"), False),  # asked next, it may start
        (("idle queue", ASKED), True),  # asked before: it had nothing to choose
        ((ASKED, "idle waiting queue"), True),
        ((ASKED, "idle"), True),  # with nothing in its queue
        (("idle waiting queue", ASKED, "idle waiting queue", "idle"), True),
    ],
)
def test_the_plant_stands_still_if_no_machine_is_at_work_or_asked_later(
    machines: tuple[str, ...], stands_still: bool
) -> None:
    assert would_stand_still(*tables(*machines)) is stands_still


@pytest.mark.parametrize(
    ("legal", "family_ready", "stands_still"),
    [
        ((JOB, WAIT), 0.0, True),
        ((AHEAD, WAIT), 0.0, False),  # a changeover ahead: there is nothing to start
        ((AHEAD, WAIT), 1.0, True),  # a detour to a ready operation
        ((WAIT,), 1.0, False),
    ],
)
def test_only_a_machine_that_could_start_something_is_kept_from_waiting(
    legal: tuple[int, ...], family_ready: float, stands_still: bool
) -> None:
    seen = tables(ASKED, legal=legal, family_ready=family_ready)
    assert would_stand_still(*seen) is stands_still


@pytest.mark.parametrize(
    ("machines", "upcoming", "waited", "stands_still"),
    [
        ((ASKED,), 1.0, 0.0, False),  # something is on its way here
        ((ASKED,), 1.0, 9.0, False),
        ((ASKED,), 1.0, 10.0, True),  # or it is not: a whole wait has passed
        ((ASKED, "idle queue"), 0.0, 10.0, True),  # what is in its queue is not for that machine
        ((ASKED, "processing"), 1.0, 99.0, False),
    ],
)
def test_bug_hope_lasts_as_long_as_a_wait(
    machines: tuple[str, ...], upcoming: float, waited: float, stands_still: bool
) -> None:
    seen = tables(*machines, upcoming=upcoming, waited=waited)
    assert would_stand_still(*seen) is stands_still


def test_the_logits_of_barred_waits_are_minus_infinity() -> None:
    still, busy = tables(ASKED, "idle"), tables(ASKED, "processing")
    seen = (np.stack(pair) for pair in zip(still, busy, strict=True))
    logits = np.array([1.0, 2.0, 3.0, 4.0], np.float32)
    bar_waits(*seen, np.array([0, 2, 4]), logits)
    assert logits.tolist() == [1.0, -np.inf, 3.0, 4.0]


@pytest.mark.parametrize("name", ["tiny", "large"])
def test_bug_shipped_policies_finish_on_factories_that_they_were_not_made_for(name: str) -> None:
    """Machines of one policy or the other once waited for each other for ever."""
    for folder in ("mixture", "microfactory"):
        policy = load_policy(ROOT / "policies" / folder)
        batch = Batch([find_single_factory(name)], num_envs=1)
        play(batch, policy, episode_seeds("validate", 1))
        assert batch.over.all()


def test_trained_policies_decide_alike_in_torch_and_compiled_where_all_would_wait() -> None:
    from agents.network.inference import allocate_network_scratch, arrange_weights, greedy_row

    policy = load_policy(ROOT / "policies" / "mixture")
    weights = arrange_weights({n: v.numpy() for n, v in policy.network.state_dict().items()})
    batch = Batch([find_single_factory("tiny")], num_envs=1)
    batch.reset(episode_seeds("validate", 1))
    barred = 0
    while not batch.over.all():
        seen = batch.tables
        memory = allocate_network_scratch(weights, seen.action_mask.shape[1])
        parts = (seen.candidates[0], seen.machines[0], seen.shop[0], seen.action_mask[0])
        row = greedy_row(weights, memory, *parts)
        chosen = policy.decide(as_observation(seen))
        assert row == chosen[0]
        still = would_stand_still(*parts)
        barred += still
        assert not (still and row == len(parts[3]) - 1)
        batch.step(chosen, autoreset=False)
    assert barred > 0


def test_bug_machines_of_one_work_centre_do_not_wait_for_each_others_operations() -> None:
    """Two machines share a queue, and each is eligible for what the other one is not."""
    times = ({"cell0": 10}, {"cell1": 10}, {"cell0": 10})
    steps = (
        Operation(name=f"step {n}", work_centre="cell", machine_times=time)
        for n, time in enumerate(times)
    )
    factory = plant((cell(machines=2),), (product("p", *steps),))
    orders = book(*[(0, "p")] * 4)
    for policy in (IndexPolicy({"wait": 1000.0}), load_policy(ROOT / "policies" / "mixture")):
        batch = Batch([factory], [orders], num_envs=1)
        play(batch, policy, np.array([1], np.uint64))
        assert batch.over.all()


@pytest.mark.parametrize("name", ["FIFO", "ATCS", "ATCSR", "ATCS+HOLD"])
def test_bug_a_rule_that_is_asked_hundreds_of_times_finishes(name: str) -> None:
    """While an order cures for 1440 ticks, the packer is asked every 6 ticks."""
    cure, pack = job(1440, "cure", "oven"), job(3, "pack", setup={"colour": "red"})
    factory = plant((cell("oven"), coloured()), (product("car", cure, pack),))
    batch = Batch([factory], [book((0, "car"), (1, "car"))], num_envs=1)
    play(batch, make_rule(name), np.array([1], np.uint64))
    assert batch.over.all()
    if name == "FIFO":
        assert batch.shop.env.decisions[0] > 200

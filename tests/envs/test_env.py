"""The single environment: Gymnasium's contract, rewards, limits, options, illegal actions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from matplotlib import pyplot
from stable_baselines3.common.env_checker import check_env as check_sb3_env

from agents.rules.registry import make_rule
from envs.env import ChangeoverEnv
from envs.observation.columns import CANDIDATES, MACHINES, SHOP
from envs.registration import ENV_ID
from factory.cost_terms import COST_TERMS
from factory.io.catalogue import find_single_factory
from factory.io.order_book_csv import write_order_book
from factory.model import (
    Attribute,
    Costs,
    Factory,
    Machine,
    Operation,
    Order,
    OrderBook,
    Product,
    Uncertainty,
    WorkCentre,
)
from factory.schedule.shop_floor.floor_animation import shop_floor_pictures
from factory.simulation_errors import IllegalActionError
from factory.verification.verifier import verify


def play(
    env: ChangeoverEnv, seed: int, rule: str = "ATCS"
) -> list[tuple[float, bool, bool, dict[str, Any]]]:
    """Play an episode, and return the results of each step without the observation."""
    observation, _ = env.reset(seed=seed)
    steps = []
    while not steps or not (steps[-1][1] or steps[-1][2]):
        observation, reward, terminated, truncated, info = env.step(
            make_rule(rule).decide(observation)
        )
        steps.append((reward, terminated, truncated, info))
    return steps


def test_the_environment_by_its_id_passes_gymnasiums_checker_without_warnings() -> None:
    check_env(gymnasium.make(ENV_ID, factory="tiny", render_mode="rgb_array").unwrapped)


@pytest.mark.filterwarnings("ignore:.*has an unconventional shape.*:UserWarning")
def test_the_environment_by_its_id_passes_the_checker_of_stable_baselines3() -> None:
    """The one warning advises to flatten tables, which the stock extractor does."""
    check_sb3_env(gymnasium.make(ENV_ID, factory="tiny", render_mode="rgb_array"))


def test_the_flattened_environment_passes_both_checkers_without_warnings() -> None:
    env = gymnasium.wrappers.FlattenObservation(gymnasium.make(ENV_ID, factory="tiny"))
    check_sb3_env(env)
    assert env.observation_space.contains(env.reset(seed=1)[0])


def test_spaces_are_finite_and_can_be_sampled() -> None:
    for dtype in (np.float32, np.float64):
        space: Any = ChangeoverEnv("tiny", dtype=dtype).observation_space
        space.seed(1)
        assert space.contains(space.sample())
        assert all(space[name].is_bounded() for name in ("candidates", "machines", "shop"))


def test_gymnasium_makes_it_by_its_id() -> None:
    assert isinstance(gymnasium.make(ENV_ID, factory="tiny").unwrapped, ChangeoverEnv)
    assert gymnasium.make_vec(ENV_ID, num_envs=3, factory="tiny").num_envs == 3


def test_an_illegal_action_raises_and_changes_nothing() -> None:
    env = ChangeoverEnv("microfactory")
    _, info = env.reset(seed=3)
    shop = env._batch.shop
    before = {
        name: getattr(shop, name).tobytes() for name in vars(shop) if not name.startswith("_")
    }
    illegal = int(np.flatnonzero(info["action_mask"] == 0)[0])
    for action in (illegal, -1, 10_000):
        with pytest.raises(
            IllegalActionError,
            match=f"action = {action}; it must be a legal row of the action mask. Choose one of",
        ):
            env.step(action)
    assert before == {name: getattr(shop, name).tobytes() for name in before}
    assert len(before) > 15


def test_an_illegal_action_is_replaced_by_a_legal_row_and_reported() -> None:
    env: Any = gymnasium.make(ENV_ID, factory="tiny")
    strict = ChangeoverEnv("tiny")
    _, info = env.reset(seed=1)
    strict.reset(seed=1)
    illegal = int(np.flatnonzero(info["action_mask"] == 0)[0])
    legal = np.flatnonzero(info["action_mask"])
    observation, *_, info = env.step(illegal)
    expected, *_ = strict.step(legal[illegal % len(legal)])
    assert info["replaced"]
    assert all((observation[name] == expected[name]).all() for name in expected)


def test_the_id_can_be_asked_to_refuse_illegal_actions() -> None:
    env: Any = gymnasium.make(ENV_ID, factory="tiny", illegal_actions="raise")
    _, info = env.reset(seed=1)
    with pytest.raises(IllegalActionError):
        env.step(int(np.flatnonzero(info["action_mask"] == 0)[0]))


@pytest.mark.parametrize("name", ["microfactory", "unreliable", "green", "scarce_crew", "tiny"])
def test_costs_of_the_steps_add_up_to_the_verifiers_bill(name: str) -> None:
    env = ChangeoverEnv(name)
    steps = play(env, seed=5)
    bill = verify(env.schedule(), env.factory, env.order_book)
    scale = float(env._batch.arrays.plant.cost_scale[0])
    for term in COST_TERMS:
        assert sum(info["cost"][term] for *_, info in steps) == pytest.approx(
            bill.terms[term], rel=1e-6, abs=1e-6
        )
        assert steps[-1][3]["episode_cost"][term] == pytest.approx(
            bill.terms[term], rel=1e-6, abs=1e-6
        )
    assert sum(reward for reward, *_ in steps) == pytest.approx(-bill.total / scale, rel=1e-6)
    assert sum(info["elapsed"] for *_, info in steps) == env.schedule().end_date - _first_decision(
        name
    )


def _first_decision(name: str) -> int:
    env = ChangeoverEnv(name)
    env.reset(seed=5)
    return env.schedule().end_date


def records(steps: list[tuple[float, bool, bool, dict[str, Any]]]) -> list[Any]:
    return [
        (reward, terminated, info["elapsed"], info["cost"], info["action_mask"].tolist())
        for reward, terminated, _, info in steps
    ]


def test_a_seed_determines_the_episode() -> None:
    first, second, other = (
        play(ChangeoverEnv("microfactory", num_orders=15), seed) for seed in (2, 2, 3)
    )
    assert records(first) == records(second)
    assert records(first) != records(other)


def test_the_observation_stays_within_the_bounds_of_the_table() -> None:
    env = ChangeoverEnv("microfactory", num_orders=20)
    observation, info = env.reset(seed=1)
    over = False
    while not over:
        assert env.observation_space.contains(observation)
        for name, columns in (("candidates", CANDIDATES), ("machines", MACHINES), ("shop", SHOP)):
            assert np.isfinite(observation[name]).all()
            for index, column in enumerate(columns):
                values = observation[name][..., index]
                assert column.low <= values.min(), column.name
                assert values.max() <= column.high, column.name
        legal = np.flatnonzero(info["action_mask"])
        action = int(legal[-1] if info["elapsed"] == 0 else legal[0])
        observation, _, terminated, truncated, info = env.step(action)
        over = terminated or truncated


@pytest.mark.parametrize("limit", [{"last_date": 500}, {"max_decisions": 40}], ids=str)
def test_a_limit_truncates_but_does_not_terminate(limit: dict[str, int]) -> None:
    env = ChangeoverEnv("microfactory", **limit)
    *_, (_, terminated, truncated, info) = play(env, seed=1)
    assert (terminated, truncated) == (False, True)
    assert info["decisions"] == 40 if "max_decisions" in limit else env.schedule().end_date >= 500
    assert info["action_mask"].any(), "the last observation of a truncated episode shows choices"
    with pytest.raises(RuntimeError, match="Call reset"):
        env.step(0)


def test_bug_waiting_is_always_legal_and_an_episode_of_waits_is_truncated() -> None:
    """Each order has two operations: 50 decisions per operation, all waits, at a cost."""
    env = ChangeoverEnv("tiny")
    _, info = env.reset(seed=1)
    operations = sum(len(product.operations) for product in env.factory.products[:1])
    orders = env.factory.demand.num_orders if env.factory.demand else 0
    decisions, over, cost = 0, False, 0.0
    while not over:
        assert info["action_mask"][-1] == 1
        *_, reward, terminated, truncated, info = env.step(len(info["action_mask"]) - 1)
        cost -= reward
        decisions, over = decisions + 1, terminated or truncated
    assert (terminated, truncated) == (False, True)
    assert decisions == info["decisions"] == 50 * orders * operations
    assert cost > 0


def test_bug_two_booths_and_one_order_cost_nothing() -> None:
    """The booth that is asked first needs a changeover; it waits, and the other booth paints."""
    colour = Attribute(name="colour", values=("white", "red"), time=((0, 9), (9, 0)))
    booths = (
        Machine(name="booth-0", initial_setup={"colour": "white"}),
        Machine(name="booth-1", initial_setup={"colour": "red"}),
    )
    paint = Operation(name="paint", work_centre="paint", process_time=5, setup={"colour": "red"})
    factory = Factory(
        name="two booths",
        work_centres=(WorkCentre(name="paint", machines=booths, attributes=(colour,)),),
        products=(Product(name="car", operations=(paint,)),),
        costs=Costs(tardiness=1.0, changeover=1.0, waste=1.0, energy=0.0, holding=0.0, scale=1.0),
    )
    order = Order(order_id="1", release_date=0, due_date=5, weight=1.0, product="car")
    env = ChangeoverEnv(factory, OrderBook(orders=(order,)))
    observation, _ = env.reset(seed=1)
    wait = len(observation["action_mask"]) - 1
    observation, _, terminated, _, _ = env.step(wait)
    assert not terminated
    *_, terminated, _, info = env.step(0)
    assert terminated
    assert sum(info["episode_cost"].values()) == 0


def test_an_order_book_is_replayed_from_a_file_or_at_reset(tmp_path: Path) -> None:
    factory = find_single_factory("tiny")
    env = ChangeoverEnv("tiny")
    play(env, seed=1)
    orders = [
        Order(
            order_id=f"K{order.number}",
            release_date=order.release_date,
            due_date=order.due_date,
            weight=order.weight,
            product=order.product,
            options=order.options,
        )
        for order in env.schedule().orders
    ]
    book = OrderBook(orders=tuple(orders[:3]))
    write_order_book(book, tmp_path / "orders.csv", factory)
    from_file = ChangeoverEnv("tiny", tmp_path / "orders.csv")
    play(from_file, seed=9)
    assert [order.order_id for order in from_file.schedule().orders] == ["K0", "K1", "K2"]
    env.reset(seed=9, options={"order_book": book})
    assert env.order_book == book
    assert [order.order_id for order in env.schedule().orders] == ["K0", "K1", "K2"]


def test_reset_options_change_the_scenario_but_not_the_shape() -> None:
    env = ChangeoverEnv("microfactory")
    env.reset(seed=1, options={"num_orders": 7})
    numbers = [order.number for order in env.schedule().orders]
    assert env._batch.shop.env.num_orders[0] == 7
    assert numbers == sorted(numbers)
    with pytest.raises(ValueError, match=r"unknown key 'orders'; must be one of"):
        env.reset(seed=1, options={"orders": 7})
    with pytest.raises(ValueError, match="it must keep its shape"):
        env.reset(seed=1, options={"factory": "large"})
    assert env.factory.name == "microfactory"


def test_randomised_factories_differ_by_seed_and_share_one_shape() -> None:
    env = ChangeoverEnv("randomised", num_orders=10)
    names, shapes = set(), set()
    for seed in range(4):
        observation, _ = env.reset(seed=seed)
        names.add(env.factory.model_dump_json())
        shapes.add(observation["machines"].shape)
    assert len(names) == 4
    assert len(shapes) == 1


def test_pictures_of_an_episode_have_one_size_and_change() -> None:
    env = ChangeoverEnv("microfactory", render_mode="rgb_array", num_orders=10)
    observation, _ = env.reset(seed=1)
    first, rule = env.render(), make_rule("ATCS")
    for _ in range(20):
        observation, *_ = env.step(rule.decide(observation))
    assert env.render().shape == first.shape
    assert (env.render() != first).any()


def test_the_hours_of_a_picture_can_be_set() -> None:
    pictures = []
    for hours in (1.0, 2.0, 2):
        env = ChangeoverEnv("tiny", render_mode="rgb_array", render_hours=hours)
        play(env, seed=1)
        pictures.append(env.render())
    assert (pictures[0] != pictures[1]).any()
    assert (pictures[1] == pictures[2]).all()
    with pytest.raises(ValueError, match="render_hours = 0; must be at least"):
        ChangeoverEnv("tiny", render_hours=0)


def floor_pairs(factory: Factory) -> list[tuple[Any, Any]]:
    """Return the environment's picture and that of its schedule at each decision."""
    env = ChangeoverEnv(factory, render_mode="rgb_array", render_view="shop_floor")
    observation, _ = env.reset(seed=1)
    pairs, over, rule = [], False, make_rule("ATCS")
    while not over:
        schedule = env.schedule()
        pairs.append((env.render(), *shop_floor_pictures(schedule, factory, [schedule.end_date])))
        observation, _, over, *_ = env.step(rule.decide(observation))
    return pairs


def test_render_view_shows_the_shop_floor_at_the_present_date() -> None:
    pairs = floor_pairs(find_single_factory("tiny"))
    assert all((drawn == expected).all() for drawn, expected in pairs)
    assert (pairs[0][0] != pairs[-1][0]).any()
    with pytest.raises(ValueError, match="render_view = 'film'; must be one of"):
        ChangeoverEnv("tiny", render_view="film")


def test_the_rendered_shop_floor_knows_which_attempts_failed() -> None:
    """A schedule so far does not tell that an operation must be done again."""
    tiny = find_single_factory("tiny")
    pairs = floor_pairs(
        tiny.model_copy(update={"uncertainty": Uncertainty(rework_probability=1.0)})
    )
    assert any((drawn != expected).any() for drawn, expected in pairs)


def test_a_window_shows_the_picture_until_it_is_closed() -> None:
    pyplot.switch_backend("agg")
    env = ChangeoverEnv("tiny", render_mode="human")
    play(env, seed=1)
    assert env.render() is None
    (number,) = pyplot.get_fignums()
    (image,) = pyplot.figure(number).axes[0].images
    twin = ChangeoverEnv("tiny", render_mode="rgb_array")
    play(twin, seed=1)
    assert (np.asarray(image.get_array()) == twin.render()).all()
    env.close()
    assert not pyplot.get_fignums()


def test_charts_show_the_episode_so_far() -> None:
    env = ChangeoverEnv("tiny", render_mode="rgb_array")
    play(env, seed=1)
    picture = env.render()
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3
    assert picture.std() > 10
    text = ChangeoverEnv("tiny", render_mode="ansi")
    play(text, seed=1)
    assert all(machine in text.render() for machine in text.schedule().machine_names)
    with pytest.raises(ValueError, match="render_mode = 'film'; must be one of"):
        ChangeoverEnv("tiny", render_mode="film")

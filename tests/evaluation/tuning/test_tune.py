"""The search for parameters: bounds, budget, known optima, determinism, resumption."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from agents.index.policy import IndexPolicy, as_array, atcs_weights
from agents.rules.registry import Rule, make_rule
from envs.seed_splits import which_block
from evaluation.runner.scenarios import NamedScenario, find_scenarios
from evaluation.statistics.resampling import FloatArray
from evaluation.tuned_parameters import Budget, read_tuned
from evaluation.tuning.index_search import best_start, evolve, tune_index
from evaluation.tuning.objective import Objective, compare_costs, count_episodes, orders_an_episode
from evaluation.tuning.rule_search import (
    Setting,
    search,
    spread,
    tunable_rules,
    tune_rule,
    with_setting,
)
from evaluation.tuning.tune import format_tuning, run_tuning
from factory.model import Order, OrderBook
from factory.work_units import result_store
from factory.work_units.local_processes import LocalProcesses
from factory.work_units.units import Failures, JsonObject, Unit

SMALL = Budget(
    settings=6,
    orders=16,
    finalists=2,
    final_orders=16,
    generations=4,
    population=4,
    generation_orders=16,
    validation_orders=16,
)


def scenario(name: str) -> NamedScenario:
    (named,) = find_scenarios([name])
    return named


class Valley:
    """An objective whose costs rise with the logarithmic distance from the best setting."""

    def __init__(self, best: Mapping[str, float]) -> None:
        self.best = best
        self.played: list[Mapping[str, float]] = []

    def play(self, rule: Rule) -> FloatArray:
        self.played.append(dict(rule.values))
        distance = sum(
            math.log(rule.values[name] / value) ** 2 for name, value in self.best.items()
        )
        return 100 + distance + np.array([-5.0, 0.0, 5.0])


def default_of(rule: Rule) -> Setting:
    return tuple(parameter.default for parameter in rule.parameters)


def cheapest(costs: dict[Setting, FloatArray]) -> Setting:
    return min(costs, key=lambda setting: float(costs[setting].mean()))


# --- rules ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "best", "within"),
    [
        ("ATC", {"k": 0.3}, 1.2),
        ("ATCS", {"k1": 7.0, "k2": 0.05}, 1.6),
        ("ATCSR", {"k1": 0.5, "k2": 3.0, "k3": 0.1}, 2.5),
    ],
)
def test_search_comes_close_to_a_known_optimum(
    rule: str, best: dict[str, float], within: float
) -> None:
    """Parameters span three powers of ten; the search finds them within a factor."""
    tuned = make_rule(rule)
    costs = search(tuned, default_of(tuned), Valley(best), 40)  # type: ignore[arg-type]
    for value, wanted in zip(cheapest(costs), best.values(), strict=True):
        assert 1 / within < value / wanted < within


@pytest.mark.parametrize("rule", [rule.name for rule in tunable_rules()])
def test_every_rule_is_tried_within_bounds_and_budget_with_its_default_first(rule: str) -> None:
    tuned = make_rule(rule)
    valley = Valley({})
    costs = search(tuned, default_of(tuned), valley, 40)  # type: ignore[arg-type]
    assert valley.played[0] == tuned.values
    assert 30 <= len(costs) == len(valley.played) <= 40, "no setting is played twice"
    for setting in costs:
        assert all(
            parameter.low <= value <= parameter.high
            for parameter, value in zip(tuned.parameters, setting, strict=True)
        )


def test_rules_with_parameters_are_tuned_except_the_seed_of_random() -> None:
    assert [rule.name for rule in tunable_rules()] == [
        "COVERT",
        "ATC",
        "GECCO10",
        "DK",
        "ATCS",
        "ATCS+OPEN",
        "ATCSR",
        "ATCS+HOLD",
    ]


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_settings_are_spread_evenly(dimensions: int) -> None:
    """Each quarter of an axis holds about a quarter of the points, and of either half of them."""
    points = spread(32, dimensions)
    assert points.shape == (32, dimensions)
    for half in (points[:16], points[16:], points):
        counts = np.apply_along_axis(
            lambda column: np.histogram(column, bins=4, range=(0, 1))[0], 0, half
        )
        assert abs(counts - len(half) / 4).max() <= 2
    np.testing.assert_array_equal(spread(8, dimensions, 5), spread(13, dimensions)[5:])


def test_default_stays_where_nothing_is_better() -> None:
    tuned = tune_rule(make_rule("ATC"), scenario("tiny"), SMALL)
    assert tuned.parameters == {"k": 3.0}
    assert tuned.tuned_cost == tuned.default_cost
    assert tuned.validate_cost.difference == 0


def test_tuned_rule_is_never_worse_than_its_default_where_it_was_searched() -> None:
    tuned = tune_rule(make_rule("GECCO10"), scenario("scarce_crew"), SMALL)
    assert tuned.tuned_cost < tuned.default_cost


def test_costs_are_those_of_the_parameters_found() -> None:
    """The costs are those on the episodes of search and final, and on those of the validation."""
    named = scenario("scarce_crew")
    tuned = tune_rule(make_rule("ATCS"), named, SMALL)
    rule = make_rule("ATCS", **tuned.parameters)
    assert tuned.tuned_cost == pytest.approx(
        Objective(named, "tune", 0, 16).play(rule).mean(), abs=0.01
    )
    assert tuned.validate_cost.tuned == pytest.approx(
        Objective(named, "validate", 0, 8).play(rule).mean(), abs=0.01
    )
    assert tuned.validate_cost.default == pytest.approx(
        Objective(named, "validate", 0, 8).play(make_rule("ATCS")).mean(), abs=0.01
    )


def test_rule_without_parameters_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"rule EDD has no parameters to search. Tune one of COVERT"
    ):
        tune_rule(make_rule("EDD"), scenario("tiny"), SMALL)


def test_setting_out_of_bounds_is_refused() -> None:
    with pytest.raises(ValueError, match="out of bounds"):
        with_setting(make_rule("ATC"), (1e9,))


def test_comparison_is_paired() -> None:
    """A constant saving is certain, however much episodes differ."""
    default = np.random.default_rng(1).exponential(100.0, 40)
    gain = compare_costs(default, default - 1.0)
    assert (gain.difference, gain.low, gain.high) == (-1.0, -1.0, -1.0)


# --- episodes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "orders", "episodes"),
    [
        ("microfactory", 6400, 64),
        ("large", 6400, 16),
        ("large", 400, 8),
        ("tiny", 6400, 64),
        ("randomised", 6400, 45),
    ],
)
def test_episodes_are_counted_in_orders(name: str, orders: int, episodes: int) -> None:
    assert count_episodes(orders, scenario(name)) == episodes


def test_order_book_sets_the_length_of_an_episode() -> None:
    tiny = scenario("tiny")
    orders = tuple(
        Order(order_id=str(j), product="kart", release_date=0, due_date=100, weight=1)
        for j in range(3)
    )
    assert orders_an_episode(NamedScenario(tiny.name, tiny.source, OrderBook(orders=orders))) == 3


def test_objectives_play_the_same_episodes_in_a_block_and_others_in_another_block() -> None:
    named = scenario("microfactory")
    first, again, other = (
        Objective(named, block, 0, 8).play(make_rule("ATCS"))
        for block in ("tune", "tune", "validate")
    )
    np.testing.assert_array_equal(first, again)
    assert not np.isin(first, other).any()
    assert {which_block(int(seed)) for seed in Objective(named, "tune", 100, 8).seeds} == {"tune"}


def test_episodes_do_not_depend_on_how_many_are_played_side_by_side() -> None:
    named = scenario("scarce_crew")
    many = Objective(named, "tune", 0, 70).play(make_rule("SPT"))
    np.testing.assert_array_equal(many[62:], Objective(named, "tune", 62, 8).play(make_rule("SPT")))


def test_every_episode_of_ranges_has_a_factory_of_its_own() -> None:
    named = scenario("randomised")
    objective = Objective(named, "tune", 0, 3)
    weights = as_array(atcs_weights(2.0, 0.5))
    for e in range(3):
        alone = Objective(named, "tune", e, 1)
        assert alone.play(make_rule("EDD"))[0] == objective.play(make_rule("EDD"))[e]
        assert alone.play_index(weights)[0] == objective.play_index(weights, slice(e, e + 1))[0]


def test_policy_that_does_not_finish_has_infinite_cost() -> None:
    """The policy changes setups back and forth for ever."""
    endless = {"changeover": 1000.0, "setup": 1000.0}
    objective = Objective(scenario("randomised"), "tune", 0, 1)
    assert np.isinf(objective.play_index(as_array(endless))).any()
    assert np.isinf(objective.play(IndexPolicy(endless))).all()


# --- the index ------------------------------------------------------------------------------------


class Bowl:
    """An objective whose costs rise with the distance of the weights from the best ones."""

    def __init__(self, best: FloatArray) -> None:
        self.best = best
        self.seen: list[slice] = []

    def __len__(self) -> int:
        return 40

    def play_index(self, weights: FloatArray, episodes: slice = slice(None)) -> FloatArray:
        self.seen.append(episodes)
        return 100 + np.sum((weights - self.best) ** 2) + np.arange(40.0)[episodes]


def test_evolution_comes_close_to_a_known_optimum() -> None:
    start = as_array(atcs_weights(2.0, 0.5, detour=0.0, wait=-8.0, ahead=-6.0))
    best = start + np.random.default_rng(3).normal(size=len(start))
    centres = evolve(
        start, Bowl(best), 8, SMALL.model_copy(update={"generations": 100, "population": 12})
    )  # type: ignore[arg-type]
    before, after = (float(np.sum((weights - best) ** 2)) for weights in (start, centres[-1]))
    assert after < 0.3 * before


def test_generation_plays_one_set_of_episodes_and_the_next_one_another() -> None:
    bowl = Bowl(as_array({}))
    evolve(as_array({}), bowl, 8, SMALL.model_copy(update={"generations": 6}))  # type: ignore[arg-type]
    firsts = [episodes.start for episodes in bowl.seen]
    assert firsts == [first for first in (0, 8, 16, 24, 32, 0) for _ in range(SMALL.population)]


def test_search_starts_from_the_best_of_some_atcs_rules() -> None:
    wanted = as_array(atcs_weights(4.0, 0.2, detour=0.0, wait=-8.0, ahead=-6.0))
    np.testing.assert_array_equal(best_start(Bowl(wanted)), wanted)  # type: ignore[arg-type]


def test_index_does_not_depend_on_random_numbers_drawn_elsewhere() -> None:
    bowl = Bowl(as_array({"slack": 1.0}))
    centres = evolve(as_array({}), bowl, 8, SMALL)  # type: ignore[arg-type]
    np.random.seed(7)  # noqa: NPY002  # the global state that the library would use by itself
    np.testing.assert_array_equal(evolve(as_array({}), bowl, 8, SMALL), centres)  # type: ignore[arg-type]


def test_index_is_no_worse_than_atcs_where_it_was_searched_and_has_the_stated_cost() -> None:
    named = scenario("tiny")
    tuned = tune_index(named, SMALL)
    assert tuned.tuned_cost <= tuned.default_cost
    assert tuned.validate_cost.tuned == pytest.approx(
        Objective(named, "validate", 0, 8).play(IndexPolicy(tuned.weights)).mean(), abs=0.01
    )


# --- whole tunings --------------------------------------------------------------------------------


class Idle:
    """Workers that do nothing."""

    def work_off(
        self, units: Sequence[Unit], pending: Sequence[int], failures: Failures
    ) -> Generator[tuple[int, JsonObject]]:
        yield from ()


def test_second_start_reads_finished_searches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tuned,) = run_tuning(
        ["tiny"], tmp_path / "out", tmp_path / "work", workers=LocalProcesses(2), budget=SMALL
    )
    written = (tmp_path / "out" / "tiny.toml").read_bytes()
    assert read_tuned("tiny", tmp_path / "out", scenario("tiny").source) == tuned
    table = capsys.readouterr().out
    assert format_tuning([tuned]) in table
    assert table.count("tiny  ") == 9, "eight rules and the index"

    run_tuning(["tiny"], tmp_path / "out", tmp_path / "work", workers=Idle(), budget=SMALL)
    assert (tmp_path / "out" / "tiny.toml").read_bytes() == written


def test_another_budget_is_another_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[str] = []
    monkeypatch.setattr(result_store.Store, "read", lambda store, unit: keys.append(unit.key))
    for budget in (SMALL, SMALL, SMALL.model_copy(update={"orders": 17})):
        with pytest.raises(KeyError):  # no unit was run
            run_tuning(["tiny"], tmp_path, tmp_path, workers=Idle(), budget=budget)
    first, same, other = (set(keys[start : start + 9]) for start in (0, 9, 18))
    assert first == same
    assert not first & other


def test_missing_library_is_named_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    message = r"cma.* is not installed\. Install it: pip install 'changeover-optimiser\[tune\]'"
    with pytest.raises(ValueError, match=message):
        run_tuning(["tiny"], tmp_path, tmp_path, workers=LocalProcesses(1), budget=SMALL)


def test_killed_search_is_named_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = {"failed": {"reason": "crashed", "message": "its process ended without an answer"}}
    monkeypatch.setattr(
        "evaluation.tuning.tune.run_units", lambda searches, *_: [lost] * len(searches)
    )
    with pytest.raises(
        ChildProcessError,
        match=r"tiny: evolved index: its process ended .* start again with fewer processes",
    ):
        run_tuning(["tiny"], tmp_path, tmp_path, workers=LocalProcesses(1), budget=SMALL)


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def search_nothing(*_: object) -> None:
        raise AssertionError("a search was begun")

    monkeypatch.setattr("evaluation.tuning.tune.run_units", search_nothing)
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"--tuned .*file/tuned: the folder cannot be written"):
        run_tuning(
            ["tiny"],
            tmp_path / "file" / "tuned",
            tmp_path / "work",
            workers=LocalProcesses(1),
            budget=SMALL,
        )

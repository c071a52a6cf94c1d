"""Files of tuned parameters: round trip, checks, warnings for changed factories."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from pydantic import ValidationError

from agents.index.feature_table import FEATURES
from agents.rules.registry import RULES
from evaluation.tuned_parameters import (
    TUNED_FOLDER,
    Budget,
    TuningWarning,
    ValidationGain,
    name_of,
    read_tuned,
    tuned_file,
    tuned_index,
    tuned_rules,
    write_tuned,
)
from evaluation.tuning.rule_search import tunable_rules
from factory.io.catalogue import FACTORIES_FOLDER as FACTORIES
from factory.io.catalogue import find_factory, find_single_factory, shipped
from tests.builders.repository import ROOT
from tests.builders.tuned_results import some_results


def test_written_parameters_are_read_back(tmp_path: Path) -> None:
    path = write_tuned(some_results(), tmp_path / "tuned")
    assert path == tmp_path / "tuned" / "tiny.toml"
    assert read_tuned("tiny", tmp_path / "tuned") == some_results()


def test_bug_files_of_the_current_folder_are_written_and_come_before_shipped_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder of an installed copy may be read-only, and an upgrade replaces it."""
    monkeypatch.chdir(tmp_path)
    shipped_parameters = read_tuned("tiny")
    assert shipped_parameters == read_tuned("tiny", ROOT / TUNED_FOLDER)
    path = write_tuned(some_results())
    assert path.resolve() == tmp_path / "configs" / "evaluation" / "tuned" / "tiny.toml"
    assert read_tuned("tiny") == some_results() != shipped_parameters
    assert read_tuned("microfactory") == read_tuned("microfactory", ROOT / TUNED_FOLDER)


def test_file_without_an_index_is_read_back(tmp_path: Path) -> None:
    without = some_results().model_copy(update={"index": None})
    write_tuned(without, tmp_path)
    assert read_tuned("tiny", tmp_path) == without
    assert tuned_index("tiny", tmp_path) is None


def test_equal_results_give_equal_bytes(tmp_path: Path) -> None:
    files = [write_tuned(some_results(), tmp_path / name) for name in ("first", "second")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_costs_are_rounded_to_a_hundredth() -> None:
    assert ValidationGain(
        default=1.23456, tuned=2, difference=0.004, low=-0.006, high=0.1
    ) == ValidationGain(default=1.23, tuned=2, difference=0, low=-0.01, high=0.1)


def test_factory_that_was_never_tuned_has_no_results(tmp_path: Path) -> None:
    assert read_tuned("tiny", tmp_path) is None
    assert tuned_index("tiny", tmp_path) is None


def test_rules_keep_defaults_with_a_warning_where_nothing_was_tuned(tmp_path: Path) -> None:
    with pytest.warns(
        TuningWarning,
        match=(
            r"factory tiny was never tuned .*all rules have default parameters.*python evaluate.py"
            r" --tune --factory tiny"
        ),
    ):
        assert tuned_rules("tiny", tmp_path) == RULES


def test_rules_have_tuned_parameters_or_else_defaults(tmp_path: Path) -> None:
    write_tuned(some_results(), tmp_path)
    rules = tuned_rules("tiny", tmp_path)
    assert list(rules) == list(RULES)
    assert str(rules["ATCS"]) == "ATCS(k1=3.25, k2=0.1)"
    assert rules["ATC"] == RULES["ATC"]
    assert rules["EDD"] == RULES["EDD"]


def test_index_has_the_tuned_weights(tmp_path: Path) -> None:
    write_tuned(some_results(), tmp_path)
    index = tuned_index("tiny", tmp_path)
    assert index is not None
    assert {name: weight for name, weight in index.weights.items() if weight} == {
        "value": 1.0,
        "wait": -7.5,
        "slack": 1e-05,
    }


def test_changed_factory_is_noticed(tmp_path: Path) -> None:
    write_tuned(some_results(), tmp_path)
    factory = find_single_factory("tiny")
    changed = factory.model_copy(update={"crews": 1 if factory.crews != 1 else 2})
    with pytest.warns(
        TuningWarning,
        match=r"another state of factory tiny.*python evaluate.py --tune --factory tiny",
    ):
        assert read_tuned("tiny", tmp_path, changed) == some_results()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_tuned("tiny", tmp_path, factory) == some_results()


def test_factory_file_is_named_by_its_content(tmp_path: Path) -> None:
    copy = tmp_path / "my_plant.toml"
    copy.write_text((FACTORIES / "tiny.toml").read_text(encoding="utf-8"), encoding="utf-8")
    assert name_of(copy) == "tiny"
    assert name_of("randomised") == "randomised"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[rules.ATCS]", "[rules.ATCZ]", "rule 'ATCZ' is not known; did you mean 'ATC"),
        ("k1 = 3.25", "k1 = 999", "k1 = 999.* is out of bounds"),
        ("k1 = 3.25", "k3 = 3.25", "parameter 'k3' is not known"),
        ("slack = ", "slcak = ", "feature 'slcak' is not known; did you mean 'slack'"),
        ("fingerprint = ", "finger = ", "fingerprint: Field required"),
        ("[index]", "[index", "Expected"),
    ],
)
def test_wrong_file_is_refused_with_path_and_remedy(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    path = write_tuned(some_results(), tmp_path)
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(
        ValueError, match=rf"tiny.toml: .*{message}.*python evaluate.py --tune --factory tiny"
    ):
        read_tuned("tiny", tmp_path)


def test_negative_budget_is_refused() -> None:
    with pytest.raises(ValidationError):
        Budget(generations=-1)


@pytest.mark.parametrize("name", shipped())
def test_shipped_factories_are_tuned_as_they_are(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", TuningWarning)
        tuned = read_tuned(name, source=find_factory(name))
    assert tuned is not None, f"python evaluate.py --tune --factory {name}"
    assert tuned.budget == Budget(), "all factories have the same budget"
    assert list(tuned.rules) == [rule.name for rule in tunable_rules()]
    assert tuned.index is not None
    # Features without a weight are newer than the search; they weigh nothing.
    names = [feature.name for feature in FEATURES if feature.name in tuned.index.weights]
    assert list(tuned.index.weights) == names
    assert len(names) > 30


@pytest.mark.parametrize("name", shipped())
def test_tuning_never_made_a_shipped_rule_worse_on_its_episodes(name: str) -> None:
    tuned = read_tuned(name)
    assert tuned is not None
    assert tuned.index is not None
    for result in (*tuned.rules.values(), tuned.index):
        assert result.tuned_cost <= result.default_cost


def test_shipped_files_have_the_layout_of_the_program(tmp_path: Path) -> None:
    for name in shipped():
        tuned = read_tuned(name)
        assert tuned is not None
        assert write_tuned(tuned, tmp_path).read_bytes() == tuned_file(name).read_bytes()
    assert {path.stem for path in (ROOT / TUNED_FOLDER).glob("*.toml")} == set(shipped()), (
        "no file is left over"
    )

"""Members of a portfolio: what was tuned for the factory comes first, and gaps are said."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.policy_folder import PolicyError
from agents.rules.registry import RULES
from changeover.plant.data import GENERALIST
from changeover.plant.members import find_members, fit_note, load_network
from evaluation.tuned_parameters import best_tuned_rule
from factory.io.catalogue import find_single_factory
from scheduler.portfolio.member_policies import NetworkPolicy
from tests.builders.joinery import joinery

MICROFACTORY = find_single_factory("microfactory")


def test_a_tuned_factory_has_its_best_rule_network_and_index_first() -> None:
    members, notes = find_members(MICROFACTORY)
    names = [member.name for member in members]
    assert names[:3] == [str(best_tuned_rule("microfactory")), GENERALIST, "index"]
    assert len(names) == len(RULES) + 2
    assert isinstance(members[1], NetworkPolicy)
    assert notes == ()


def test_an_own_factory_has_all_rules_and_the_gaps_are_said() -> None:
    members, notes = find_members(joinery())
    names = [member.name for member in members]
    assert names[0].startswith("ATCS+HOLD(")
    assert names[1] == GENERALIST
    assert len(names) == len(RULES) + 1
    assert any("joinery was never tuned" in note for note in notes)
    assert any(f"{GENERALIST} was not trained on joinery" in note for note in notes)


def test_without_policies_only_rules_take_part() -> None:
    members, _ = find_members(joinery(), ())
    assert len(members) == len(RULES)


def test_a_folder_of_tuned_parameters_exists_and_has_the_factory(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no such folder"):
        find_members(joinery(), (), tmp_path / "none")
    _, notes = find_members(joinery(), (), tmp_path)
    assert any(f"joinery has no file in {tmp_path}" in note for note in notes)


def test_parameters_that_were_tuned_for_another_state_are_named() -> None:
    changed = MICROFACTORY.model_copy(update={"crews": 1})
    _, notes = find_members(changed, ())
    assert any("another state of factory microfactory" in note for note in notes)


def test_a_policy_of_the_factory_itself_needs_no_note() -> None:
    _, manifest = load_network(Path(GENERALIST))
    assert fit_note("p", manifest, MICROFACTORY) == ""
    assert "but on microfactory" in fit_note("p", manifest, joinery())
    assert fit_note("p", {}, joinery()).startswith("p was not trained on joinery;")


def test_a_folder_without_a_policy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="is not a policy folder"):
        find_members(joinery(), (str(tmp_path),))

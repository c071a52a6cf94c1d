"""Explanations name the columns whose exchange changes the policy's preference most."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("onnxscript", reason="exporting needs the extra `scheduler`")

from envs.observation.columns import CANDIDATE_INDEX, CANDIDATES
from factory.tick_dates import TickDates
from scheduler.decisions.bundle import Bundle
from scheduler.decisions.column_effects import exchange_effects, exchanged_text
from scheduler.decisions.column_texts import COLUMN_GROUPS, COLUMN_TEXTS
from scheduler.decisions.decider import Decider
from scheduler.decisions.explanations import ask_first, explain
from scheduler.floor.floor import ShopFloor
from tests.builders.plant_days import play_snapshots
from tests.builders.snapshots import FACTORY, RULE, snapshots


@pytest.fixture(scope="module")
def decider(bundle_folder: Path) -> Decider:
    return Decider(ShopFloor(FACTORY), Bundle(bundle_folder), RULE)


def ask(decider: Decider) -> dict[str, NDArray[Any]]:
    """Return the tables of the first decision of a snapshot."""
    ask_first(decider.floor, snapshots()[2])
    return {name: table.copy() for name, table in decider.observation().items()}


def test_every_column_has_a_text_and_one_group() -> None:
    names = [column.name for column in CANDIDATES]
    assert list(COLUMN_TEXTS) == names
    assert sorted(name for group in COLUMN_GROUPS for name in group.columns) == sorted(names)
    assert not any("_" in text for text in COLUMN_TEXTS.values())


def test_all_columns_together_have_the_whole_preference_as_effect(decider: Decider) -> None:
    observation = ask(decider)
    assert decider.bundle is not None
    logits = decider.bundle.logits(observation)[0]
    legal = np.flatnonzero(observation["action_mask"][0])
    best, other = legal[np.argsort(-logits[legal])][:2]
    everything = list(range(len(CANDIDATES)))
    effects = exchange_effects(decider.bundle, observation, best, other, [everything, []])
    assert effects[0] == pytest.approx(logits[best] - logits[other], abs=1e-5)
    assert effects[1] == 0.0


def test_differences_are_those_of_the_model_itself_the_largest_first(decider: Decider) -> None:
    """The effects are computed anew with onnxruntime, one column after the other."""
    observation, explanation = ask(decider), explain(decider, snapshots()[2])
    assert decider.bundle is not None
    logits = decider.bundle.look(observation)[0][0]
    legal = np.flatnonzero(observation["action_mask"][0])
    best, *others = legal[np.argsort(-logits[legal], kind="stable")]
    for other, alternative in zip(others, explanation.alternatives[1:], strict=True):
        effects = {}
        for i, column in enumerate(CANDIDATES):
            changed = {name: table.copy() for name, table in observation.items()}
            changed["candidates"][0, best, i] = changed["candidates"][0, other, i]
            after = decider.bundle.look(changed)[0][0]
            effects[column.name] = (logits[best] - logits[other]) - (after[best] - after[other])
        strongest = max(effects, key=lambda name: abs(effects[name]))
        named = {item.column: item.effect for item in alternative.differs_in}
        assert abs(named.get(strongest, 0.0)) == pytest.approx(abs(effects[strongest]), abs=1e-3)
        for name, effect in named.items():
            assert effect == pytest.approx(effects[name], abs=1e-3)
        sizes = [abs(item.effect) for item in alternative.differs_in]
        assert sizes == sorted(sizes, reverse=True)


def test_the_strongest_column_is_the_first_in_200_decisions(decider: Decider) -> None:
    """Each column is exchanged alone, for the best two rows, with the compiled network."""
    assert decider.bundle is not None
    compared = 0
    for snapshot in play_snapshots(FACTORY, RULE, seed=3):
        explanation = explain(decider, snapshot)
        if len(explanation.alternatives) < 2:
            continue
        ask_first(decider.floor, snapshot)
        observation = {name: table.copy() for name, table in decider.observation().items()}
        logits = decider.bundle.look(observation)[0][0]
        legal = np.flatnonzero(observation["action_mask"][0])
        best, other = legal[np.argsort(-logits[legal], kind="stable")][:2]
        batch = {
            name: np.repeat(table, len(CANDIDATES), axis=0) for name, table in observation.items()
        }
        for i in range(len(CANDIDATES)):
            batch["candidates"][i, best, i] = observation["candidates"][0, other, i]
        after = decider.bundle.logits(batch)
        before = decider.bundle.logits(observation)[0]
        effects = (before[best] - before[other]) - (after[:, best] - after[:, other])
        differs_in = explanation.alternatives[1].differs_in
        if not differs_in:
            assert np.abs(effects).max() <= 1e-3
            continue
        first = CANDIDATE_INDEX[differs_in[0].column]
        assert abs(effects[first]) == pytest.approx(np.abs(effects).max(), abs=1e-4)
        compared += 1
        if compared == 200:
            break
    assert compared == 200


def test_reasons_are_groups_the_largest_effects_first(decider: Decider) -> None:
    explanation = explain(decider, snapshots()[2])
    groups = {group.name: group.columns for group in COLUMN_GROUPS}
    assert not explanation.alternatives[0].reasons
    for alternative in explanation.alternatives[1:]:
        assert alternative.reasons
        for reason in alternative.reasons:
            assert set(reason.columns) <= set(groups[reason.group])
            assert reason.sentence
        sizes = [abs(reason.effect) for reason in alternative.reasons]
        assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize(
    ("name", "here", "chosen", "text"),
    [
        ("setup_time", 90.0, 0.0, "changeover time: 1 h 30 min instead of 0 min"),
        ("slack", -30.0, 5.0, "slack of the order: -30 min instead of 5 min"),
        ("is_mounted", 0.0, 1.0, "the setup is mounted already: no instead of yes"),
        ("rework_probability", 0.25, 0.0, "probability of rework: 25% instead of 0%"),
        ("weight", 1.5, 1000.0, "weight of the order: 1.5 instead of 1,000"),
    ],
)
def test_values_are_told_in_plain_words_with_units(
    name: str, here: float, chosen: float, text: str
) -> None:
    column = CANDIDATES[CANDIDATE_INDEX[name]]
    assert exchanged_text(column, here, chosen, TickDates(1.0)) == text

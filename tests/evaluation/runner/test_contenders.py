"""Policies by their names on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.rules.registry import RULES, make_rule
from evaluation.runner.contenders import Contender, parse_contenders
from evaluation.runner.policies import make_policy


def test_rules_stands_for_all_rules() -> None:
    assert [contender.name for contender in parse_contenders("rules")] == list(RULES)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("EDD, SPT", ["EDD", "SPT"]),
        ("atcs", ["ATCS"]),
        ("ATCS(k1=2, k2=0.5),EDD", ["ATCS(k1=2, k2=0.5)", "EDD"]),
        ("ATCS(k1=3; k2=0.5)", ["ATCS(k1=3, k2=0.5)"]),
        ("S/RO,PT+WINQ,SST>SPT", ["S/RO", "PT+WINQ", "SST>SPT"]),
        ("mine=ATCS(k1=2, k2=0.5),ATCS", ["mine", "ATCS"]),
        ("quick=cpsat(seconds=0.2),cpsat(seconds=1)", ["quick", "cpsat(seconds=1)"]),
        ("EDD,EDD", ["EDD"]),
        ("random,index,rollout,clairvoyant", ["RANDOM", "index", "rollout", "clairvoyant"]),
    ],
)
def test_policies_have_the_names_of_their_entries(text: str, names: list[str]) -> None:
    assert [contender.name for contender in parse_contenders(text)] == names


def test_parameters_of_an_entry_are_kept() -> None:
    (contender,) = parse_contenders("ATCS(k1=3, k2=0.25)")
    assert contender.settle(None) == contender
    assert make_policy(contender).values == {"k1": 3.0, "k2": 0.25}


def test_a_rule_that_was_never_tuned_has_defaults_and_is_not_marked_as_tuned() -> None:
    contender = parse_contenders("ATCS")[0].settle(None)
    assert contender.parameters == make_rule("ATCS").values
    assert not contender.tuned


def test_planners_improve_on_the_best_rule_unless_another_is_named() -> None:
    best = make_rule("ATCS+HOLD", k1=3)
    assert parse_contenders("cpsat")[0].settle(None, best).parameters == {
        "seconds": 1.0,
        "rule": str(best),
    }
    assert parse_contenders("cpsat(rule=EDD)")[0].settle(None, best).parameters["rule"] == "EDD"


def test_lookahead_improves_on_the_policy_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    (contender,) = parse_contenders(f"ahead=lookahead(policy={tmp_path}; futures=8)")
    assert (contender.name, contender.kind, contender.paths, contender.plays_alone) == (
        "ahead",
        "lookahead",
        (str(tmp_path),),
        True,
    )
    assert contender.settle(None, make_rule("EDD")).parameters == {
        "candidates": 4,
        "futures": 8,
        "horizon": 4.0,
        "confidence": 1.5,
    }
    before = contender.identity()
    (tmp_path / "weights.npz").write_bytes(b"other weights")
    assert contender.identity() != before


def test_training_runs_of_one_policy_are_joined(tmp_path: Path) -> None:
    runs = [tmp_path / name for name in ("a.zip", "b.zip")]
    for run in runs:
        run.touch()
    (contender,) = parse_contenders(f"ours={runs[0]}+{runs[1]}")
    assert (contender.name, contender.training_seeds, contender.paths) == (
        "ours",
        2,
        tuple(map(str, runs)),
    )


def test_the_identity_of_a_checkpoint_is_its_content(tmp_path: Path) -> None:
    path = tmp_path / "model.zip"
    path.write_bytes(b"first")
    first = Contender("model", "learned", paths=(str(path),)).identity()
    path.write_bytes(b"second")
    assert Contender("model", "learned", paths=(str(path),)).identity() != first


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "at least one is needed"),
        ("ATCSX", "Did you mean 'ATCS'"),
        ("clairvoyance", "Did you mean 'clairvoyant'"),
        ("ATCS(k9=1)", "parameter 'k9' is not known"),
        ("cpsat(seconds=fast)", "is not a positive number"),
        ("cpsat(seconds=-1)", "is not a positive number"),
        ("lookahead", r"Say which: lookahead\(policy="),
        ("lookahead(policy=runs/none)", "it is not a folder that train.py wrote"),
        ("lookahead(rule=EDD)", "parameter 'rule' is not known"),
        ("a=EDD,a=SPT", "two different ones are called 'a'"),
        ("a=rules", "gives one name to 44 policies"),
        ("runs/none.zip", "there is no such file"),
        ("none.py:Mine", "there is no file none.py"),
    ],
)
def test_a_wrong_entry_is_refused_with_the_remedy(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_contenders(text)


@pytest.mark.parametrize("text", ["rollout(futures=2.5)", "rollout(candidates=0.5)"])
def test_bug_a_planner_is_not_asked_for_half_a_future(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a whole number. Write it like"):
        make_policy(parse_contenders(text)[0].settle(None))
    assert make_policy(parse_contenders("rollout(futures=4)")[0].settle(None)).futures == 4


def test_a_policy_whose_name_cannot_be_printed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a\nb.zip").write_bytes(b"")
    with pytest.raises(
        ValueError,
        match=r"its name must be printable, and the character U\+000A is not. Rename it.",
    ):
        parse_contenders(str(tmp_path / "a\nb.zip"))


def test_bug_commas_and_plus_signs_in_the_path_of_a_policy_are_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "a,b+c (d).zip"
    path.write_bytes(b"")
    (contender,) = parse_contenders(str(path))
    assert (contender.name, contender.paths) == ("a,b+c (d)", (str(path),))

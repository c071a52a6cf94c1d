"""Dispatching rules: rankings worked by hand, ties, legality, and literature."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
import pytest

from agents.rules.literature import OBJECTIVES, PUBLICATIONS
from agents.rules.registry import RULES, Rule, make_rule, parse_rule
from agents.rules.rows import Rows
from tests.builders.rule_tables import JOBS, WAIT, A, B, C, D, random_tables, ranking, table

HAND_WORKED = {
    "FIFO": "ABCD",  # q 12, 9, 5, 3
    "FASFS": "CADB",  # t - r 40, 15, 50, 20
    "SPT": "BCDA",  # p 10, 4, 6, 8
    "LPT": "ADCB",
    "WSPT": "CBDA",  # w/p 0.1, 0.5, 0.67, 0.125
    "SRPT": "BDAC",  # R 20, 4, 30, 8
    "EDD": "DBCA",  # d - t 30, 12, 20, -5
    "WEDD": "DCBA",  # 30/1, 12/2, 20/4, -5 * 1
    "ODD": "DCBA",  # o - t 25, 12, 8, -5
    "MDD": "DBAC",  # max(20, 30), max(4, 12), max(30, 20), max(8, -5); A and C tie
    "MOD": "CDBA",  # 25, 12, max(6, 8), max(8, -5); C and D tie
    "WMDD": "BCDA",  # 30, 12/2, 30/4, 8
    "WMOD": "CBDA",  # 25, 12/2, 8/4, 8
    "SLK": "DCBA",  # 10, 8, -10, -13
    "SI": "CDBA",  # C, D have no slack: p 6, 8; then B, A: p 4, 10
    "S/RO": "DCAB",  # 10/2, 8/1, -10/3, -13/1
    "S/OPN": "CDAB",  # 10/2, 8/1, -10 * 3, -13 * 1
    "CR": "DCAB",  # 30/20, 12/4, 20/30, -5/8
    "COVERT(k=0.5)": "CDAB",  # 0.1 (1 - 10/10), 0.5 max(0, 1 - 8/2), 0.67, 0.125; A and B tie at 0
    "ATC(k=0.5)": "CDBA",  # logs -2.30 - 15/3.5, -0.69 - 8/3.5, -0.41 - 2/3.5, -2.08 - 0
    "WINQ": "BDCA",  # 30, 0, 1, 0; B and D tie
    "PT+WINQ": "BCDA",  # 40, 4, 7, 8
    "PT+WINQ+SL": "DCBA",  # 40, 4, 7 - 10, 8 - 13
    "2PT+WINQ+NPT": "BDCA",  # 20 + 30 + 10, 8, 12 + 1 + 8, 16
    # 10 (9*30 + 10*1.2 + 1), 4 (4*5 + 1), 6 (6.67*1 + 6*1.107 + 1), 8 (8*9 + 1): 2830, 84, 86, 584
    "GECCO10": "BCDA",
    "SST": "ACDB",  # s 0, 6, 0, 2; A and C tie
    "SST>SPT": "CADB",
    "SSPT": "CABD",  # 10, 10, 6, 10; A, B and D tie
    "SNSPT": "CADB",  # 10/7, 6/2 + 4/7, 6/7, 2/2 + 8/7
    "SA>FIFO": "ACBD",
    "SA>EDD": "CADB",
    "SA>SPT": "CABD",
    "DK(k=20)": "DCAB",  # 30, 12 + 20, 20, -5 + 20
    "FFCFS": "ACBD",  # q of X 12, Y 9, Z 3
    "FEDD>EDD": "DBCA",  # Z -5, Y 12, X 20 with C before A
    "FCR>CR": "DCAB",  # Z -0.625, X 0.67 with C before A, Y 3
    "MMS>SPT": "CADB",  # 0, 6, 0, 2
    "MASP>SPT": "CABD",  # X 16/2, Y 10, Z 10: SPT
    "WBPT": "CABD",  # 10, 6 + 4, 6, 2 + 8; A, B and D tie
    "ATCS": "CADB",  # logs -2.30 - 15/14, -0.69 - 8/14 - 6, -0.41 - 2/14, -2.08 - 2
    "ATCS+OPEN": "CADB",  # the same: nothing closes
    "ATCSR": "CADB",  # the same: all are ready, and the means are over the same four
    "ATCS+HOLD": "CADB",  # the same: nothing is on its way
}


def environment(observations: dict[str, Any], e: int) -> dict[str, Any]:
    return {name: values[e] for name, values in observations.items()}


all_rules = pytest.mark.parametrize("rule", RULES.values(), ids=str)


# --- ranking --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "order"), HAND_WORKED.items())
def test_ranking_is_the_one_worked_by_hand(text: str, order: str) -> None:
    assert ranking(parse_rule(text), table([A, B, C, D], wait={}), "ABCD") == order


def test_every_rule_but_chance_is_worked_by_hand() -> None:
    assert {parse_rule(text).name for text in HAND_WORKED} | {"RANDOM"} == set(RULES)


def test_time_in_which_the_machine_is_closed_makes_an_order_more_urgent() -> None:
    """Due in 30 ticks, in 20 of which the machine is open: slack 5 rather than 15."""
    observation = table([A, A | {"open_due_in": 20}], wait={})
    assert ranking(make_rule("ATCS+OPEN"), observation, "12") == "21"
    assert ranking(make_rule("ATCS"), observation, "12") == "12"


@all_rules
def test_ties_go_to_the_earlier_slot_of_the_queue(rule: Rule) -> None:
    assert ranking(rule, table([A, A, A], wait={}), "123") == "123"


@all_rules
def test_only_legal_rows_are_chosen(rule: Rule) -> None:
    observations = random_tables(1, 300)
    actions = rule.decide(observations)
    assert actions.shape == (300,)
    assert observations["action_mask"][np.arange(300), actions].all()
    assert len(np.unique(actions)) > JOBS


@all_rules
def test_illegal_rows_do_not_matter(rule: Rule) -> None:
    observation = table([A, B, C, D], wait={})
    observation["action_mask"][[0, 2]] = False
    expected = rule.decide(observation)
    observation["candidates"][[0, 2], 3:] = np.nan
    observation["candidates"][4, 3:] = -np.inf
    if rule.name == "ATCSR":  # its means are over all offered rows
        observation["candidates"][[0, 2], 3:] = 1.0
    assert rule.decide(observation) == expected


@all_rules
def test_a_batch_decides_as_its_environments_one_by_one(rule: Rule) -> None:
    observations = random_tables(2, 60)
    assert [int(rule.decide(environment(observations, e))) for e in range(60)] == rule.decide(
        observations
    ).tolist()


@all_rules
def test_permuted_jobs_permute_the_choice(rule: Rule) -> None:
    observations = random_tables(3, 200)
    new_row = np.concatenate(
        [np.random.default_rng(4).permutation(JOBS), np.arange(JOBS, WAIT + 1)]
    )
    permuted = {
        **observations,
        "candidates": observations["candidates"][:, new_row],
        "action_mask": observations["action_mask"][:, new_row],
    }
    assert (new_row[rule.decide(permuted)] == rule.decide(observations)).all()


def test_single_precision_and_named_tuples_are_accepted() -> None:
    class Tables(NamedTuple):
        candidates: Any
        machines: Any
        shop: Any
        action_mask: Any

    plain = table([A, B, C, D])
    single = Tables(
        plain["candidates"].astype(np.float32),
        plain["machines"].astype(np.float32),
        plain["shop"].astype(np.float32),
        plain["action_mask"].astype(np.int8),
    )
    assert make_rule("ATCS").decide(single) == make_rule("ATCS").decide(plain) == 2


@pytest.mark.parametrize("name", ["candidates", "machines", "shop"])
def test_a_table_of_other_columns_is_refused(name: str) -> None:
    observation = table([A, B])
    observation[name] = observation[name][..., 1:]
    with pytest.raises(ValueError, match="Observe with the same version"):
        Rows(observation)


def test_an_order_without_weight_comes_last() -> None:
    for name in ("WSPT", "WEDD", "WMDD", "WMOD", "COVERT", "ATC", "ATCS", "ATCSR"):
        assert ranking(make_rule(name), table([D | {"weight": 0}, A]), "DA") == "AD", name
        assert (
            ranking(make_rule(name), table([A | {"weight": 0}, D | {"weight": 0}]), "AD") == "AD"
        ), name


def test_an_operation_that_takes_no_time_upsets_no_rule() -> None:
    nothing = {"process_time": 0, "work_left": 0, "next_process_time": 0, "family_ready_work": 0}
    for rule in RULES.values():
        with np.errstate(all="raise"):
            order = ranking(rule, table([A | nothing, B | nothing, C]), "ABC")
            assert "".join(sorted(order)) == "ABC"
    assert ranking(make_rule("ATC"), table([A, A | nothing, C]), "A0C")[0] == "0"


def test_without_changeover_times_setup_rules_equal_their_plain_forms() -> None:
    jobs = [
        job | {"is_mounted": 1, "setup_time": 0, "setup_cost": 0, "family_ready": 1}
        for job in (A, B, C, D)
    ]
    for with_setups, plain in (
        ("ATCS(k1=3)", "ATC(k=3)"),
        ("SNSPT", "SPT"),
        ("SSPT", "SPT"),
        ("MMS>SPT", "SPT"),
        ("SA>EDD", "EDD"),
        ("DK", "EDD"),
    ):
        assert ranking(parse_rule(with_setups), table(jobs), "ABCD") == ranking(
            parse_rule(plain), table(jobs), "ABCD"
        )


def test_a_changeover_that_takes_no_time_is_a_changeover() -> None:
    late = A | {"due_in": 25, "setup_time": 0, "is_mounted": 0}
    assert ranking(make_rule("SA>EDD"), table([late, A]), "LA") == "AL"
    assert ranking(make_rule("DK", k=10), table([late, A]), "LA") == "AL"
    assert ranking(make_rule("DK", k=2), table([late, A]), "LA") == "LA"


def test_far_off_due_dates_still_rank_under_atc() -> None:
    far, farther = (A | {"operation_due_in": 10**days} for days in (6, 7))
    assert ranking(make_rule("ATC"), table([farther, far]), "21") == "12"


def test_the_evolved_rule_measures_time_in_its_unit() -> None:
    times = (
        "process_time",
        "next_process_time",
        "next_queue_work",
        "time_in_queue",
        "time_in_shop",
    )
    jobs = [
        job
        | {
            "time_in_queue": 0,
            "operations_left": 9,
            "next_queue_work": 40 - 9 * job["process_time"] / 2,
        }
        for job in (A, B, C, D)
    ]
    finer = [job | {name: 1000 * job[name] for name in times} for job in jobs]
    order = ranking(make_rule("GECCO10"), table(jobs), "ABCD")
    assert ranking(make_rule("GECCO10", unit=1000), table(finer), "ABCD") == order
    assert ranking(make_rule("GECCO10", unit=1), table(finer), "ABCD") != order


# --- literature -----------------------------------------------------------------------------------


def test_each_rule_has_an_objective_in_the_order_of_the_registry() -> None:
    assert list(OBJECTIVES) == list(RULES)
    assert all(OBJECTIVES.values())


@all_rules
def test_each_source_is_a_known_publication(rule: Rule) -> None:
    cited = rule.source.removeprefix("this project, ").removeprefix("after ")
    assert rule.name == "RANDOM" or cited in PUBLICATIONS


def test_each_publication_is_the_source_of_a_rule() -> None:
    sources = " ".join(rule.source for rule in RULES.values())
    assert [publication for publication in PUBLICATIONS if publication not in sources] == []


@all_rules
def test_each_priority_function_cites_its_source(rule: Rule) -> None:
    deciding = rule.priorities[0].__doc__ or ""
    year = re.search(r"\d{4}", rule.source)
    assert rule.name in ("RANDOM", "ATCS+HOLD", "ATCS+OPEN") or (
        year is not None and year[0] in deciding
    )

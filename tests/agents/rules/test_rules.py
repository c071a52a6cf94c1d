"""Dispatching rules: hand-worked rankings, ties, legality, detours, changeovers ahead, waits,
parameters, and their documentation."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
import pytest

from agents.rules.rows import Rows
from agents.rules.registry import OTHER_NAMES, RULES, Rule, find_rule, make_rule, parse_rule
from envs.observation.columns import CANDIDATE_INDEX, MACHINE_INDEX, SHOP_INDEX
from tests.builders.repository import ROOT

DOCS = ROOT / "docs" / "rules.md"
JOBS, CHANGEOVERS = 5, 3
WAIT = JOBS + CHANGEOVERS

# Families: X = {A, C} mounted, Y = {B} 6 away, Z = {D} 2 away. Means over the four: p_bar = 28 / 4
# = 7, s_bar = 8 / 4 = 2.
_X = {
    "is_mounted": 1,
    "family_ready": 2,
    "family_ready_work": 16,
    "family_due_in": 20,
    "family_time_in_queue": 12,
    "family_critical_ratio": 20 / 30,
}
_Y = {
    "family_ready": 1,
    "family_ready_work": 4,
    "family_due_in": 12,
    "family_time_in_queue": 9,
    "family_critical_ratio": 3,
    "setup_time": 6,
    "setup_cost": 3,
}
_Z = {
    "family_ready": 1,
    "family_ready_work": 8,
    "family_due_in": -5,
    "family_time_in_queue": 3,
    "family_critical_ratio": -5 / 8,
    "setup_time": 2,
    "setup_cost": 1,
}
A = _X | {
    "process_time": 10,
    "due_in": 30,
    "operation_due_in": 25,
    "work_left": 20,
    "slack": 10,
    "weight": 1,
    "operations_left": 2,
}
A |= {"time_in_queue": 12, "time_in_shop": 40, "next_process_time": 10, "next_queue_work": 30}
B = _Y | {
    "process_time": 4,
    "due_in": 12,
    "operation_due_in": 12,
    "work_left": 4,
    "slack": 8,
    "weight": 2,
    "operations_left": 1,
}
B |= {"time_in_queue": 9, "time_in_shop": 15, "next_process_time": 0, "next_queue_work": 0}
C = _X | {
    "process_time": 6,
    "due_in": 20,
    "operation_due_in": 8,
    "work_left": 30,
    "slack": -10,
    "weight": 4,
    "operations_left": 3,
}
C |= {"time_in_queue": 5, "time_in_shop": 50, "next_process_time": 8, "next_queue_work": 1}
D = _Z | {
    "process_time": 8,
    "due_in": -5,
    "operation_due_in": -5,
    "work_left": 8,
    "slack": -13,
    "weight": 1,
    "operations_left": 1,
}
D |= {"time_in_queue": 3, "time_in_shop": 20, "next_process_time": 0, "next_queue_work": 0}

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
    "GECCO10": (
        "BCDA"
        # 10 (9*30 + 10*1.2 + 1), 4 (4*5 + 1), 6 (6.67*1 + 6*1.107 + 1), 8 (8*9 + 1): 2830, 84, 86,
        # 584
    ),
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
    "ATCSR": "CADB",  # the same: all are ready, and the means are over the same four
    "ATCS+HOLD": "CADB",  # the same: nothing is on its way
}


def table(
    jobs: list[dict[str, float]],
    changeovers: list[dict[str, float]] = (),
    wait: dict[str, float] | None = None,
    **shop: float,
) -> dict[str, Any]:
    """Observation of one environment: job rows, changeover rows, the wait row (legal if given);
    ``mean_*`` are those of the jobs."""
    candidates = np.zeros((WAIT + 1, len(CANDIDATE_INDEX)))
    legal = np.zeros(WAIT + 1, bool)
    for row, values in [*enumerate(jobs), *enumerate(changeovers, JOBS), (WAIT, wait or {})]:
        kind = "is_wait" if row == WAIT else "is_job" if row < JOBS else "is_changeover"
        for name, value in (values | {kind: 1}).items():
            candidates[row, CANDIDATE_INDEX[name]] = value
        legal[row] = row < WAIT or wait is not None
    here = {
        name: (
            float(np.mean([job.get(name.removeprefix("mean_"), 0) for job in jobs]))
            if jobs
            else 0.0
        )
        for name in ("mean_process_time", "mean_setup_time")
    }
    shop_row = np.zeros(len(SHOP_INDEX))
    for name, value in (here | {"ready_here": len(jobs)} | shop).items():
        shop_row[SHOP_INDEX[name]] = value
    return {
        "candidates": candidates,
        "action_mask": legal,
        "machines": machine_rows(["is_processing"]),
        "shop": shop_row,
    }


def machine_rows(statuses: list[str]) -> np.ndarray:
    """Machine table ``[M, Fm]`` of machines in the given statuses."""
    machines = np.zeros((len(statuses), len(MACHINE_INDEX)))
    for machine, status in enumerate(statuses):
        machines[machine, [MACHINE_INDEX["exists"], MACHINE_INDEX[status]]] = 1
    return machines


def ranking(rule: Rule, observation: dict[str, Any], names: str) -> str:
    """The order in which the rule would take the jobs if the table stayed as it is."""
    legal, order = observation["action_mask"].copy(), ""
    while legal[: len(names)].any():
        row = int(rule.decide(observation | {"action_mask": legal}))
        order += names[row]
        legal[row] = False
    return order


def random_tables(seed: int, num_envs: int) -> dict[str, Any]:
    """Tables of continuous numbers, all rows of job, changeover and wait kind, with random masks of
    at least one legal row."""
    random = np.random.default_rng(seed)
    candidates = random.uniform(0.5, 90, (num_envs, WAIT + 1, len(CANDIDATE_INDEX)))
    for name in ("due_in", "operation_due_in", "slack", "family_due_in", "family_critical_ratio"):
        candidates[..., CANDIDATE_INDEX[name]] -= 40
    for name, rows in (
        ("is_job", slice(0, JOBS)),
        ("is_changeover", slice(JOBS, WAIT)),
        ("is_wait", slice(WAIT, WAIT + 1)),
    ):
        candidates[..., CANDIDATE_INDEX[name]] = 0
        candidates[:, rows, CANDIDATE_INDEX[name]] = 1
    ahead = random.random((num_envs, CHANGEOVERS)) < 0.5
    candidates[:, JOBS:WAIT, CANDIDATE_INDEX["family_ready"]] *= ~ahead
    legal = random.random((num_envs, WAIT + 1)) < 0.4
    legal[np.arange(num_envs), random.integers(0, WAIT + 1, num_envs)] = True
    return {
        "candidates": candidates,
        "action_mask": legal,
        "machines": np.broadcast_to(
            machine_rows(["is_processing", "is_idle"]), (num_envs, 2, len(MACHINE_INDEX))
        ),
        "shop": random.uniform(1, 50, (num_envs, len(SHOP_INDEX))),
    }


def one_of(observations: dict[str, Any], e: int) -> dict[str, Any]:
    return {name: values[e] for name, values in observations.items()}


all_rules = pytest.mark.parametrize("rule", RULES.values(), ids=str)


# --- ranking --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "order"), HAND_WORKED.items())
def test_ranking_is_the_one_worked_by_hand(text: str, order: str) -> None:
    assert ranking(parse_rule(text), table([A, B, C, D], wait={}), "ABCD") == order


def test_every_rule_but_chance_is_worked_by_hand() -> None:
    assert {parse_rule(text).name for text in HAND_WORKED} | {"RANDOM"} == set(RULES)


@all_rules
def test_ties_go_to_the_earlier_place_in_the_queue(rule: Rule) -> None:
    assert ranking(rule, table([A, A, A], wait={}), "123") == "123"


@all_rules
def test_only_legal_rows_are_chosen(rule: Rule) -> None:
    observations = random_tables(1, 300)
    actions = rule.decide(observations)
    assert actions.shape == (300,)
    assert observations["action_mask"][np.arange(300), actions].all()
    assert len(np.unique(actions)) > JOBS


@all_rules
def test_what_stands_in_illegal_rows_does_not_matter(rule: Rule) -> None:
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
    assert [int(rule.decide(one_of(observations, e))) for e in range(60)] == rule.decide(
        observations
    ).tolist()


@all_rules
def test_permuted_jobs_permute_the_choice(rule: Rule) -> None:
    observations = random_tables(3, 200)
    new_place = np.concatenate(
        [np.random.default_rng(4).permutation(JOBS), np.arange(JOBS, WAIT + 1)]
    )
    permuted = {
        **observations,
        "candidates": observations["candidates"][:, new_place],
        "action_mask": observations["action_mask"][:, new_place],
    }
    assert (new_place[rule.decide(permuted)] == rule.decide(observations)).all()


def test_single_precision_and_named_tuples_are_accepted() -> None:
    class Observation(NamedTuple):
        candidates: Any
        machines: Any
        shop: Any
        action_mask: Any

    plain = table([A, B, C, D])
    single = Observation(
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
            assert sorted(ranking(rule, table([A | nothing, B | nothing, C]), "ABC")) == [
                "A",
                "B",
                "C",
            ]
    assert ranking(make_rule("ATC"), table([A, A | nothing, C]), "A0C")[0] == "0"


def test_without_changeover_times_the_setup_rules_are_their_plain_kin() -> None:
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


# --- nothing to start, changeovers ahead, waits ---------------------------------------------------

AHEAD = {
    "process_time": 5,
    "operation_due_in": 9,
    "weight": 1,
    "setup_time": 4,
    "setup_cost": 1,
    "ready_in": 3,
    "family_upcoming": 1,
}
PLAIN = [rule for rule in RULES.values() if not rule.uses_changeovers]


@pytest.mark.parametrize("rule", PLAIN, ids=str)
def test_a_plain_rule_waits_rather_than_change_over_ahead(rule: Rule) -> None:
    assert rule.decide(table([], [AHEAD], wait={"family_upcoming": 1})) == WAIT


@all_rules
def test_a_rule_takes_the_first_detour_rather_than_wait(rule: Rule) -> None:
    detour = AHEAD | {"family_ready": 1, "ready_in": 0, "family_upcoming": 0}
    assert rule.decide(table([], [AHEAD, detour, detour], wait={"family_upcoming": 1})) == JOBS + 1


@all_rules
def test_a_rule_takes_a_job_rather_than_a_detour(rule: Rule) -> None:
    assert rule.decide(table([A], [AHEAD | {"family_ready": 1, "weight": 99}], wait={})) == 0


@all_rules
def test_a_rule_takes_what_is_left_where_it_may_not_wait(rule: Rule) -> None:
    assert rule.decide(table([], [AHEAD])) == JOBS


@all_rules
def test_nothing_legal_gives_row_0(rule: Rule) -> None:
    observation = table([A, B])
    observation["action_mask"][:] = False
    assert rule.decide(observation) == 0


def test_only_atcsr_changes_over_ahead_and_only_holding_waits_with_work_at_hand() -> None:
    assert [rule.name for rule in RULES.values() if rule.uses_changeovers] == ["ATCSR"]
    assert [rule.name for rule in RULES.values() if rule.uses_wait] == ["ATCS+HOLD"]


def test_atcsr_changes_over_ahead_when_idle() -> None:
    assert make_rule("ATCSR").decide(table([], [AHEAD], wait={"family_upcoming": 1})) == JOBS


def test_atcsr_starts_ready_work_first() -> None:
    assert (
        make_rule("ATCSR").decide(table([A], [AHEAD | {"weight": 99}], wait={"family_upcoming": 1}))
        == 0
    )


def test_atcsr_keeps_a_setup_that_work_on_its_way_needs() -> None:
    """Two operations are on their way, one changeover is offered: the other operation wants what is
    mounted."""
    assert make_rule("ATCSR").decide(table([], [AHEAD], wait={"family_upcoming": 2})) == WAIT


def test_atcsr_weighs_urgency_against_the_time_until_ready() -> None:
    """p_bar = 5, s_bar = 4. Soon: log 0.2 - 1/10 - 2 - 3/(5 k3). Later but heavier: log 0.8 - 0 - 2
    - 8/(5 k3)."""
    later = AHEAD | {"weight": 4, "ready_in": 8}
    observation = table([], [AHEAD, later], wait={"family_upcoming": 2})
    assert make_rule("ATCSR", k3=1).decide(observation) == JOBS + 1  # -4.31 against -3.82
    assert make_rule("ATCSR", k3=0.5).decide(observation) == JOBS  # -4.91 against -5.42


def test_holding_waits_for_work_on_its_way_rather_than_change_over_for_what_can_wait() -> None:
    """B alone: slack 8 over 2 * 4, changeover 6 over 0.5 * 6: exp(-1 - 2) = 0.0498."""
    observation = table([B], wait={"family_upcoming": 1})
    assert make_rule("ATCS+HOLD", hold=0.0499).decide(observation) == WAIT
    assert make_rule("ATCS+HOLD", hold=0.0497).decide(observation) == 0


def test_bug_holding_does_not_wait_where_no_machine_is_at_work() -> None:
    """What is on its way may then be held back by other machines in the same way, for ever."""
    observation = table([B], wait={"family_upcoming": 1})
    for statuses, row in ((["is_idle", "is_down"], WAIT), (["is_idle", "is_idle"], 0)):
        observation["machines"] = machine_rows(statuses)
        assert make_rule("ATCS+HOLD", hold=1).decide(observation) == row


def test_holding_starts_what_needs_no_changeover() -> None:
    assert make_rule("ATCS+HOLD", hold=1).decide(table([A], wait={"family_upcoming": 1})) == 0


def test_holding_starts_work_when_none_is_on_its_way_or_it_may_not_wait() -> None:
    assert make_rule("ATCS+HOLD", hold=1).decide(table([B], wait={"family_upcoming": 0})) == 0
    observation = table([B], wait={"family_upcoming": 1})
    observation["action_mask"][WAIT] = False
    assert make_rule("ATCS+HOLD", hold=1).decide(observation) == 0


def test_chance_is_fair_and_keyed_by_its_seed() -> None:
    observation = table([A, B, C, D], wait={})
    chosen = [int(make_rule("RANDOM", seed=seed).decide(observation)) for seed in range(2000)]
    shares = np.bincount(chosen, minlength=4) / 2000
    assert shares.shape == (4,)
    assert np.abs(shares - 0.25).max() < 0.04  # four standard deviations
    assert chosen == [
        int(make_rule("RANDOM", seed=seed).decide(observation)) for seed in range(2000)
    ]


# --- names and parameters -------------------------------------------------------------------------


@all_rules
def test_text_and_rule_are_each_others_reverse(rule: Rule) -> None:
    random = np.random.default_rng(5)
    for _ in range(20):
        values = {
            parameter.name: float(random.uniform(parameter.low, parameter.high))
            for parameter in rule.parameters
        }
        made = make_rule(rule.name, **values)
        assert parse_rule(str(made)) == made
        assert made.values == values
    assert parse_rule(rule.name) == rule == parse_rule(str(rule))


def test_arguments_may_go_without_names_and_be_separated_by_semicolons() -> None:
    assert (
        parse_rule("ATCS(2; 0.25)")
        == parse_rule(" atcs( k2=0.25 , k1=2 ) ")
        == make_rule("ATCS", k1=2, k2=0.25)
    )
    assert str(parse_rule("ATCS(3;0.2)")) == "ATCS(k1=3, k2=0.2)"


def test_other_names_mean_the_same_rule() -> None:
    assert {name: find_rule(name).name for name in OTHER_NAMES} == OTHER_NAMES


@all_rules
def test_bounds_belong_to_the_range_and_nothing_beyond_does(rule: Rule) -> None:
    for parameter in rule.parameters:
        assert parameter.low <= parameter.default <= parameter.high
        assert parameter.scale == "linear" or parameter.low > 0
        for value in (parameter.low, parameter.high):
            assert make_rule(rule.name, **{parameter.name: value}).values[parameter.name] == value
        for value in (parameter.low - 0.001, parameter.high * 1.001, float("nan"), float("inf")):
            with pytest.raises(
                ValueError,
                match=(
                    f"{re.escape(rule.name)}: {parameter.name} = .* is out of bounds. Give a number"
                    " from"
                ),
            ):
                make_rule(rule.name, **{parameter.name: value})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ATSC", "rule 'ATSC' is not known; did you mean 'ATC"),
        ("nonsense", "rule 'nonsense' is not known. The rules are FIFO"),
        (
            "ATCS(k3=1)",
            r"rule ATCS: parameter 'k3' is not known. The rule has k1 \(0.05 .. 50, default 2\)",
        ),
        ("EDD(1)", "rule EDD: argument '1' is one too many. The rule has no parameters"),
        ("ATCS(1, 2, 3)", "argument '3' is one too many"),
        ("ATCS(1, k1=2)", "parameter 'k1' is given twice"),
        ("ATCS(k1=fast)", "k1 = 'fast' is not a number"),
        ("ATCS(k1=2", "cannot be read. Write NAME or NAME"),
        ("", "cannot be read"),
    ],
)
def test_a_bad_rule_text_says_what_is_wrong_and_what_would_be_right(
    text: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        parse_rule(text)


def test_a_parameter_that_is_no_number_is_refused() -> None:
    for value in ("2", None, True):
        with pytest.raises(
            TypeError, match=r"rule ATCS: k1 = .* is not a number. Give one from 0.05 to 50."
        ):
            make_rule("ATCS", k1=value)  # type: ignore[arg-type]


# --- documentation --------------------------------------------------------------------------------


def documented() -> dict[str, list[str]]:
    rows = [
        [cell.strip() for cell in line.strip("|\n").split("|")]
        for line in DOCS.read_text().splitlines()
        if line.startswith("| `")
    ]
    return {row[0].strip("`"): row[1:] for row in rows}


def test_docs_list_exactly_the_rules_in_their_order() -> None:
    assert list(documented()) == list(RULES)


@all_rules
def test_docs_give_each_rules_parameters_and_source(rule: Rule) -> None:
    formula, parameters, source, purpose = documented()[rule.name]
    assert parameters == ", ".join(
        f"{parameter} {parameter.scale}" for parameter in rule.parameters
    )
    assert source == rule.source
    assert formula
    assert purpose


@all_rules
def test_each_source_is_in_the_list_of_sources(rule: Rule) -> None:
    sources = DOCS.read_text().split("## Sources")[1]
    cited = re.search(r"(?:after )?([A-Z][^()]*) \((\d{4})\)", rule.source)
    assert rule.name == "RANDOM" or f"- {cited[1]} ({cited[2]}), " in sources


@all_rules
def test_each_priority_function_cites_its_source(rule: Rule) -> None:
    deciding = rule.priorities[0].__doc__ or ""
    year = re.search(r"\d{4}", rule.source)
    assert rule.name in ("RANDOM", "ATCS+HOLD") or (year is not None and year[0] in deciding)

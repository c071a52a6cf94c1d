"""Dispatching rules as policies: ``make_rule("ATCS", k1=2, k2=0.5).decide(observation)``.

A rule ranks the legal job rows by its first priority, and ties by its further priorities; the last
ties go to the earlier row, which is the earlier queue slot. If no job row is legal, it takes the
first detour to a ready operation (so it never idles while work that it can reach waits), else
waits, else takes the first legal row. Only rules defined that way change over ahead of time, or
wait although they could start something. docs/reference/rules.md lists all rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from agents.rules import priorities as by
from agents.rules.parameters import (
    Parameter,
    check_values,
    closest,
    read_values,
    split_call,
    write_call,
)
from agents.rules.random_choice import chance
from agents.rules.rows import ObservationLike, RowFlags, Rows, RowValues

PriorityFunction = Callable[..., RowValues]


@dataclass(frozen=True)
class Rule:
    """A dispatching rule with its parameters set.

    Parameters
    ----------
    name
        Name in docs/reference/rules.md and in the literature.
    priorities
        Functions from (rows, parameters) to priorities ``[E, A]``, higher is sooner: the first one
        decides, each next one breaks its ties. A tie-breaker takes no parameters.
    source
        Publication.
    parameters
        Tunable parameters.
    values
        Values of the parameters.
    ahead_condition
        Function from rows to flags ``[E, 1]``: with nothing to start, change over for work on its
        way; None: never.
    hold_condition
        Function from (rows, parameters) to flags ``[E, A]``: wait rather than choose the job row;
        None: never.
    """

    name: str
    priorities: tuple[PriorityFunction, ...]
    source: str
    parameters: tuple[Parameter, ...] = ()
    values: Mapping[str, float] = field(default_factory=dict)
    ahead_condition: Callable[[Rows], RowFlags] | None = None
    hold_condition: Callable[..., RowFlags] | None = None

    @property
    def uses_changeovers(self) -> bool:
        """Return True if the rule may choose a changeover ahead of time."""
        return self.ahead_condition is not None

    @property
    def uses_wait(self) -> bool:
        """Return True if the rule may wait although it could start an operation."""
        return self.hold_condition is not None

    def rank(self, rows: Rows) -> list[RowValues]:
        """Return priorities ``[E, A]``, the deciding one first."""
        first, *tie_breakers = self.priorities
        # rows that are not legal can hold anything
        with np.errstate(divide="ignore", invalid="ignore"):
            return [first(rows, **self.values), *(priority(rows) for priority in tie_breakers)]

    def decide(self, observation: ObservationLike) -> NDArray[np.int64] | np.int64:
        """Return the chosen rows of the candidate table ``[E]``; see :func:`decide`."""
        return decide(self, observation)

    def __str__(self) -> str:
        return write_call(self.name, self.values)


def decide(rule: Rule, observation: ObservationLike) -> NDArray[np.int64] | np.int64:
    """Return the rows that ``rule`` chooses.

    Parameters
    ----------
    observation
        ``candidates [E, A, F]``, ``action_mask [E, A]``, ``machines [E, M, Fm]``, ``shop [E, Fs]``,
        laid out as in ``envs/observation/columns.py``; without the leading axis for a single
        environment.

    Returns
    -------
    Indices of rows, int64 ``[E]`` (a scalar without the leading axis); 0 if no row is legal (the
    episode is over).
    """
    rows = Rows(observation)
    ranking = rule.rank(rows)
    is_job, is_changeover, is_wait = (
        rows[name] > 0 for name in ("is_job", "is_changeover", "is_wait")
    )
    is_detour = is_changeover & (rows["family_ready"] > 0)
    may_wait = rows.legal & is_wait

    actions = _prefer(np.argmax(rows.legal, axis=1), may_wait, [])
    if rule.ahead_condition is not None:
        actions = _prefer(
            actions, rows.legal & is_changeover & ~is_detour & rule.ahead_condition(rows), ranking
        )
    actions = _prefer(actions, rows.legal & is_detour, [])
    actions = _prefer(actions, rows.legal & is_job, ranking)
    if rule.hold_condition is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            held = np.take_along_axis(
                is_job & rule.hold_condition(rows, **rule.values), actions[:, None], axis=1
            )
        actions = _prefer(actions, may_wait & held, [])
    return actions[0] if rows.is_single else actions


def _prefer(
    actions: NDArray[np.int64], eligible: RowFlags, ranking: list[RowValues]
) -> NDArray[np.int64]:
    """Replace actions by the best eligible row where there is one."""
    return np.where(eligible.any(axis=1), first_best(eligible, ranking), actions)


def first_best(eligible: RowFlags, ranking: list[RowValues]) -> NDArray[np.int64]:
    """Return the best of the eligible rows ``[E, A]`` by the priorities, ``[E]``.

    The first row wins ties in all priorities.
    """
    best = eligible
    for priority in ranking:
        values = np.where(best, priority, -np.inf)
        best = best & (values == values.max(axis=1, keepdims=True))
    return np.argmax(best, axis=1)


_PICKARDT_BRANKE = "Pickardt and Branke (2012)"
_K1 = Parameter("k1", 0.05, 50.0, 2.0, "log")
_K2 = Parameter("k2", 0.01, 10.0, 0.5, "log")

_ALL = (
    Rule("FIFO", (by.first_in_first_out,), "Conway, Maxwell and Miller (1967)"),
    Rule("FASFS", (by.first_at_shop_first_served,), "Conway, Maxwell and Miller (1967)"),
    Rule("SPT", (by.shortest_process_time,), "Smith (1956)"),
    Rule("LPT", (by.longest_process_time,), "Graham (1969)"),
    Rule("WSPT", (by.weighted_shortest_process_time,), "Smith (1956)"),
    Rule("SRPT", (by.shortest_remaining_process_time,), "Conway, Maxwell and Miller (1967)"),
    Rule("EDD", (by.earliest_due_date,), "Jackson (1955)"),
    Rule("WEDD", (by.weighted_earliest_due_date,), "after Jackson (1955)"),
    Rule("ODD", (by.earliest_operation_due_date,), "Kanet and Hayya (1982)"),
    Rule("MDD", (by.modified_due_date,), "Baker and Bertrand (1982)"),
    Rule("MOD", (by.modified_operation_due_date,), "Baker and Kanet (1983)"),
    Rule("WMDD", (by.weighted_modified_due_date,), "Kanet and Li (2004)"),
    Rule("WMOD", (by.weighted_modified_operation_due_date,), "after Kanet and Li (2004)"),
    Rule("SLK", (by.least_slack,), "Conway (1965)"),
    Rule("SI", (by.no_slack_left, by.shortest_process_time), "Oral and Malouin (1973)"),
    Rule("S/RO", (by.slack_per_remaining_operation,), "Conway (1965)"),
    Rule("S/OPN", (by.slack_per_operation,), "after Conway (1965)"),
    Rule("CR", (by.critical_ratio,), "Berry and Rao (1975)"),
    Rule(
        "COVERT",
        (by.cost_over_time,),
        "Vepsalainen and Morton (1987)",
        (Parameter("k", 0.05, 50.0, 4.0, "log"),),
    ),
    Rule(
        "ATC",
        (by.apparent_tardiness_cost,),
        "Vepsalainen and Morton (1987)",
        (Parameter("k", 0.05, 50.0, 3.0, "log"),),
    ),
    Rule("WINQ", (by.work_in_next_queue,), "Haupt (1989)"),
    Rule("PT+WINQ", (by.process_time_and_next_queue,), "Holthaus and Rajendran (1997)"),
    Rule("PT+WINQ+SL", (by.process_time_next_queue_and_slack,), "Holthaus and Rajendran (1997)"),
    Rule(
        "2PT+WINQ+NPT",
        (by.two_process_times_next_queue_and_next_process_time,),
        "Holthaus and Rajendran (2000)",
    ),
    Rule(
        "GECCO10",
        (by.evolved_rule,),
        "Hildebrandt, Heger and Scholz-Reiter (2010)",
        (Parameter("unit", 0.001, 100000.0, 1.0, "log"),),
    ),
    Rule("SST", (by.shortest_setup_time,), _PICKARDT_BRANKE),
    Rule("SST>SPT", (by.shortest_setup_time, by.shortest_process_time), _PICKARDT_BRANKE),
    Rule("SSPT", (by.shortest_setup_and_process_time,), _PICKARDT_BRANKE),
    Rule("SNSPT", (by.shortest_normalised_setup_and_process_time,), _PICKARDT_BRANKE),
    Rule("SA>FIFO", (by.same_setup, by.first_in_first_out), _PICKARDT_BRANKE),
    Rule("SA>EDD", (by.same_setup, by.earliest_due_date), _PICKARDT_BRANKE),
    Rule("SA>SPT", (by.same_setup, by.shortest_process_time), _PICKARDT_BRANKE),
    Rule(
        "DK",
        (by.due_date_and_setup_penalty,),
        "Mahmoodi and Dooley (1991)",
        (Parameter("k", 1.0, 1000000.0, 50.0, "log"),),
    ),
    Rule("FFCFS", (by.family_first_come,), _PICKARDT_BRANKE),
    Rule("FEDD>EDD", (by.family_due_date, by.earliest_due_date), _PICKARDT_BRANKE),
    Rule("FCR>CR", (by.family_critical_ratio, by.critical_ratio), "Kim and Bobrowski (1994)"),
    Rule("MMS>SPT", (by.marginal_setup_time, by.shortest_process_time), "Arzi and Raviv (1998)"),
    Rule("MASP>SPT", (by.mean_family_time, by.shortest_process_time), _PICKARDT_BRANKE),
    Rule("WBPT", (by.weighted_batch_process_time,), "Raman, Rachamadugu and Talbot (1989)"),
    Rule(
        "ATCS",
        (by.apparent_tardiness_cost_with_setups,),
        "Lee, Bhaskaran and Pinedo (1997)",
        (_K1, _K2),
    ),
    Rule(
        "ATCS+OPEN",
        (by.apparent_tardiness_cost_in_open_time,),
        "this project, after Lee, Bhaskaran and Pinedo (1997)",
        (_K1, _K2),
    ),
    Rule(
        "ATCSR",
        (by.apparent_tardiness_cost_with_ready_times,),
        "Pfund, Fowler, Gadkari and Chen (2008)",
        (_K1, _K2, Parameter("k3", 0.01, 10.0, 1.0, "log")),
        ahead_condition=by.setup_serves_nothing_on_its_way,
    ),
    Rule(
        "ATCS+HOLD",
        (by.apparent_tardiness_cost_with_holding,),
        "this project, after Lee, Bhaskaran and Pinedo (1997)",
        (
            _K1,
            _K2,
            Parameter("hold", 0.0001, 1.0, 0.05, "log"),
            Parameter("within", 0.01, 1000.0, 1.0, "log"),
        ),
        hold_condition=by.changeover_is_not_urgent,
    ),
    Rule("RANDOM", (chance,), "a yardstick", (Parameter("seed", 0.0, 2.0**31 - 1, 0.0),)),
)

RULES: dict[str, Rule] = {
    rule.name: replace(rule, values=check_values(rule.name, rule.parameters, {})) for rule in _ALL
}
"""All rules, by name, with default parameters."""

OTHER_NAMES = {"FCFS": "FIFO", "SA>FCFS": "SA>FIFO", "SLACK": "SLK"}
"""Synonyms of rule names."""


def find_rule(name: str) -> Rule:
    """Return the rule with a name, in capitals or not, with default parameters.

    Raises
    ------
    ValueError
        If no rule has that name.
    """
    capitals = name.upper()
    rule = RULES.get(OTHER_NAMES.get(capitals, capitals))
    if rule is None:
        raise ValueError(
            f"rule {name!r} is not known{closest(name, [*RULES, *OTHER_NAMES])} The rules are"
            f" {', '.join(RULES)}."
        )
    return rule


def make_rule(name: str, **values: float) -> Rule:
    """Return a rule with the given parameters, and defaults for the others.

    Raises
    ------
    ValueError
        If the rule or a parameter is unknown, or a value is out of bounds.

    Examples
    --------
    >>> str(make_rule("ATCS", k1=3))
    'ATCS(k1=3, k2=0.5)'
    """
    rule = find_rule(name)
    return replace(rule, values=check_values(rule.name, rule.parameters, values))


def parse_rule(text: str) -> Rule:
    """Return the rule that a text describes, the reverse of ``str(rule)``.

    The text is, for example, ``"EDD"``, ``"ATCS(k1=2, k2=0.5)"``, or ``"ATCS(2; 0.5)"`` with values
    in the order of the parameters.

    Raises
    ------
    ValueError
        If the text cannot be read, the rule or a parameter is unknown, or a value is out of bounds.
    """
    name, arguments = split_call(text)
    rule = find_rule(name)
    return make_rule(rule.name, **read_values(rule.name, rule.parameters, arguments))

"""Charts of an evaluation as SVG text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from evaluation.reporting.chart_scales import cost_limit, find_fences, mark_beyond
from evaluation.reporting.results import ComparisonResult, PolicyResult
from factory.cost_terms import COST_TERMS
from factory.schedule.gantt_style import PLAIN, any_letters, shorten

_FloatArray = NDArray[np.float64]

TERM_COLOURS = dict(
    zip(
        COST_TERMS,
        (
            "#d55e00",
            "#0072b2",
            "#999999",
            "#e69f00",
            "#56b4e9",
            "#cc79a7",
            "#009e73",
            "#f0e442",
        ),
        strict=True,
    )
)
"""Colours that people with any colour vision can distinguish (Okabe and Ito 2008)."""

BETTER, WORSE, UNDECIDED = "#009e73", "#d55e00", "#7a828c"
"""Colours of verdicts."""

RULE, OTHER_POLICY = "#0072b2", "#cc79a7"
"""Colours of rules and of other policies."""

_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "report",
    "font.size": 9.5,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
}
_MAX_LETTERS, _MIN_LETTERS = 40, 8
"""Bounds of the letters of a name in a chart."""

_MAX_NAME_INCHES = 3.0
"""Largest width of a name in a chart."""

_MAX_LABELS = 10
"""Number of points with names; more names would cover the chart."""

_LABEL_HEIGHT, _LABEL_WIDTH = 13, 90
"""Pixels between labels that do not overlap."""


def draw_ratios(comparisons: Mapping[str, Mapping[str, ComparisonResult]]) -> str:
    """Return a chart of the cost against the best rule, with intervals.

    Parameters
    ----------
    comparisons
        Comparisons by scenario, then policy.
    """
    policies = list(dict.fromkeys(name for by_policy in comparisons.values() for name in by_policy))
    lines = [
        (scenario, name)
        for scenario in comparisons
        for name in policies
        if name in comparisons[scenario]
    ]
    figure, axes = _open(7.4, 0.7 + 0.22 * len(lines) + 0.12 * len(comparisons))
    limit = _ratio_limit([comparisons[scenario][name] for scenario, name in lines])
    y, previous = 0.0, ""
    ticks, labels = [], []
    for scenario, name in lines:
        y += 1.6 if scenario != previous else 1.0
        previous = scenario
        ticks.append(y)
        labels.append(f"{_fit(scenario)}: {_fit(name)}")
        _draw_ratio(axes, y, comparisons[scenario][name], limit)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_yticks(ticks, labels, **PLAIN)
    axes.set_ylim(y + 1, 0.4)
    axes.set_xlim(right=limit)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:+.0%}")
    axes.set_xlabel("cost against the best rule (left of 0 is cheaper)")
    axes.grid(axis="x", alpha=0.25)
    return figure_to_svg(figure)


def _ratio_limit(comparisons: Sequence[ComparisonResult]) -> float:
    """Return the right edge of ratios minus 1: upper bounds of the comparisons on the scale."""
    shown = [c for c in comparisons if c.ratio is not None and c.ratio_ci95 is not None]
    limit = cost_limit([c.ratio for c in shown if c.ratio is not None])
    bounds = [c.ratio_ci95[1] for c in shown if c.ratio_ci95 and (c.ratio or 0.0) <= limit]
    return max([0.05, *(1.05 * (min(bound, 3 * limit) - 1) for bound in bounds)])


def _draw_ratio(axes: Axes, y: float, comparison: ComparisonResult, limit: float) -> None:
    """Draw a ratio and its interval at height ``y``, if there is a ratio."""
    if comparison.ratio is None or comparison.ratio_ci95 is None:
        return
    colour = _verdict_colour(comparison)
    bounds = [bound - 1 for bound in comparison.ratio_ci95]
    axes.plot(bounds, [y, y], color=colour, linewidth=2, solid_capstyle="butt")
    axes.plot([comparison.ratio - 1], [y], "o", color=colour, markersize=5)
    if comparison.ratio - 1 > limit:
        mark_beyond(axes, limit, y, f"{comparison.ratio - 1:+.0%}")


_RARE_TERMS = ("overtime", "maintenance", "staff")
"""Terms that most factories do not have; they are shown where they cost anything."""


def _mean_of(policy: PolicyResult, term: str) -> float:
    """Return the mean of a cost term; 0 if the results do not have it."""
    estimate = getattr(policy, term)
    return 0.0 if estimate is None else float(estimate.mean)


def draw_terms(policies: Mapping[str, PolicyResult]) -> str:
    """Return a bar chart of the mean cost by term, with a bar for each policy."""
    figure, axes = _open(5.2, 1.0 + 0.27 * len(policies))
    start = np.zeros(len(policies))
    for term in COST_TERMS:
        values = np.array([_mean_of(policy, term) for policy in policies.values()])
        if term in _RARE_TERMS and not values.any():
            continue
        axes.barh(
            range(len(policies)),
            values,
            left=start,
            color=TERM_COLOURS[term],
            label=term,
            height=0.72,
        )
        start += values
    limit = 1.05 * cost_limit(start.tolist())
    for y, total in enumerate(start):
        if total > limit:
            mark_beyond(axes, limit, y, f"{total:,.0f}")
    axes.set_yticks(range(len(policies)), [_fit(name) for name in policies], **PLAIN)
    axes.invert_yaxis()
    _set_title(axes, "Mean cost by term")
    _scale_costs(axes, limit)
    figure.legend(
        ncols=5,
        fontsize=7.5,
        frameon=False,
        loc="outside lower center",
        columnspacing=0.9,
        handlelength=1,
    )
    return figure_to_svg(figure)


def _scale_costs(axes: Axes, limit: float) -> None:
    """Let the axis of costs go from 0 to ``limit``, with few enough strokes for their numbers."""
    axes.set_xlim(0, limit if limit > 0 else 1.0)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(_thousands)


def _set_title(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=10.5, fontweight="bold", **PLAIN)


def draw_costs(costs: Mapping[str, _FloatArray]) -> str:
    """Return box plots of the episodes' total cost.

    The box is the middle half with the median, the whiskers the middle 90 %, dots are episodes.
    """
    figure, axes = _open(5.2, 0.9 + 0.3 * len(costs))
    boxes = axes.boxplot(
        list(costs.values()),
        orientation="horizontal",
        whis=(5, 95),
        showfliers=False,
        patch_artist=True,
        widths=0.55,
    )
    for box in boxes["boxes"]:
        box.set(facecolor="#dbe7f3", edgecolor=RULE)
    for median in boxes["medians"]:
        median.set(color="black", linewidth=1.4)
    for y, values in enumerate(costs.values(), start=1):
        # Multiples of the golden ratio modulo 1 spread the dots evenly over the height of the box.
        spread = 0.5 * (np.arange(values.size) * 0.618034 % 1 - 0.5)
        axes.plot(values, y + spread, ".", color=RULE, alpha=0.25, markersize=2.5, zorder=0)
    limit = _episode_limit(list(costs.values()))
    for y, values in enumerate(costs.values(), start=1):
        beyond = values[values > limit]
        if beyond.size:
            which = "all" if beyond.size == values.size else f"{beyond.size} of {values.size}"
            mark_beyond(axes, limit, y, f"{which} up to {beyond.max():,.0f}")
    axes.set_yticks(range(1, len(costs) + 1), [_fit(name) for name in costs], **PLAIN)
    axes.invert_yaxis()
    _set_title(axes, "Total cost of each episode")
    _scale_costs(axes, limit)
    return figure_to_svg(figure)


def _episode_limit(costs: Sequence[_FloatArray]) -> float:
    """Return the right edge of the costs of episodes: the 95 % whiskers of the policies on the
    scale, with some room, or their dearest episode if that is nearer.
    """
    means = [float(values.mean()) for values in costs]
    shown = [values for values, mean in zip(costs, means, strict=True) if mean <= cost_limit(means)]
    whisker = max(float(np.percentile(values, 95)) for values in shown)
    return 1.05 * min(1.4 * whisker, max(float(values.max()) for values in shown))


def draw_differences(
    name: str, rule: str, differences: _FloatArray, comparison: ComparisonResult
) -> str:
    """Return a histogram of one policy's paired differences to the rule, with mean and interval."""
    figure, axes = _open(5.2, 2.7)
    axes.hist(
        differences,
        bins=min(40, max(8, differences.size // 5)),
        color="#c9d3de",
        edgecolor="white",
        linewidth=0.5,
    )
    axes.axvline(0, color="black", linewidth=0.9)
    axes.axvspan(*comparison.ci95, color=_verdict_colour(comparison), alpha=0.25, linewidth=0)
    axes.axvline(comparison.difference, color=_verdict_colour(comparison), linewidth=2)
    _set_title(axes, f"{_fit(name)} minus {_fit(rule)}, episode by episode")
    axes.set_xlabel("difference in total cost (left of 0 is cheaper)")
    axes.set_ylabel("episodes")
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter(_thousands)
    return figure_to_svg(figure)


def draw_trade_off(policies: Mapping[str, PolicyResult], noted: Sequence[str]) -> str:
    """Return a chart of on-time share against changeover hours.

    The noted policies are labelled, and so are those that no other policy beats in both respects.
    """
    points = {
        name: (policy.changeover_hours.mean, policy.on_time_share.mean)
        for name, policy in policies.items()
        if policy.changeover_hours and policy.on_time_share
    }
    shown = _keep_on_scale(points)
    figure, axes = _open(5.2, 3.3)
    kinds = {name: int(policies[name].kind != "rule") for name in points}
    for name, point in shown.items():
        axes.plot(
            *point,
            "o" if point == points[name] else "X",
            color=(RULE, OTHER_POLICY)[kinds[name]],
            alpha=0.85,
            markersize=7 if name in noted else 4.5,
        )
    wanted = dict.fromkeys([*noted, *_efficient(points), *points])
    edge = {name for name in points if shown[name] != points[name]}
    labelled = [name for name in wanted if name in edge | {*noted, *_efficient(points)}]
    labelled = [name for name in labelled if name in points][:_MAX_LABELS]
    labels = {
        name: f"{_fit(name)} ({points[name][0]:,.0f} h, {points[name][1]:.0%}) →"
        if name in edge
        else _fit(name)
        for name in labelled
    }
    axes.margins(0.12)
    _label_points(axes, {labels[name]: shown[name] for name in labelled})
    _set_title(axes, "On-time share against changeover time")
    axes.set_xlabel("changeover hours per episode (fewer is better)")
    axes.set_ylabel("orders on time")
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.grid(alpha=0.25)
    for name, colour in (("rule", RULE), ("other policy", OTHER_POLICY)):
        axes.plot([], [], "o", color=colour, label=name)
    figure.legend(ncols=2, fontsize=7.5, frameon=False, loc="outside lower center")
    return figure_to_svg(figure)


def _keep_on_scale(
    points: Mapping[str, tuple[float, float]],
) -> dict[str, tuple[float, float]]:
    """Return the points (hours, share), those far from all others moved to the edge."""
    if not points:
        return {}
    hours, shares = zip(*points.values(), strict=True)
    bounds = []
    for values, min_spread in ((hours, 0.2 * float(np.median(hours))), (shares, 0.06)):
        low, high = find_fences(values, min_spread)
        inside = [value for value in values if low <= value <= high]
        room = 0.15 * (max(inside) - min(inside))
        bounds.append((min(inside) - room, max(inside) + room, low, high))
    return {
        name: (_moved(point[0], *bounds[0]), _moved(point[1], *bounds[1]))
        for name, point in points.items()
    }


def _moved(value: float, least: float, largest: float, low: float, high: float) -> float:
    return value if low <= value <= high else min(max(value, least), largest)


def _efficient(points: Mapping[str, tuple[float, float]]) -> list[str]:
    """Return the names of points (hours, share) that no other point dominates."""
    return [
        name
        for name, (hours, share) in points.items()
        if not any(
            other_hours <= hours
            and other_share >= share
            and (other_hours, other_share) != (hours, share)
            for other_hours, other_share in points.values()
        )
    ]


def _label_points(axes: Axes, points: Mapping[str, tuple[float, float]]) -> None:
    """Write texts beside their points, moved down where they would overlap; to the left of points
    near the right edge.
    """
    with any_letters():
        axes.figure.draw_without_rendering()  # type: ignore[union-attr]
    taken: list[tuple[float, float]] = []
    middle = axes.transAxes.transform((0.6, 0))[0]
    for name, point in sorted(points.items(), key=lambda entry: -entry[1][1]):
        x, y = axes.transData.transform(point)
        label = y
        while any(
            abs(label - other) < _LABEL_HEIGHT and abs(x - column) < _LABEL_WIDTH
            for column, other in taken
        ):
            label -= _LABEL_HEIGHT
        taken.append((x, label))
        side, ha = (-7, "right") if x > middle else (7, "left")
        offset = (side, (label - y) * 72 / axes.figure.dpi - 3)
        axes.annotate(name, point, offset, textcoords="offset points", fontsize=8, ha=ha, **PLAIN)


def _fit(name: str) -> str:
    """Return a name, shortened in its middle where it is too wide for a chart."""
    renderer: Any = RendererAgg(1, 1, 72)  # type: ignore[no-untyped-call]
    font, letters = FontProperties(size=_STYLE["font.size"]), _MAX_LETTERS

    def width() -> float:
        text = shorten(name, letters)
        return float(renderer.get_text_width_height_descent(text, font, False)[0])

    with any_letters():
        while letters > _MIN_LETTERS and width() > 72 * _MAX_NAME_INCHES:
            letters -= 2
    return shorten(name, letters)


def _verdict_colour(comparison: ComparisonResult) -> str:
    low, high = comparison.ci95
    if high < 0:
        return BETTER
    return WORSE if low > 0 else UNDECIDED


def _open(width: float, height: float) -> tuple[Figure, Axes]:
    with rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.add_subplot()


def _thousands(value: float, _: Any) -> str:
    return f"{value:,.0f}"


def figure_to_svg(figure: Figure) -> str:
    """Return the figure as SVG text, without program and date so that equal results are equal."""
    text = StringIO()
    with rc_context(_STYLE), any_letters():
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    return svg[svg.index("<svg") :]

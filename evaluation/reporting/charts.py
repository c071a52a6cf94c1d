"""Charts of an evaluation as SVG text, and Gantt charts as PNG data addresses."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from io import BytesIO, StringIO
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from numpy.typing import NDArray
from PIL import Image

from evaluation.reporting.results import ComparisonResult, PolicyResult
from factory.model import Factory
from factory.schedule.gantt import gantt_rgb
from factory.schedule.gantt_style import PLAIN, any_letters, shorten
from factory.schedule.records import Schedule
from factory.simulation.arrays import COST_TERMS

_FloatArray = NDArray[np.float64]

TERM_COLOURS = dict(
    zip(COST_TERMS, ("#d55e00", "#0072b2", "#999999", "#e69f00", "#56b4e9"), strict=True)
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
_GANTT_COLOURS = 96
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
    figure, axes = _open(9.2, 0.7 + 0.22 * len(lines) + 0.12 * len(comparisons))
    y, previous = 0.0, ""
    ticks, labels = [], []
    for scenario, name in lines:
        y += 1.6 if scenario != previous else 1.0
        previous = scenario
        ticks.append(y)
        labels.append(f"{_fit(scenario)}: {_fit(name)}")
        _draw_ratio(axes, y, comparisons[scenario][name])
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_yticks(ticks, labels, **PLAIN)
    axes.set_ylim(y + 1, 0.4)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:+.0%}")
    axes.set_xlabel("cost against the best rule (left of 0 is cheaper)")
    axes.grid(axis="x", alpha=0.25)
    return _svg(figure)


def _draw_ratio(axes: Axes, y: float, comparison: ComparisonResult) -> None:
    """Draw a ratio and its interval at height ``y``, if there is a ratio."""
    if comparison.ratio is None or comparison.ratio_ci95 is None:
        return
    colour = _verdict_colour(comparison)
    bounds = [bound - 1 for bound in comparison.ratio_ci95]
    axes.plot(bounds, [y, y], color=colour, linewidth=2, solid_capstyle="butt")
    axes.plot([comparison.ratio - 1], [y], "o", color=colour, markersize=5)


def draw_terms(policies: Mapping[str, PolicyResult]) -> str:
    """Return a bar chart of the mean cost by term, with a bar for each policy."""
    figure, axes = _open(5.2, 0.9 + 0.27 * len(policies))
    start = np.zeros(len(policies))
    for term in COST_TERMS:
        values = np.array([getattr(policy, term).mean for policy in policies.values()])
        axes.barh(
            range(len(policies)),
            values,
            left=start,
            color=TERM_COLOURS[term],
            label=term,
            height=0.72,
        )
        start += values
    axes.set_yticks(range(len(policies)), [_fit(name) for name in policies], **PLAIN)
    axes.invert_yaxis()
    axes.set_title("Mean cost by term")
    axes.xaxis.set_major_formatter(_thousands)
    axes.legend(
        ncols=5,
        fontsize=7.5,
        frameon=False,
        loc="upper center",
        bbox_to_anchor=(0.4, -0.1 - 0.25 / max(1, len(policies))),
        columnspacing=0.9,
        handlelength=1,
    )
    return _svg(figure)


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
    axes.set_yticks(range(1, len(costs) + 1), [_fit(name) for name in costs], **PLAIN)
    axes.invert_yaxis()
    axes.set_title("Total cost of each episode")
    axes.xaxis.set_major_formatter(_thousands)
    axes.set_xlim(left=0)
    return _svg(figure)


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
    axes.set_title(f"{_fit(name)} minus {_fit(rule)}, episode by episode", **PLAIN)
    axes.set_xlabel("difference in total cost (left of 0 is cheaper)")
    axes.set_ylabel("episodes")
    axes.xaxis.set_major_formatter(_thousands)
    return _svg(figure)


def draw_trade_off(policies: Mapping[str, PolicyResult], noted: Sequence[str]) -> str:
    """Return a chart of on-time share against changeover hours.

    The noted policies are labelled, and so are those that no other policy beats in both respects.
    """
    points = {
        name: (policy.changeover_hours.mean, policy.on_time_share.mean)
        for name, policy in policies.items()
        if policy.changeover_hours and policy.on_time_share
    }
    figure, axes = _open(5.2, 3.1)
    for name, point in points.items():
        axes.plot(
            *point,
            "o",
            color=OTHER_POLICY if policies[name].kind != "rule" else RULE,
            alpha=0.85,
            markersize=7 if name in noted else 4.5,
        )
    wanted = dict.fromkeys([*noted, *_efficient(points)])
    labelled = [name for name in wanted if name in points][:_MAX_LABELS]
    _label_points(axes, {name: points[name] for name in labelled})
    axes.set_title("On-time share against changeover time")
    axes.set_xlabel("changeover hours per episode (fewer is better)")
    axes.set_ylabel("orders on time")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.grid(alpha=0.25)
    axes.margins(0.12)
    return _svg(figure)


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
    """Write names beside their points, moved down where they would overlap."""
    axes.margins(0.12)
    with any_letters():
        axes.figure.draw_without_rendering()  # type: ignore[union-attr]
    taken: list[tuple[float, float]] = []
    for name, point in sorted(points.items(), key=lambda entry: -entry[1][1]):
        x, y = axes.transData.transform(point)
        label = y
        while any(
            abs(label - other) < _LABEL_HEIGHT and abs(x - column) < _LABEL_WIDTH
            for column, other in taken
        ):
            label -= _LABEL_HEIGHT
        taken.append((x, label))
        offset = (7, (label - y) * 72 / axes.figure.dpi - 3)
        axes.annotate(_fit(name), point, offset, textcoords="offset points", fontsize=8, **PLAIN)


def draw_gantt_png(schedule: Schedule, factory: Factory, title: str, until: int) -> str:
    """Return a Gantt chart as the data address of a PNG with few colours."""
    pixels = gantt_rgb(schedule, factory, title=title, until=until)
    image = Image.fromarray(pixels).quantize(_GANTT_COLOURS)
    content = BytesIO()
    image.save(content, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()


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


def _svg(figure: Figure) -> str:
    """Return the figure as SVG text, without program and date so that equal results are equal."""
    text = StringIO()
    with rc_context(_STYLE), any_letters():
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    return svg[svg.index("<svg") :]

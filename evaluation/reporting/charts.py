"""Pictures of an evaluation, as SVG text (charts) and PNG data addresses (Gantt charts)."""

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

_Floats = NDArray[np.float64]

TERM_COLOURS = dict(
    zip(COST_TERMS, ("#d55e00", "#0072b2", "#999999", "#e69f00", "#56b4e9"), strict=True)
)
"""Told apart by people with any colour vision (Okabe and Ito 2008)."""
BETTER, WORSE, OPEN = "#009e73", "#d55e00", "#7a828c"
RULE, BASELINE = "#0072b2", "#cc79a7"

_LOOK: Any = {
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
_LONGEST, _MIN_SHARE = 40, 8
"""Letters of a name in a chart."""
_MAX_LABELS = 10
"""Points with names: more would leave their chart no room where many lie together."""
_WIDEST = 3.0
"""Inches of a name in a chart."""


def draw_ratios(comparisons: Mapping[str, Mapping[str, ComparisonResult]]) -> str:
    """Cost against the best rule, for each scenario and policy, with intervals.

    Parameters
    ----------
    comparisons
        By scenario, then policy.
    """
    policies = list(dict.fromkeys(name for by_policy in comparisons.values() for name in by_policy))
    lines = [
        (scenario, name)
        for scenario in comparisons
        for name in policies
        if name in comparisons[scenario]
    ]
    figure, axes = _open(9.2, 0.7 + 0.22 * len(lines) + 0.12 * len(comparisons))
    place, labels, before = 0.0, [], ""
    for scenario, name in lines:
        place += 1.6 if scenario != before else 1.0
        before = scenario
        labels.append((place, f"{_fit(scenario)}: {_fit(name)}"))
        one = comparisons[scenario][name]
        if one.ratio is None or one.ratio_ci95 is None:
            continue
        low, high = one.ratio_ci95
        axes.plot(
            [low - 1, high - 1],
            [place, place],
            color=_verdict_colour(one),
            linewidth=2,
            solid_capstyle="butt",
        )
        axes.plot([one.ratio - 1], [place], "o", color=_verdict_colour(one), markersize=5)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_yticks([at for at, _ in labels], [text for _, text in labels], **PLAIN)
    axes.set_ylim(place + 1, 0.4)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:+.0%}")
    axes.set_xlabel("cost against the best rule (left of 0 is cheaper)")
    axes.grid(axis="x", alpha=0.25)
    return _svg(figure)


def draw_terms(policies: Mapping[str, PolicyResult]) -> str:
    """Mean cost by term, one bar for each policy."""
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


def draw_costs(costs: Mapping[str, _Floats]) -> str:
    """Distribution of the episodes' total cost: box of the middle half with median, whiskers of the
    middle 90 %, all episodes as dots."""
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
    for place, values in enumerate(costs.values(), start=1):
        spread = 0.5 * (np.arange(values.size) * 0.618034 % 1 - 0.5)
        axes.plot(values, place + spread, ".", color=RULE, alpha=0.25, markersize=2.5, zorder=0)
    axes.set_yticks(range(1, len(costs) + 1), [_fit(name) for name in costs], **PLAIN)
    axes.invert_yaxis()
    axes.set_title("Total cost of each episode")
    axes.xaxis.set_major_formatter(_thousands)
    axes.set_xlim(left=0)
    return _svg(figure)


def draw_differences(
    name: str, rule: str, differences: _Floats, comparison: ComparisonResult
) -> str:
    """Histogram of the paired differences of one policy to the rule, with mean and interval."""
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
    """On-time share against changeover hours; the noted policies and those that no other beats in
    both have names."""
    points = {
        name: (one.changeover_hours.mean, one.on_time_share.mean)
        for name, one in policies.items()
        if one.changeover_hours and one.on_time_share
    }
    efficient = [
        name
        for name, (hours, share) in points.items()
        if not any(
            h <= hours and s >= share and (h, s) != (hours, share) for h, s in points.values()
        )
    ]
    figure, axes = _open(5.2, 3.1)
    for name, point in points.items():
        axes.plot(
            *point,
            "o",
            color=BASELINE if policies[name].kind != "rule" else RULE,
            alpha=0.85,
            markersize=7 if name in noted else 4.5,
        )
    labelled = [name for name in dict.fromkeys([*noted, *efficient]) if name in points][
        :_MAX_LABELS
    ]
    _label_points(axes, {name: points[name] for name in labelled})
    axes.set_title("On time against changeover time")
    axes.set_xlabel("changeover hours an episode (fewer is better)")
    axes.set_ylabel("orders on time")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.grid(alpha=0.25)
    axes.margins(0.12)
    return _svg(figure)


def _label_points(axes: Axes, points: Mapping[str, tuple[float, float]]) -> None:
    """Names beside their points, moved up or down where they would meet."""
    axes.margins(0.12)
    with any_letters():
        axes.figure.draw_without_rendering()  # type: ignore[union-attr]
    taken: list[tuple[float, float]] = []
    for name, point in sorted(points.items(), key=lambda entry: -entry[1][1]):
        x, y = axes.transData.transform(point)
        label = y
        while any(abs(label - other) < 13 and abs(x - column) < 90 for column, other in taken):
            label -= 13
        taken.append((x, label))
        axes.annotate(
            _fit(name),
            point,
            (7, (label - y) * 72 / axes.figure.dpi - 3),
            textcoords="offset points",
            fontsize=8,
            **PLAIN,
        )


def draw_gantt_png(schedule: Schedule, factory: Factory, title: str, until: int) -> str:
    """A Gantt chart as the address of a PNG with few colours."""
    image = Image.fromarray(gantt_rgb(schedule, factory, title=title, until=until)).quantize(
        _GANTT_COLOURS
    )
    content = BytesIO()
    image.save(content, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()


def _fit(name: str) -> str:
    """A name with its middle left out where it would leave a chart no room."""
    pen: Any = RendererAgg(1, 1, 72)  # type: ignore[no-untyped-call]
    font, letters = FontProperties(size=_LOOK["font.size"]), _LONGEST
    with any_letters():
        while (
            letters > _MIN_SHARE
            and pen.get_text_width_height_descent(shorten(name, letters), font, False)[0]
            > 72 * _WIDEST
        ):
            letters -= 2
    return shorten(name, letters)


def _verdict_colour(comparison: ComparisonResult) -> str:
    low, high = comparison.ci95
    return BETTER if high < 0 else WORSE if low > 0 else OPEN


def _open(width: float, height: float) -> tuple[Figure, Axes]:
    with rc_context(_LOOK):
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.add_subplot()


def _thousands(value: float, _: Any) -> str:
    return f"{value:,.0f}"


def _svg(figure: Figure) -> str:
    """Its text without what names the program and the date."""
    text = StringIO()
    with rc_context(_LOOK), any_letters():
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    return svg[svg.index("<svg") :]

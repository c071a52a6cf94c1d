"""Charts of a factory: changeover matrices as heat maps, loads and the tariff as bars."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from factory.generation.offered_load import changeover_profile, offered_load
from factory.model import Attribute, Factory
from factory.schedule.gantt_style import PLAIN, any_letters, shorten
from factory.schedule.kpis import Use

_DPI = 110
_CELL, _LETTER = 0.39, 0.072
"""Inches of a cell of a heat map, and of a letter of its labels."""
_SLOPE = 35
"""Degrees by which the labels of columns rise."""
_USE_COLOURS = {
    "processing": "#4c78a8",
    "changeover": "#f58518",
    "down": "#3a0d12",
    "waiting": "#9fb6d6",
    "idle": "#e8e8e8",
}


def draw_heat_map(attribute: Attribute, centre: str, minutes: float, path: Path) -> None:
    """Draw the changeover times between the values of an attribute, in minutes.

    Rows are the values before, columns those after the changeover; a forbidden pair is a cross.

    Parameters
    ----------
    attribute
        Attribute of a work centre.
    centre
        Name of the work centre.
    minutes
        Minutes of a tick.
    path
        File of the picture.
    """
    size = len(attribute.values)
    times = np.array(attribute.time, float) * minutes
    forbidden = {
        (attribute.values.index(a), attribute.values.index(b)) for a, b in attribute.forbidden
    }
    labels = [shorten(value, 12) for value in attribute.values]
    title = f"{shorten(centre, 20)}: {shorten(attribute.name, 20)}"
    letters, side = _LETTER * max(map(len, labels)), size * _CELL
    left, top = 0.4 + letters, 0.42 + letters * math.sin(math.radians(_SLOPE))
    right = 0.1 + max(0.0, letters * math.cos(math.radians(_SLOPE)) - _CELL / 2)
    width, height = max(left + side + right, 0.1 * len(title) + 0.2), top + side + 0.1
    figure, axes = _figure(width, height)
    axes.set_position((left / width, 0.1 / height, side / width, side / height))
    axes.imshow(times, cmap="YlOrBr", vmin=0, vmax=max(1.0, times.max()) * 1.15, aspect="auto")
    for row in range(size):
        for column in range(size):
            text = "✕" if (row, column) in forbidden else f"{times[row, column]:.4g}"
            dark = times[row, column] > 0.65 * times.max()
            axes.text(
                column,
                row,
                text,
                ha="center",
                va="center",
                fontsize=8.5 if len(text) < 4 else 7,
                color="white" if dark else "#222222",
            )
    axes.set_xticks(
        range(size), labels, rotation=_SLOPE, ha="left", rotation_mode="anchor", **PLAIN
    )
    axes.set_yticks(range(size), labels, **PLAIN)
    axes.tick_params(
        length=0, labelsize=8.5, top=True, labeltop=True, labelbottom=False, bottom=False
    )
    figure.text(0.02, (0.1 + side / 2) / height, "from", fontsize=8.5, rotation=90, va="center")
    figure.text(0.02, 1 - 0.14 / height, title, fontsize=9.5, weight="bold", va="center", **PLAIN)
    figure.text((left - 0.08) / width, 1 - (top - 0.1) / height, "to", fontsize=8.5, ha="right")
    _save(figure, path)


def draw_loads(factory: Factory, path: Path) -> None:
    """Draw the offered load of each work centre: processing, and changeovers first come, first
    served.

    Parameters
    ----------
    factory
        Factory with a demand.
    path
        File of the picture.
    """
    loads, profiles = offered_load(factory), changeover_profile(factory)
    names = list(loads)
    processing = [loads[name] for name in names]
    changing = [
        loads[name] * profiles[name].probability * profiles[name].severity for name in names
    ]
    figure, axes = _bars({"processing": processing, "changeover": changing}, names)
    axes.axvline(1.0, color="#c00000", linewidth=1.2)
    axes.set_xlim(0, 1.08 * max(1.0, *(p + c for p, c in zip(processing, changing, strict=True))))
    axes.set_xlabel("share of the time, first come, first served; 1: all of it", fontsize=9)
    _save(figure, path)


def draw_uses(uses: Mapping[str, Use], path: Path) -> None:
    """Draw what each machine did in an episode, as shares of the time.

    Parameters
    ----------
    uses
        Shares by machine.
    path
        File of the picture.
    """
    shares = {
        name: [getattr(use, name) for use in uses.values()]
        for name in ("processing", "changeover", "down", "waiting", "idle")
    }
    figure, axes = _bars(shares, list(uses))
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of the episode", fontsize=9)
    _save(figure, path)


def draw_tariff(factory: Factory, path: Path) -> None:
    """Draw price and carbon intensity of electricity over the hours of the day.

    Parameters
    ----------
    factory
        Factory with a tariff.
    path
        File of the picture.
    """
    figure, axes = _figure(7.0, 2.3)
    hours = np.arange(25)
    other = axes.twinx()
    lines = [
        axes.stairs(factory.tariff.price, hours, color="#4c78a8", linewidth=1.8, label="price"),
        other.stairs(factory.tariff.co2, hours, color="#54a24b", linewidth=1.8, label="CO2e"),
    ]
    for side, name, colour in ((axes, "EUR/kWh", "#4c78a8"), (other, "kg CO2e/kWh", "#54a24b")):
        side.set_ylabel(name, fontsize=9, color=colour)
        side.set_ylim(bottom=0)
        side.tick_params(labelsize=8.5)
    axes.set_xlim(0, 24)
    axes.set_xticks(range(0, 25, 3))
    axes.set_xlabel("hour of the day", fontsize=9)
    axes.legend(lines, ["price", "CO2e"], fontsize=8.5, loc="lower left", frameon=False, ncols=2)
    for side in (axes, other):
        side.set_position((0.09, 0.22, 0.81, 0.73))
    _save(figure, path)


def _bars(shares: Mapping[str, Sequence[float]], names: Sequence[str]) -> tuple[Figure, Any]:
    """Draw stacked bars from the left, one for each name, with a legend above them."""
    height = 0.95 + 0.25 * len(names)
    figure, axes = _figure(7.0, height)
    left = np.zeros(len(names))
    for label, values in shares.items():
        axes.barh(range(len(names)), values, left=left, color=_USE_COLOURS[label], label=label)
        left += values
    axes.set_yticks(range(len(names)), [shorten(name, 18) for name in names], **PLAIN)
    axes.invert_yaxis()
    axes.tick_params(labelsize=8.5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_position((0.2, 0.5 / height, 0.77, 1 - 0.86 / height))
    figure.legend(
        loc="upper right", ncols=5, fontsize=8.5, frameon=False, bbox_to_anchor=(0.99, 1.0)
    )
    return figure, axes


def _figure(width: float, height: float) -> tuple[Figure, Any]:
    figure = Figure(figsize=(width, height), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure, figure.add_axes((0.1, 0.1, 0.8, 0.8))


def _save(figure: Figure, path: Path) -> None:
    with any_letters():
        figure.savefig(path, metadata={"Software": None})

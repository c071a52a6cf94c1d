"""Pictures of the page on concepts: changeover matrices, a decision, the inputs of a policy.

``python -m docs_site.concept_pictures`` draws them in ``docs/pictures``.
All show one moment of one episode of the default factory, under the rule ATCS.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

import changeover
from agents.index.feature_table import FEATURES
from agents.network.packed_tables import PackedTables
from agents.network.trained_policy import load_policy
from agents.rules.registry import make_rule
from envs.observation.checks import check_observation
from envs.observation.columns import CANDIDATE_INDEX, MACHINE_INDEX
from factory.model import Factory
from factory.schedule.gantt import draw_gantt
from factory.schedule.records import Schedule

FACTORY, SEED, POLICY = "microfactory", 1, "policies/microfactory"
_FIRST_TICK, _ROWS, _SURE = 360, range(7, 12), 0.7
"""The decision shown is the first after this tick with a number of rows in the range, of all kinds,
in which no row has a higher probability than this."""
_COLUMNS = {
    "process_time": "process time",
    "setup_time": "changeover",
    "slack": "slack",
    "weight": "weight",
    "ready_in": "ready in",
    "family_ready": "others ready\nin this setup",
}
"""Columns of the table of rows; times are in minutes, as a tick is a minute."""


class DecisionMoment(NamedTuple):
    """A moment at which a machine asks for a decision."""

    factory: Factory
    observation: dict[str, NDArray[Any]]
    schedule: Schedule
    machine: str
    tick: int

    def legal_rows(self) -> NDArray[np.intp]:
        """Return the numbers of the legal rows."""
        return np.flatnonzero(self.observation["action_mask"])

    def kinds(self) -> list[str]:
        """Return what each legal row is, in words."""
        rows = self.observation["candidates"][self.legal_rows()]
        names = ("is_job", "start"), ("is_changeover", "change over"), ("is_wait", "wait")
        return [next(text for name, text in names if row[CANDIDATE_INDEX[name]]) for row in rows]


def find_moment() -> DecisionMoment:
    """Return the moment that the pictures show."""
    env = changeover.make(FACTORY)
    rule = make_rule("ATCS", k1=2, k2=0.5)
    observation, _ = env.reset(seed=SEED)
    while True:
        inner: Any = env.unwrapped
        tick = int(inner.schedule().end_date)
        rows = np.flatnonzero(observation["action_mask"])
        kinds = observation["candidates"][rows][:, CANDIDATE_INDEX["is_changeover"]]
        if tick >= _FIRST_TICK and len(rows) in _ROWS and 0 < kinds.sum() < len(rows) - 2:
            asked = int(observation["machines"][:, MACHINE_INDEX["is_asked"]].argmax())
            schedule = inner.schedule()
            machine = schedule.machine_names[asked]
            moment = DecisionMoment(inner.factory, observation, schedule, machine, tick)
            if network_view(moment)[1].max() < _SURE:
                return moment
        observation, _, over, _, _ = env.step(rule.decide(observation))
        assert not over, "no moment of the episode has rows of all kinds"


def draw_pictures(folder: Path) -> None:
    """Write all pictures of the page into a folder."""
    folder.mkdir(exist_ok=True)
    moment = find_moment()
    for name, draw in PICTURES.items():
        draw(moment, folder / name)


def draw_matrices(moment: DecisionMoment, path: Path) -> None:
    """Draw a heat map of the changeover times of each attribute of a factory."""
    attributes = [
        (centre.name, attribute)
        for centre in moment.factory.work_centres
        for attribute in centre.attributes
    ]
    figure = _figure(3.3 * len(attributes), 4.0)
    highest = max(float(np.max(attribute.time)) for _, attribute in attributes)
    for place, (centre, attribute) in enumerate(attributes):
        axes = figure.add_subplot(1, len(attributes), place + 1)
        times = np.asarray(attribute.time, float)
        axes.imshow(times, cmap="YlOrRd", vmin=0, vmax=highest)
        for (i, j), time in np.ndenumerate(times):
            shade = "white" if time > 0.6 * highest else "black"
            axes.text(j, i, f"{time:g}", ha="center", va="center", color=shade)
        ticks = range(len(attribute.values))
        axes.set_xticks(ticks, attribute.values, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(ticks, attribute.values)
        axes.set_title(f"{centre}: {attribute.name}", fontsize=10)
        axes.set_xlabel("to")
        axes.set_ylabel("from")
    _save(figure, path)


def draw_history(moment: DecisionMoment, path: Path) -> None:
    """Draw the Gantt chart up to the decision."""
    title = f"The shop so far; {moment.machine} is idle and asks"
    since = max(0, moment.tick - 360)
    content = BytesIO()
    figure = draw_gantt(
        moment.schedule, moment.factory, since=since, until=moment.tick, title=title, width=13
    )
    figure.savefig(content, format=path.suffix[1:], dpi=110)
    path.write_bytes(content.getvalue())


def draw_rows(moment: DecisionMoment, path: Path) -> None:
    """Draw the legal rows of the decision as a table."""
    rows = moment.observation["candidates"][moment.legal_rows()]
    cells = [
        [str(number), kind, *(f"{row[CANDIDATE_INDEX[name]]:.4g}" for name in _COLUMNS)]
        for number, kind, row in zip(moment.legal_rows(), moment.kinds(), rows, strict=True)
    ]
    figure = _figure(9.5, 0.29 * len(cells) + 0.6)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    labels = ["row", "action", *_COLUMNS.values()]
    table = axes.table(cells, colLabels=labels, loc="center", cellLoc="right")
    table.auto_set_font_size(False)
    table.set_fontsize(10)
    table.scale(1, 1.4)
    for (line, _), cell in table.get_celld().items():
        cell.set_edgecolor("#cccccc")
        if line == 0:
            cell.set_height(1.5 * cell.get_height())
            cell.set_facecolor("#eceff1")
    _save(figure, path)


def draw_inputs(moment: DecisionMoment, path: Path) -> None:
    """Draw the features of the legal rows as the network reads them, and its probabilities."""
    inputs, probabilities = network_view(moment)
    shown = np.flatnonzero(np.ptp(inputs, axis=0) > 1e-6)
    figure = _figure(15, 0.34 * len(inputs) + 3.0)
    grid = figure.add_gridspec(1, 2, width_ratios=(6, 1), wspace=0.03)
    axes = figure.add_subplot(grid[0])
    limit = 1.2
    image = axes.imshow(inputs[:, shown], aspect="auto", cmap="PuOr", vmin=-limit, vmax=limit)
    labels = [
        f"{row} {kind}" for row, kind in zip(moment.legal_rows(), moment.kinds(), strict=True)
    ]
    axes.set_yticks(range(len(labels)), labels)
    names = [FEATURES[column].name for column in shown]
    axes.set_xticks(range(len(shown)), names, rotation=90, fontsize=8)
    bars = figure.add_subplot(grid[1], sharey=axes)
    bars.barh(range(len(labels)), probabilities, color="#f58518")
    bars.tick_params(labelleft=False)
    bars.set_xlabel("probability")
    bars.set_xlim(0, 1)
    figure.colorbar(image, ax=bars, label="feature, after symlog", fraction=0.12, pad=0.08)
    _save(figure, path)


def network_view(moment: DecisionMoment) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the network's features ``[R, W]`` and its probabilities ``[R]`` of the legal rows."""
    import torch

    network = load_policy(POLICY).network
    batch = {name: np.asarray(table)[None] for name, table in moment.observation.items()}
    tables = PackedTables(*check_observation("decide", batch), network.weights)
    with torch.inference_mode():
        logits = network(tables.network_input).logits
        probabilities = torch.softmax(logits, 0).numpy()
    return tables.network_input.rows.numpy(), probabilities


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


PICTURES: dict[str, Callable[[DecisionMoment, Path], None]] = {
    "changeovers.svg": draw_matrices,
    "decision.png": draw_history,
    "rows.svg": draw_rows,
    "features.svg": draw_inputs,
}
"""Files of the pictures, and the function that draws each."""


if __name__ == "__main__":
    draw_pictures(Path(__file__).resolve().parent.parent / "docs" / "pictures")

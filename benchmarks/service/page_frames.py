"""Frames of the planner's page with a large plan.

``python -m benchmarks.service.page_frames`` starts the service for the factory ``large`` (30
machines), opens the page in Chromium and shows the rule's plan of 1,000 orders. It then zooms,
moves and scrolls the chart once a frame, and prints a table: frames a second over the whole
gesture, the median and the 99th percentile of the time between two frames, and the number of
elements in the chart.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import busy_cores
from benchmarks.service.bad_snapshots import snapshot_with
from evaluation.runner import provenance
from factory.io.catalogue import find_single_factory
from tests.builders.browser import Visit, open_browser
from tests.builders.service_process import ServiceProcess

VIEWPORT = {"width": 1920, "height": 1080}
GESTURES: Mapping[str, str] = {
    "zoom in and out": "wheel(place, { deltaY: step % 60 < 30 ? -60 : 60 })",
    "move along time, zoomed in": "wheel(place, { deltaX: step % 60 < 30 ? 60 : -60 })",
    "move along time, whole plan": "wheel(place, { deltaX: step % 20 < 10 ? 15 : -15 })",
    "scroll the machines": "lanes.scrollTop += step % 20 < 10 ? 25 : -25",
}
"""Script of one step, by the name of the gesture."""
ZOOMED = ("move along time, zoomed in",)
_PLAY = """
async (frames) => {
  const lanes = document.querySelector("#gantt .lanes");
  const box = lanes.getBoundingClientRect();
  const middle = { clientX: box.x + box.width / 2, clientY: box.y + 60 };
  const place = { ...middle, bubbles: true, cancelable: true };
  const wheel = (at, delta) => lanes.dispatchEvent(new WheelEvent("wheel", { ...at, ...delta }));
  const frame = () => new Promise(requestAnimationFrame);
  const dates = [await frame()];
  for (let step = 0; step < frames; step += 1) {
    %s;
    dates.push(await frame());
  }
  return dates;
}
"""


def play(visit: Visit, gesture: str, frames: int) -> dict[str, float]:
    """Play a gesture and return its frames a second and the times between frames."""
    visit.page.focus("#gantt")
    visit.page.keyboard.press("0")
    if gesture in ZOOMED:
        for _ in range(8):
            visit.page.keyboard.press("+")
    visit.settle()
    elements = visit.page.locator("#gantt *").count()
    dates = visit.page.evaluate(_PLAY % GESTURES[gesture], frames)
    gaps = np.diff(dates)
    return {
        "frames_per_second": 1000 * len(gaps) / (dates[-1] - dates[0]),
        "median_ms": float(np.median(gaps)),
        "p99_ms": float(np.percentile(gaps, 99)),
        "elements": elements,
    }


def measure(orders: int, frames: int) -> dict[str, Any]:
    """Return the figures of all gestures, and the time to show the plan."""
    factory = find_single_factory("large")
    snapshot = {"name": "floor.json", "mimeType": "application/json"}
    snapshot["buffer"] = json.dumps(snapshot_with(orders, factory)).encode()  # type: ignore[assignment]
    with (
        open_browser() as browser,
        tempfile.TemporaryDirectory() as folder,
        ServiceProcess(None, Path(folder), factory=factory.name) as service,
    ):
        visit = Visit(browser, service.address, viewport=VIEWPORT)
        page = visit.open()
        page.check('input[name="by"][value="rule"]', force=True)
        page.set_input_files("#file", snapshot)
        visit.settle()
        figures = {gesture: play(visit, gesture, frames) for gesture in GESTURES}
        page.context.close()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--orders", type=int, default=1000, help="orders (default: %(default)s)")
    parser.add_argument("--frames", type=int, default=120, help="frames (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    figures = measure(options.orders, options.frames)
    print(f"{'gesture':30} {'frames/s':>8} {'median ms':>9} {'p99 ms':>7} {'elements':>8}")
    for gesture, row in figures.items():
        numbers = f"{row['frames_per_second']:8.1f} {row['median_ms']:9.1f} {row['p99_ms']:7.1f}"
        print(f"{gesture:30} {numbers} {row['elements']:8}")
    if options.json:
        origin = provenance.collect_provenance() | {"busy_cores": busy_cores()}
        options.json.write_text(json.dumps({"figures": figures, "origin": origin}, indent=1) + "\n")


if __name__ == "__main__":
    main()

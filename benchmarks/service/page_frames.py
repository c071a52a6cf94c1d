"""Frames of the planner's page with a large plan.

``python -m benchmarks.service.page_frames`` starts the service for the factory ``large`` (30
machines), opens the page in Chromium and shows the rule's plan of 1,000 orders. It then zooms,
moves and scrolls the chart once a frame, and prints a table: frames a second over the whole
gesture, the median and the 99th percentile of the time between two frames, and the number of
elements in the chart. It needs Playwright and Debian's Chromium, or Chrome.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import busy_cores
from benchmarks.service.bad_snapshots import snapshot_with
from evaluation.runner import provenance
from factory.io.catalogue import find_single_factory

_FACTORY = "large"
_VIEWPORT = {"width": 1920, "height": 1080}
_ZOOMED = "move along time, zoomed in"
_GESTURES: Mapping[str, str] = {
    "zoom in and out": "wheel(place, { deltaY: step % 60 < 30 ? -60 : 60 })",
    _ZOOMED: "wheel(place, { deltaX: step % 60 < 30 ? 60 : -60 })",
    "move along time, whole plan": "wheel(place, { deltaX: step % 20 < 10 ? 15 : -15 })",
    "scroll the machines": "lanes.scrollTop += step % 20 < 10 ? 25 : -25",
}
"""Script of one step, by the name of the gesture."""
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
_SETTLE = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


@contextlib.contextmanager
def running_page() -> Iterator[str]:
    """Run the service without a policy; yield the address of its page."""
    with tempfile.TemporaryDirectory() as folder:
        log = str(Path(folder) / "log.sqlite")
        options = ["--factory", _FACTORY, "--port", "0", "--log", log, "--no-token"]
        command = [sys.executable, "-m", "scheduler", "serve", *options, "--plan-seconds", "600"]
        output = Path(folder) / "output"
        with output.open("wb") as file:
            process = subprocess.Popen(command, stdout=file, stderr=file)
        try:
            yield _wait_until_ready(process, output)
        finally:
            process.terminate()
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], output: Path) -> str:
    """Return the address that the service names once it is ready."""
    while process.poll() is None:
        lines = [line for line in output.read_text().splitlines(keepends=True) if line[-1] == "\n"]
        entries = [json.loads(line) for line in lines if line.startswith("{")]
        if any(entry["event"] == "ready" for entry in entries):
            return next(str(entry["address"]) for entry in entries if "address" in entry)
        time.sleep(0.1)
    raise RuntimeError(f"the service did not become ready:\n{output.read_text()}")


@contextlib.contextmanager
def _open_page(address: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    program = next((path for path in map(shutil.which, names) if path), None)
    if program is None:
        raise SystemExit("no Chromium is installed. Install Debian's package chromium, or Chrome.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport=_VIEWPORT)
        page.set_default_timeout(120_000)
        page.goto(address)
        page.wait_for_selector(".welcome", state="visible")
        yield page
        browser.close()


def show_plan(page: Any, orders: int) -> None:
    """Let the page show the rule's plan of that many orders."""
    snapshot = json.dumps(snapshot_with(orders, find_single_factory(_FACTORY)))
    page.check('input[name="by"][value="rule"]', force=True)
    content = {"name": "floor.json", "mimeType": "application/json", "buffer": snapshot.encode()}
    page.set_input_files("#file", content)
    page.wait_for_selector("#gantt .axis .now-text", state="attached")


def play(page: Any, gesture: str, frames: int) -> dict[str, float]:
    """Play a gesture and return its frames a second and the times between frames."""
    page.focus("#gantt")
    page.keyboard.press("0")
    if gesture == _ZOOMED:
        for _ in range(8):
            page.keyboard.press("+")
    page.evaluate(_SETTLE)
    elements = page.locator("#gantt *").count()
    dates = page.evaluate(_PLAY % _GESTURES[gesture], frames)
    gaps = np.diff(dates)
    return {
        "frames_per_second": 1000 * len(gaps) / (dates[-1] - dates[0]),
        "median_ms": float(np.median(gaps)),
        "p99_ms": float(np.percentile(gaps, 99)),
        "elements": elements,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--orders", type=int, default=1000, help="orders (default: %(default)s)")
    parser.add_argument("--frames", type=int, default=120, help="frames (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    origin = {"load_before": busy_cores(), **provenance.collect_provenance()}
    figures = {}
    print(f"{'gesture':30} {'frames/s':>8} {'median ms':>9} {'p99 ms':>7} {'elements':>8}")
    with running_page() as address, _open_page(address) as page:
        show_plan(page, options.orders)
        for gesture in _GESTURES:
            row = figures[gesture] = play(page, gesture, options.frames)
            numbers = (
                f"{row['frames_per_second']:8.1f} {row['median_ms']:9.1f} {row['p99_ms']:7.1f}"
            )
            print(f"{gesture:30} {numbers} {row['elements']:8}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(figures | origin, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Steps of the image in an empty virtual environment, where no container tool is at hand.

``python -m benchmarks.service.image_steps`` builds the wheel, installs it with the extra
``scheduler`` alone, compiles with ``warm``, and starts the service. It prints seconds and sizes,
and exits with 1 if torch, matplotlib, TensorBoard or Stable-Baselines3 is installed there.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_UNWANTED = ("torch", "matplotlib", "stable_baselines3", "tensorboard")
_LOOK = f"import importlib.util as u; print(*[n for n in {_UNWANTED!r} if u.find_spec(n)])"


@contextlib.contextmanager
def measured(step: str, figures: dict[str, float]) -> Iterator[None]:
    """Measure and print the seconds of a step."""
    print(f"{step} ...", flush=True)
    start = time.perf_counter()
    yield
    figures[step] = round(time.perf_counter() - start, 1)
    print(f"{step}: {figures[step]} s", flush=True)


def megabytes(folder: Path) -> float:
    """Return the size of a folder on the disk."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return round(sum(path.stat().st_size for path in files) / 1e6, 1)


def start_service(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    """Start the service, return once it is ready, and stop it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [
        "--factory",
        "microfactory",
        "--port",
        str(port),
        "--log",
        str(folder / "log.sqlite"),
    ]
    process = subprocess.Popen([*command, "serve", *options], cwd=folder, env=environment)
    address = f"http://127.0.0.1:{port}/readyz"
    try:
        while process.poll() is None:
            with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5):
                return
            time.sleep(0.02)
        raise RuntimeError(f"the service ended with {process.returncode}")
    finally:
        process.terminate()
        process.wait(60)


def run_steps(folder: Path) -> tuple[dict[str, float], list[str]]:
    """Run the steps of the image; return their figures and the packages that are too many."""
    figures = dict[str, float]()
    python, cache = folder / "venv" / "bin" / "python", folder / "cache"
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment = {**kept, "NUMBA_CACHE_DIR": str(cache), "NUMBA_CPU_NAME": "generic"}

    def call(*command: str | Path) -> str:
        done = subprocess.run(
            command, cwd=folder, env=environment, check=True, stdout=subprocess.PIPE, text=True
        )
        return done.stdout

    source = folder / "source"
    shutil.copytree(
        ROOT,
        source,
        ignore=shutil.ignore_patterns(".git", ".venv", "__pycache__", "results", "runs", "dist"),
    )
    pip = ("-m", "pip", "-q", "--disable-pip-version-check")
    constraints = source / "constraints.txt"
    with measured("environment", figures):
        call(sys.executable, "-m", "venv", folder / "venv")
        call(python, *pip, "install", "-c", constraints, "setuptools", "wheel")
    with measured("wheel", figures):
        wheels = ("--no-build-isolation", "--no-deps", "--wheel-dir", folder / "wheels")
        call(python, *pip, "wheel", *wheels, source)
    (wheel,) = (folder / "wheels").glob("*.whl")
    with measured("installation", figures):
        call(python, *pip, "install", "-c", constraints, f"{wheel}[scheduler]")
    unwanted = call(python, "-c", _LOOK).split()
    changeover = str(python.with_name("changeover"))
    with measured("warm", figures):
        call(changeover, "scheduler", "warm")
    with measured("ready after warm", figures):
        start_service([changeover], folder, environment)
    figures["environment MB"] = megabytes(folder / "venv")
    figures["cache MB"] = megabytes(cache)
    figures["wheel MB"] = megabytes(folder / "wheels")
    return figures, unwanted


def main() -> int:
    """Run the steps, print the figures, and return the exit status."""
    parser = argparse.ArgumentParser(description="steps of the image in a virtual environment")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        figures, unwanted = run_steps(Path(name))
    print(json.dumps(figures, indent=1))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    if unwanted:
        print(f"installed, but not needed: {', '.join(unwanted)}")
    return 1 if unwanted else 0


if __name__ == "__main__":
    sys.exit(main())

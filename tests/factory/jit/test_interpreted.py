"""The compiled kernel and observation do what the same source does when Python interprets it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.builders.played_episodes import FACTORIES, play_some
from tests.builders.repository import ROOT


def test_compiled_equals_interpreted() -> None:
    script = (
        "import json; from tests.builders.played_episodes import play_some;"
        " print(json.dumps(play_some()))"
    )
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    interpreted, compiled = json.loads(done.stdout.splitlines()[-1]), play_some()
    assert sum(len(episode["rows"]) for episode in compiled) > 5 * FACTORIES
    for number, (one, other) in enumerate(zip(compiled, interpreted, strict=True)):
        assert one == other, f"factory {number}"

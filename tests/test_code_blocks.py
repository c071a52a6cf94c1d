"""Every code block of README, contribution guide and docs is executed.

The blocks of a page run in their order, in an empty folder. A block's language says what happens:

- ``python``: it runs, after the page's earlier ones, in the same namespace;
- none, ``sh``, ``bash``: each line is a command and runs; what is long is left out of it;
- ``toml``, ``json``, ``csv``: the reader of the project reads it;
- ``usage``: each line is a command with placeholders, which is asked for its help;
- ``text``, and everything else: it needs an entry in ``NOT_EXECUTED``.

A block with a title (``toml title="plant.toml"``, or ``# mine.py`` as its first line) is also
written to that file, for the blocks below it; a later block with the same title continues the file.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders.block_runner import (
    EXISTS,
    PARSED,
    check_csv,
    check_json,
    check_toml,
    run_commands,
)
from tests.builders.markdown_pages import PAGES, CodeBlock, blocks_of, code_blocks, file_of_page
from tests.builders.repository import ROOT

BLOCKS = {page: blocks_of(page) for page in PAGES}
COMMANDS = ("", "sh", "bash", "shell")
EXECUTED = ("python", "toml", "json", "csv", "usage", *COMMANDS)

NOT_EXECUTED = {
    ("docs/factories.md", "bicycles.toml: work_centre.paint.colour.time[1][1] = 3"): (
        "an error; tests/factory/validation/test_bad_factories.py holds such messages"
    ),
    ("docs/cluster.md", "pip install"): "installs",
    ("docs/cluster.md", "ray start"): "starts a cluster; tests/factory/work_units has one",
    ("docs/cluster.md", "python evaluate.py"): "needs a cluster",
    ("docs/cluster.md", "#!/bin/bash"): "needs Slurm",
    ("docs/factories.md", "auftraege.csv: line 3: Gewicht (weight) = 'hoch'"): (
        "an error; tests/factory/io/test_any_order_list.py holds such messages"
    ),
    ("docs/scheduler.md", "docker build -f deploy/Dockerfile -t changeover-optimiser ."): (
        "needs Docker; benchmarks/service/image_steps.py runs the steps of the image"
    ),
    ("docs/scheduler.md", "useradd --system changeover"): "changes the machine",
    ("docs/scheduler.md", "server {"): "needs nginx",
    ("docs/training.md", "# wandb_logger.py"): (
        "needs an account there; tests/agents/training/test_user_hooks.py runs it with a stand-in"
    ),
    ("docs/training.md", "# mlflow_logger.py"): (
        "needs MLflow; tests/agents/training/test_user_hooks.py runs it with a stand-in"
    ),
}
"""Blocks by page and beginning of their first line, and the reason why none of them runs."""

LEFT_OUT = {
    r"train\.py .*--cluster|sweep\.py .*--address": (PARSED, "needs a cluster"),
    r"changeover train|python train\.py": ("train._run", "trains for minutes"),
    r"changeover sweep|python sweep\.py --config": ("sweep.run_sweep", "trains for an hour"),
    r"sweep\.py --resume": (PARSED, "needs a sweep"),
    r"changeover tune|evaluate\.py --tune": ("evaluate.tune", "searches for minutes"),
    r"changeover serve|scheduler serve": (PARSED, "runs until it is stopped"),
    r"scheduler (?:replay|shadow)": (PARSED, "needs the log of a service that has run"),
    r"--suite": (PARSED, "needs the public benchmarks"),
    r"expert_iteration|distillation": (PARSED, "trains for hours"),
    r"python examples/client\.py": (EXISTS, "needs a service that runs; tests/examples holds it"),
}
"""Patterns of long commands; the function in whose place nothing is done, PARSED or EXISTS; the
reason."""

SHORTENED = {
    r"(changeover evaluate|python evaluate\.py (?!--tune|--suite))([^#\n]*)": (
        r"\1\2 --episodes 1 --validation-episodes 1 --processes 1 --versus FIFO "
    ),
    r"(changeover (?:plan|what-if) [^#\n]*)": r"\1 --seconds 1 ",
    r"--policies (?:\w+,)*rules(?:,index)?(?:,(?:policies|runs)/[\w/]+)?": "--policies FIFO",
    r"--futures 16": "--futures 2",
    r"seconds=10\b": "seconds=1",
    r"learn\(200_000\)": "learn(64)",
    r'n_envs=16(.*)\n(.*)\n(.*)"n_steps": 128': r'n_envs=2\1\n\2\n\3"n_steps": 32',
    r"range\(200\)": "range(20)",
}
"""Patterns of what is heavier than a test needs, and what stands in its place."""

READERS_FILES = {
    "plant.toml": file_of_page("docs/factories.md", "bicycles.toml"),
    "my.toml": file_of_page("docs/factories.md", "bicycles.toml"),
    "orders.csv": file_of_page("docs/factories.md", "orders.csv"),
    "express.csv": "order_id,due_date,product,colour\nx1,2026-04-02,city-bike,black\n",
    "mine.py": file_of_page("docs/evaluation.md", "mine.py"),
    "tuned/tiny.toml": (ROOT / "configs" / "evaluation" / "tuned" / "tiny.toml").read_text(
        encoding="utf-8"
    ),
}
"""Files of the readers' own, which lie there unless the page makes them."""


def reason_of(block: CodeBlock) -> str:
    """Return the reason why a block is not executed; empty where it is."""
    for (page, beginning), reason in NOT_EXECUTED.items():
        if block.page == page and block.first_line.startswith(beginning):
            return reason
    return ""


def shortened(text: str) -> str:
    for pattern, replacement in SHORTENED.items():
        text = re.sub(pattern, replacement, text)
    return text


def execute(blocks: list[CodeBlock], folder: Path) -> subprocess.CompletedProcess[str]:
    """Execute the blocks of a page in a folder, in a process of its own."""
    (folder / "examples").symlink_to(ROOT / "examples")
    page = {
        "files": READERS_FILES,
        "stand_ins": {pattern: target for pattern, (target, _) in LEFT_OUT.items()},
        "blocks": [
            {
                "language": block.language,
                "file": block.file,
                "place": block.place,
                "text": shortened(block.text),
                "executed": not reason_of(block),
            }
            for block in blocks
        ],
    }
    return subprocess.run(
        [sys.executable, "-m", "tests.builders.block_runner"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"},
        input=json.dumps(page),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("page", [page for page, blocks in BLOCKS.items() if blocks])
def test_the_blocks_of_a_page_run_in_their_order(page: str, tmp_path: Path) -> None:
    done = execute(BLOCKS[page], tmp_path)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


@pytest.mark.parametrize("page", PAGES)
def test_a_block_has_a_language_that_is_executed_or_a_reason(page: str) -> None:
    without = [
        block.place
        for block in BLOCKS[page]
        if block.language not in EXECUTED and not reason_of(block)
    ]
    assert not without, f"{without}: name one of {EXECUTED}, or add a reason to NOT_EXECUTED"


def test_each_reason_not_to_execute_belongs_to_one_block() -> None:
    for page, beginning in NOT_EXECUTED:
        blocks = [block for block in BLOCKS[page] if block.first_line.startswith(beginning)]
        assert len(blocks) == 1, f"{page}: {len(blocks)} blocks begin with {beginning!r}"


def test_each_exception_is_needed() -> None:
    commands = "".join(
        block.text for blocks in BLOCKS.values() for block in blocks if block.language in COMMANDS
    )
    everything = "".join(block.text for blocks in BLOCKS.values() for block in blocks)
    assert [pattern for pattern in LEFT_OUT if not re.search(pattern, commands)] == []
    assert [pattern for pattern in SHORTENED if not re.search(pattern, everything)] == []
    assert [file for file in READERS_FILES if file.partition("/")[0] not in everything] == []


# --- the reading and running of blocks ------------------------------------------------------------

PAGE = """
```python
x = 1
```

- in a list:
  ~~~sh title="run.sh"
  make test
  ~~~

````{ .toml title="a.toml" }
```
````

```python
# mine.py
print(x)
```
"""


def test_blocks_have_language_file_line_and_text() -> None:
    blocks = code_blocks(PAGE, "page.md")
    assert [(block.line, block.language, block.file, block.text) for block in blocks] == [
        (2, "python", "", "x = 1\n"),
        (7, "sh", "run.sh", "make test\n"),
        (11, "toml", "a.toml", "```\n"),
        (15, "python", "mine.py", "# mine.py\nprint(x)\n"),
    ]
    assert blocks[0].place == "page.md:2"


@pytest.mark.parametrize(
    ("language", "text", "problem"),
    [
        ("python", "x = y", 'docs/page.md", line 4'),
        ("sh", "changeover evaluate --no-such-option", "unrecognized arguments: --no-such-option"),
        ("sh", "changeover train --set learning.no_such_key=1", "returned 2"),
        ("sh", "no-such-command", "no way to check the command 'no-such-command'"),
        ("toml", "x = ", "TOMLDecodeError"),
    ],
)
def test_a_block_that_fails_is_reported(
    language: str, text: str, problem: str, tmp_path: Path
) -> None:
    blocks = code_blocks(f"\n\n```{language}\n{text}\n```\n", "docs/page.md")
    done = execute(blocks, tmp_path)
    assert done.returncode == 1
    assert problem in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        "make no-such-target",
        "make NO_SUCH_VARIABLE=1 test",
        "pip install '.[no-such-extra]'",
        "pip install -c no-such-file.txt .",
        "curl -s http://127.0.0.1:8080/v1/nowhere",
        "curl -s http://127.0.0.1:8080/v1/example -d @file.json",
        "python -m no_such_module",
        "python no_such_file.py",
        "make test; make wheel | cat",
    ],
)
def test_a_command_of_others_that_is_wrong_is_refused(command: str) -> None:
    with pytest.raises(AssertionError):
        run_commands(command, "page.md:1", {})


@pytest.mark.parametrize("text", ["name = 5", "[demand]\nsize = 3", "[learning]\nsteps = 3"])
def test_toml_that_is_no_part_of_a_file_of_ours_is_refused(text: str) -> None:
    with pytest.raises((AssertionError, ValueError)):
        check_toml(text, "page.md:1")


def test_data_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(AssertionError, match="rows of"):
        check_csv("a,b\n1,2\n1\n", "page.md:1")
    with pytest.raises(ValueError, match="clock"):
        check_json('{"machines": {}, "orders": []}', "page.md:1")
    with pytest.raises(json.JSONDecodeError):
        check_json("{", "page.md:1")

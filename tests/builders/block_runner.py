"""Execution of the code blocks of a page in the current folder, in a process of its own.

The steps are read as JSON from the standard input. Blocks in Python share one namespace; commands
run in the same process, by the ``main`` of their module, as starting each anew would take seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import importlib
import importlib.util
import io
import json
import os
import re
import shlex
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tests.builders.repository import ROOT

Namespace = dict[str, Any]


PARSED, EXISTS = "parsed", "exists"
"""Commands that end when their options are parsed, or of which only the file is looked up."""


class ParsedError(Exception):
    """The end of a command that is not to run: its options have been parsed."""


# --- commands -------------------------------------------------------------------------------------


def run_commands(text: str, place: str, stand_ins: dict[str, str]) -> None:
    """Run the commands of a block, one after the other; a command may continue after ``\\``.

    Parameters
    ----------
    text, place
        The block.
    stand_ins
        For patterns of commands that are not run to their end: the function in whose place nothing
        is done, or :data:`PARSED` or :data:`EXISTS`.
    """
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        words = _words(line)
        if not words:
            continue
        print(f"{place}: {line}", file=sys.stderr)
        status = run_command(line, words, stand_ins)
        assert status in (0, None), f"{place}: {line!r} returned {status}"


def _words(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|>&;")
    lexer.whitespace_split = True
    return list(lexer)


def run_command(line: str, words: list[str], stand_ins: dict[str, str]) -> int | None:
    """Run or check one command; return its exit status."""
    while "=" in words[0]:  # a variable of the environment
        name, _, value = words.pop(0).partition("=")
        os.environ[name] = value
    if words[0] in CHECKS:
        CHECKS[words[0]](words)
        return 0
    if len(words) > 2 and words[-2] == ">":
        with Path(words[-1]).open("w", encoding="utf-8") as file, contextlib.redirect_stdout(file):
            return run_command(line, words[:-2], stand_ins)
    assert not {"|", ">", "&&", ";", "&"} & set(words), f"{line!r}: write one command a line"
    matches = [target for pattern, target in stand_ins.items() if re.search(pattern, line)]
    if words[:2] == ["python", "-c"]:
        exec(words[2], {})
        return 0
    module, arguments = _module_of(words)
    if EXISTS in matches:
        return 0
    with contextlib.ExitStack() as stack:
        for target in matches:
            stack.enter_context(_only_parsed() if target == PARSED else _without(target))
        return _call(module, arguments)


def _call(module: str, arguments: list[str]) -> int | None:
    sys.argv = [module, *arguments]
    try:
        status: int | None = importlib.import_module(module).main(arguments)
    except ParsedError:
        return 0
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1 if end.code else 0
    return status


def _module_of(words: list[str]) -> tuple[str, list[str]]:
    """Return the module that a command runs, and its arguments."""
    if words[0] == "changeover":
        return "changeover.__main__", words[1:]
    assert re.fullmatch(r"(?:.*/)?python3?", words[0]), f"no way to check the command {words[0]!r}"
    if words[1] == "-m":
        spec = importlib.util.find_spec(words[2])
        assert spec is not None, f"there is no module {words[2]}"
        is_package = spec.submodule_search_locations is not None
        return words[2] + (".__main__" if is_package else ""), words[3:]
    file = next((path for path in (Path(words[1]), ROOT / words[1]) if path.is_file()), None)
    assert file is not None, f"there is no file {words[1]}"
    sys.path.insert(0, str(file.resolve().parent))
    return file.stem, words[2:]


@contextlib.contextmanager
def _without(target: str) -> Iterator[None]:
    """Do nothing in place of a function."""
    module_name, _, name = target.rpartition(".")
    module = importlib.import_module(module_name)
    kept = getattr(module, name)
    setattr(module, name, lambda *_, **__: 0)
    try:
        yield
    finally:
        setattr(module, name, kept)


@contextlib.contextmanager
def _only_parsed() -> Iterator[None]:
    """End a command when its options are parsed."""
    parse = argparse.ArgumentParser.parse_args

    def parse_and_end(self: argparse.ArgumentParser, *arguments: Any, **options: Any) -> Any:
        namespace = parse(self, *arguments, **options)
        if self.prog == "changeover":  # it hands the arguments on to a command
            return namespace
        raise ParsedError

    argparse.ArgumentParser.parse_args = parse_and_end  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        argparse.ArgumentParser.parse_args = parse  # type: ignore[method-assign]


def _check_make(words: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {word for word in words[1:] if "=" not in word}
    variables = {word.partition("=")[0] for word in words[1:] if "=" in word}
    assert targets <= set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE)), words
    assert variables <= set(re.findall(r"\b([A-Z]+)\b", makefile)), words


def _check_pip(words: list[str]) -> None:
    """Check the extras and the constraints of ``pip install``."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert words[1] == "install", words
    for word in words:
        if match := re.fullmatch(r"(?:\.|changeover-optimiser)\[(.*)\]", word):
            assert set(match[1].split(",")) <= set(project["optional-dependencies"]), word
    if "-c" in words:
        assert (ROOT / words[words.index("-c") + 1]).is_file(), words


def _check_curl(words: list[str]) -> None:
    """Check that the service has the address."""
    from scheduler.service.openapi import _BODIES

    paths = {("GET", "/openapi.json"), *((method.upper(), path) for path, method in _BODIES)}
    (address,) = (word for word in words if word.startswith("http://"))
    path = re.sub(r"http://[^/]+", "", address)
    method = words[words.index("-X") + 1] if "-X" in words else "POST" if "-d" in words else "GET"
    assert (method, path) in paths, address


CHECKS: dict[str, Callable[[list[str]], None]] = {
    "curl": _check_curl,
    "make": _check_make,
    "pip": _check_pip,
}
"""Commands of others, which are checked and not run."""


# --- data -----------------------------------------------------------------------------------------


_SWEEP_HEAD = 'config = "configs/training/quick.toml"\n'


def check_toml(text: str, place: str) -> None:
    """Check a whole file by the reader of its kind, and a part of a factory by the model."""
    from agents.training.config import TrainingConfig, parse_config
    from evaluation.sweeps.sweep_config import read_sweep
    from factory.io.factory_toml import parse_factory
    from factory.io.order_list.layout import OrderListLayout, load_layout
    from factory.model import Factory

    data = tomllib.loads(text)
    if set(data) <= set(OrderListLayout.__dataclass_fields__):
        Path("checked.layout.toml").write_text(text, encoding="utf-8")
        load_layout("checked.layout.toml")
    elif set(data) <= set(TrainingConfig.model_fields) and set(data) != {"costs"}:
        parse_config(data, place)
    elif "space" in data:
        Path("checked.sweep.toml").write_text(
            f"{_SWEEP_HEAD if 'config' not in data else ''}{text}"
        )
        read_sweep(Path("checked.sweep.toml"))
    elif {"name", "work_centres", "products"} <= set(data):
        parse_factory(data, place)
    else:
        try:
            Factory.model_validate_json(json.dumps(data))
        except ValidationError as error:
            problems = [item for item in error.errors() if item["type"] != "missing"]
            assert not problems, f"{place}: {problems}"


def check_json(text: str, place: str) -> None:
    """Check JSON, and that a snapshot has the fields of one."""
    from scheduler.snapshot.schema import Snapshot

    data = json.loads(text)
    if isinstance(data, dict) and {"machines", "orders"} <= set(data):
        Snapshot.model_validate_json(text)


def check_csv(text: str, place: str) -> None:
    """Check that all rows have as many cells as the header."""
    header = text.partition("\n")[0]
    rows = list(csv.reader(text.splitlines(), delimiter=max(",;\t|", key=header.count)))
    widths = {len(row) for row in rows}
    assert len(widths) == 1 < len(rows), f"{place}: rows of {sorted(widths)} cells"


# --- pages ----------------------------------------------------------------------------------------

_CHECKS_OF_DATA = {"toml": check_toml, "json": check_json, "csv": check_csv}


def run_page(page: dict[str, Any]) -> None:
    """Execute the blocks of a page in their order."""
    namespace: Namespace = {"__name__": "__main__"}
    for file, text in page["files"].items():
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).write_text(text, encoding="utf-8")
    made = set[str]()
    for block in page["blocks"]:
        language, text, place = block["language"], block["text"], block["place"]
        if block["file"]:
            with Path(block["file"]).open("a" if block["file"] in made else "w") as file:
                file.write(text)
            made.add(block["file"])
        if not block["executed"]:
            continue
        if language == "python":
            print(place, file=sys.stderr)
            run_python(text, place, namespace)
        elif language in _CHECKS_OF_DATA:
            _CHECKS_OF_DATA[language](text, place)
        elif language == "usage":
            check_usage(text, place)
        else:
            run_commands(text, place, page["stand_ins"])


def check_usage(text: str, place: str) -> None:
    """Ask each command for its help; its words end before the first placeholder."""
    for line in text.splitlines():
        words = line.split()
        end = next((i for i, word in enumerate(words) if re.search(r"[\[A-Z]", word)), len(words))
        module, arguments = _module_of(words[:end])
        with contextlib.redirect_stdout(io.StringIO()):
            status = _call(module, [*arguments, "--help"])
        assert status == 0, f"{place}: {line!r} has no help"


def run_python(text: str, place: str, namespace: Namespace) -> None:
    """Run a block; errors name page and line."""
    page, _, line = place.rpartition(":")
    exec(compile("\n" * int(line) + text, str(ROOT / page), "exec"), namespace)


if __name__ == "__main__":
    run_page(json.load(sys.stdin))

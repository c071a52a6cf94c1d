"""Words about work that takes long: none while it is short, then one at a time, on stderr."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest
from numba.core import event as numba_event
from tqdm import tqdm

from factory import progress
from factory.jit.compile import watch_compiler
from factory.progress import INTERVAL, Progress, say
from factory.simulation.kernel import advance
from tests.builders.repository import ROOT


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_short_work_is_not_told() -> None:
    told, clock = list[str](), Clock()
    with Progress("reading", 3, clock=clock, tell=told.append) as work:
        for _ in range(3):
            clock.now += 0.3
            work.step()
    assert told == []


def test_bug_long_work_is_told_after_a_second_and_then_every_ten() -> None:
    told, clock = list[str](), Clock()
    with Progress("reading", clock=clock, tell=told.append) as work:
        for _ in range(25):
            clock.now += 1.0
            work.step()
    assert told == ["reading (1 done) ...", "reading (11 done) ...", "reading (21 done) ..."]


def test_what_has_just_ended_is_not_told() -> None:
    told, clock = list[str](), Clock()
    with Progress("reading", 2, clock=clock, tell=told.append) as work:
        work.step()
        clock.now += 2 * INTERVAL
        work.step()
    assert told == []


def test_words_go_to_stderr(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "tqdm")
    say("reading ...")
    assert capsys.readouterr() == ("", "reading ...\n")


def test_a_bar_stays_below_the_words(capsys: pytest.CaptureFixture[str]) -> None:
    with tqdm(total=2, ncols=40, file=sys.stderr) as bar:
        say("reading ...")
        bar.update(2)
    out, err = capsys.readouterr()
    assert out == ""
    assert "\rreading ...\n" in err


def test_a_process_that_works_for_another_says_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_is_quiet", False)
    progress.be_quiet()
    say("reading ...")
    assert capsys.readouterr() == ("", "")


@pytest.fixture
def compiler() -> Any:
    """Return the messages about compilation, and a clock for it."""
    told, clock = list[str](), Clock()
    watch = watch_compiler(Progress("compiling", clock=clock, tell=told.append))
    yield SimpleNamespace(told=told, clock=clock)
    numba_event.unregister("numba:compile", watch)


def compile_for(compiler: Any, seconds: float, function: Any) -> None:
    """Announce, as Numba does, the compilation of a function that calls another."""
    with (
        numba_event.trigger_event("numba:compile", data={"dispatcher": function}),
        numba_event.trigger_event("numba:compile", data={"dispatcher": function}),
    ):
        compiler.clock.now += seconds


def test_bug_compilation_that_takes_long_is_told(compiler: Any) -> None:
    """Many short compilations are as long as one that takes long; the time between them does not
    count."""
    function = SimpleNamespace(py_func=getattr(advance, "py_func", advance))
    compile_for(compiler, 0.9, function)
    compiler.clock.now += 1000.0
    assert compiler.told == []
    compile_for(compiler, 0.9, function)
    assert len(compiler.told) == 1
    assert compiler.told[0].startswith("compiling")


def test_compilation_of_others_functions_is_not_told(compiler: Any) -> None:
    for file in ("/elsewhere.py", str(ROOT / "numba" / "beside_the_packages.py")):
        compile_for(
            compiler,
            100.0,
            SimpleNamespace(py_func=SimpleNamespace(__code__=compile("0", file, "eval"))),
        )
    assert compiler.told == []

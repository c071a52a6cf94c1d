"""Progress messages: none of short work, then one every ten seconds, on stderr."""

from __future__ import annotations

import sys
import warnings
from types import SimpleNamespace
from typing import Any

import pytest
from numba.core import event as numba_event
from tqdm import tqdm

from factory import progress
from factory.jit.compiler_watch import watch_compiler
from factory.progress import INTERVAL, Progress, plain_warnings, say
from factory.simulation.kernel import advance
from tests.builders.repository import ROOT


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_short_work_is_not_reported() -> None:
    messages, clock = list[str](), Clock()
    with Progress("reading", 3, clock=clock, report=messages.append) as work:
        for _ in range(3):
            clock.now += 0.3
            work.step()
    assert messages == []


def test_bug_long_work_is_reported_after_a_second_and_then_every_ten() -> None:
    messages, clock = list[str](), Clock()
    with Progress("reading", clock=clock, report=messages.append) as work:
        for _ in range(25):
            clock.now += 1.0
            work.step()
    assert messages == ["reading (1 done) ...", "reading (11 done) ...", "reading (21 done) ..."]


def test_the_last_step_is_not_reported() -> None:
    messages, clock = list[str](), Clock()
    with Progress("reading", 2, clock=clock, report=messages.append) as work:
        work.step()
        clock.now += 2 * INTERVAL
        work.step()
    assert messages == []


def test_messages_go_to_stderr(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "tqdm")
    say("reading ...")
    assert capsys.readouterr() == ("", "reading ...\n")


def test_a_bar_stays_below_the_messages(capsys: pytest.CaptureFixture[str]) -> None:
    with tqdm(total=2, ncols=40, file=sys.stderr) as bar:
        say("reading ...")
        bar.update(2)
    out, err = capsys.readouterr()
    assert out == ""
    assert "\rreading ...\n" in err


def test_a_quiet_process_has_no_messages(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_is_quiet", False)
    progress.be_quiet()
    say("reading ...")
    assert capsys.readouterr() == ("", "")


@pytest.fixture
def compiler() -> Any:
    """Messages about compilation, and a clock for them."""
    messages, clock = list[str](), Clock()
    watch = watch_compiler(Progress("compiling", clock=clock, report=messages.append))
    yield SimpleNamespace(messages=messages, clock=clock)
    numba_event.unregister("numba:compile", watch)


def compile_for(compiler: Any, seconds: float, function: Any) -> None:
    """Trigger the events of compiling a function that calls another."""
    with (
        numba_event.trigger_event("numba:compile", data={"dispatcher": function}),
        numba_event.trigger_event("numba:compile", data={"dispatcher": function}),
    ):
        compiler.clock.now += seconds


def test_bug_long_compilation_is_reported(compiler: Any) -> None:
    """Times of short compilations add up; the time between them does not count."""
    function = SimpleNamespace(py_func=getattr(advance, "py_func", advance))
    compile_for(compiler, 0.9, function)
    compiler.clock.now += 1000.0
    assert compiler.messages == []
    compile_for(compiler, 0.9, function)
    assert len(compiler.messages) == 1
    assert compiler.messages[0].startswith("compiling")


def test_compilation_of_foreign_functions_is_not_reported(compiler: Any) -> None:
    for file in ("/elsewhere.py", str(ROOT / "numba" / "beside_the_packages.py")):
        compile_for(
            compiler,
            100.0,
            SimpleNamespace(py_func=SimpleNamespace(__code__=compile("0", file, "eval"))),
        )
    assert compiler.messages == []


def test_warnings_of_the_project_are_plain_lines_once(capsys: pytest.CaptureFixture[str]) -> None:
    class OwnWarning(UserWarning):
        pass

    with warnings.catch_warnings(), plain_warnings():
        warnings.simplefilter("always")
        for _ in range(3):
            warnings.warn("the parameters may be poor. Tune again.", OwnWarning, stacklevel=1)
    assert capsys.readouterr().err == "the parameters may be poor. Tune again.\n"

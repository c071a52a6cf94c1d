"""Compiled functions: cached by their sources, with the results of interpreted Python."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from factory.jit.compile import cache_folder, drop_old_caches, imported_files, source_hash
from factory.realisation import random_numbers
from tests.builders.repository import ROOT

SOURCE = ROOT / "factory" / "realisation" / "random_numbers.py"
WORD = 2**64
GOLDEN = 0x9E3779B97F4A7C15


def run_python(code: str, folder: Path, **environment: str) -> Any:
    """Run ``code`` in a new process inside ``folder``, and return its JSON output."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("NUMBA_", "XDG_", "PYTHON"))
    }
    settings = {**inherited, "PYTHONDONTWRITEBYTECODE": "1", **environment}
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


# --- the cache ------------------------------------------------------------------------------------

HELPER = "from factory.jit.compile import compiled\n\n@compiled\ndef step():\n    return 1\n"
CALLER = (
    "from factory.jit.compile import compiled\nfrom factory.helper import step\n\n@compiled\ndef"
    " climb(height):\n    return height + step()\n"
)
PROBE = """
import json
from factory.caller import climb
from factory import caller
from factory.jit.compile import cache_folder
from pathlib import Path
top = climb(10)
hits = sum(climb.stats.cache_hits.values())
folder = str(cache_folder(Path(caller.__file__)))
print(json.dumps({"top": top, "hits": hits, "folder": folder}))
"""


@pytest.fixture
def mill(tmp_path: Path) -> Path:
    """Project of two compiled functions in two files, with this project's decorator."""
    package = tmp_path / "project" / "factory"
    (package / "jit").mkdir(parents=True)
    for folder in (package, package / "jit"):
        (folder / "__init__.py").touch()
    shutil.copy(ROOT / "factory" / "jit" / "compile.py", package / "jit")
    (package / "helper.py").write_text(HELPER)
    (package / "caller.py").write_text(CALLER)
    return package.parent


def test_an_edit_in_another_file_is_never_answered_by_a_stale_kernel(
    mill: Path, tmp_path: Path
) -> None:
    cache = str(tmp_path / "cache")
    assert run_python(PROBE, mill, XDG_CACHE_HOME=cache)["top"] == 11
    (mill / "factory" / "helper.py").write_text(HELPER.replace("return 1", "return 5"))
    edited = run_python(PROBE, mill, XDG_CACHE_HOME=cache)
    assert edited["top"] == 15
    assert edited["hits"] == 0


def test_unchanged_sources_are_not_compiled_again(mill: Path, tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    first, second = (run_python(PROBE, mill, XDG_CACHE_HOME=cache) for _ in range(2))
    assert first["hits"] == 0
    assert second == {**first, "hits": 1}


def test_an_edit_undone_finds_its_kernel_again(mill: Path, tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    first = run_python(PROBE, mill, XDG_CACHE_HOME=cache)
    (mill / "factory" / "helper.py").write_text(HELPER.replace("return 1", "return 5"))
    run_python(PROBE, mill, XDG_CACHE_HOME=cache)
    (mill / "factory" / "helper.py").write_text(HELPER)
    assert run_python(PROBE, mill, XDG_CACHE_HOME=cache) == {**first, "hits": 1}


def test_the_same_sources_in_another_folder_find_their_kernel(mill: Path, tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    first = run_python(PROBE, mill, XDG_CACHE_HOME=cache)
    moved = mill.rename(tmp_path / "elsewhere")
    assert run_python(PROBE, moved, XDG_CACHE_HOME=cache) == {**first, "hits": 1}


def test_modules_of_others_that_lie_beside_the_packages_are_no_sources(
    mill: Path, tmp_path: Path
) -> None:
    cache = str(tmp_path / "cache")
    (mill / "factory" / "caller.py").write_text(f"import neighbour\n{CALLER}")
    (mill / "neighbour.py").write_text("size = 1\n")
    first = run_python(PROBE, mill, XDG_CACHE_HOME=cache)
    (mill / "neighbour.py").write_text("size = 2\n")
    assert run_python(PROBE, mill, XDG_CACHE_HOME=cache) == {**first, "hits": 1}


def test_an_edit_of_what_a_file_does_not_import_compiles_nothing_anew(
    mill: Path, tmp_path: Path
) -> None:
    cache = str(tmp_path / "cache")
    first = run_python(PROBE, mill, XDG_CACHE_HOME=cache)
    (mill / "factory" / "stranger.py").write_text(HELPER.replace("return 1", "return 2"))
    assert run_python(PROBE, mill, XDG_CACHE_HOME=cache) == {**first, "hits": 1}


def test_a_file_is_keyed_by_what_it_imports_through_others() -> None:
    files = {
        path.relative_to(ROOT).as_posix()
        for path in imported_files(ROOT / "envs" / "step_kernels.py")
    }
    assert {
        "envs/step_kernels.py",
        "envs/observation/candidates.py",
        "factory/simulation/kernel.py",
        "factory/realisation/random_numbers.py",
        "factory/simulation/event_log.py",
        "factory/simulation/arrays.py",
    } <= files
    assert "factory/verification/verifier.py" not in files


def test_a_folder_chosen_by_the_user_is_keyed_by_sources_too(mill: Path, tmp_path: Path) -> None:
    chosen = tmp_path / "chosen"
    first = run_python(PROBE, mill, NUMBA_CACHE_DIR=str(chosen))
    assert Path(first["folder"]).is_relative_to(chosen)
    (mill / "factory" / "helper.py").write_text(HELPER.replace("return 1", "return 5"))
    assert run_python(PROBE, mill, NUMBA_CACHE_DIR=str(chosen))["top"] == 15


def test_a_cache_that_cannot_be_written_is_replaced_by_a_temporary_one(
    mill: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "temporary").mkdir()
    answer = run_python(
        PROBE, mill, XDG_CACHE_HOME=str(tmp_path / "file"), TMPDIR=str(tmp_path / "temporary")
    )
    assert answer["top"] == 11
    assert Path(answer["folder"]).is_relative_to(tmp_path / "temporary")


@pytest.mark.skipif(
    not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give a folder away"
)
def test_a_strangers_cache_is_not_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    strange = tmp_path / "home" / "changeover-optimiser"
    strange.mkdir(parents=True)
    os.chown(strange, 12345, -1)
    (tmp_path / "temporary").mkdir()
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    cache_folder.cache_clear()
    assert cache_folder(SOURCE).is_relative_to(tmp_path / "temporary")


def cache_of_age(base: Path, name: str, days: float) -> Path:
    folder = base / name
    folder.mkdir()
    (folder / "kernel.nbi").touch()
    then = time.time() - days * 86400
    os.utime(folder, (then, then))
    return folder


def test_bug_a_moved_file_has_a_cache_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Compiled code names its module, which is not there any more after a move."""
    monkeypatch.setattr("factory.jit.compile._ROOT", tmp_path)
    hashes = set()
    for folder in ("old", "new"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "numbers.py").write_text("LIMIT = 3\n")
        hashes.add(source_hash(tmp_path / folder / "numbers.py"))
    assert len(hashes) == 2


def test_old_caches_are_dropped_beyond_the_newest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("factory.jit.compile._KEPT_CACHES", 4)
    caches = [cache_of_age(tmp_path, f"state-{days}", days) for days in (2, 3, 4, 5, 6, 7)]
    drop_old_caches(tmp_path)
    assert [cache.exists() for cache in caches] == [True, True, True, True, False, False]


def test_caches_used_within_a_day_are_kept_however_many(tmp_path: Path) -> None:
    caches = [cache_of_age(tmp_path, f"state-{number}", number / 24) for number in range(12)]
    drop_old_caches(tmp_path)
    assert all(cache.exists() for cache in caches)


def test_using_a_cache_makes_it_young(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    cache_folder.cache_clear()
    folder = cache_folder(SOURCE)
    os.utime(folder, (0, 0))
    cache_folder.cache_clear()
    (tmp_path / "now").touch()
    assert cache_folder(SOURCE) == folder
    assert folder.stat().st_mtime >= (tmp_path / "now").stat().st_mtime


def test_a_cache_that_another_process_removes_meanwhile_is_no_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("factory.jit.compile._KEPT_CACHES", 4)
    for number in range(6):
        cache_of_age(tmp_path, f"state-{number}", 2 + number)
    vanishing = tmp_path / "state-5"
    is_dir = Path.is_dir

    def is_dir_then_gone(path: Path) -> bool:
        found = is_dir(path)
        if path == vanishing:
            shutil.rmtree(path)
        return found

    monkeypatch.setattr(Path, "is_dir", is_dir_then_gone)
    drop_old_caches(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "state-0",
        "state-1",
        "state-2",
        "state-3",
    ]


# --- random numbers -------------------------------------------------------------------------------


def plain_mix(z: int) -> int:
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % WORD
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % WORD
    return z ^ (z >> 31)


def plain_bits(seed: int, role: int, entity: int, index: int) -> int:
    """docs/model.md, section 7, in Python's unbounded integers."""
    z = plain_mix((seed + GOLDEN * (role + 1)) % WORD)
    z = plain_mix((z + GOLDEN * (entity + 1)) % WORD)
    return plain_mix((z + GOLDEN * (index + 1)) % WORD)


def plain_uniform(seed: int, role: int, entity: int, index: int) -> float:
    return ((plain_bits(seed, role, entity, index) >> 11) + 0.5) * 2.0**-53


def plain_normal(seed: int, role: int, entity: int, index: int) -> float:
    radius = math.sqrt(-2 * math.log(plain_uniform(seed, role, entity, 2 * index)))
    return radius * math.cos(2 * math.pi * plain_uniform(seed, role, entity, 2 * index + 1))


SEEDS = (0, 1, 42, 2**31, 2**63 - 1, 2**63, WORD - 1)
KEYS = [
    (seed, role, entity, index)
    for seed in SEEDS
    for role in (1, 7, 15)
    for entity in (0, 1, 399)
    for index in (0, 1, 64 * 29 + 3, 2**40)
]

DRAW = f"""
import json
import warnings
import numpy as np
warnings.simplefilter("error")
from factory.realisation import random_numbers
keys = {KEYS!r}
def draw(seed, *key):
    numbers = random_numbers.uniform(seed, *key), random_numbers.normal(seed, *key)
    ticks = int(random_numbers.exponential_ticks(90.0, seed, *key))
    return [int(random_numbers.bits(seed, *key)), *map(float, numbers), ticks]
print(json.dumps([draw(np.uint64(seed), *key) for seed, *key in keys]))
"""


def test_random_numbers_are_those_of_the_model() -> None:
    for seed, *key in KEYS:
        assert int(random_numbers.bits(np.uint64(seed), *key)) == plain_bits(seed, *key)
        assert random_numbers.uniform(np.uint64(seed), *key) == plain_uniform(seed, *key)
        assert random_numbers.normal(np.uint64(seed), *key) == pytest.approx(
            plain_normal(seed, *key), rel=1e-14, abs=1e-14
        )
        ticks = max(1, math.floor(-90.0 * math.log(plain_uniform(seed, *key)) + 0.5))
        assert random_numbers.exponential_ticks(90.0, np.uint64(seed), *key) == ticks


def test_interpreted_functions_draw_what_compiled_ones_draw_and_warn_of_nothing() -> None:
    compiled, interpreted = run_python(DRAW, ROOT), run_python(DRAW, ROOT, NUMBA_DISABLE_JIT="1")
    assert len(compiled) == len(KEYS)
    assert interpreted == compiled


def test_uniform_draws_lie_inside_the_open_interval_and_spread_evenly() -> None:
    drawn = np.array(
        [
            random_numbers.uniform(np.uint64(7), random_numbers.PROCESS, entity, 0)
            for entity in range(4000)
        ]
    )
    assert drawn.min() > 0.0
    assert drawn.max() < 1.0
    counts = np.histogram(drawn, bins=10, range=(0.0, 1.0))[0]
    assert (
        ((counts - 400) ** 2 / 400).sum() < 27.9
    )  # chi-squared, 9 degrees of freedom: one in a thousand seeds would fail, this one is fixed


def test_normal_draws_have_mean_zero_and_variance_one() -> None:
    drawn = np.array(
        [
            random_numbers.normal(np.uint64(7), random_numbers.PROCESS, entity, 0)
            for entity in range(4000)
        ]
    )
    assert abs(drawn.mean()) < 4 / math.sqrt(4000)
    assert abs(drawn.var() - 1) < 4 * math.sqrt(2 / 4000)

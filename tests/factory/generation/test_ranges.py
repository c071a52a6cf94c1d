"""Ranges of random factories: read from files, checked, with defaults."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from factory.generation.generator import draw_factory
from factory.generation.ranges import LIMITS, RandomisedRanges, load_ranges
from factory.io.catalogue import FACTORIES_FOLDER
from factory.validation.factory import check_factory


def write(folder: Path, text: str) -> Path:
    path = folder / "ranges.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_shipped_ranges_name_every_range_and_are_the_defaults_but_for_features() -> None:
    text = (FACTORIES_FOLDER / "randomised.toml").read_text(encoding="utf-8")
    features = ("shifts", "staff_groups", "maintenance_share", "run_share")
    none = {name: getattr(RandomisedRanges(), name) for name in features}
    shipped = load_ranges(FACTORIES_FOLDER / "randomised.toml")
    assert shipped != RandomisedRanges()
    assert shipped.model_copy(update=none) == RandomisedRanges()
    assert (
        set(re.findall(r"^(\w+) = ", text, re.MULTILINE))
        == set(LIMITS)
        == set(RandomisedRanges.model_fields)
    )


def test_ranges_left_out_have_their_defaults(tmp_path: Path) -> None:
    assert load_ranges(write(tmp_path, "[randomised]\nload = [0.7, 0.8]")) == RandomisedRanges(
        load=(0.7, 0.8)
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[randomised", "is not TOML"),
        ("randomised = 3", "randomised = 3; must be a table. Write [randomised] above the ranges."),
        (
            "[randomised]\n[demand]",
            "demand = {}; all ranges are in one table [randomised]. Remove it.",
        ),
        (
            "[randomised]\nlaod = [0.6, 0.9]",
            "randomised.laod = [0.6, 0.9]; there is no such range. Write 'load', if that is meant.",
        ),
        (
            "[randomised]\nload = [0.9, 0.6]",
            (
                "randomised.load = [0.9, 0.6]; the low end must not exceed the high end. Write"
                " [0.6, 0.9]."
            ),
        ),
        (
            "[randomised]\nload = [0.6, 1.2]",
            (
                "randomised.load = [0.6, 1.2]; both ends must lie between 0.05 and 0.95. Narrow the"
                " range."
            ),
        ),
        (
            "[randomised]\nload = [nan, 0.9]",
            "randomised.load = [nan, 0.9]; both ends must be finite. Write two numbers.",
        ),
        (
            "[randomised]\nload = 0.7",
            "randomised.load = 0.7; must be a list of two numbers. Write [low, high].",
        ),
        (
            "[randomised]\nload = [0.7]",
            "randomised.load = [0.7]; must have a low and a high end. Write [low, high].",
        ),
        (
            "[randomised]\nload = [0.6, 0.7, 0.8]",
            (
                "randomised.load = [0.6, 0.7, 0.8]; must have a low and a high end, no more. Write"
                " [low, high]."
            ),
        ),
        (
            "[randomised]\nmachines = [3.5, 9]",
            "randomised.machines = [3.5, 9]; both ends must be whole numbers. Write [low, high].",
        ),
        (
            "[randomised]\ncv = ['low', 0.3]",
            "randomised.cv = ['low', 0.3]; both ends must be numbers. Write [low, high].",
        ),
        (
            "[randomised]\nmachines = [3, 9]\nwork_centres = [4, 6]",
            (
                "randomised.work_centres = [4, 6]; every work centre needs a machine, but machines"
                " begin at 3. Lower the low end or draw more machines."
            ),
        ),
    ],
)
def test_malformed_ranges_are_refused_with_place_value_rule_and_remedy(
    tmp_path: Path, text: str, message: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ValueError, match=re.escape(message)) as refused:
        load_ranges(path)
    assert str(refused.value).startswith(f"{path}: ")


def test_ranges_are_checked_when_written_in_python_too() -> None:
    with pytest.raises(ValidationError, match="the low end must not exceed the high end"):
        RandomisedRanges(load=(0.9, 0.6))


@pytest.mark.parametrize("name", LIMITS)
def test_ranges_may_be_pinned_at_their_limits(name: str) -> None:
    """Draw a factory with one range pinned at either limit, except for large sizes."""
    whole = isinstance(getattr(RandomisedRanges(), name)[0], int)
    for limit in LIMITS[name]:
        end = int(min(limit, 12)) if whole else limit
        small: dict[str, Any] = {
            "machines": (12, 12),
            "work_centres": (2, 3),
            "num_orders": (5, 5),
            name: (end, end),
        }
        if name == "machines":
            small["work_centres"] = (1, 1)
        check_factory(draw_factory(1, RandomisedRanges(**small)), name)

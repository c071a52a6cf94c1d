"""Animations of the shop floor in files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from factory.schedule.shop_floor.floor_animation import (
    save_shop_floor_animation,
    shop_floor_pictures,
    write_animation,
)
from tests.builders.hand_made_schedule import hand_factory, hand_schedule


@pytest.mark.parametrize("name", ["floor.webp", "floor.gif", "FLOOR.WEBP"])
def test_files_hold_the_pictures_of_the_whole_schedule(name: str, tmp_path: Path) -> None:
    save_shop_floor_animation(hand_schedule(), hand_factory(), tmp_path / name, frames=5)
    dates = [0, 7, 14, 21, 28]
    expected = list(shop_floor_pictures(hand_schedule(), hand_factory(), dates))
    with Image.open(tmp_path / name) as image:
        assert image.n_frames == 5
        for index, picture in enumerate(expected):
            image.seek(index)
            drawn = np.asarray(image.convert("RGB")).astype(int)
            assert np.abs(drawn - picture).mean() < (2 if name.endswith("gif") else 0.01)


def test_a_picture_stands_for_a_tick_at_least(tmp_path: Path) -> None:
    path = tmp_path / "floor.webp"
    save_shop_floor_animation(
        hand_schedule(), hand_factory(), path, frames=99, since=4, until=8, title="t"
    )
    with Image.open(path) as image:
        assert image.n_frames == 5


def test_the_same_schedule_gives_the_same_file(tmp_path: Path) -> None:
    files = tmp_path / "a.webp", tmp_path / "b.webp"
    for path in files:
        save_shop_floor_animation(hand_schedule(), hand_factory(), path, frames=4)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_an_empty_schedule_is_a_single_picture(tmp_path: Path) -> None:
    empty = replace(hand_schedule(), orders=(), operations=(), changeovers=(), waits=(), end_date=0)
    path = tmp_path / "floor.gif"
    save_shop_floor_animation(empty, hand_factory(), path)
    with Image.open(path) as image:
        assert getattr(image, "n_frames", 1) == 1


def test_arguments_are_checked(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must end in \.webp or \.gif. Choose one of them"):
        save_shop_floor_animation(hand_schedule(), hand_factory(), tmp_path / "floor.mp4")
    with pytest.raises(ValueError, match="frames = 0; must be at least 1"):
        save_shop_floor_animation(hand_schedule(), hand_factory(), tmp_path / "a.gif", frames=0)
    with pytest.raises(ValueError, match="pictures: there are none; an animation needs one"):
        write_animation([], tmp_path / "a.gif")
    assert not list(tmp_path.iterdir())

"""Shop floor of a schedule as a picture, and as an animation in a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from factory.model import Factory
from factory.schedule.conversion import columns_of
from factory.schedule.pixel_canvas import Pixels
from factory.schedule.record_kinds import ScheduleRecords
from factory.schedule.shop_floor.floor_history import FloorHistory
from factory.schedule.shop_floor.floor_painter import ShopFloorPainter
from factory.validation.arguments import check_count, check_number

_LAST_PICTURE = 2000
"""Milliseconds that the last picture of an animation stays."""
_PALETTE_SIZE = 255
"""Colours of a GIF; one is left for pixels that do not change."""
_ENDINGS = (".webp", ".gif")


def shop_floor_pictures(
    schedule: ScheduleRecords, factory: Factory, dates: Iterable[int], *, title: str | None = None
) -> Iterator[Pixels]:
    """Yield pictures of the shop floor at some dates, ``[height, width, 3]``, all of one size.

    Each work centre is a panel, in the order in which products pass them. It shows the orders on
    their way to it, its queue, and its machines. Orders have the colours of the setups they want.

    Parameters
    ----------
    schedule, factory
        Schedule, finished or so far, and the factory that it is of.
    dates
        Ticks.
    title
        First line; None: factory and seed.

    Raises
    ------
    ValueError
        If the schedule has products or machines that the factory does not have.
    """
    painter = ShopFloorPainter(factory)
    columns = columns_of(schedule, painter.lookup)
    history = FloorHistory(columns, painter.lookup)
    order_ids = [order.order_id for order in schedule.orders]
    for date in dates:
        state = history.state_at(date)
        yield painter.draw(state, columns, order_ids=order_ids, dates=schedule.dates, title=title)


def save_shop_floor_animation(
    schedule: ScheduleRecords,
    factory: Factory,
    path: Path | str,
    *,
    frames: int = 150,
    since: int = 0,
    until: int | None = None,
    frames_per_second: float = 8.0,
    title: str | None = None,
) -> None:
    """Write an animation of the shop floor as WebP or GIF, which repeats for ever.

    Parameters
    ----------
    schedule, factory
        Schedule, finished or so far, and the factory that it is of.
    path
        File; its ending, ``.webp`` or ``.gif``, is the format. WebP files keep all colours and are
        smaller.
    frames
        Number of pictures, at equal distances; at most one a tick.
    since, until
        First and last tick shown; None: the end of the schedule.
    frames_per_second
        Pictures shown in a second. The last one stays two seconds longer.
    title
        First line; None: factory and seed.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range, or the schedule is not of the factory.
    """
    _check_ending(path)
    frames = check_count("frames", frames, 1, "Give the number of pictures, as 150.")
    last = schedule.end_date if until is None else until
    dates = np.unique(np.linspace(since, max(since, last), frames).round().astype(np.int64))
    pictures = shop_floor_pictures(schedule, factory, dates.tolist(), title=title)
    write_animation(pictures, path, frames_per_second)


def write_animation(
    pictures: Iterable[Pixels], path: Path | str, frames_per_second: float = 8.0
) -> None:
    """Write pictures of one size as an animation in WebP or GIF, which repeats for ever.

    Parameters and errors as for :func:`save_shop_floor_animation`.
    """
    from PIL import Image

    ending = _check_ending(path)
    rate = check_number("frames_per_second", frames_per_second, 0.1, "Give a rate, as 8.")
    images = [Image.fromarray(picture) for picture in pictures]
    if not images:
        raise ValueError("pictures: there are none; an animation needs one. Give at least one.")
    durations = [round(1000 / rate)] * len(images)
    durations[-1] += _LAST_PICTURE
    settings: dict[str, Any] = {"save_all": True, "loop": 0, "duration": durations}
    if ending == ".webp":
        settings |= {"lossless": True, "method": 1, "quality": 20}
    else:
        images = list(_in_one_palette(images))
    images[0].save(path, append_images=images[1:], **settings)


def _check_ending(path: Path | str) -> str:
    """Return the ending of an animation's file, in lower case.

    Raises
    ------
    ValueError
        If it is neither WebP nor GIF.
    """
    ending = Path(path).suffix.lower()
    if ending not in _ENDINGS:
        raise ValueError(
            f"path = {str(path)!r}; must end in {' or '.join(_ENDINGS)}. Choose one of them."
        )
    return ending


def _in_one_palette(images: Sequence[Any]) -> Iterator[Any]:
    """Yield images in the colours that some of them have most; a palette for each would flicker."""
    from PIL import Image

    some = np.concatenate([np.asarray(image) for image in images[:: max(1, len(images) // 10)]])
    packed = some.reshape(-1, 3).astype(np.int64) @ np.array([1 << 16, 1 << 8, 1])
    colours, counts = np.unique(packed, return_counts=True)
    by_count = colours[np.argsort(-counts, kind="stable")]
    # Pillow looks colours up in cells, and so takes an almost white one for white if both are kept
    _, first = np.unique(by_count & 0xF8F8F8, return_index=True)
    kept = by_count[np.sort(first)][:_PALETTE_SIZE]
    palette = Image.new("P", (1, 1))
    palette.putpalette(np.stack([kept >> 16, kept >> 8 & 255, kept & 255], 1).ravel().tolist())
    for image in images:
        yield image.quantize(palette=palette, dither=Image.Dither.NONE)

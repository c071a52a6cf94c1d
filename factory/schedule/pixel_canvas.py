"""Rectangles and text drawn directly into an array of pixels.

A chart in matplotlib takes a second; pictures for a video take milliseconds here. Only glyphs come
from matplotlib, rasterised once for each text.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from factory.schedule.gantt_style import any_letters

Pixels = NDArray[np.uint8]
Rgb = tuple[int, int, int]

_DOTS_PER_INCH = 110
_TEXTS = 8192
"""Maximum number of rasterised texts that are kept."""


def rgb_of(colour: Any) -> Rgb:
    """Return a colour of matplotlib as numbers from 0 to 255."""
    from matplotlib.colors import to_rgb

    red, green, blue = (round(255 * share) for share in to_rgb(colour))
    return red, green, blue


@lru_cache(_TEXTS)
def rasterise(text: str, points: float, weight: str = "normal") -> NDArray[np.float32]:
    """Return the coverage of each pixel by a text, 0 to 1, ``[height, width, 1]``.

    The height depends on the size alone, so that baselines of texts side by side agree.
    """
    font, line, below = _font(points, weight)
    with any_letters():
        font.set_text(text, 0.0)
        font.draw_glyphs_to_bitmap(antialiased=True)
    image = np.asarray(font.get_image(), np.float32) / 255
    room = np.zeros((line + 2, image.shape[1]), np.float32)
    bottom = line + 1 - below + round(font.get_descent() / 64)
    top = bottom - len(image)
    kept = image[max(0, -top) : len(image) - max(0, bottom - len(room))]
    room[max(0, top) : max(0, top) + len(kept)] = kept
    return room[:, :, None]


@lru_cache
def _font(points: float, weight: str) -> tuple[Any, int, int]:
    """Return a font, the height of its lines, and the part of it below the baseline."""
    import matplotlib.font_manager as fonts
    from matplotlib.ft2font import FT2Font

    font = FT2Font(fonts.findfont(fonts.FontProperties(weight=weight)))
    font.set_size(points, _DOTS_PER_INCH)
    font.set_text("Agjy", 0.0)
    return font, round(font.get_width_height()[1] / 64), round(font.get_descent() / 64)


class PixelCanvas:
    """A picture ``[height, width, 3]`` with methods to draw into it.

    Coordinates are pixels from the top left; whatever lies outside the picture is left out.

    Parameters
    ----------
    pixels
        Picture that is drawn into.
    """

    def __init__(self, pixels: Pixels) -> None:
        self.pixels = pixels
        self.height, self.width = pixels.shape[:2]

    def fill(self, left: int, top: int, right: int, bottom: int, colour: Any) -> None:
        """Fill a rectangle with a colour, or with a pattern as large as the picture."""
        left, top = (0 if left < 0 else left), (0 if top < 0 else top)
        if right <= left or bottom <= top:
            return
        part = slice(top, bottom), slice(left, right)
        self.pixels[part] = colour[part] if isinstance(colour, np.ndarray) else colour

    def frame(
        self, left: int, top: int, right: int, bottom: int, face: Any, edge: Rgb, width: int = 1
    ) -> None:
        """Fill a rectangle with ``face``, as :meth:`fill`, inside an edge."""
        width = min(width, max(1, (right - left) // 2))
        self.fill(left, top, right, bottom, edge)
        self.fill(left + width, top + width, right - width, bottom - width, face)

    def write(
        self,
        text: str,
        x: float,
        y: float,
        colour: Rgb = (0, 0, 0),
        *,
        points: float = 8,
        weight: str = "normal",
        anchor: float = 0.0,
    ) -> None:
        """Write a text whose middle is at the height ``y``.

        ``anchor`` is the share of the text left of ``x``: 0 begins there, 1 ends there.
        """
        self.stamp(rasterise(text, points, weight), x, y, colour, anchor)

    def write_upwards(
        self, text: str, x: float, y: float, *, points: float = 8, weight: str = "normal"
    ) -> None:
        """Write a text from bottom to top, with its middle at ``x``, ``y``."""
        mask = np.rot90(rasterise(text, points, weight))
        self.stamp(mask, x, y, (0, 0, 0), 0.5)

    def stamp(
        self, mask: NDArray[np.float32], x: float, y: float, colour: Rgb, anchor: float = 0.5
    ) -> None:
        """Blend a colour into the pixels that a mask ``[height, width, 1]`` covers."""
        left, top = round(x - anchor * mask.shape[1]), round(y - mask.shape[0] / 2)
        mask = mask[max(0, -top) : max(0, self.height - top), max(0, -left) :]
        mask = mask[:, : max(0, self.width - max(0, left))]
        left, top = max(0, left), max(0, top)
        part = self.pixels[top : top + mask.shape[0], left : left + mask.shape[1]]
        ink = np.array(colour, np.float32)
        part[:] = (part + mask * (ink - part) + 0.5).astype(np.uint8)


def triangle_mask(size: int) -> NDArray[np.float32]:
    """Return the mask of a triangle that points down, ``[size, 2 size - 1, 1]``.

    Examples
    --------
    >>> triangle_mask(2)[:, :, 0].tolist()
    [[1.0, 1.0, 1.0], [0.0, 1.0, 0.0]]
    """
    distance = np.abs(np.arange(2 * size - 1) - (size - 1))
    rows = np.arange(size)[:, None]
    return (distance[None, :] < size - rows).astype(np.float32)[:, :, None]


def striped(height: int, width: int, face: Rgb, edge: Rgb, period: int = 6) -> Pixels:
    """Return a picture of diagonal stripes, to fill hatched rectangles with."""
    place = np.add.outer(np.arange(height), np.arange(width)) % period
    return np.where(
        (place == 0)[:, :, None], *(np.array(colour, np.uint8) for colour in (edge, face))
    )

"""The Gantt chart in a window, for ``render_mode="human"``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class GanttWindow:
    """A window that shows Gantt charts; without a screen, nothing appears."""

    def __init__(self) -> None:
        import matplotlib.pyplot as plt  # loaded only for a window

        self._plt = plt
        self._figure, self._axes = plt.subplots(figsize=(14, 8))

    def show(self, picture: NDArray[np.uint8]) -> None:
        """Replace the picture, ``[height, width, 3]``."""
        self._axes.clear()
        self._axes.set_axis_off()
        self._axes.imshow(picture)
        self._figure.canvas.draw_idle()
        self._figure.canvas.flush_events()

    def close(self) -> None:
        """Close the window."""
        self._plt.close(self._figure)

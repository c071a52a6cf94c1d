"""The Gantt chart in a window, for ``render_mode="human"``."""

from __future__ import annotations

from factory.model import Factory
from factory.schedule.records import Schedule


class GanttWindow:
    """A window that shows Gantt charts; without a screen, nothing appears."""

    def __init__(self) -> None:
        import matplotlib.pyplot as plt  # loaded only for a window

        self._plt = plt
        self._figure, self._axes = plt.subplots(figsize=(14, 8))

    def show(self, schedule: Schedule, factory: Factory) -> None:
        """Replace the picture."""
        from factory.schedule.gantt import gantt_rgb

        picture = gantt_rgb(schedule, factory)
        self._axes.clear()
        self._axes.set_axis_off()
        self._axes.imshow(picture)
        self._figure.canvas.draw_idle()
        self._figure.canvas.flush_events()

    def close(self) -> None:
        """Close the window."""
        self._plt.close(self._figure)

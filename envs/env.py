"""One microfactory as a Gymnasium environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.batch import Batch, observation_space
from envs.gantt_window import GanttWindow
from envs.observation.tables import (
    DEFAULT_CHANGEOVER_ROWS,
    DEFAULT_JOB_ROWS,
    Observation,
    Tables,
)
from envs.scenario import Scenario
from envs.time_unit import mean_process_times
from factory.cost_terms import COST_TERMS
from factory.generation.ranges import RandomisedRanges
from factory.model import Factory, OrderBook
from factory.schedule.columns import unload_columns
from factory.schedule.gantt import gantt_text
from factory.schedule.records import Schedule, unload
from factory.schedule.shop_floor.floor_history import FloorHistory
from factory.schedule.shop_floor.floor_painter import ShopFloorPainter
from factory.schedule.shop_floor.gantt_video import GanttVideo
from factory.simulation.arrays import READY, FactoryArrays
from factory.simulator import SimulatorChoice, list_simulator_choices
from factory.tick_dates import TickDates
from factory.validation.arguments import check_instance, check_number, check_row, check_seed

_LOG_LINES = 8192
_RENDER_VIEWS = ("gantt", "shop_floor")
_SHOWN_OPERATIONS = 40
"""Mean process times that a rendered chart shows."""


class ChangeoverEnv(gymnasium.Env[Observation, np.int64]):
    """Dispatching and changeover decisions in a microfactory, one machine at a time.

    The action is a row of ``observation["candidates"]`` that ``observation["action_mask"]`` allows:
    a ready operation, a changeover alone, or (last) the wait. The reward is minus the cost since
    the last decision (at first: since the start) over the scenario's cost scale. ``info`` has
    ``cost`` (by term, since the last decision), ``elapsed`` (ticks since then), ``action_mask``
    and, when the episode is over, ``episode_cost`` (by term) and ``decisions``.

    Parameters
    ----------
    factory
        Name of a shipped factory, a TOML file, a :class:`factory.model.Factory`, or ranges from
        which each episode draws a new factory.
    order_book
        Orders to replay in place of the factory's demand.
    num_orders
        Number of orders of an episode, in place of the factory's.
    job_rows
        Rows for ready operations in the candidate table; 0 for as many as can ever be needed.
    changeover_rows
        Rows for changeovers in the candidate table; 0 for as many as can ever be needed.
    last_date
        Truncate the episode at the first decision at or after this tick.
    max_decisions
        Truncate the episode after this many decisions. Even without a limit, it is truncated after
        50 idle decisions for each operation of its orders: waits with nothing under way,
        changeovers without an operation. Only a policy that does no work reaches this limit.
    illegal_actions
        ``"raise"``, or ``"replace"`` for learners without masks. With n legal rows, row number
        ``action % n`` among these then replaces an illegal action, and ``info["replaced"]`` is
        true. :func:`gymnasium.make` has ``"replace"`` as its default.
    dtype
        Float type of the observation.
    render_mode
        ``"rgb_array"`` and ``"human"``: Gantt chart of the last hours, as an array or in a window;
        ``"ansi"``: a text. :func:`factory.schedule.gantt.draw_gantt` draws whole episodes.
    render_hours
        Hours that the chart shows; None: 40 mean process times.
    render_view
        ``"gantt"``, or ``"shop_floor"``: arrays and the window show machines, queues and orders in
        transit at the present date. A wait by choice is drawn as idle time until it has ended.

    Raises
    ------
    factory.simulation_errors.IllegalActionError
        By :meth:`step`, if the action is not legal; the state is unchanged.
    TypeError, ValueError
        By all methods, if an argument is of the wrong kind or out of range; the state is
        unchanged, including the generator of seeds.

    Examples
    --------
    >>> import gymnasium, envs.registration
    >>> env = gymnasium.make("microfactory/Changeover-v0", factory="tiny")
    >>> observation, info = env.reset(seed=1)
    >>> action = int(info["action_mask"].argmax())
    >>> observation, reward, terminated, truncated, info = env.step(action)
    >>> sorted(info["cost"])
    ['changeover', 'energy', 'holding', 'maintenance', 'overtime', 'staff', 'tardiness', 'waste']
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array", "human", "ansi"], "render_fps": 30}

    def __init__(
        self,
        factory: str | Path | Factory | RandomisedRanges = "microfactory",
        order_book: OrderBook | str | Path | None = None,
        *,
        num_orders: int | None = None,
        job_rows: int = DEFAULT_JOB_ROWS,
        changeover_rows: int = DEFAULT_CHANGEOVER_ROWS,
        last_date: int | None = None,
        max_decisions: int | None = None,
        illegal_actions: str = "raise",
        dtype: type[np.floating[Any]] = np.float32,
        render_mode: str | None = None,
        render_hours: float | None = None,
        render_view: str = "gantt",
    ) -> None:
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise ValueError(
                f"render_mode = {render_mode!r}; must be one of {self.metadata['render_modes']} or"
                " None. Choose one of them."
            )
        if render_hours is not None:
            render_hours = check_number("render_hours", render_hours, 0.1, "Give hours, as 24.")
        if render_view not in _RENDER_VIEWS:
            raise ValueError(
                f"render_view = {render_view!r}; must be one of {_RENDER_VIEWS}. Choose one of"
                " them."
            )
        self.render_mode, self._render_hours = render_mode, render_hours
        self._render_view = render_view
        self._floor: ShopFloorPainter | None = None
        self._window: GanttWindow | None = None
        self._video: GanttVideo | None = None
        self._settings: dict[str, Any] = {
            "job_rows": job_rows,
            "changeover_rows": changeover_rows,
            "last_date": last_date,
            "max_decisions": max_decisions,
            "illegal_actions": illegal_actions,
            "dtype": dtype,
        }
        self.scenario = Scenario(factory, order_book, num_orders)
        self._action = np.zeros(1, np.int64)
        self._over = True
        self._batch = self._open(self.scenario, 0)
        self._space = observation_space(self._batch.tables)
        self.observation_space: spaces.Space[Any] = self._space
        self.action_space = spaces.Discrete(self._batch.shop.legal.shape[1])

    def _open(self, scenario: Scenario, seed: int) -> Batch:
        """Return a batch of one environment for the episode with this seed."""
        factory, book = scenario.draw(seed)
        return Batch(
            [factory],
            [book],
            num_envs=1,
            machine_rows=scenario.machine_rows,
            num_tables=1,
            log_length=_LOG_LINES,
            **self._settings,
        )

    @property
    def factory(self) -> Factory:
        """Factory of the present episode."""
        return self._batch.factories[0]

    @property
    def arrays(self) -> FactoryArrays:
        """Factory of the present episode as arrays."""
        return self._batch.arrays

    @property
    def episode_seed(self) -> int:
        """Seed of the present episode, given or drawn."""
        return int(self._batch.shop.env.seed[0])

    @property
    def order_book(self) -> OrderBook | None:
        """Order book that is replayed, if any."""
        return self._batch.books[0]

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode.

        Parameters
        ----------
        seed
            Seed of the episode, an integer of any kind from 0 to 2**64 - 1. It determines all
            random events of the episode, independently of the decisions. None: drawn from the
            environment's generator, which the last given seed has seeded.
        options
            ``factory``, ``order_book``, ``num_orders`` as in the constructor, from this episode on.
            The shape of the observation must not change.
        """
        given = None if seed is None else check_seed("reset: seed", seed)
        before = self.np_random.bit_generator.state if given is None else None
        try:
            episode_seed = int(self.np_random.integers(2**63)) if given is None else given
            scenario, batch = self._prepare(options, episode_seed)
            batch.reset(np.array([episode_seed], np.uint64))
        except BaseException:
            if before is not None:
                self.np_random.bit_generator.state = before
            raise
        super().reset(seed=given)
        self.scenario, self._batch, self._over = scenario, batch, False
        tables = self._batch.tables
        mask = tables.action_mask[0].astype(np.int8)
        return self._observation(tables, mask), {
            "cost": dict.fromkeys(COST_TERMS, 0.0),
            "elapsed": 0,
            "action_mask": mask.copy(),
        }

    def _prepare(
        self,
        options: dict[str, Any] | None,
        seed: int,
    ) -> tuple[Scenario, Batch]:
        """Return scenario and batch of the next episode, and leave the present ones unchanged."""
        check_instance("reset: options", options, (Mapping, type(None)), "a dictionary or None")
        if not options:
            is_new = self.scenario.changes_every_episode
            return self.scenario, self._open(self.scenario, seed) if is_new else self._batch
        scenario = self.scenario.changed(dict(options))
        batch = self._open(scenario, seed)
        shape = {name: space.shape for name, space in self._space.items()}
        now = {name: space.shape for name, space in observation_space(batch.tables).items()}
        if now != shape:
            raise ValueError(
                f"reset(options=...): the observation would change from {shape} to {now}; it must"
                " keep its shape. Make a new environment, or give job_rows and changeover_rows"
                " when making it."
            )
        return scenario, batch

    def step(
        self, action: np.int64 | int | NDArray[np.int64]
    ) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Apply ``action`` and advance to the next decision.

        Parameters
        ----------
        action
            Index of a row: an integer of any kind, or an array with a single element, as
            ``model.predict`` returns for a batch of one.
        """
        batch = self._batch
        if self._over:
            raise RuntimeError("step(): the episode is over (or none has begun). Call reset().")
        self._action[0] = check_row("step: action", action)
        batch.grow_log()
        tables = batch.step(self._action, autoreset=False)
        outcome = batch.outcome
        terminated, truncated = bool(outcome.terminated[0]), bool(outcome.truncated[0])
        mask = tables.action_mask[0].astype(np.int8)
        info: dict[str, Any] = {
            "cost": dict(zip(COST_TERMS, outcome.cost[0].tolist(), strict=True)),
            "elapsed": int(outcome.elapsed[0]),
            "action_mask": mask.copy(),
        }
        if batch.replaces:
            info["replaced"] = bool(batch.replaced[0])
        if terminated or truncated:
            self._over = True
            info["episode_cost"] = dict(
                zip(COST_TERMS, outcome.episode_cost[0].tolist(), strict=True)
            )
            info["decisions"] = int(outcome.episode_decisions[0])
        return (
            self._observation(tables, mask),
            float(outcome.reward[0]),
            terminated,
            truncated,
            info,
        )

    @staticmethod
    def _observation(tables: Tables, mask: NDArray[np.int8]) -> Observation:
        return {
            "candidates": tables.candidates[0].copy(),
            "machines": tables.machines[0].copy(),
            "shop": tables.shop[0].copy(),
            "action_mask": mask,
        }

    def action_masks(self) -> NDArray[np.bool_]:
        """Return the legal rows, bool [A]; sb3-contrib expects this name."""
        return np.array(self._batch.tables.action_mask[0])

    @property
    def asked_machine(self) -> str | None:
        """Name of the machine that must decide; None after the end of the episode."""
        index = int(self._batch.shop.env.deciding[0])
        names = [each.name for centre in self.factory.work_centres for each in centre.machines]
        return names[index] if index >= 0 else None

    @property
    def candidates(self) -> NDArray[np.floating[Any]]:
        """Candidate table of the present decision, ``[A, F]``."""
        return np.array(self._batch.tables.candidates[0])

    def choices(self) -> list[SimulatorChoice]:
        """Return the rows of the present decision, legal or not, with their orders."""
        return list_simulator_choices(self._batch.arrays, self._batch.shop)

    def schedule(self) -> Schedule:
        """Return the schedule of the episode so far."""
        return unload(self.factory, self.order_book, self._batch.arrays, self._batch.shop, 0)

    def render(self) -> Any:
        """Return the picture so far as an RGB array or a text, or update the window.

        Arrays show the last ``render_hours`` as a Gantt chart, or the shop floor, and have one size
        within a factory. The mode ``human`` shows them in a window and returns None.
        """
        if self.render_mode == "ansi":
            return gantt_text(self.schedule())
        if self.render_mode == "rgb_array":
            return self._picture()
        if self.render_mode == "human":
            if self._window is None:
                self._window = GanttWindow()
            self._window.show(self._picture())
        return None

    def _picture(self) -> NDArray[np.uint8]:
        """Return the Gantt chart of the last hours, or the shop floor, ``[height, width, 3]``."""
        if self._render_view == "shop_floor":
            return self._floor_picture()
        if self._video is None or self._video.factory is not self.factory:
            ticks = _SHOWN_OPERATIONS * float(mean_process_times(self.arrays)[0])
            hours = self._render_hours or ticks * self.factory.tick_minutes / 60
            self._video = GanttVideo(self.factory, hours)
        shop = self._batch.shop
        columns = unload_columns(self._batch.arrays, shop, 0)
        return self._video.draw(columns, self.order_book, sum(shop.cost[0].tolist()))

    def _floor_picture(self) -> NDArray[np.uint8]:
        """Return the shop floor at the present date, ``[height, width, 3]``."""
        if self._floor is None or self._floor.factory is not self.factory:
            self._floor = ShopFloorPainter(self.factory)
        shop, book = self._batch.shop, self.order_book
        columns = unload_columns(self._batch.arrays, shop, 0)
        operations = shop.operations.view(np.ndarray)[0, : len(columns.orders.product)]
        failed = (operations["status"] == READY) & (operations["attempt"] > 0)
        repeated = [(int(order), int(number)) for order, number in np.argwhere(failed)]
        state = FloorHistory(columns, self._floor.lookup, repeated).state_at(
            columns.end_date, sum(shop.cost[0].tolist())
        )
        ids = None if book is None else [order.order_id for order in book.orders]
        return self._floor.draw(state, columns, order_ids=ids, dates=self._dates())

    def _dates(self) -> TickDates:
        epoch = None if self.order_book is None else self.order_book.epoch
        return TickDates(self.factory.tick_minutes, self.factory.start_hour, epoch)

    def close(self) -> None:
        """Close the window, if there is one."""
        if self._window is not None:
            self._window.close()
            self._window = None

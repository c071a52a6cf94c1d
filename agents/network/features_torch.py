"""Tables in physical units made scale-free, in torch: what the network reads, and what goes into an
exported policy.

Rows get the features of the evolved index (:mod:`agents.index.features`), so that an index can be
the network's first guess; the shop and its machines get quantities without a unit in the same
manner.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from agents.index.features import FEATURE_INDEX
from agents.network.feature_sizes import MACHINE_FLAGS
from envs.observation.columns import CANDIDATE_INDEX, MACHINE_INDEX, SHOP_INDEX

_LEAST_WEIGHT = 1e-6
_CENT = 0.01


class _Shares:
    """Columns of a table that become shares, all at once: an exported policy then has few steps.

    Parameters
    ----------
    index
        Places of the table's columns.
    shares
        For each feature (column, half way, whether the half way is counted in mean process times).
    """

    def __init__(self, index: Mapping[str, int], shares: Iterable[tuple[str, float, bool]]) -> None:
        listed = list(shares)
        self.columns = [index[column] for column, _, _ in listed]
        self.halves = [0.0 if in_units else half for _, half, in_units in listed]
        self.halves_in_units = [half if in_units else 0.0 for _, half, in_units in listed]

    def of(self, table: Tensor, unit: Tensor) -> Tensor:
        """``[..., S]`` from ``[..., F]`` and mean process times ``[...]``."""
        values = table[..., self.columns]
        return saturate_tensor(
            values,
            table.new_tensor(self.halves)
            + unit.unsqueeze(-1) * table.new_tensor(self.halves_in_units),
        )


def saturate_tensor(value: Tensor, half: Tensor | float) -> Tensor:
    """``value / (|value| + half)``: between -1 and 1, half way at ``half``."""
    return value / (value.abs() + half)


_SHARES = {
    # feature: (column, half way, whether the half way is counted in mean process times)
    "slack": ("slack", 10.0, True),
    "due_in": ("due_in", 10.0, True),
    "operation_due_in": ("operation_due_in", 2.0, True),
    "work_left": ("work_left", 5.0, True),
    "operations_left": ("operations_left", 4.0, False),
    "time_in_queue": ("time_in_queue", 5.0, True),
    "time_in_shop": ("time_in_shop", 20.0, True),
    "ready_in": ("ready_in", 1.0, True),
    "family_ready": ("family_ready", 2.0, False),
    "family_ready_work": ("family_ready_work", 2.0, True),
    "family_upcoming": ("family_upcoming", 2.0, False),
    "family_slack": ("family_slack", 10.0, True),
    "family_due_in": ("family_due_in", 10.0, True),
    "family_time_in_queue": ("family_time_in_queue", 5.0, True),
    "family_critical_ratio": ("family_critical_ratio", 2.0, False),
    "family_ready_in": ("family_ready_in", 1.0, True),
    "twins_in_setup": ("twins_in_setup", 1.0, False),
    "twin_free_in": ("twin_free_in", 1.0, True),
    "next_fits": ("next_fits", 1.0, False),
    "next_family_ready": ("next_family_ready", 2.0, False),
    "next_process_time": ("next_process_time", 1.0, True),
    "next_queue_work": ("next_queue_work", 5.0, True),
    "attempt": ("attempt", 1.0, False),
    "twin_start_in": ("twin_start_in", 1.0, True),
    "path_slack": ("path_slack", 10.0, True),
    "longer_path": ("longer_path", 2.0, True),
    "join_in": ("join_in", 2.0, True),
    "next_start_in": ("next_start_in", 1.0, True),
    "next_setup_time": ("next_setup_time", 1.0, True),
    "next_upcoming": ("next_upcoming", 4.0, False),
}
_SHARES_OF_ALL = {  # of the wait row too
    "arrivals_meanwhile": ("arrivals_meanwhile", 2.0, False),
    "fits_meanwhile": ("fits_meanwhile", 1.0, False),
    "first_arrival_in": ("first_arrival_in", 1.0, True),
    "first_arrival_setup_time": ("first_arrival_setup_time", 1.0, True),
    "first_arrival_slack": ("first_arrival_slack", 10.0, True),
    "first_arrival_weight": ("first_arrival_weight", 2.0, False),
    "second_arrival_in": ("second_arrival_in", 1.0, True),
    "second_arrival_setup_time": ("second_arrival_setup_time", 1.0, True),
    "onward_setup_time": ("onward_setup_time", 1.0, True),
}


def time_unit(shop: Tensor) -> Tensor:
    """Mean process time of what is ready here, with nothing ready half the longest wait; ``[N]``
    ticks from ``shop [N, Fs]``."""
    mean, wait = shop[:, SHOP_INDEX["mean_process_time"]], shop[:, SHOP_INDEX["longest_wait"]]
    return torch.where(mean > 0, mean, (0.5 * wait).clamp(min=1.0))


_ROW_SHARES = _Shares(CANDIDATE_INDEX, _SHARES.values())
_ALL_ROW_SHARES = _Shares(CANDIDATE_INDEX, _SHARES_OF_ALL.values())
_OTHERS = (
    "changeover",
    "detour",
    "value",
    "length",
    "allowance",
    "setup_to_mean",
    "setup",
    "setup_a_member",
    "mounted",
    "changeover_cost",
    "energy",
    "overdue",
    "slower_here",
    "unblocks",
    "rework_probability",
)
_WAIT_ROW = _Shares(CANDIDATE_INDEX, [("ready_in", 1.0, True), ("family_upcoming", 2.0, False)])
_WAIT_SHOP = _Shares(
    SHOP_INDEX,
    [
        ("ready_here", 2.0, False),
        ("fitting_ready", 1.0, False),
        ("fitting_upcoming", 1.0, False),
        ("fitting_ready_in", 1.0, True),
        ("fitting_slack", 10.0, True),
    ],
)
_WAITS = (
    "wait",
    "wait_ready_in",
    "wait_upcoming",
    "wait_queue",
    "wait_fitting",
    "wait_fitting_upcoming",
    "wait_fitting_ready_in",
    "wait_fitting_slack",
)
_PLACES = [(*_SHARES, *_OTHERS, *_WAITS, *_SHARES_OF_ALL).index(name) for name in FEATURE_INDEX]
"""Where each feature stands among those that are worked out together."""


def row_features(rows: Tensor, shop: Tensor) -> Tensor:
    """Features ``[R, W]`` of rows of the candidate table ``[R, F]``, each with its shop's row ``[R,
    Fs]``; as :func:`agents.index.kernels.fill_row_features`."""

    def column(name: str) -> Tensor:
        return rows[:, CANDIDATE_INDEX[name]]

    def shop_column(name: str) -> Tensor:
        return shop[:, SHOP_INDEX[name]]

    unit = time_unit(shop)
    time, setup = column("process_time"), column("setup_time")
    relative = time.clamp(min=1.0) / unit
    cent = _CENT * shop_column("cost_scale")
    mean_setup = shop_column("mean_setup_time")
    is_wait, is_changeover = column("is_wait") != 0, column("is_changeover") != 0
    has_ready = column("family_ready") > 0
    others = {
        "changeover": (is_changeover & ~has_ready).to(rows.dtype),
        "detour": (is_changeover & has_ready).to(rows.dtype),
        "value": torch.log(column("weight").clamp(min=_LEAST_WEIGHT) / relative),
        "length": torch.log(relative),
        "allowance": (column("operation_due_in") - time).clamp(min=0.0) / unit,
        "setup_to_mean": setup / torch.where(mean_setup > 0, mean_setup, setup.clamp(min=1.0)),
        "setup": setup / unit,
        "setup_a_member": setup / (unit * column("family_ready").clamp(min=1.0)),
        "mounted": column("is_mounted"),
        "changeover_cost": column("setup_cost") / cent,
        "energy": column("energy_cost") / cent,
        "overdue": (column("due_in") < 0).to(rows.dtype),
        "slower_here": torch.where(
            time > 0, 1.0 - column("fastest_time") / time.clamp(min=1e-9), torch.zeros_like(time)
        ),
        "unblocks": column("unblocks"),
        "rework_probability": column("rework_probability"),
    }
    of_jobs = torch.cat(
        [_ROW_SHARES.of(rows, unit), torch.stack([others[name] for name in _OTHERS], dim=1)], dim=1
    )
    of_waits = torch.cat(
        [torch.ones_like(time).unsqueeze(1), _WAIT_ROW.of(rows, unit), _WAIT_SHOP.of(shop, unit)],
        dim=1,
    )
    waits = is_wait.unsqueeze(1)
    parts = [
        torch.where(waits, torch.zeros_like(of_jobs), of_jobs),
        torch.where(waits, of_waits, torch.zeros_like(of_waits)),
        _ALL_ROW_SHARES.of(rows, unit),
    ]
    return torch.cat(parts, dim=1)[:, _PLACES]


_SHOP_BEFORE = _Shares(
    SHOP_INDEX,
    [
        ("mean_setup_time", 1.0, True),
        ("ready_here", 4.0, False),
        ("upcoming_here", 4.0, False),
        ("hidden_operations", 4.0, False),
        ("active_orders", 20.0, False),
        ("late_orders", 5.0, False),
        ("late_weight", 10.0, False),
        ("mean_slack", 20.0, True),
        ("recent_interarrival_time", 1.0, True),
        ("crews_free", 1.0, False),
    ],
)
_SHOP_AFTER = _Shares(
    SHOP_INDEX,
    [
        ("fitting_ready", 2.0, False),
        ("fitting_upcoming", 2.0, False),
        ("fitting_ready_in", 1.0, True),
        ("fitting_slack", 10.0, True),
    ],
)


def shop_features(shop: Tensor) -> Tensor:
    """Features ``[N, SHOP_FEATURES]`` of the shop ``[N, Fs]``."""

    def column(name: str) -> Tensor:
        return shop[:, SHOP_INDEX[name]]

    unit = time_unit(shop)
    price = column("price_now").clamp(min=1e-9)
    delay = (column("tardiness_rate") * unit).clamp(min=1e-9)
    others = [
        saturate_tensor(column("price_soon") / price - 1.0, 0.2),
        saturate_tensor(column("processing_cost"), 0.1 * delay * 60.0),
        column("hour_sine"),
        column("hour_cosine"),
        saturate_tensor(column("holding_rate"), column("tardiness_rate").clamp(min=1e-9)),
    ]
    return torch.cat(
        [_SHOP_BEFORE.of(shop, unit), torch.stack(others, dim=1), _SHOP_AFTER.of(shop, unit)], dim=1
    )


_FLAG_COLUMNS = [MACHINE_INDEX[name] for name in MACHINE_FLAGS]
_BUSY = _Shares(MACHINE_INDEX, [("busy_for", 1.0, True), ("in_state_for", 1.0, True)])
_QUEUES = _Shares(
    MACHINE_INDEX,
    [
        ("queue_length", 4.0, False),
        ("queue_fits", 2.0, False),
        ("queue_work", 4.0, True),
        ("upcoming_length", 4.0, False),
    ],
)
_SPEED = MACHINE_INDEX["speed"]


def machine_features(machines: Tensor, shop: Tensor) -> Tensor:
    """Features ``[N, M, MACHINE_FEATURES]`` of the machines ``[N, M, Fm]`` (0 in rows without a
    machine)."""
    unit = time_unit(shop).unsqueeze(1).expand(-1, machines.shape[1])
    flags, speed = machines[:, :, _FLAG_COLUMNS], machines[:, :, _SPEED].unsqueeze(2) - 1.0
    described = torch.cat(
        [flags, _BUSY.of(machines, unit), speed, _QUEUES.of(machines, unit)], dim=2
    )
    return described * machines[:, :, MACHINE_INDEX["exists"]].unsqueeze(2)

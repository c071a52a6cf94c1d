"""Ranges of the observation columns that a policy folder has met in its training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.bundle_manifest import describe_origin
from agents.column_ranges import keep_ranges, measure_ranges, read_kept_ranges
from agents.index.feature_table import network_input_hash
from agents.network.inference import allocate_network_scratch, arrange_weights, greedy_rows
from agents.policy_folder import read_policy_files


def find_ranges(source: Path, *, keep: bool = False) -> dict[str, Any] | None:
    """Return the ranges of the columns of a policy folder: those kept there, or measured anew.

    Parameters
    ----------
    keep
        Keep what was measured in the policy folder.
    """
    manifest, arrays = read_policy_files(source)
    measured_with = {"weights": manifest["weights_sha256"], "features": network_input_hash()}
    if (kept := read_kept_ranges(source, measured_with)) is not None:
        return kept
    weights = arrange_weights(arrays)

    def decide(tables: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
        mask = tables["action_mask"]
        rows = np.empty(len(mask), np.int64)
        scratch = allocate_network_scratch(weights, mask.shape[1])
        given = (tables[name] for name in ("candidates", "machines", "shop"))
        greedy_rows(weights, scratch, *given, mask, rows)
        return rows

    config = (source / "config.toml").read_text(encoding="utf-8")
    ranges = measure_ranges(decide, config, describe_origin(source)["training"]["factories"])
    if keep and ranges is not None:
        keep_ranges(source, measured_with, ranges)
    return ranges

"""What the network reads: how many features of rows, machines and shop, and what the first ones of
a machine are."""

from __future__ import annotations

from agents.index.features import FEATURES

ROW_FEATURES = len(FEATURES)
SHOP_FEATURES = 19
MACHINE_FEATURES = 15
MACHINE_FLAGS = (
    "exists",
    "is_asked",
    "same_centre",
    "is_idle",
    "is_changing",
    "is_processing",
    "is_down",
    "is_waiting",
)
EXISTS, NEAR = 0, 2
"""Places of the features that tell whether there is a machine, and whether it belongs to the asked
machine's work centre."""

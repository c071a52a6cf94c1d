"""Numbers of features that the network reads."""

from __future__ import annotations

from agents.index.feature_table import MACHINE_PART, ROW_PART, SHOP_PART, part_of

ROW_FEATURES = len(part_of(ROW_PART))
MACHINE_FEATURES = len(part_of(MACHINE_PART))
SHOP_FEATURES = len(part_of(SHOP_PART))
FALLBACKS = 3
"""Numbers that set the priors of detours, of the wait, and of changeovers ahead."""
PRIOR_WEIGHTS = ROW_FEATURES + FALLBACKS

_MACHINE_NAMES = [feature.name for feature in part_of(MACHINE_PART)]
EXISTS, NEAR = _MACHINE_NAMES.index("exists"), _MACHINE_NAMES.index("same_centre")
"""Positions of the features by which a machine exists, and belongs to the asked work centre."""

"""Numbers of features that network and critic read."""

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

DELAYS = (0.0, 2.0, 5.0, 10.0, 20.0)
"""Delays of all orders in progress, of which the tardiness is a feature, in mean process times."""
WINDOWS = (3.0, 10.0, 30.0)
"""Horizons up to which arriving work is counted, in mean process times."""
SETUP_FEATURES, LUCK_FEATURES, EPISODE_FEATURES = 8, 3, 5
PRIVILEGED_FEATURES = (
    len(DELAYS) + 2 + 3 * len(WINDOWS) + SETUP_FEATURES + LUCK_FEATURES + EPISODE_FEATURES
)
"""Number of privileged features of the critic (:mod:`agents.network.critic_features`)."""

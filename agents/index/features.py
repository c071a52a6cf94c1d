"""Terms of the evolved index: the features of candidate rows, in the order of its weights.

The wait row has only the features that are named for the wait, those about arrivals and
``onward_setup_time``; all its other features are 0.
"""

from __future__ import annotations

from agents.index.feature_table import ROW_PART, part_of

FEATURES = part_of(ROW_PART)
"""Terms of the index, in the order of its weights."""

FEATURE_INDEX = {feature.name: index for index, feature in enumerate(FEATURES)}

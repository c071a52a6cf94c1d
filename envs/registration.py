"""Registration of the environment with Gymnasium.

After ``import envs.registration``, ``gymnasium.make("microfactory/Changeover-v0", ...)`` finds it.
``gymnasium.make("envs.registration:microfactory/Changeover-v0", ...)`` does both.
"""

from __future__ import annotations

import gymnasium

ENV_ID = "microfactory/Changeover-v0"


def register_environments() -> None:
    """Register ``microfactory/Changeover-v0``, single and vector, unless it is registered."""
    if ENV_ID not in gymnasium.registry:
        gymnasium.register(
            ENV_ID,
            entry_point="envs.env:ChangeoverEnv",
            vector_entry_point="envs.vector_env:ChangeoverVectorEnv",
        )


register_environments()

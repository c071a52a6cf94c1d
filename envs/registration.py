"""Registration of the environment with Gymnasium.

After ``import envs.registration``, ``gymnasium.make("microfactory/Changeover-v0", ...)`` finds it.
``gymnasium.make("envs.registration:microfactory/Changeover-v0", ...)`` does both.

Environments that are made by the id replace illegal actions, so that learners and checkers that
know no masks can use them; ``illegal_actions="raise"`` makes illegal actions errors.
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
            kwargs={"illegal_actions": "replace"},
        )


register_environments()

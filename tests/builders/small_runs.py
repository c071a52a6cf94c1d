"""Commands of training runs of a second or two."""

from __future__ import annotations

from pathlib import Path

SMALL = """
threads = 1
[network]
hidden_size = 16
[learning]
total_timesteps = 512
num_envs = 8
num_steps = 16
minibatch_size = 64
update_epochs = 1
[scenario]
num_generated = 4
[logging]
validation_episodes = 2
validation_interval = 2
log_gantt = false
export_bundle = false
test_episodes = 2
baselines = "ATCS,EDD,index"
"""


def small_command(folder: Path, factory: Path, *changes: str) -> list[str]:
    """Return the options of a run of four rollouts on a factory, into ``folder/run``."""
    config = folder / "small.toml"
    config.write_text(SMALL)
    settings = [f"scenario.factories=['{factory}']", *changes]
    options = [part for setting in settings for part in ("--set", setting)]
    return ["--config", str(config), *options, "--out", str(folder / "run")]

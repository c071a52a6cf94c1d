"""Training and export in the public face, which import what they need when they are called."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from changeover.extras import names_extras

if TYPE_CHECKING:
    from changeover.training_runs import TrainingRun
    from scheduler.decisions.bundle import Bundle


@names_extras()
def train(
    config: str | Path = "configs/training/quick.toml",
    *,
    out: str | Path,
    settings: Mapping[str, Any] | None = None,
    compare: bool = True,
) -> TrainingRun:
    """Train a policy, as ``changeover train`` does.

    Parameters
    ----------
    config
        TOML file with the settings of the run, or a shipped one.
    out
        Folder of the run.
    settings
        Settings in place of the file's, such as ``{"learning.total_timesteps": 100_000}``.
    compare
        Compare the policy with the baselines on test episodes at the end.

    Raises
    ------
    agents.training.config_errors.ConfigError
        If a setting is wrong, or the folder holds a run.
    """
    from changeover.training_runs import TrainingRun, begin_run

    begin_run(config, Path(out), settings or {}, *([] if compare else ["--no-test"]))
    return TrainingRun(Path(out))


@names_extras()
def resume(
    run: str | Path, *, settings: Mapping[str, Any] | None = None, compare: bool = True
) -> TrainingRun:
    """Continue a training run where it stopped; the weights are those of a run without a stop.

    Parameters
    ----------
    run
        Folder of the run.
    settings
        Settings that may change: those of ``logging``, and more ``learning.total_timesteps``.
    compare
        Compare the policy with the baselines on test episodes at the end.

    Raises
    ------
    agents.training.config_errors.ConfigError
        If there is no run, or it cannot follow a setting.
    """
    from changeover.training_runs import TrainingRun, resume_run

    resume_run(Path(run), settings or {}, *([] if compare else ["--no-test"]))
    return TrainingRun(Path(run))


@names_extras()
def export(policy: str | Path, out: str | Path) -> Bundle:
    """Write the bundle of a trained policy, for the scheduler, and return it as read again.

    Parameters
    ----------
    policy
        Folder of a training run or of a policy, or a shipped one.
    out
        Folder of the bundle.

    Raises
    ------
    agents.policy_folder.PolicyError
        If there is no policy of this version.
    """
    from agents.network.onnx_export import write_bundle
    from agents.network.trained_policy import find_policy, load_policy
    from factory.io.shipped_files import find_shipped
    from scheduler.decisions.bundle import Bundle

    source = find_policy(find_shipped(policy))
    write_bundle(load_policy(source), source, Path(out))
    return Bundle(Path(out))

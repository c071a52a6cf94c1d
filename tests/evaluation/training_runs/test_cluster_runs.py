"""Runs of several seeds on a cluster give the weights of one machine, also when a node dies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="clusters need the extra `cluster`")

from ray.cluster_utils import Cluster

from agents.training.config import TrainingConfig, read_config, to_toml
from agents.training.resumption import with_seed
from evaluation.training_runs.cluster_runs import ClusterRunError, train_on_cluster
from evaluation.training_runs.training_process import TrainingProcess, list_validations
from tests.builders.small_runs import SMALL
from train import main as train_main

NODE = {"num_cpus": 1, "include_dashboard": False}


@pytest.fixture
def cluster() -> Iterator[Any]:
    made = Cluster(initialize_head=True, head_node_args={**NODE, "num_cpus": 0})
    yield made
    made.shutdown()


def configs(folder: Path, seeds: int, total: int = 512) -> dict[Path, TrainingConfig]:
    path = folder / "small.toml"
    path.write_text(SMALL)
    changes = ["scenario.factories=['tiny']", f"learning.total_timesteps={total}"]
    config = read_config(path, [*changes, "logging.checkpoint_interval=2"])
    return {folder / f"seed-{seed}": with_seed(config, seed) for seed in range(seeds)}


def weights_of(folder: Path) -> bytes:
    return (folder / "policy" / "weights.npz").read_bytes()


def test_seeds_on_a_cluster_have_the_weights_of_one_machine_also_when_a_node_dies(
    tmp_path: Path, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    doomed = [cluster.add_node(**NODE)]
    config = configs(tmp_path, seeds=1, total=16_384)[tmp_path / "seed-0"]
    listed = list_validations

    def kill_node(path: Path) -> list[dict[str, Any]]:
        found = listed(path)
        if doomed and len(found) > 1:
            cluster.add_node(**NODE)
            cluster.remove_node(doomed.pop(), allow_graceful=False)
        return found

    monkeypatch.setattr("evaluation.training_runs.cluster_runs.list_validations", kill_node)
    (tmp_path / "given.toml").write_text(to_toml(config))
    options = ["--config", str(tmp_path / "given.toml"), "--no-test", "--seeds", "1"]
    out = tmp_path / "seeds"
    assert train_main([*options, "--cluster", cluster.address, "--out", str(out)]) == 0
    assert not doomed, "the node has died while it trained"
    assert (out / "seeds.txt").is_file()
    alone = tmp_path / "alone"
    TrainingProcess(alone, config, ["--no-test"]).check_end()
    assert weights_of(out / "seed-0") == weights_of(alone)
    assert listed(out / "seed-0") == listed(alone)


def test_a_run_that_fails_is_named_and_the_others_end(tmp_path: Path, cluster: Any) -> None:
    cluster.add_node(**NODE)
    runs = configs(tmp_path, seeds=2)
    first, second = runs
    first.mkdir()
    (first / "config.toml").write_text("threads = 0\n")
    with pytest.raises(ClusterRunError, match=r"seed-0: .*threads = 0; must be at least 1"):
        train_on_cluster(cluster.address, runs, ["--no-test"])
    assert (second / "summary.json").is_file()


def test_a_single_run_trains_on_no_cluster(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        train_main(["--cluster", "auto"])
    assert "a single run trains on one machine" in capsys.readouterr().err

"""Runs of several seeds on a cluster give the weights of one machine, also when a node dies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="clusters need the extra `cluster`")

from ray.cluster_utils import Cluster

from agents.training.config import TrainingConfig, read_config
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


def test_a_node_that_dies_changes_no_weights(tmp_path: Path, cluster: Any) -> None:
    doomed = [cluster.add_node(**NODE)]
    runs = configs(tmp_path, seeds=1, total=16_384)
    (folder,) = runs
    watched = list_validations

    def kill_node(path: Path) -> list[dict[str, Any]]:
        found = watched(path)
        if doomed and len(found) > 1:
            cluster.add_node(**NODE)
            cluster.remove_node(doomed.pop(), allow_graceful=False)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("evaluation.training_runs.cluster_runs.list_validations", kill_node)
        train_on_cluster(cluster.address, runs, ["--no-test"])
    assert not doomed, "the node has died while it trained"
    alone = tmp_path / "alone"
    TrainingProcess(alone, runs[folder], ["--no-test"]).check_end()
    assert weights_of(folder) == weights_of(alone)
    assert list_validations(folder) == list_validations(alone)


def test_a_run_that_fails_is_named_and_the_others_end(tmp_path: Path, cluster: Any) -> None:
    cluster.add_node(**NODE)
    runs = configs(tmp_path, seeds=2)
    first, second = runs
    first.mkdir()
    (first / "config.toml").write_text("threads = 0\n")
    with pytest.raises(ClusterRunError, match=r"seed-0: .*threads = 0; must be at least 1"):
        train_on_cluster(cluster.address, runs, ["--no-test"])
    assert (second / "summary.json").is_file()


def test_seeds_train_on_a_cluster_with_a_table_at_the_end(
    tmp_path: Path, cluster: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.add_node(**NODE)
    config = tmp_path / "small.toml"
    config.write_text(SMALL)
    options = ["--config", str(config), "--set", "scenario.factories=['tiny']", "--no-test"]
    out = tmp_path / "seeds"
    cluster_options = ["--seeds", "2", "--cluster", cluster.address, "--out", str(out)]
    assert train_main([*options, *cluster_options]) == 0
    assert "seeds.txt" in capsys.readouterr().out
    assert sorted(path.name for path in out.glob("seed-*/summary.json")) == ["summary.json"] * 2


def test_a_single_run_trains_on_no_cluster(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        train_main(["--cluster", "auto"])
    assert "a single run trains on one machine" in capsys.readouterr().err

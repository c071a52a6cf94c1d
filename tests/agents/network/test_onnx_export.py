"""Exported policies answer as the network, in the same bytes; damaged bundles are refused."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from agents.network.packed_tables import pack_tensors
from agents.network.trained_policy import find_policy, load_policy
from agents.rules.registry import make_rule
from envs.batch import Batch
from envs.observation.columns import CANDIDATES, MACHINES, SHOP, SHOP_INDEX
from envs.observation.tables import as_observation
from factory.io.catalogue import find_single_factory
from factory.simulation.arrays import split_operation_id

pytest.importorskip("onnx", reason="exporting needs the extra `scheduler`")
pytest.importorskip("onnxscript", reason="exporting needs the extra `scheduler`")
pytest.importorskip("onnxruntime", reason="bundles need the extra `scheduler`")

from agents.network.onnx_export import ExportError, main, to_onnx
from scheduler.decisions.bundle import Bundle
from scheduler.decisions.bundle_files import BundleError
from scheduler.decisions.decider import Decider
from scheduler.floor.floor import ShopFloor
from scheduler.floor.shop_snapshot import take_snapshot
from scheduler.simulated_plant import simulate
from tests.builders.event_waits import Clock
from tests.builders.exported_bundle import change_manifest, trained_policy
from tests.builders.repository import ROOT


@pytest.fixture
def copied(bundle_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle_folder, tmp_path / "bundle"))


def torch_answers(observation: dict[str, NDArray[Any]]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Masked logits and values in currency of the packed network."""
    network = trained_policy().network
    packed = pack_tensors(
        {name: torch.from_numpy(np.ascontiguousarray(table)) for name, table in observation.items()}
    )
    with torch.inference_mode():
        output = network(network.encode(packed))
    logits = np.full(observation["action_mask"].shape, -np.inf, np.float32)
    logits[observation["action_mask"].astype(bool)] = output.logits.numpy()
    return (
        logits,
        network.denormalise_value(output.values).numpy()
        * observation["shop"][:, SHOP_INDEX["cost_scale"]],
    )


def recorded(name: str, steps: int) -> Iterator[dict[str, NDArray[Any]]]:
    batch, policy = Batch([find_single_factory(name)], num_envs=8), trained_policy()
    batch.reset(np.arange(8, dtype=np.uint64))
    for _ in range(steps):
        observation = as_observation(batch.tables)
        yield observation
        batch.step(policy.decide(observation), autoreset=True)


@pytest.mark.parametrize("name", ["microfactory", "large", "scarce_crew", "green", "one_of_a_kind"])
def test_answers_are_those_of_the_trained_network(bundle_folder: Path, name: str) -> None:
    bundle, policy, states = Bundle(bundle_folder), trained_policy(), 0
    for observation in recorded(name, 100):
        logits, values = bundle.look(observation)
        expected_logits, expected_values = torch_answers(observation)
        legal = observation["action_mask"].astype(bool)
        np.testing.assert_array_equal(np.isneginf(logits), ~legal)
        np.testing.assert_allclose(logits[legal], expected_logits[legal], rtol=0, atol=1e-5)
        np.testing.assert_allclose(values, expected_values, rtol=1e-4)
        np.testing.assert_array_equal(bundle.decide(observation), policy.decide(observation))
        states += len(legal)
    assert states == 800


@pytest.mark.parametrize(("rows", "machines"), [(1, 1), (1000, 1), (7, 60)])
def test_any_number_of_rows_and_machines(bundle_folder: Path, rows: int, machines: int) -> None:
    random = np.random.default_rng(rows)
    observation = {
        "candidates": random.uniform(0, 50, (2, rows, len(CANDIDATES))).astype(np.float32),
        "machines": random.uniform(0, 3, (2, machines, len(MACHINES))).astype(np.float32),
        "shop": random.uniform(1, 50, (2, len(SHOP))).astype(np.float32),
        "action_mask": random.random((2, rows)) < 0.8,
    }
    observation["action_mask"][:, 0] = True
    logits, _ = Bundle(bundle_folder).look(observation)
    expected, _ = torch_answers(observation)
    np.testing.assert_allclose(
        logits[observation["action_mask"]],
        expected[observation["action_mask"]],
        rtol=1e-5,
        atol=1e-5,
    )


@pytest.mark.parametrize("slack", [-1e9, 1e9])
def test_huge_slack_is_no_trouble(bundle_folder: Path, slack: float) -> None:
    (observation,) = (
        {name: table.copy() for name, table in one.items()} for one in recorded("microfactory", 1)
    )
    for index, column in enumerate(CANDIDATES):
        if "slack" in column.name or "due_in" in column.name:
            observation["candidates"][:, :, index] = slack
    logits, values = Bundle(bundle_folder).look(observation)
    legal = observation["action_mask"].astype(bool)
    assert np.isfinite(logits[legal]).all()
    assert np.isfinite(values).all()
    np.testing.assert_allclose(
        logits[legal], torch_answers(observation)[0][legal], rtol=1e-5, atol=1e-5
    )


def test_where_no_row_is_legal_the_answer_is_row_0(bundle_folder: Path) -> None:
    (observation,) = recorded("tiny", 1)
    nothing = observation | {"action_mask": np.zeros_like(observation["action_mask"])}
    np.testing.assert_array_equal(Bundle(bundle_folder).decide(nothing), 0)


def test_an_export_is_the_same_bytes_each_time_and_tells_no_place(bundle_folder: Path) -> None:
    model = (bundle_folder / "policy.onnx").read_bytes()
    assert to_onnx(trained_policy()) == model
    for secret in (
        b".py",
        b"site-packages",
        str(Path.home()).encode(),
        str(Path(__file__).parents[1]).encode(),
    ):
        assert secret not in model


def test_a_manifest_tells_what_a_scheduler_must_know(bundle_folder: Path) -> None:
    manifest = Bundle(bundle_folder).manifest
    assert [column["name"] for column in manifest["features"]["candidates"]] == [
        column.name for column in CANDIDATES
    ]
    assert manifest["fallback_rules"] == {"microfactory": "ATCS(k1=2, k2=0.5)"}
    assert manifest["training"]["factories"] == ["microfactory"]


def test_an_export_that_answers_otherwise_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    class Wrong(onnxruntime.InferenceSession):  # type: ignore[misc]
        def run(self, outputs: Any, tables: Any, run_options: Any = None) -> Any:
            logits, values = super().run(outputs, tables, run_options)
            return [logits + 0.01, values]

    monkeypatch.setattr(onnxruntime, "InferenceSession", Wrong)
    with pytest.raises(ExportError, match=r"logits of the exported model is off by 0\.01"):
        to_onnx(trained_policy())


def test_a_manifest_sums_up_the_evaluation_of_a_shipped_policy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("agents.network.onnx_export.to_onnx", lambda policy: b"model")
    for name, factories in (("microfactory", 1), ("mixture", 12)):
        assert main([f"policies/{name}", str(tmp_path / name)]) == 0
        summed_up = json.loads((tmp_path / name / "manifest.json").read_text())["evaluation"][
            "factories"
        ]
        assert len(summed_up) == factories
        assert all(
            one["episodes"] >= 64 and one["seed_block"] == "test" for one in summed_up.values()
        )
        assert summed_up["microfactory"]["ratio"] < 0.75


def flip_a_byte(folder: Path) -> None:
    content = bytearray((folder / "policy.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "policy.onnx").write_bytes(content)


def cut_short(folder: Path) -> None:
    content = (folder / "policy.onnx").read_bytes()
    (folder / "policy.onnx").write_bytes(content[: len(content) // 2])


def swap(folder: Path) -> None:
    shutil.copy(folder / "config.toml", folder / "policy.onnx")


def with_manifest(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    return lambda folder: change_manifest(folder, change)


def rename_a_column(manifest: dict[str, Any]) -> None:
    manifest["feature_hash"] = "0"
    manifest["features"]["candidates"][3]["name"] = "duration"


def change_weights(folder: Path) -> None:
    """Another network's, with the right checksum."""
    with np.load(folder / "weights.npz") as arrays:
        kept = dict(arrays)
    kept["row_head.weight"] = -kept["row_head.weight"]
    np.savez(folder / "weights.npz", **kept)
    change_manifest(folder)


def keep_weights_elsewhere(folder: Path) -> None:
    """A model whose weights lie in another file, with a manifest that agrees."""
    import onnx

    model = onnx.load(str(folder / "policy.onnx"))
    onnx.save(
        model,
        str(folder / "policy.onnx"),
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )
    change_manifest(folder)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (flip_a_byte, "policy.onnx: its checksum is not the manifest's"),
        (cut_short, "policy.onnx: its checksum is not the manifest's"),
        (swap, "policy.onnx: its checksum is not the manifest's"),
        (lambda folder: (folder / "policy.onnx").unlink(), "policy.onnx: cannot be read"),
        (
            lambda folder: (folder / "config.toml").write_text("seed = 1"),
            "config.toml: its checksum",
        ),
        (change_weights, "policy.onnx and weights.npz answer otherwise"),
        (lambda folder: (folder / "manifest.json").unlink(), "manifest.json: cannot be read"),
        (lambda folder: (folder / "manifest.json").write_text("[]"), "is no JSON object"),
        (
            with_manifest(lambda manifest: manifest.update(format=99)),
            "format = 99; 3 is understood here",
        ),
        (
            with_manifest(rename_a_column),
            r"candidates lacks process_time; candidates has duration \(ticks\), unknown here",
        ),
        (
            with_manifest(lambda manifest: manifest.update(network_input_hash="0")),
            "network_input_hash = '0'; must be .* python -m agents.network.migrate",
        ),
        (
            with_manifest(lambda manifest: manifest.pop("sha256")),
            "sha256 is missing or not a table of texts",
        ),
        (keep_weights_elsewhere, "the values of the tensor .* lie in another file"),
    ],
    ids=[
        "byte",
        "truncated",
        "swapped",
        "model gone",
        "config",
        "other weights",
        "manifest gone",
        "manifest",
        "format",
        "features",
        "formulas",
        "no checksums",
        "external data",
    ],
)
def test_a_bundle_that_cannot_be_trusted_is_refused_with_the_reason(
    copied: Path, spoil: Callable[[Path], None], reason: str
) -> None:
    Bundle(copied)
    spoil(copied)
    with pytest.raises(BundleError, match=reason):
        Bundle(copied)


@pytest.mark.parametrize("name", ["microfactory", "mixture"])
def test_shipped_policies_can_be_exported_and_decide_alike(name: str, tmp_path: Path) -> None:
    folder = ROOT / "policies" / name
    assert main([str(folder), str(tmp_path)]) == 0
    bundle, policy = Bundle(tmp_path), load_policy(folder)
    for observation in recorded("microfactory", 50):
        np.testing.assert_array_equal(bundle.decide(observation), policy.decide(observation))


def test_bug_the_first_decision_is_not_charged_with_loading_compiled_code(
    bundle_folder: Path,
) -> None:
    factory = find_single_factory("microfactory")
    clock = Clock()
    decider = Decider(
        ShopFloor(factory), Bundle(bundle_folder), make_rule("ATCS"), budget=0.5, clock=clock
    )
    ask, calls = decider.floor.ask_network, []

    def load_first(*thinker: Any) -> tuple[int | None, int]:
        clock.now += 0.0 if calls else 0.6
        calls.append(thinker)
        return ask(*thinker)

    decider.floor.ask_network = load_first  # type: ignore[method-assign]
    snapshot = take_snapshot(ShopFloor(factory), simulate(factory, make_rule("ATCS"), 5, 200), 0)
    decisions = decider.decide(snapshot)
    assert {one.decided_by for one in decisions} == {"policy"}
    assert len(calls) == len(decisions) + 2, "one to load it, and one that finds nobody left to ask"


def test_the_policy_of_a_run_is_found_in_it(tmp_path: Path) -> None:
    assert find_policy(tmp_path) == tmp_path
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "manifest.json").touch()
    assert find_policy(tmp_path) == tmp_path / "policy"


def test_the_command_says_what_is_no_policy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path), str(tmp_path / "other")]) == 1
    assert "is not a policy folder" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_a_plant_run_by_snapshots_is_what_the_trained_policy_makes_of_it(
    bundle_folder: Path,
) -> None:
    """A whole episode: every decision asked of the bundle through a snapshot in JSON; the same
    schedule, and the verifier accepts it."""
    from agents.policy import play
    from agents.rules.registry import make_rule
    from factory.schedule.records import unload
    from factory.verification.verifier import verify
    from scheduler.decisions.decider import Decider
    from scheduler.floor.floor import ShopFloor
    from scheduler.floor.shop_snapshot import take_snapshot
    from scheduler.snapshot.read import read_snapshot

    factory = find_single_factory("microfactory")
    seeds = np.array([77], np.uint64)
    inside, plant = (
        Batch([factory], num_envs=1, log_length=20_000, max_decisions=5_000) for _ in range(2)
    )
    play(inside, trained_policy(), seeds)
    plant.reset(seeds)
    floor = ShopFloor(factory)
    decider = Decider(floor, Bundle(bundle_folder), make_rule("ATCS"), budget=math.inf)
    names = ShopFloor(factory)
    while not plant.over[0]:
        text = take_snapshot(names, plant.shop, 0).model_dump_json()
        first, *_ = decider.decide(read_snapshot(text, factory))
        assert first.decided_by == "policy"
        assert first.machine == names.machine_names[int(plant.shop.env.deciding[0])]
        plant.step(np.array([row_of(first, names, plant)], np.int64), autoreset=False)
    expected, schedule = (
        unload(factory, None, batch.arrays, batch.shop, 0) for batch in (inside, plant)
    )
    assert schedule == expected
    total = float(inside.shop.cost[0].sum())
    assert verify(schedule, factory).total == pytest.approx(total, rel=1e-9)


def row_of(decision: Any, names: Any, plant: Batch) -> int:
    """The row of the plant's own table that a decision in words means."""
    shop = plant.shop
    if decision.action == "wait":
        return shop.legal.shape[1] - 1
    job_rows = shop.job_row.shape[1]
    rows = {
        "start": list(enumerate(shop.job_row[0, : int(shop.env.num_job_rows[0])])),
        "changeover": [
            (job_rows + i, entry)
            for i, entry in enumerate(
                shop.changeover_lead[0, : int(shop.env.num_changeover_rows[0])]
            )
        ],
    }[decision.action]
    for row, entry in rows:
        order, operation = split_operation_id(entry)
        name = names.operation_names[int(shop.orders["product"][0, order])][operation]
        if (str(order + 1), name) == (decision.order, decision.operation):
            return row
    raise AssertionError(f"{decision} is no row of the plant")

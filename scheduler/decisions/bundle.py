"""Bundles (exported policies): reading, verification and inference. Nothing is ever unpickled.

Decisions use the compiled network, which takes a tenth of the time of onnxruntime for one
observation. When a bundle is read, both must give the same answers.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from agents.bundle_manifest import BUNDLE_FORMAT, is_intact, is_signed
from agents.index.feature_table import network_input_hash
from agents.network.inference import (
    NOT_FINITE,
    NetworkScratch,
    NetworkWeights,
    allocate_network_scratch,
    arrange_weights,
    batch_logits,
    greedy_rows,
)
from envs.observation.checks import check_observation
from envs.observation.columns import (
    CANDIDATE_INDEX,
    CANDIDATES,
    MACHINES,
    SHOP,
    Column,
    feature_hash,
)
from factory.validation.arguments import check_count
from scheduler.decisions.bundle_files import BundleError, read_bundle_file, unpack_arrays
from scheduler.decisions.external_weights import find_external_weights

if TYPE_CHECKING:
    import onnxruntime

_INPUTS = {
    "candidates": len(CANDIDATES),
    "machines": len(MACHINES),
    "shop": len(SHOP),
    "action_mask": 0,
}
_OUTPUTS = ("logits", "value")
_KINDS = [CANDIDATE_INDEX[name] for name in ("is_job", "is_changeover", "is_wait")]
_TOLERANCE = 1e-4
"""Maximum difference of logits between both forms of the network, relative to the largest logit."""
_REMEDY = "Give a folder that python -m agents.network.onnx_export wrote."
_MAX_RUN_BYTES = 2**29
"""Maximum memory of all models in onnxruntime: a small model can demand gigabytes."""


class Bundle:
    """A policy from a folder that ``python -m agents.network.onnx_export`` wrote.

    Parameters
    ----------
    folder
        Folder with ``policy.onnx``, ``weights.npz``, ``manifest.json`` and ``config.toml``.
    key
        Key of the signature, which the manifest then must have; empty: signatures are not checked.

    Raises
    ------
    BundleError
        If a file is missing or damaged, belongs to another bundle, or the policy was trained on
        other feature tables.
    """

    def __init__(self, folder: Path | str, key: bytes = b"") -> None:
        self.folder = Path(folder)
        self.manifest = read_intact_manifest(self.folder, key)
        self._check_features()
        model, weights = self._read_listed("policy.onnx"), self._read_listed("weights.npz")
        self._read_listed("config.toml")
        self._session = self._open(model)
        self.weights, self._local = self._arrange(weights), threading.local()
        self._compare()

    def look(
        self, observation: Mapping[str, NDArray[Any]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Compute masked logits ``[B, A]`` and values ``[B]`` of observations with onnxruntime.

        A value is minus the expected discounted cost to come, in currency.
        """
        given = check_observation("look", observation)
        kinds = (np.float32, np.float32, np.float32, np.bool_)
        pairs = zip(_INPUTS, given, kinds, strict=True)
        tables: dict[str, NDArray[Any]] = {
            name: np.ascontiguousarray(table, kind) for name, table, kind in pairs
        }
        logits, values = self._session.run(_OUTPUTS, tables)
        return logits, values

    def logits(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Compute masked logits ``[B, A]`` of observations with the compiled network."""
        *tables, mask = check_observation("logits", observation)
        candidates, machines, shop = (np.ascontiguousarray(table, np.float32) for table in tables)
        logits = np.full(mask.shape, -np.inf, np.float32)
        batch_logits(
            self.weights, self.memory(mask.shape[1]), candidates, machines, shop, mask, logits
        )
        return logits

    def decide(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
        """Choose the legal row with the highest logit, the first one on ties, ``[B]``.

        The row is 0 where none is legal.

        Raises
        ------
        TypeError, ValueError
            If the tables are not those of an observation with a leading axis.
        FloatingPointError
            If a logit is not finite.
        """
        *tables, mask = check_observation("decide", observation)
        candidates, machines, shop = (np.ascontiguousarray(table, np.float32) for table in tables)
        rows = np.empty(len(mask), np.int64)
        greedy_rows(
            self.weights, self.memory(mask.shape[1]), candidates, machines, shop, mask, rows
        )
        if (rows == NOT_FINITE).any():
            raise FloatingPointError("the network's answer is not finite")
        return np.maximum(rows, 0)

    def memory(self, rows: int) -> NetworkScratch:
        """Return this thread's scratch memory of the compiled network, for up to ``rows`` rows."""
        rows = check_count("memory: rows", rows)
        kept: NetworkScratch | None = getattr(self._local, "scratch", None)
        if kept is None or len(kept.prior) < rows:
            kept = self._local.scratch = allocate_network_scratch(self.weights, rows)
        return kept

    # --- reading ----------------------------------------------------------------------------------

    def _check_features(self) -> None:
        manifest, path = self.manifest, self.folder / "manifest.json"
        if manifest.get("feature_hash") != feature_hash():
            raise BundleError(
                f"{path}: {_compare_features(manifest.get('features'))} Export a policy that was"
                " trained on the tables of this version."
            )
        if manifest.get("network_input_hash") != network_input_hash():
            raise BundleError(
                f"{path}: network_input_hash = {manifest.get('network_input_hash')!r}; must be"
                f" {network_input_hash()!r}, the hash of the features of this version. Carry the"
                " policy over with python -m agents.network.migrate, and export it anew."
            )

    def _read_listed(self, name: str) -> bytes:
        """Read a file, and compare its checksum with the manifest's."""
        path, listed = self.folder / name, self.manifest["sha256"]
        content = read_bundle_file(path)
        if hashlib.sha256(content).hexdigest() != listed.get(name):
            raise BundleError(
                f"{path}: its checksum is not the manifest's, so it is damaged or belongs to"
                " another bundle. Copy the bundle again."
            )
        return content

    def _open(self, model: bytes) -> onnxruntime.InferenceSession:
        import onnxruntime  # of the extra `scheduler`; plans without bundles do without

        path = self.folder / "policy.onnx"
        try:
            external = find_external_weights(model)
        except ValueError as error:
            raise BundleError(f"{path}: is no model ({error}). Export again.") from None
        if external is not None:
            raise BundleError(
                f"{path}: the values of the tensor {external} lie in another file; all must lie in"
                " the model. Export again."
            )
        _limit_memory()
        options = onnxruntime.SessionOptions()
        options.add_session_config_entry("session.use_env_allocators", "1")
        options.add_session_config_entry("session.load_model_format", "ONNX")
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            session = onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime raises types of its own, which it does not export
            raise BundleError(
                f"{path}: onnxruntime cannot load it ({str(error).splitlines()[0]}). Export again."
            ) from None
        inputs = {tensor.name: tensor.shape for tensor in session.get_inputs()}
        outputs = tuple(tensor.name for tensor in session.get_outputs())
        if set(inputs) != set(_INPUTS) or outputs != _OUTPUTS:
            raise BundleError(
                f"{path}: takes {sorted(inputs)} and gives {list(outputs)}; {sorted(_INPUTS)} and"
                f" {list(_OUTPUTS)} are required. Export again."
            )
        for name, width in _INPUTS.items():
            if width and inputs[name][-1] != width:
                raise BundleError(
                    f"{path}: {name} has {inputs[name][-1]} columns; {width} are required. Export"
                    " again."
                )
        return session

    def _arrange(self, content: bytes) -> NetworkWeights:
        path = self.folder / "weights.npz"
        try:
            return arrange_weights(unpack_arrays(content))
        except ValueError as error:
            raise BundleError(f"{path}: {error}") from None

    def _compare(self) -> None:
        """Check that both forms of the network give the same answers."""
        random = np.random.default_rng(0)
        for rows, machines in ((1, 1), (9, 3), (41, 10)):
            tables = _draw_tables(random, 16, rows, machines)
            try:
                logits, _ = self.look(tables)
            except Exception as error:  # onnxruntime raises types of its own
                raise BundleError(
                    f"{self.folder}/policy.onnx: onnxruntime cannot run it"
                    f" ({str(error).splitlines()[0]}). Export again."
                ) from None
            if not np.isfinite(logits).all():
                raise BundleError(
                    f"{self.folder}/policy.onnx: its answers are not finite. Train or export again."
                )
            compiled = np.empty_like(logits)
            batch_logits(
                self.weights,
                self.memory(rows),
                tables["candidates"],
                tables["machines"],
                tables["shop"],
                tables["action_mask"],
                compiled,
            )
            if not (np.abs(compiled - logits) <= _TOLERANCE * (1 + np.abs(logits).max())).all():
                raise BundleError(
                    f"{self.folder}: policy.onnx and weights.npz answer otherwise, so one of them"
                    " is damaged. Export again."
                )


@cache
def _limit_memory() -> None:
    """Limit the memory of all models in this process."""
    import onnxruntime

    memory = onnxruntime.OrtMemoryInfo(
        "Cpu",
        onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR,
        0,
        onnxruntime.OrtMemType.DEFAULT,
    )
    limit = onnxruntime.OrtArenaCfg({"max_mem": _MAX_RUN_BYTES})
    onnxruntime.create_and_register_allocator(memory, limit)


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a folder, verified or not.

    Raises
    ------
    BundleError
        If it cannot be read, or is no JSON object.
    """
    path = folder / "manifest.json"
    try:
        manifest = json.loads(read_bundle_file(path, _REMEDY).decode())
    except BundleError:
        raise
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path}: is not JSON ({error}). {_REMEDY}") from None
    if not isinstance(manifest, dict):
        raise BundleError(f"{path}: is no JSON object. {_REMEDY}")
    return manifest


def read_intact_manifest(folder: Path, key: bytes = b"") -> dict[str, Any]:
    """Return the manifest of a folder with this format, checksum, signature and entries.

    Raises
    ------
    BundleError
        If it has another format or no entries, was changed, or is not signed with a key.
    """
    manifest, path = read_manifest(folder), folder / "manifest.json"
    version = manifest.get("format")
    if version != BUNDLE_FORMAT:
        raise BundleError(
            f"{path}: format = {version!r:.80}; {BUNDLE_FORMAT} is understood here. Export again"
            " with python -m agents.network.onnx_export POLICY BUNDLE, or use the version that"
            " wrote it."
        )
    if not is_intact(manifest):
        raise BundleError(
            f"{path}: manifest_sha256 is not the checksum of the other entries, so it is damaged"
            " or was changed. Export again."
        )
    if key and not is_signed(manifest, key):
        given = "another key's signature" if "manifest_hmac" in manifest else "no signature"
        raise BundleError(
            f"{path}: has {given}; a signature of the key of --bundle-key is required. Export again"
            " with --sign-key."
        )
    _check_entries(path, manifest)
    return manifest


def _check_entries(path: Path, manifest: dict[str, Any]) -> None:
    """Check the types of the entries that the scheduler reads."""
    training = manifest.get("training")
    factories = training.get("factories") if isinstance(training, dict) else None
    texts: dict[str, list[Any]] = {
        name: [*entry, *entry.values()] if isinstance(entry := manifest.get(name), dict) else [None]
        for name in ("sha256", "fallback_rules")
    }
    texts["training.factories"] = factories if isinstance(factories, list) else [None]
    for name, values in texts.items():
        if not all(isinstance(value, str) for value in values):
            kind = "a list" if name == "training.factories" else "a table"
            raise BundleError(f"{path}: {name} is missing or not {kind} of texts. Export again.")


def _draw_tables(
    random: np.random.Generator, batch: int, rows: int, machines: int
) -> dict[str, NDArray[Any]]:
    """Draw tables of a shape, with flags of 0 and 1; all rows are legal."""
    candidates = _draw_columns(random, CANDIDATES, (batch, rows))
    candidates[:, :, _KINDS] = np.eye(len(_KINDS))[random.integers(len(_KINDS), size=(batch, rows))]
    return {
        "candidates": candidates,
        "machines": _draw_columns(random, MACHINES, (batch, machines)),
        "shop": _draw_columns(random, SHOP, (batch,)),
        "action_mask": np.ones((batch, rows), np.bool_),
    }


def _draw_columns(
    random: np.random.Generator, table: tuple[Column, ...], shape: tuple[int, ...]
) -> NDArray[np.float32]:
    values = random.uniform(0, 20, (*shape, len(table)))
    flags = np.array([column.unit == "flag" for column in table])
    return np.where(flags, values > 10, values).astype(np.float32)


def _compare_features(listed: Any) -> str:
    """Describe how the feature tables of a manifest differ from those of this version."""
    differences = []
    for name, table in (("candidates", CANDIDATES), ("machines", MACHINES), ("shop", SHOP)):
        theirs = listed.get(name) if isinstance(listed, dict) else None
        if not isinstance(theirs, list) or not all(isinstance(column, dict) for column in theirs):
            return "it does not list its feature tables."
        differences += _compare_table(
            name, [(str(column.get("name")), str(column.get("unit"))) for column in theirs], table
        )
    return (
        "its feature tables are not those of this version:"
        f" {'; '.join(differences) or 'the same columns under another hash'}."
    )


def _compare_table(
    name: str, theirs: list[tuple[str, str]], table: tuple[Column, ...]
) -> list[str]:
    ours = [(column.name, column.unit) for column in table]
    missing = [column for column, unit in ours if (column, unit) not in theirs]
    unknown = [f"{column} ({unit})" for column, unit in theirs if (column, unit) not in ours]
    differences = []
    if missing:
        differences.append(f"{name} lacks {', '.join(missing)}")
    if unknown:
        differences.append(f"{name} has {', '.join(unknown)}, unknown here")
    if not differences and ours != theirs:
        differences.append(f"{name} has its columns in another order")
    return differences

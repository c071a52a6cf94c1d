"""An exported policy: read, checked, and asked. Nothing is ever unpickled.

Who decides asks the compiled network, which takes a tenth of the time of onnxruntime for one
observation; when a bundle is read, both must answer alike.
"""

from __future__ import annotations

import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

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

BUNDLE_FORMAT = 2
"""Version of the layout that is understood."""
_INPUTS = {
    "candidates": len(CANDIDATES),
    "machines": len(MACHINES),
    "shop": len(SHOP),
    "action_mask": 0,
}
_OUTPUTS = ("logits", "value")
_KINDS = [CANDIDATE_INDEX[name] for name in ("is_job", "is_changeover", "is_wait")]
_HAIR = 1e-4
"""How far apart, relative to the largest logit, the answers of the two forms of the network may
be."""


class BundleError(ValueError):
    """A bundle that cannot be trusted; the message says why, and what to do."""


class Bundle:
    """A policy from a folder that ``python -m agents.network.onnx_export`` wrote.

    Parameters
    ----------
    folder
        With ``policy.onnx``, ``manifest.json`` and ``config.toml``.

    Raises
    ------
    BundleError
        If a file is missing, damaged or does not belong there, or the policy was made for other
        feature tables.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.manifest = self._read_manifest()
        model, weights = self._read_listed("policy.onnx"), self._read_listed("weights.npz")
        self._read_listed("config.toml")
        self._session = self._open(model)
        self.weights, self._kept = self._arrange(weights), threading.local()
        self._compare()

    def look(
        self, observation: Mapping[str, NDArray[Any]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Masked logits ``[B, A]`` and values ``[B]`` (minus the expected discounted cost to come,
        in currency) of tables with a leading axis B."""
        given = check_observation("look", observation)
        kinds = (np.float32, np.float32, np.float32, np.bool_)
        pairs = zip(_INPUTS, given, kinds, strict=True)
        tables: dict[str, NDArray[Any]] = {
            name: np.ascontiguousarray(table, kind) for name, table, kind in pairs
        }
        logits, values = self._session.run(_OUTPUTS, tables)
        return logits, values

    def decide(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
        """The legal row with the highest logit, the first one on ties, ``[B]``; 0 where no row is
        legal.

        Raises
        ------
        TypeError, ValueError
            If the tables are none of an observation with a leading axis.
        FloatingPointError
            If the network answers with something that is not a number.
        """
        *tables, mask = check_observation("decide", observation)
        candidates, machines, shop = (np.ascontiguousarray(one, np.float32) for one in tables)
        rows = np.empty(len(mask), np.int64)
        greedy_rows(
            self.weights, self.memory(mask.shape[1]), candidates, machines, shop, mask, rows
        )
        if (rows == NOT_FINITE).any():
            raise FloatingPointError("the network's answer is not finite")
        return np.maximum(rows, 0)

    def memory(self, rows: int) -> NetworkScratch:
        """What the compiled network thinks in, for up to ``rows`` rows; each thread has its own."""
        rows = check_count("memory: rows", rows)
        kept: NetworkScratch | None = getattr(self._kept, "scratch", None)
        if kept is None or len(kept.prior) < rows:
            kept = self._kept.scratch = allocate_network_scratch(self.weights, rows)
        return kept

    # --- reading ----------------------------------------------------------------------------------

    def _read_manifest(self) -> dict[str, Any]:
        path = self.folder / "manifest.json"
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise BundleError(
                f"{path}: cannot be read ({error}). Give a folder that python -m"
                " agents.network.onnx_export wrote."
            ) from None
        if not isinstance(manifest, dict) or manifest.get("format") != BUNDLE_FORMAT:
            found = manifest.get("format") if isinstance(manifest, dict) else manifest
            raise BundleError(
                f"{path}: format = {found!r}; {BUNDLE_FORMAT} is understood here. Export anew, or"
                " use the version that wrote it."
            )
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
        return manifest

    def _read_listed(self, name: str) -> bytes:
        """A file whose checksum is the manifest's."""
        path, listed = self.folder / name, self.manifest.get("sha256")
        try:
            content = path.read_bytes()
        except OSError as error:
            raise BundleError(
                f"{path}: cannot be read ({error.strerror}). Copy the bundle anew."
            ) from None
        expected = listed.get(name) if isinstance(listed, dict) else None
        if hashlib.sha256(content).hexdigest() != expected:
            raise BundleError(
                f"{path}: its checksum is not the manifest's, so it is damaged or belongs to"
                " another bundle. Copy the bundle anew."
            )
        return content

    def _open(self, model: bytes) -> onnxruntime.InferenceSession:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        path = self.folder / "policy.onnx"
        try:
            session = onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime raises types of its own, which it does not export
            raise BundleError(
                f"{path}: onnxruntime cannot load it ({str(error).splitlines()[0]}). Export anew."
            ) from None
        inputs, outputs = (
            {one.name: one.shape for one in session.get_inputs()},
            tuple(one.name for one in session.get_outputs()),
        )
        if set(inputs) != set(_INPUTS) or outputs != _OUTPUTS:
            raise BundleError(
                f"{path}: takes {sorted(inputs)} and gives {list(outputs)}; {sorted(_INPUTS)} and"
                f" {list(_OUTPUTS)} are wanted. Export anew."
            )
        for name, width in _INPUTS.items():
            if width and inputs[name][-1] != width:
                raise BundleError(
                    f"{path}: {name} has {inputs[name][-1]} columns; {width} are wanted. Export"
                    " anew."
                )
        return session

    def _arrange(self, content: bytes) -> NetworkWeights:
        path = self.folder / "weights.npz"
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                return arrange_weights(dict(arrays))
        except (ValueError, OSError, zipfile.BadZipFile) as error:
            raise BundleError(f"{path}: {error}") from None

    def _compare(self) -> None:
        """Both forms of the network must answer alike."""
        random = np.random.default_rng(0)
        for rows, machines in ((1, 1), (9, 3), (41, 10)):
            tables = _draw_tables(random, 16, rows, machines)
            logits, _ = self.look(tables)
            if not np.isfinite(logits).all():
                raise BundleError(
                    f"{self.folder}/policy.onnx: its answers are not finite. Train or export anew."
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
            if not (np.abs(compiled - logits) <= _HAIR * (1 + np.abs(logits).max())).all():
                raise BundleError(
                    f"{self.folder}: policy.onnx and weights.npz answer otherwise, so one of them"
                    " is damaged. Export anew."
                )


def _draw_tables(
    random: np.random.Generator, batch: int, rows: int, machines: int
) -> dict[str, NDArray[Any]]:
    """Tables of that shape that are no shop's, but whose flags are flags; all rows are legal."""
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
    """How the feature tables that a manifest lists differ from those here."""
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
    missing, unknown = (
        [one for one in ours if one not in theirs],
        [one for one in theirs if one not in ours],
    )
    found = [f"{name} lacks {', '.join(column for column, _ in missing)}"] if missing else []
    found += (
        [f"{name} has {', '.join(f'{column} ({unit})' for column, unit in unknown)}, unknown here"]
        if unknown
        else []
    )
    return found or ([f"{name} has its columns in another order"] if ours != theirs else [])

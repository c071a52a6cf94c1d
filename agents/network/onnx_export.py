"""Bundles: trained policies for the scheduler: ``python -m agents.network.onnx_export RUN DIR``.

A bundle is a folder with ``policy.onnx``, the same weights as ``weights.npz``, ``manifest.json``
and ``config.toml``; :mod:`scheduler.decisions.bundle` reads it. The same policy gives the same
bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agents.bundle_manifest import (
    BUNDLE_FORMAT,
    KEY_VARIABLE,
    describe_origin,
    read_bundle_key,
    seal_manifest,
)
from agents.column_ranges import find_ranges
from agents.index.feature_table import network_input_hash
from agents.network.features_torch import (
    fallback_rows,
    machine_features,
    row_features,
    shop_features,
)
from agents.network.inference import greedy_decider
from agents.network.pointer_network import PointerNetwork, settle_tensor, symlog
from agents.network.trained_policy import TrainedPolicy, find_policy, load_policy
from envs.observation.columns import (
    CANDIDATE_INDEX,
    CANDIDATES,
    MACHINES,
    SHOP,
    SHOP_INDEX,
    Column,
    feature_hash,
)
from factory.io.atomic_write import write_atomically
from factory.io.shipped_files import find_shipped
from factory.progress import say

INPUTS = ("candidates", "machines", "shop", "action_mask")
OUTPUTS = ("logits", "value")
_OPSET = 20
_KINDS = [CANDIDATE_INDEX[name] for name in ("is_job", "is_changeover", "is_wait")]


def write_bundle(
    policy: TrainedPolicy, source: Path, folder: Path, key: bytes = b"", *, keep: bool = False
) -> None:
    """Write the bundle of a policy into ``folder``.

    Parameters
    ----------
    policy
        Policy to export.
    source
        Policy folder that it was read from.
    folder
        Folder of the bundle.
    key
        Key of the signature; empty: the bundle is not signed.
    keep
        Keep the ranges of the columns in the policy folder, where later exports find them.
    """
    say(f"exporting the policy to {folder}, and comparing it with the network ...")
    files = {
        "policy.onnx": to_onnx(policy),
        "weights.npz": to_arrays(policy),
        "config.toml": (source / "config.toml").read_bytes(),
    }
    manifest = {
        "format": BUNDLE_FORMAT,
        "value_horizon": policy.discount_time,
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        **_interface(),
        **describe_origin(source),
    }
    ranges = find_ranges(source, greedy_decider, keep=keep)
    if ranges is None:
        say(
            "no factory of the training was found, so the bundle has no ranges of its columns; the"
            " scheduler cannot notice drift."
        )
    else:
        manifest["column_ranges"] = ranges
    for name, content in files.items():
        write_atomically(folder / name, content)
    write_atomically(
        folder / "manifest.json",
        json.dumps(seal_manifest(manifest, key), indent=1, sort_keys=True) + "\n",
    )


def _interface() -> dict[str, Any]:
    """Return the entries of a manifest about inputs and outputs."""
    return {
        "feature_hash": feature_hash(),
        "network_input_hash": network_input_hash(),
        "features": {
            "candidates": _listed(CANDIDATES),
            "machines": _listed(MACHINES),
            "shop": _listed(SHOP),
        },
        "actions": (
            "one a row of candidates: job rows, then changeover rows, then the wait row; the"
            " highest logit wins, the first one on ties"
        ),
        "inputs": list(INPUTS),
        "outputs": list(OUTPUTS),
        "value": "minus the expected discounted cost to come, in currency",
    }


def _listed(table: tuple[Column, ...]) -> list[dict[str, str]]:
    """Return the columns of a table of observations as a manifest lists them."""
    return [
        {"name": column.name, "unit": column.unit, "meaning": column.meaning} for column in table
    ]


class DenseNetwork(nn.Module):
    """The pointer network on whole tables, instead of packed rows: the exported model.

    Features are worked out in double precision, as in compiled code.

    Parameters
    ----------
    network
        Trained network.
    """

    def __init__(self, network: PointerNetwork) -> None:
        super().__init__()
        self.network = network
        self.has_fallbacks = bool(network.fallbacks.any())

    def _settle_prior(self, index: Tensor, candidates: Tensor, action_mask: Tensor) -> Tensor:
        """Return the prior of a rule; :func:`agents.network.features_compiled.settle_prior`."""
        kinds = fallback_rows(candidates)
        low = torch.full_like(index, -torch.inf)
        best_job, best_ahead = (
            torch.where(kind & action_mask, index, low).amax(dim=1, keepdim=True)
            for kind in (kinds[0], kinds[3])
        )
        return settle_tensor(index, kinds, (best_job, best_ahead), self.network.fallbacks.double())

    def forward(
        self, candidates: Tensor, machines: Tensor, shop: Tensor, action_mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return logits ``[B, A]``, minus infinity where a row is illegal, and values ``[B]``.

        A value is minus the expected discounted cost to come, in currency.

        Parameters
        ----------
        candidates, machines, shop
            Tables in physical units, ``[B, A, F]``, ``[B, M, Fm]`` and ``[B, Fs]``, float32.
        action_mask
            ``[B, A]``, bool.
        """
        network, exact_shop = self.network, shop.double()
        batch, rows = candidates.shape[:2]
        of_rows = exact_shop.unsqueeze(1).expand(-1, rows, -1).flatten(0, 1)
        features = row_features(candidates.double().flatten(0, 1), of_rows)
        # not a product with a vector: onnxruntime 1.32 swaps its factors after a transposition
        prior = (features * network.prior.double()).sum(dim=1)
        if self.has_fallbacks:
            indices = prior.reshape(batch, rows)
            prior = self._settle_prior(indices, candidates, action_mask).flatten()
        prior = prior.float().reshape(batch, rows)
        encoded = network.row_encoder(symlog(features).float()).reshape(
            batch, rows, network.hidden_size
        )
        legal = action_mask.unsqueeze(2)
        shown = torch.where(legal, encoded, torch.zeros_like(encoded))
        mean = shown.sum(dim=1) / action_mask.sum(dim=1, keepdim=True).clamp(min=1).float()
        pooled = network.pool_machines(machine_features(machines.double(), exact_shop).float())
        # encodings are never negative, so that rows that are not shown leave the maximum
        embedding = torch.cat(
            [mean, shown.amax(dim=1), pooled, shop_features(exact_shop).float()], dim=1
        )
        context = network.context_part(network.context(embedding)).unsqueeze(1)
        logits = prior + network.row_head(torch.relu(network.row_part(encoded) + context)).squeeze(
            2
        )
        values = (
            network.denormalise_value(network.value_head(embedding).squeeze(1))
            * shop[:, SHOP_INDEX["cost_scale"]]
        )
        return logits.masked_fill(~action_mask, -torch.inf), values


@contextmanager
def _without_foreign_warnings() -> Iterator[None]:
    """Suppress warnings of torch and onnxscript about each other, and about missing libraries."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


class ExportError(RuntimeError):
    """Exported model whose answers differ from those of the network."""


def to_arrays(policy: TrainedPolicy) -> bytes:
    """Return the network's weights for :mod:`agents.network.inference`, as a file."""
    buffer = io.BytesIO()
    np.savez(
        buffer,
        **{
            name: value.detach().cpu().numpy()
            for name, value in policy.network.state_dict().items()
            if not name.startswith("value_head")
        },
    )
    return buffer.getvalue()


def to_onnx(policy: TrainedPolicy) -> bytes:
    """Return the policy as an ONNX model with dynamic batch, rows and machines.

    Nothing in the model depends on the machine that exports it.

    Raises
    ------
    ExportError
        If the answers of the model in onnxruntime differ from those of the network in torch.
    """
    network = DenseNetwork(policy.network).eval()
    batch, rows, machines = (torch.export.Dim(name) for name in ("batch", "rows", "machines"))
    tables = sample_tables(batch=2, rows=5, machines=3)
    with _without_foreign_warnings():
        program = torch.onnx.export(
            network,
            tuple(torch.from_numpy(tables[name]) for name in INPUTS),
            dynamo=True,
            dynamic_shapes={
                "candidates": {0: batch, 1: rows},
                "machines": {0: batch, 1: machines},
                "shop": {0: batch},
                "action_mask": {0: batch, 1: rows},
            },
            input_names=list(INPUTS),
            output_names=list(OUTPUTS),
            opset_version=_OPSET,
            external_data=False,
            verbose=False,
        )
    assert program is not None
    model = _bare(program.model_proto)
    _compare(model, network)
    return model


def _compare(model: bytes, network: DenseNetwork) -> None:
    """Compare both on drawn tables: a fault in a library between them must not reach a plant."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    for batch, rows, machines in ((1, 1, 1), (1, 41, 10), (2, 7, 3), (3, 200, 30)):
        tables = {
            name: (
                table
                if table.dtype == np.bool_
                else random.uniform(0, 20, table.shape).astype(np.float32)
            )
            for name, table in sample_tables(batch, rows, machines).items()
        }
        tables["candidates"][:, :, _KINDS] = np.eye(len(_KINDS))[
            random.integers(len(_KINDS), size=(batch, rows))
        ]
        with torch.inference_mode():
            expected = [
                part.numpy()
                for part in network(*(torch.from_numpy(tables[name]) for name in INPUTS))
            ]
        answers = session.run(OUTPUTS, tables)
        for name, answer, reference in zip(OUTPUTS, answers, expected, strict=True):
            # a small logit is the difference of large ones, so that their size is the measure
            size = max(10.0, float(np.abs(reference).max()))
            if not np.allclose(answer, reference, rtol=1e-4, atol=1e-5 * size):
                off, version = np.abs(answer - reference).max(), onnxruntime.__version__
                raise ExportError(
                    f"{name} of the exported model is off by {off:g}: onnxruntime {version} does"
                    " not run it as torch does. Use another version."
                )


def sample_tables(batch: int, rows: int, machines: int) -> dict[str, NDArray[Any]]:
    """Return tables of that shape with all rows legal; their values do not matter."""
    return {
        "candidates": np.ones((batch, rows, len(CANDIDATES)), np.float32),
        "machines": np.ones((batch, machines, len(MACHINES)), np.float32),
        "shop": np.ones((batch, len(SHOP)), np.float32),
        "action_mask": np.ones((batch, rows), np.bool_),
    }


def _bare(model: Any) -> bytes:
    """Return the model without the exporter's notes, such as lines of source files."""
    del model.metadata_props[:]
    model.doc_string = ""
    graphs = [model.graph, *model.functions]
    for graph in graphs:
        graph.doc_string = ""
        del graph.metadata_props[:]
        for part in (*graph.node, *graph.value_info):
            part.doc_string = ""
            del part.metadata_props[:]
    for part in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def export_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m agents.network.onnx_export",
        description="Make a bundle for the scheduler from a trained policy.",
    )
    shown = "folder of a training run, or a policy folder"
    parser.add_argument("run", type=find_shipped, help=shown)
    parser.add_argument("bundle", type=Path, help="folder to write the bundle to")
    parser.add_argument(
        "--sign-key",
        type=Path,
        metavar="FILE",
        help=f"file with the key of the signature; by default the key in {KEY_VARIABLE}, if any",
    )
    parser.add_argument(
        "--keep-ranges",
        action="store_true",
        help="keep the ranges of the observation columns in the policy folder, for later exports",
    )
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Export a policy; return 0, or 1 with the reason on stderr."""
    options = export_parser().parse_args(arguments)
    source = find_policy(options.run)
    try:
        key = read_bundle_key(options.sign_key)
        policy = load_policy(source)
        write_bundle(policy, source, options.bundle, key, keep=options.keep_ranges)
    except (ExportError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        print(
            f"{error.name} is not installed. Exporting needs an extra: pip install"
            " 'changeover-optimiser[export]'",
            file=sys.stderr,
        )
        return 1
    print(f"Bundle: {options.bundle}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

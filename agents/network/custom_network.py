"""Networks of users in place of the pointer network: docs/training.md, "Your own network"."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from agents.network.feature_sizes import EXISTS, MACHINE_FEATURES, ROW_FEATURES, SHOP_FEATURES
from agents.network.pointer_network import (
    NetworkInput,
    NetworkOutput,
    PointerNetwork,
    SegmentOps,
)
from agents.user_code import UserCode, load_user_code

CLASS_FILE = "network_class.py"
"""Copy of the file of a network's class, in the folder of a policy."""


class CustomNetwork(PointerNetwork):
    """A user's module behind the interface of the pointer network.

    Its logits are added to those of the prior. Its values pass through an affine layer, which is
    rescaled with the returns. The privileged critic reads means of the inputs, as the module need
    not have an embedding.

    Parameters
    ----------
    code
        Class of the module.
    arguments, settings
        Arguments of :class:`agents.network.pointer_network.PointerNetwork`.
    """

    def __init__(self, code: UserCode, *arguments: Any, **settings: Any) -> None:
        self.code = code
        super().__init__(*arguments, **settings)

    def build_layers(self, hidden_size: int) -> None:
        """Make the user's module."""
        sizes = (ROW_FEATURES, MACHINE_FEATURES, SHOP_FEATURES, hidden_size)
        module = self.code.call(self.code.function, *sizes)
        if not isinstance(module, nn.Module):
            raise self.code.error(
                f"{self._line()}: makes a {type(module).__name__}; must be a torch.nn.Module."
                " Derive the class from it."
            )
        if not any(parameter.requires_grad for parameter in module.parameters()):
            raise self.code.error(f"{self._line()}: has no parameters to learn. Add layers.")
        self.own = module
        affine = nn.Linear(1, 1)
        nn.init.ones_(affine.weight)
        nn.init.zeros_(affine.bias)
        self.value_head = nn.Sequential(affine)
        self.embedding_size = ROW_FEATURES + MACHINE_FEATURES + SHOP_FEATURES

    def forward(self, network_input: NetworkInput) -> NetworkOutput:
        """Return logits of rows and values of samples.

        Raises
        ------
        UserCodeError
            If the module fails, or returns something else.
        """
        rows, prior, sample, machines, shop = network_input
        output = self.code.call(self.own, rows, sample, machines, shop)
        logits, values = self._check(output, len(rows), len(shop))
        segments = SegmentOps(sample, len(shop))
        shares = machines[:, :, EXISTS] / machines[:, :, EXISTS].sum(1, keepdim=True).clamp(min=1.0)
        mean_machine = torch.bmm(shares.unsqueeze(1), machines).squeeze(1)
        return NetworkOutput(
            prior + logits,
            self.value_head(values.unsqueeze(1)).squeeze(1),
            segments,
            torch.cat([segments.mean(rows), mean_machine, shop], dim=1),
        )

    def _check(self, output: Any, rows: int, samples: int) -> tuple[Tensor, Tensor]:
        """Return logits ``[R]`` and values ``[N]``."""
        if not isinstance(output, tuple) or len(output) != 2:
            raise self.code.error(
                f"{self._line()}: forward returned {type(output).__name__}; must return a tuple"
                " (logits, values). Return both."
            )
        shapes = {"logits": (rows,), "values": (samples,)}
        for (name, shape), given in zip(shapes.items(), output, strict=True):
            if not isinstance(given, Tensor) or tuple(given.shape) != shape:
                shown = tuple(given.shape) if isinstance(given, Tensor) else type(given).__name__
                letter = "R" if name == "logits" else "N"
                raise self.code.error(
                    f"{self._line()}: {name} have the shape {shown}; must have [{letter}],"
                    f" here {shape}. Squeeze or select a column."
                )
        return output

    def _line(self) -> str:
        """Return file and line of the method ``forward``, or of the class."""
        function: Any = getattr(self.code.function, "forward", self.code.function)
        try:
            return f"{self.code.file}:{inspect.getsourcelines(function)[1]}"
        except (OSError, TypeError):
            return self.code.file

    def class_facts(self) -> dict[str, str]:
        """Return the entries of a manifest about the class."""
        return {"network_class": self.code.name, "network_class_sha256": self.code.sha256}

    def save_class(self, folder: Path) -> None:
        """Copy the file of the class into the folder of a policy."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CLASS_FILE).write_bytes(self.code.source)


def load_saved_class(folder: Path, name: str) -> UserCode:
    """Return the class of a policy's network, from the copy in its folder or from its module."""
    source, _, attribute = name.rpartition(":")
    name = f"{folder / CLASS_FILE}:{attribute}" if source.endswith(".py") else name
    return load_user_code(f"{folder}/manifest.json: network_class", name)

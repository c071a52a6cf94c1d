"""Outputs of executed notebooks: what may be published."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_DATA = re.compile(r"base64,[A-Za-z0-9+/=]+")
_WARNING = re.compile(r"\w*Warning\b.*|^.*\bwarning:.*", re.MULTILINE)


def find_warning(outputs: Sequence[Any]) -> str | None:
    """Return the first warning among the messages of a cell; None if there is none.

    Parameters
    ----------
    outputs
        Outputs of a cell, as nbformat describes them.
    """
    texts = [output["text"] for output in outputs if output.get("name") == "stderr"]
    matches = (_WARNING.search(text) for text in texts)
    return next((match[0].strip() for match in matches if match is not None), None)


def find_private_path(outputs: Sequence[Any], private: Sequence[str]) -> str | None:
    """Return the first path of the machine that a cell shows; None if it shows none.

    Parameters
    ----------
    outputs
        Outputs of a cell, as nbformat describes them.
    private
        Folders of the machine.
    """
    texts = [text for output in outputs for text in _texts(output)]
    return next((path for path in private if any(path in text for text in texts)), None)


def without_messages(outputs: Sequence[Any]) -> list[Any]:
    """Return the outputs without stderr, and without plain text beside HTML or a picture."""
    kept = [output for output in outputs if output.get("name") != "stderr"]
    for output in kept:
        data = output.get("data", {})
        if any(kind != "text/plain" for kind in data):
            data.pop("text/plain", None)
    return kept


def _texts(output: Any) -> list[str]:
    """Return the texts of an output, without pictures."""
    data = output.get("data", {})
    texts = [text for kind, text in data.items() if kind.startswith("text/")]
    return [_DATA.sub("", str(text)) for text in [*texts, output.get("text", "")]]

"""Libraries that only some functions need, and the extras that install them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

EXTRAS = {
    **dict.fromkeys(("fastapi", "prometheus_client", "starlette", "uvicorn"), "scheduler"),
    "onnxruntime": "scheduler",
    **dict.fromkeys(("onnx", "onnxscript"), "export"),
    **dict.fromkeys(("torch", "stable_baselines3", "sb3_contrib", "tensorboard"), "train"),
    "threadpoolctl": "train",
    **dict.fromkeys(("matplotlib", "pandas", "PIL"), "charts"),
    "cma": "tune",
    "ortools": "solver",
    **dict.fromkeys(("ray", "optuna"), "cluster"),
}
"""Libraries by the name that is imported, and the extra that installs each."""


def describe_missing(error: ModuleNotFoundError) -> str | None:
    """Return a sentence with the extra that has a missing library; None if none has it."""
    extra = EXTRAS.get((error.name or "").partition(".")[0])
    if extra is None:
        return None
    return (
        f"{error.name} is not installed. Install the extra that has it:"
        f" pip install 'changeover-optimiser[{extra}]'"
    )


@contextlib.contextmanager
def names_extras() -> Iterator[None]:
    """Let the error about a missing library name the extra that has it.

    Raises
    ------
    ModuleNotFoundError
        With that sentence, instead of the one that Python raises.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        problem = describe_missing(error)
        if problem is None:
            raise
        raise ModuleNotFoundError(problem, name=error.name, path=error.path) from None

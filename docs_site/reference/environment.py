"""Spaces, arguments and defaults of the environment."""

from __future__ import annotations

import inspect
import json
import re
from typing import Any

import gymnasium
from gymnasium import spaces

from docs_site.reference.markdown_tables import as_code, as_prose, markdown_table
from envs.env import ChangeoverEnv
from envs.observation.columns import CANDIDATES, MACHINES, SHOP
from envs.registration import ENV_ID
from envs.vector_env import ChangeoverVectorEnv

_CONTENTS = {
    "candidates": ("rows, columns", len(CANDIDATES), "choices of the asked machine"),
    "machines": ("machines, columns", len(MACHINES), "machines of the factory"),
    "shop": ("columns", len(SHOP), "the shop as a whole"),
    "action_mask": ("rows", None, "1 for the rows that may be chosen"),
}
_HEAD = ["argument", "default", "meaning"]


def environment_tables() -> dict[str, str]:
    """Return the summary, the parts of the observation, and the arguments."""
    env: Any = gymnasium.make(ENV_ID).unwrapped
    single, batch = _arguments(ChangeoverEnv), _arguments(ChangeoverVectorEnv)
    spec = gymnasium.spec(ENV_ID)
    for name, value in spec.kwargs.items():
        single[name][0] += f"; by `gymnasium.make`: {as_code(json.dumps(value))}"
    own = {name: row for name, row in batch.items() if name not in single or name == "factory"}
    return {
        "summary": _summarise(env, spec),
        "spaces": _list_spaces(env.observation_space),
        "arguments": markdown_table(_HEAD, [[as_code(name), *row] for name, row in single.items()]),
        "vector_arguments": markdown_table(
            _HEAD, [[as_code(name), *row] for name, row in own.items()]
        ),
        "shared_arguments": ", ".join(
            as_code(name) for name in batch if name in single and name not in (*own, "render_mode")
        ),
    }


def _summarise(env: ChangeoverEnv, spec: Any) -> str:
    """Return the table at the top of the page."""
    parts = ", ".join(f"{name}: {_space(space)}" for name, space in _parts(env).items())
    modes = ", ".join(as_code(json.dumps(mode)) for mode in env.metadata["render_modes"])
    rows = [
        ["action space", as_code(_space(env.action_space))],
        ["observation space", as_code(f"Dict({parts})")],
        ["import", as_code(f'gymnasium.make("envs.registration:{spec.id}")')],
        [
            "vector",
            as_code(
                f'gymnasium.make_vec("envs.registration:{spec.id}", num_envs=64,'
                ' vectorization_mode="vector_entry_point")'
            ),
        ],
        ["classes", f"{as_code(spec.entry_point)}, {as_code(spec.vector_entry_point)}"],
        ["render modes", modes],
    ]
    return markdown_table(["", "value for the default factory"], rows)


def _parts(env: ChangeoverEnv) -> dict[str, Any]:
    space = env.observation_space
    assert isinstance(space, spaces.Dict)
    return dict(space.items())


def _space(space: Any) -> str:
    """Return a space without its bounds."""
    if isinstance(space, spaces.Box):
        return f"Box({space.shape}, {space.dtype})"
    return str(space)


def _list_spaces(space: spaces.Dict) -> str:
    rows = []
    for name, part in space.items():
        axes, columns, meaning = _CONTENTS[name]
        rows.append(
            [
                as_code(name),
                as_code(str(part.shape)),
                axes,
                as_code(str(part.dtype)),
                meaning if columns is None else f"{meaning}; [columns](observation.md#{name})",
            ]
        )
    return markdown_table(["key", "shape", "axes", "type", "content"], rows)


def _arguments(owner: type[Any]) -> dict[str, list[str]]:
    """Return default and meaning of the arguments of a constructor, by name."""
    meanings = parameter_docs(owner)
    parameters = list(inspect.signature(owner.__init__).parameters.values())[1:]
    return {
        each.name: [as_code(_default(each.default)), as_prose(meanings.get(each.name, ""))]
        for each in parameters
    }


def _default(value: Any) -> str:
    if isinstance(value, type):
        return f"{value.__module__}.{value.__name__}"
    return repr(value).replace("'", '"')


def parameter_docs(owner: type[Any]) -> dict[str, str]:
    """Return the texts of the section "Parameters" of a NumPy docstring, by parameter."""
    doc = inspect.getdoc(owner) or ""
    section = re.search(
        r"^Parameters\n-+\n(.*?)(?=^\w[^\n]*\n-+\n|\Z)", doc, re.DOTALL | re.MULTILINE
    )
    texts: dict[str, str] = {}
    names = ""
    for line in section[1].splitlines() if section else ():
        if line.startswith(" ") or not line:
            for name in re.findall(r"\w+", names):
                texts[name] = f"{texts.get(name, '')} {line.strip()}".strip()
        else:
            names = f"{names} {line}" if names.endswith(",") else line
    return texts

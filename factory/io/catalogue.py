"""Shipped factories (``configs/factories``) by name."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from factory.generation.ranges import RandomisedRanges, holds_ranges, load_ranges
from factory.io.factory_toml import load_factory
from factory.io.shipped_files import ROOT, find_shipped, searched_folders
from factory.model import Factory
from factory.validation.errors import FactoryError, suggest

FACTORIES_FOLDER = ROOT / "configs" / "factories"
"""Folder of the shipped factories."""


def shipped() -> list[str]:
    """Return the sorted names of the shipped factories, including ``randomised``."""
    return sorted(path.stem for path in FACTORIES_FOLDER.glob("*.toml"))


def find_factory(name_or_path: str | Path) -> Factory | RandomisedRanges:
    """Return a shipped factory by its name, or any factory by the path of its TOML file.

    A file with a table ``[randomised]`` gives ranges of factories. A text that ends in ``.toml`` or
    has folders is a path; any other text is a name.

    Raises
    ------
    FactoryError
        If no factory has the name, there is no such file, or it is malformed.

    Examples
    --------
    >>> find_factory("tiny").name
    'tiny'
    """
    path = _find_file(name_or_path)
    return load_ranges(path) if holds_ranges(path) else load_factory(path)


def find_single_factory(name_or_path: str | Path) -> Factory:
    """Return a factory as :func:`find_factory` does, but no ranges.

    Raises
    ------
    FactoryError
        As :func:`find_factory`; also if the file has ranges.
    """
    factory = find_factory(name_or_path)
    if isinstance(factory, RandomisedRanges):
        raise FactoryError(
            f"factory {str(name_or_path)!r} holds ranges, but one factory is needed. Draw one:"
            " factory.generation.generator.draw_factory(seed, ranges)."
        )
    return factory


def split_names(text: str) -> list[str]:
    """Split a list of names and files at commas; the name of a single file may have commas.

    Examples
    --------
    >>> split_names("tiny,large")
    ['tiny', 'large']
    """
    return [text] if Path(text).is_file() else text.split(",")


def _find_file(name_or_path: str | Path) -> Path:
    path = Path(name_or_path)
    if path.suffix == ".toml" or len(path.parts) > 1:
        path = find_shipped(path)
        if not path.is_file():
            remedy = f"Give the path of a TOML file, or one of the names {_listed()}"
            raise FactoryError(
                f"factory {str(name_or_path)!r}: there is no such file in {searched_folders()}."
                f" {remedy}."
            )
        return path
    if str(name_or_path) not in shipped():
        raise FactoryError(
            f"factory {str(name_or_path)!r}; there is no shipped one of that name."
            f" {_suggest_name(str(name_or_path))}. Or give the path of a TOML file."
        )
    return FACTORIES_FOLDER / f"{name_or_path}.toml"


def _suggest_name(name: str) -> str:
    """Return the remedy for an unknown name, with all known names."""
    if not get_close_matches(name, shipped(), 1):
        return f"The names are {_listed()}"
    return f"{suggest(name, shipped())}; the names are {_listed()}"


def _listed() -> str:
    return ", ".join(shipped()) or (
        f"(none: {FACTORIES_FOLDER} is missing; install the project again)"
    )

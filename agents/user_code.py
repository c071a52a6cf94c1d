"""Classes and functions of users, by ``FILE.py:NAME`` or ``MODULE:NAME``.

They run in this process, with all its rights: name only code that you trust.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from factory.validation.errors import suggest


class UserCodeError(ValueError):
    """Code of a user that cannot be loaded, or that failed; the message has file and line."""


@dataclass(frozen=True)
class UserCode:
    """A loaded class or function.

    Parameters
    ----------
    place
        Setting that names it, for errors.
    name
        ``FILE.py:NAME`` or ``MODULE:NAME``.
    function
        The class or function.
    source
        Text of its file.
    """

    place: str
    name: str
    function: Callable[..., Any]
    source: bytes

    @property
    def sha256(self) -> str:
        """Hash of the text of the file."""
        return hashlib.sha256(self.source).hexdigest()

    @property
    def file(self) -> str:
        """File of the class or function."""
        module = sys.modules[self.function.__module__]
        return str(getattr(module, "__file__", self.name))

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function of the code.

        Raises
        ------
        UserCodeError
            If it raises an exception.
        """
        try:
            return function(*arguments)
        except Exception as error:
            raise self.error(locate(error, self.file)) from error

    def error(self, problem: str) -> UserCodeError:
        """Return an error that names the setting."""
        return UserCodeError(f"{self.place} = {self.name!r}; {problem}")


def load_user_code(place: str, name: str) -> UserCode:
    """Load a class or function.

    A file is loaded under a name of its own, and may import installed packages only.

    Raises
    ------
    UserCodeError
        If the file or module cannot be loaded, or has no such name.
    """
    source, colon, attribute = name.rpartition(":")
    if not colon or not source or not attribute.isidentifier():
        raise UserCodeError(
            f"{place} = {name!r}; must be FILE.py:NAME or MODULE:NAME. Write for example"
            " mine.py:Mine."
        )
    module = _load_file(place, name, Path(source)) if source.endswith(".py") else None
    if module is None:
        try:
            module = importlib.import_module(source)
        except Exception as error:
            problem = f"the module cannot be imported ({type(error).__name__}: {error})"
            raise UserCodeError(f"{place} = {name!r}; {problem}. Install or correct it.") from error
    value = getattr(module, attribute, None)
    path = Path(str(getattr(module, "__file__", "")))
    if not callable(value):
        known = {key: None for key, item in vars(module).items() if callable(item)}
        raise UserCodeError(
            f"{place} = {name!r}; {source} has no class or function {attribute}."
            f" {suggest(attribute, known)}."
        )
    return UserCode(place, name, value, path.read_bytes() if path.is_file() else b"")


def _load_file(place: str, name: str, path: Path) -> Any:
    if not path.is_file():
        raise UserCodeError(f"{place} = {name!r}; there is no file {path.absolute()}. Correct it.")
    label = f"user_code_{hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(label, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[label] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UserCodeError(f"{place} = {name!r}; {locate(error, str(path))}") from error
    return module


def locate(error: BaseException, file: str) -> str:
    """Return file, line, kind and message of an error that code in ``file`` has caused."""
    line = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else None
    for frame in traceback.extract_tb(error.__traceback__):
        if Path(frame.filename).absolute() == Path(file).absolute():
            line = frame.lineno
    where = file if line is None else f"{file}:{line}"
    return f"{where}: {type(error).__name__}: {error}"

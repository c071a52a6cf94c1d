"""Tokens of the service: roles, the token file, and its rotation."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal, get_args

Role = Literal["decide", "plan", "admin"]
"""Decide and send floors; plan, explain and compare; everything, also reload the policy."""
ROLES: tuple[Role, ...] = get_args(Role)
TOKEN_VARIABLE = "CHANGEOVER_TOKEN"
"""Environment variable that holds the token."""
MIN_TOKEN_LENGTH = 16
_TOKEN_BYTES = 32
_MAX_FILE_BYTES = 65_536
_HEAD = """\
# Tokens of the scheduler service, one line each: ROLE TOKEN. Roles: decide, plan, admin.
# A role may have several tokens. The service reads the file again when it changes.
"""


class GuardError(ValueError):
    """An address or token with which the service must not be started."""


class TokenTable:
    """Roles by token; only digests are kept, so that no error or dump shows a token.

    Parameters
    ----------
    pairs
        Roles and tokens.
    """

    def __init__(self, pairs: Iterable[tuple[Role, str]]) -> None:
        # The digest of an unknown token is looked up: how long that takes tells nothing of a token.
        self._roles = {_digest(token): role for role, token in pairs}

    def find_role(self, token: str) -> Role | None:
        """Return the role of a token; None for an unknown one."""
        return self._roles.get(_digest(token))


class TokenFile:
    """File with tokens, read again when it has changed.

    Parameters
    ----------
    path
        The file; it is made with a token for each role if it does not exist.
    report
        Function that is told why a changed file is not used; its old tokens then stay valid.

    Raises
    ------
    GuardError
        If the file cannot be used.
    """

    def __init__(self, path: Path, report: Callable[[str], None] = lambda problem: None) -> None:
        self.path, self.report = path, report
        if not path.exists():
            write_tokens(path, [(role, make_token()) for role in ROLES])
        self._state = self._look()
        self._table = TokenTable(read_tokens(path))

    def find_role(self, token: str) -> Role | None:
        """Return the role of a token; None for an unknown one."""
        state = self._look()
        if state != self._state:
            self._state = state
            try:
                self._table = TokenTable(read_tokens(self.path))
            except GuardError as error:
                self.report(str(error))
        return self._table.find_role(token)

    def first_token(self, role: Role) -> str | None:
        """Return the first token of a role; None if it has none."""
        return next((token for own, token in read_tokens(self.path) if own == role), None)

    def _look(self) -> tuple[int, int, int] | None:
        with contextlib.suppress(OSError):
            state = self.path.stat()
            return state.st_mtime_ns, state.st_size, state.st_ino
        return None


def make_token() -> str:
    """Return a new random token."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def read_tokens(path: Path) -> list[tuple[Role, str]]:
    """Read the tokens of a file, with their roles.

    Raises
    ------
    GuardError
        If it cannot be read, others may read it, or a line is wrong; tokens are not shown.
    """
    try:
        mode, size = (state := path.stat()).st_mode, state.st_size
        if not stat.S_ISREG(mode) or size > _MAX_FILE_BYTES:
            rule = f"it must be a regular file of at most {_MAX_FILE_BYTES} bytes"
            raise GuardError(f"{path}: has {size} bytes or is no file; {rule}. Choose another.")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        problem = f"{path}: cannot be read ({error.strerror})"
        raise GuardError(f"{problem}. Remove it, and a start makes a new one.") from None
    except UnicodeDecodeError:
        raise GuardError(f"{path}: is no UTF-8 text. Remove it, and start again.") from None
    if os.name == "posix" and mode & 0o077:
        rule = "it must be 600, as others could read the tokens"
        raise GuardError(f"{path}: mode = {mode & 0o777:o}; {rule}. Run chmod 600 {path}.")
    lines = enumerate(text.splitlines(), 1)
    pairs = [
        _parse_line(f"{path}:{i}", line)
        for i, line in lines
        if line.strip() and not line.startswith("#")
    ]
    if not pairs:
        raise GuardError(f"{path}: has no tokens. Remove it, and a start makes new ones.")
    return pairs


def _parse_line(place: str, line: str) -> tuple[Role, str]:
    words = line.split()
    role = next((role for role in ROLES if role == words[0]), None)
    if role is None or len(words) != 2:
        known = ", ".join(ROLES)
        raise GuardError(f"{place}: is not ROLE TOKEN with one of the roles {known}. Change it.")
    check_token(words[1], place)
    return role, words[1]


def check_token(token: str, place: str) -> None:
    """Check that a token is long enough, and can be sent in a header.

    Raises
    ------
    GuardError
        If it is not.
    """
    if len(token) < MIN_TOKEN_LENGTH:
        rule = f"it must have at least {MIN_TOKEN_LENGTH}"
        raise GuardError(f"{place}: has {len(token)} characters; {rule}. Set a longer one.")
    if not (token.isascii() and token.isprintable()):
        rule = "it must be printable ASCII"
        raise GuardError(f"{place}: has other characters; {rule}. Set another one.")


def write_tokens(path: Path, pairs: Iterable[tuple[Role, str]]) -> None:
    """Write a token file with mode 600, in one step.

    Raises
    ------
    GuardError
        If it cannot be written.
    """
    text = _HEAD + "".join(f"{role} {token}\n" for role, token in pairs)
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        problem = f"{path}: cannot be written ({error.strerror})"
        raise GuardError(f"{problem}. Choose another file with --token-file.") from None


def rotate_token(path: Path, role: Role, *, keep: bool = False) -> str:
    """Give a role a new token, and return it.

    Parameters
    ----------
    keep
        The old tokens of the role stay valid beside it.

    Raises
    ------
    GuardError
        If the file cannot be read or written.
    """
    pairs, token = read_tokens(path) if path.exists() else [], make_token()
    kept = [pair for pair in pairs if keep or pair[0] != role]
    write_tokens(path, [(role, token), *kept])
    return token


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()

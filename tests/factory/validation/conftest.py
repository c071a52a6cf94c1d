"""Fixtures for tests of malformed factories and order books."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from factory.io.factory_toml import load_factory
from factory.io.order_book_csv import read_order_book
from factory.model import Factory
from factory.validation.errors import FactoryError
from tests.builders.kart_factory import karts

Read = Callable[[str], Factory]
Refuse = Callable[[str | bytes], list[str]]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Write a text to ``karts.toml`` and load it."""
    monkeypatch.chdir(tmp_path)

    def write_and_load(text: str) -> Factory:
        Path("karts.toml").write_text(text, encoding="utf-8")
        return load_factory("karts.toml")

    return write_and_load


@pytest.fixture
def refuse_book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Refuse:
    """Write ``orders.csv`` and read it; return the lines of the error, none if it is valid."""
    monkeypatch.chdir(tmp_path)

    def write_and_read(content: str | bytes) -> list[str]:
        Path("orders.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
        try:
            read_order_book("orders.csv", karts())
        except FactoryError as error:
            return str(error).splitlines()
        return []

    return write_and_read

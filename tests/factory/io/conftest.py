"""Fixtures for tests of order lists."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from factory.io.order_list_files import OrderList, read_order_list
from factory.model import Factory
from factory.validation.errors import FactoryError
from tests.builders.kart_factory import karts

Read = Callable[..., OrderList]
Refuse = Callable[..., list[str]]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Write ``orders.csv`` and read it."""
    monkeypatch.chdir(tmp_path)

    def write_and_read(
        content: str | bytes, factory: Factory | None = None, **given: Any
    ) -> OrderList:
        Path("orders.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_order_list("orders.csv", factory or karts(), **given)

    return write_and_read


@pytest.fixture
def refuse(read: Read) -> Refuse:
    """Return the lines of the error, without the name of the file."""

    def read_and_refuse(content: str | bytes, *given: Any, **named: Any) -> list[str]:
        with pytest.raises(FactoryError) as refusal:
            read(content, *given, **named)
        lines = str(refusal.value).splitlines()
        assert all(line.startswith("orders.csv: ") for line in lines)
        return [line.removeprefix("orders.csv: ") for line in lines]

    return read_and_refuse

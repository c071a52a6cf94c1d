"""Encodings of order lists: marks, UTF-8, UTF-16 without a mark, cp1252, and what is no text."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.io.order_list.encodings import decode_text
from factory.validation.errors import FactoryError

TEXT = "Auftrag;Größe\nA-1;größer als 5 €\n"


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (TEXT.encode(), "utf-8"),
        (codecs.BOM_UTF8 + TEXT.encode(), "utf-8"),
        (TEXT.encode("utf-16"), "utf-16"),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), "utf-16"),
        (TEXT.encode("utf-16-le"), "utf-16-le"),
        (TEXT.encode("utf-16-be"), "utf-16-be"),
        (TEXT.encode("utf-32"), "utf-32"),
        (TEXT.encode("cp1252"), "cp1252"),
        (b"", "utf-8"),
    ],
)
def test_the_encoding_is_guessed_from_the_bytes(content: bytes, encoding: str) -> None:
    assert decode_text(content, "orders.csv") == (TEXT if content else "", encoding)


def test_a_known_encoding_is_used() -> None:
    assert decode_text("Größe".encode("cp850"), "orders.csv", "cp850")[0] == "Größe"
    assert decode_text(codecs.BOM_UTF8 + b"A", "orders.csv", "utf-8")[0] == "A"


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        (b"\x81", None, "is not cp1252 text (byte 0). Save it as UTF-8, or as xlsx."),
        (b"A\xfc", "utf-8", "is not utf-8 text (byte 1). Correct the encoding, or leave it out."),
        (
            b"%PDF-1.7 and more text\0",
            None,
            "is not a text file, as it holds zero bytes. Save it as CSV or xlsx.",
        ),
    ],
)
def test_bytes_that_are_no_text_are_refused(
    content: bytes, encoding: str | None, message: str
) -> None:
    with pytest.raises(FactoryError) as refusal:
        decode_text(content, "orders.csv", encoding)
    assert str(refusal.value) == f"orders.csv: {message}"


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff")))
def test_utf_8_is_read_unchanged(text: str) -> None:
    assert decode_text(text.encode(), "orders.csv", "utf-8")[0] == text

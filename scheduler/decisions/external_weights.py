"""Search of an ONNX model for weights that lie outside of it.

The model is walked in the wire format of protocol buffers, without the package ``onnx``: messages
that can hold tensors are entered, all others are skipped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

_MESSAGES: Mapping[str, Mapping[int, str]] = {
    "ModelProto": {7: "GraphProto", 20: "TrainingInfoProto", 25: "FunctionProto"},
    "TrainingInfoProto": {1: "GraphProto", 2: "GraphProto"},
    "GraphProto": {1: "NodeProto", 5: "TensorProto", 15: "SparseTensorProto"},
    "NodeProto": {5: "AttributeProto"},
    "FunctionProto": {7: "NodeProto", 11: "AttributeProto"},
    "AttributeProto": {
        5: "TensorProto",
        6: "GraphProto",
        10: "TensorProto",
        11: "GraphProto",
        22: "SparseTensorProto",
        23: "SparseTensorProto",
    },
    "SparseTensorProto": {1: "TensorProto", 2: "TensorProto"},
    "TensorProto": {},
}
"""Numbers of the fields that lead to tensors, with their messages (onnx.proto)."""
_NAME, _EXTERNAL_DATA, _DATA_LOCATION = 8, 13, 14
"""Numbers of fields of a tensor."""
_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5
_MAX_DEPTH = 50
_MAX_FIELDS = 1_000_000


class _Field(NamedTuple):
    number: int
    kind: int
    value: int  # of a varint
    start: int  # of the content
    end: int


def find_external_weights(model: bytes) -> str | None:
    """Return the name of a tensor whose values lie in another file; None if none does.

    Initializers, attributes, subgraphs and functions are searched alike.

    Raises
    ------
    ValueError
        If the model cannot be walked: it is no model, or nested too deeply.
    """
    waiting, fields = [("ModelProto", 0, len(model), 0)], 0
    while waiting:
        message, start, end, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            raise ValueError(f"graphs are nested more than {_MAX_DEPTH} deep")
        name, is_external = "without a name", False
        for field in _read_fields(model, start, end):
            fields += 1
            if fields > _MAX_FIELDS:
                raise ValueError(f"it has more than {_MAX_FIELDS} fields")
            inner = _MESSAGES[message].get(field.number)
            if inner is not None and field.kind == _BYTES:
                waiting.append((inner, field.start, field.end, depth + 1))
            elif message == "TensorProto":
                if field.number == _NAME and field.kind == _BYTES:
                    name = repr(model[field.start : field.end].decode("utf-8", "replace"))
                is_external |= field.number == _EXTERNAL_DATA
                is_external |= field.number == _DATA_LOCATION and field.value != 0
        if is_external:
            return name
    return None


def _read_fields(model: bytes, start: int, end: int) -> Iterator[_Field]:
    """Yield the fields of a message between two bytes."""
    at = start
    while at < end:
        tag, at = _read_varint(model, at, end)
        number, kind, value = tag >> 3, tag & 7, 0
        if kind == _VARINT:
            begin = at
            value, at = _read_varint(model, at, end)
        elif kind == _BYTES:
            length, begin = _read_varint(model, at, end)
            at = begin + length
        elif kind in (_FIXED_64, _FIXED_32):
            begin, at = at, at + (8 if kind == _FIXED_64 else 4)
        else:
            raise ValueError(f"byte {at} begins a field of the unknown kind {kind}")
        if number == 0 or at > end:
            raise ValueError(f"the field at byte {begin} does not end within its message")
        yield _Field(number, kind, value, begin, at)


def _read_varint(model: bytes, at: int, end: int) -> tuple[int, int]:
    """Return a number of variable length, and the byte after it."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            break
        byte = model[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (2**64 - 1), at
    raise ValueError(f"the number before byte {at} does not end")

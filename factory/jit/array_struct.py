"""Structs of arrays: objects with array fields that compiled code takes as one pointer.

A NamedTuple of forty arrays becomes some four hundred arguments of every compiled function it is
passed to: compiling the kernel takes six minutes and each call from Python 30 microseconds. An
:class:`ArrayStruct` is one pointer to a table of array descriptors instead. Compiled code reads
``struct.field`` from that table (the loads are invariant, so LLVM keeps them in registers); Python
and interpreted code see ordinary attributes.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AttributeTemplate
from numba.extending import (
    NativeValue,
    infer_getattr,
    lower_getattr_generic,
    models,
    register_model,
    unbox,
)
from numba.np.numpy_support import from_dtype

_HEAD = 5
"""Words of an array descriptor before its shape.

They are memory info, parent, number of items, item size and data.
"""


class ArrayStructType(types.Type):  # type: ignore[misc]
    """Numba type of a struct: the names and array types of its fields, in order."""

    def __init__(self, owner: str, members: tuple[tuple[str, types.Array], ...]) -> None:
        self.members = members
        fields_text = ", ".join(f"{name}: {array}" for name, array in members)
        super().__init__(name=f"{owner}({fields_text})")

    def find(self, attribute: str) -> tuple[types.Array | None, int]:
        """Return array type and descriptor offset in bytes of a field; (None, 0) if unknown."""
        offset = 0
        for name, array in self.members:
            if name == attribute:
                return array, offset
            offset += 8 * (_HEAD + 2 * array.ndim)
        return None, 0


@dataclass(frozen=True, eq=False)
class ArrayStruct:
    """Base of dataclasses whose fields are all C-contiguous arrays.

    The arrays are shared, never copied, and must not be replaced.

    Raises
    ------
    ValueError
        If a field is not a C-contiguous array.
    """

    def __post_init__(self) -> None:
        words: list[int] = []
        members = []
        for field in fields(self):
            array = getattr(self, field.name)
            if not isinstance(array, np.ndarray) or not array.flags.c_contiguous:
                raise ValueError(
                    f"{type(self).__name__}.{field.name}: must be a C-contiguous array. Copy it"
                    " with numpy.ascontiguousarray."
                )
            words += [
                0,
                0,
                array.size,
                array.itemsize,
                array.ctypes.data,
                *array.shape,
                *array.strides,
            ]
            members.append((field.name, types.Array(from_dtype(array.dtype), array.ndim, "C")))
        table = np.array(words, np.int64)
        object.__setattr__(self, "_table", table)
        object.__setattr__(self, "_address", table.ctypes.data)
        object.__setattr__(self, "_numba_type_", _struct_type(type(self).__name__, tuple(members)))

    @property
    def nbytes(self) -> int:
        """Memory of all arrays in bytes."""
        return sum(getattr(self, field.name).nbytes for field in fields(self))

    def __reduce__(self) -> Any:
        return type(self), tuple(getattr(self, field.name) for field in fields(self))


_TYPES: dict[tuple[str, tuple[tuple[str, types.Array], ...]], ArrayStructType] = {}


def _struct_type(owner: str, members: tuple[tuple[str, types.Array], ...]) -> ArrayStructType:
    """Return one type object for equal structs, so that Numba's dispatch finds it at once."""
    return _TYPES.setdefault((owner, members), ArrayStructType(owner, members))


@register_model(ArrayStructType)
class _ArrayStructModel(models.OpaqueModel):  # type: ignore[misc]
    """A plain pointer."""


@infer_getattr
class _ArrayStructAttributes(AttributeTemplate):  # type: ignore[misc]
    key = ArrayStructType

    def generic_resolve(self, struct: ArrayStructType, attribute: str) -> types.Array | None:
        return struct.find(attribute)[0]


@lower_getattr_generic(ArrayStructType)
def _load_field(
    context: Any, builder: Any, struct: ArrayStructType, value: Any, attribute: str
) -> Any:
    """Load the descriptor of an array; metadata marks it as invariant for LLVM."""
    array, offset = struct.find(attribute)
    assert array is not None  # the attribute was resolved before
    here = cgutils.pointer_add(builder, value, offset, ir.IntType(64).as_pointer())
    metadata = builder.module.add_metadata([])

    def load(word: int) -> Any:
        loaded = builder.load(cgutils.gep(builder, here, word))
        loaded.set_metadata("invariant.load", metadata)
        return loaded

    out = cgutils.create_struct_proxy(array)(context, builder)
    ndim = array.ndim
    out.meminfo = cgutils.get_null_value(out.meminfo.type)
    out.parent = cgutils.get_null_value(out.parent.type)
    out.nitems = load(2)
    out.itemsize = context.get_constant(
        types.intp, context.get_abi_sizeof(context.get_data_type(array.dtype))
    )
    out.data = builder.inttoptr(load(4), out.data.type)
    shape = [load(_HEAD + axis) for axis in range(ndim)]
    out.shape = cgutils.pack_array(builder, shape, ir.IntType(64))
    stride = out.itemsize
    strides = []
    for length in reversed(shape):
        strides.append(stride)
        stride = builder.mul(stride, length)
    out.strides = cgutils.pack_array(builder, strides[::-1], ir.IntType(64))
    return out._getvalue()


@unbox(ArrayStructType)
def _unbox_struct(struct: ArrayStructType, obj: Any, c: Any) -> NativeValue:
    """Convert the Python object to the address of its table."""
    address = c.pyapi.object_getattr_string(obj, "_address")
    native = c.pyapi.long_as_longlong(address)
    c.pyapi.decref(address)
    return NativeValue(
        c.builder.inttoptr(native, cgutils.voidptr_t),
        is_error=cgutils.is_not_null(c.builder, c.pyapi.err_occurred()),
    )

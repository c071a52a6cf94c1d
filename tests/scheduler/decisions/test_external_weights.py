"""Weights outside of a model are found wherever they lie."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("onnx", reason="models are made with the extra `scheduler`")

import onnx
from onnx import TensorProto, helper

from scheduler.decisions import external_weights
from scheduler.decisions.external_weights import find_external_weights


def tensor(name: str = "far") -> Any:
    """Return a tensor whose values lie in another file."""
    made = TensorProto(name=name, data_type=1, dims=[4], data_location=TensorProto.EXTERNAL)
    made.external_data.add(key="location", value="weights.bin")
    return made


def near() -> Any:
    return helper.make_tensor("near", 1, [4], [1.0] * 4)


def node(**attributes: Any) -> Any:
    return helper.make_node("Constant", [], ["out"], **attributes)


def graph(nodes: list[Any] | None = None, initializers: list[Any] | None = None) -> Any:
    output = helper.make_tensor_value_info("out", 1, [4])
    return helper.make_graph(nodes or [], "graph", [], [output], initializer=initializers or [])


def sparse(values: Any, indices: Any) -> Any:
    return helper.make_sparse_tensor(values, indices, [8])


def model(made: Any) -> Any:
    return helper.make_model(made)


def with_function(nodes: list[Any], defaults: list[Any]) -> Any:
    made = model(graph())
    function = helper.make_function(
        "local", "F", [], ["out"], nodes, [helper.make_opsetid("", 20)], attribute_protos=defaults
    )
    made.functions.append(function)
    return made


def with_sparse_initializer(made: Any) -> Any:
    result = model(graph())
    result.graph.sparse_initializer.append(made)
    return result


def with_training(part: str) -> Any:
    result = model(graph())
    getattr(result.training_info.add(), part).CopyFrom(graph(initializers=[tensor()]))
    return result


def branches(inner: Any) -> Any:
    return helper.make_node("If", ["c"], ["out"], then_branch=inner, else_branch=graph())


def only_a_location() -> Any:
    made = near()
    made.data_location = TensorProto.EXTERNAL
    return made


def only_data() -> Any:
    made = near()
    made.external_data.add(key="location", value="weights.bin")
    return made


PLACES: dict[str, Callable[[], Any]] = {
    "initializer": lambda: model(graph(initializers=[near(), tensor()])),
    "location alone": lambda: model(graph(initializers=[only_a_location()])),
    "data alone": lambda: model(graph(initializers=[only_data()])),
    "attribute": lambda: model(graph([node(value=near()), node(value=tensor())])),
    "list of tensors": lambda: model(graph([node(tensors=[near(), tensor()])])),
    "subgraph": lambda: model(graph([branches(graph(initializers=[tensor()]))])),
    "deep subgraph": lambda: model(
        graph([branches(graph([branches(graph([node(value=tensor())]))]))])
    ),
    "list of graphs": lambda: model(
        graph([node(graphs=[graph(), graph(initializers=[tensor()])])])
    ),
    "function": lambda: with_function([node(value=tensor())], []),
    "default of a function": lambda: with_function(
        [node(value=near())], [helper.make_attribute("value", tensor())]
    ),
    "sparse values": lambda: with_sparse_initializer(sparse(tensor(), near())),
    "sparse indices": lambda: with_sparse_initializer(sparse(near(), tensor())),
    "sparse attribute": lambda: model(graph([node(sparse_value=sparse(tensor(), near()))])),
    "initialization": lambda: with_training("initialization"),
    "algorithm": lambda: with_training("algorithm"),
}


@pytest.mark.parametrize("place", PLACES)
def test_weights_outside_are_found(place: str) -> None:
    found = find_external_weights(PLACES[place]().SerializeToString())
    assert found == ("'near'" if place.endswith("alone") else "'far'")


def test_weights_inside_are_no_fault() -> None:
    made = model(graph([branches(graph([node(value=near())], [near()]))], [near()]))
    assert find_external_weights(made.SerializeToString()) is None


def test_every_field_that_leads_to_a_tensor_is_walked() -> None:
    """Compared with the descriptors of the installed onnx."""
    leading = {"TensorProto"}
    messages = {
        name: kind.DESCRIPTOR
        for name, kind in vars(onnx).items()
        if name.endswith("Proto") and hasattr(kind, "DESCRIPTOR") and hasattr(kind, "FromString")
    }

    def fields_of(name: str) -> dict[int, str]:
        return {
            field.number: field.message_type.name
            for field in messages[name].fields
            if field.message_type is not None and field.message_type.name in leading
        }

    while more := {name for name in messages if name not in leading and fields_of(name)}:
        leading |= more
    reached, waiting = dict[str, dict[int, str]](), ["ModelProto"]
    while waiting:
        name = waiting.pop()
        reached[name] = fields_of(name)
        waiting += set(reached[name].values()) - set(reached)
    assert reached == external_weights._MESSAGES


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x3a\xff\xff\xff\xff\x0f", "does not end within its message"),
        (b"\x3b", "unknown kind 3"),
        (b"\x3a", "does not end"),
        (b"\xff" * 12, "does not end"),
        (b"\x02\x00", "does not end within its message"),
        (b"\x08\x01" * 600_000, "more than 1000000 fields"),
    ],
    ids=["length", "group", "cut off", "endless number", "field 0", "many fields"],
)
def test_what_is_no_model_is_refused(content: bytes, reason: str) -> None:
    content = content * 2 if "fields" in reason and "more" in reason else content
    with pytest.raises(ValueError, match=reason):
        find_external_weights(content)


def test_graphs_that_are_nested_without_end_are_refused() -> None:
    inner = b""
    for _ in range(40):  # a graph with a node with an attribute with a graph
        for tag in (0x32, 0x2A, 0x0A):
            length = len(inner)
            size = bytes([length]) if length < 128 else bytes([length & 127 | 128, length >> 7])
            inner = bytes([tag]) + size + inner
    length = len(inner)
    whole = b"\x3a" + bytes([length & 127 | 128, length >> 7]) + inner
    with pytest.raises(ValueError, match="nested more than 50 deep"):
        find_external_weights(whole)

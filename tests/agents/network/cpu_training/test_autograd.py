"""Derivatives that are written out: values and gradients are those of torch, in any parts."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import Tensor

from agents.network.cpu_training.autograd import (
    CpuForwardBackward,
    ForwardPass,
    evaluate_actions,
)
from agents.network.feature_sizes import PRIVILEGED_FEATURES
from agents.network.minibatch import ActionBatch, CriticInput, Run, TorchForwardBackward
from agents.network.packed_tables import PackedTables
from agents.network.pointer_network import Critic, NetworkInput, PointerNetwork
from tests.builders.networks import moments, network

Answers = tuple[Tensor, Tensor, Tensor]


def trained() -> tuple[PointerNetwork, Critic]:
    made = network(trained=True)
    return made, Critic(made)


def action_batches(made: PointerNetwork, *names: str, steps: int = 40) -> list[ActionBatch]:
    """Return the inputs at some decisions, with one of the rows chosen each time."""
    random, batches = np.random.default_rng(3), []
    for tables in moments(*names, steps=steps):
        packed = PackedTables(
            tables.candidates, tables.machines, tables.shop, tables.action_mask, made.weights
        )
        first, count = packed.first, len(packed.network_input.shop)
        privileged = torch.from_numpy(
            random.normal(size=(count, PRIVILEGED_FEATURES)).astype(np.float32)
        )
        chosen = first[:-1] + random.integers(0, np.diff(first))
        batches.append(
            ActionBatch(
                CriticInput(packed.network_input, privileged, torch.from_numpy(first)),
                torch.from_numpy(chosen),
            )
        )
    return batches


def together(parts: Sequence[ActionBatch]) -> ActionBatch:
    """Several parts as one."""
    sizes = [len(part.chosen) for part in parts]
    samples, rows = (
        np.cumsum([0, *sizes]),
        np.cumsum([0, *(len(part.inputs.network_input.rows) for part in parts)]),
    )
    sample = torch.cat(
        [
            part.inputs.network_input.sample + int(before)
            for part, before in zip(parts, samples, strict=False)
        ]
    )
    columns = [
        torch.cat([getattr(part.inputs.network_input, name) for part in parts])
        for name in ("rows", "prior", "machines", "shop")
    ]
    first = torch.cat(
        [
            *(
                part.inputs.first[:-1] + int(before)
                for part, before in zip(parts, rows, strict=False)
            ),
            torch.tensor([rows[-1]]),
        ]
    )
    chosen = torch.cat(
        [part.chosen + int(before) for part, before in zip(parts, rows, strict=False)]
    )
    network_input = NetworkInput(columns[0], columns[1], sample, columns[2], columns[3])
    return ActionBatch(
        CriticInput(network_input, torch.cat([part.inputs.privileged for part in parts]), first),
        chosen,
    )


def answers_of(learning: CpuForwardBackward, parts: Sequence[ActionBatch]) -> Answers:
    logits, values = learning([part.inputs for part in parts])
    return values, *evaluate_actions(logits, parts)


def by_torch(made: PointerNetwork, critic: Critic, inputs: ActionBatch) -> Answers:
    output = made(inputs.inputs.network_input)
    log_probabilities = output.segments.log_softmax(output.logits)
    entropies = -output.segments.sum(log_probabilities.exp() * log_probabilities)
    return (
        torch.cat([critic(output, inputs.inputs.privileged), output.values]),
        log_probabilities[inputs.chosen],
        entropies,
    )


def gradients_of(made: PointerNetwork, critic: Critic, answers: Answers) -> dict[str, Tensor]:
    """Gradients of something that depends on all answers, each in another way."""
    for module in (made, critic):
        module.zero_grad()
    values, log_probabilities, entropies = answers
    loss = (
        log_probabilities * torch.linspace(-1.0, 1.0, len(entropies))
    ).sum() + 0.3 * entropies.square().sum()
    (
        loss + (values * torch.linspace(-1.0, 1.0, len(values))).sum() + values.square().sum()
    ).backward()
    named = [*made.named_parameters(prefix="network"), *critic.named_parameters(prefix="critic")]
    return {name: parameter.grad.clone() for name, parameter in named if parameter.grad is not None}


@pytest.mark.parametrize(
    "names", [("microfactory", "tiny"), ("large",), ("scarce_crew", "one_of_a_kind")]
)
def test_values_and_gradients_are_those_of_torch(names: tuple[str, ...]) -> None:
    made, critic = trained()
    parts = action_batches(made, *names)
    assert len(parts) > 2
    expected = by_torch(made, critic, together(parts))
    answers = answers_of(CpuForwardBackward(made, critic, map), parts)
    for ours, theirs in zip(answers, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    gradients, theirs_gradients = (
        gradients_of(made, critic, results) for results in (answers, expected)
    )
    assert gradients.keys() == theirs_gradients.keys()
    assert len(gradients) == len([*made.parameters(), *critic.parameters()])
    for name, gradient in gradients.items():
        scale = max(
            1.0, float(theirs_gradients[name].abs().max())
        )  # that of row_head.bias is 0 but for rounding: a softmax does not see it
        torch.testing.assert_close(
            gradient, theirs_gradients[name], rtol=1e-4, atol=1e-5 * scale, msg=name
        )


def test_the_pass_in_torch_has_the_same_interface_and_answers() -> None:
    made, critic = trained()
    parts = action_batches(made, "microfactory", "tiny")
    answers = []
    for learning in (CpuForwardBackward(made, critic, map), TorchForwardBackward(made, critic)):
        logits, values = learning([part.inputs for part in parts])
        answers.append((logits, values, *learning.evaluate_actions(logits, parts)))
        inputs = parts[0].inputs
        inferred = learning.inference_pass().compute(
            inputs.network_input, inputs.privileged.numpy(), inputs.first.numpy()
        )
        answers[-1] += tuple(torch.from_numpy(part.copy()) for part in inferred)
    for ours, theirs in zip(*answers, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_threads_change_nothing() -> None:
    made, critic = trained()
    parts = action_batches(made, "microfactory")
    with ThreadPoolExecutor(2) as pool:
        runs: list[Run] = [map, pool.map]
        alone, threaded = (
            gradients_of(made, critic, answers_of(CpuForwardBackward(made, critic, run), parts))
            for run in runs
        )
    for name, gradient in alone.items():
        assert torch.equal(gradient, threaded[name]), name


def test_gradients_of_passes_add_up_as_torch_adds_them() -> None:
    made, critic = trained()
    parts = action_batches(made, "microfactory")
    learning = CpuForwardBackward(made, critic, map)
    for _ in range(2):
        values, log_probabilities, entropies = answers_of(learning, parts)
        (values.sum() + log_probabilities.sum() + entropies.sum()).backward()
    twice = {
        name: parameter.grad.clone()
        for name, parameter in made.named_parameters()
        if parameter.grad is not None
    }
    made.zero_grad()
    values, log_probabilities, entropies = answers_of(learning, parts)
    (values.sum() + log_probabilities.sum() + entropies.sum()).backward()
    for name, parameter in made.named_parameters():
        assert parameter.grad is not None
        assert torch.equal(twice[name], 2.0 * parameter.grad), name


def test_weights_that_have_changed_in_place_are_read_anew() -> None:
    made, critic = trained()
    parts = action_batches(made, "microfactory", steps=16)
    learning = CpuForwardBackward(made, critic, map)
    before = [answer.detach() for answer in answers_of(learning, parts)]
    with torch.no_grad():
        for parameter in (*made.parameters(), *critic.parameters()):
            parameter.mul_(1.1)
    after = answers_of(learning, parts)
    for ours, theirs, old in zip(
        after, by_torch(made, critic, together(parts)), before, strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
        assert not torch.allclose(ours, old)


def test_looking_without_learning_sees_the_same() -> None:
    made, critic = trained()
    looker = ForwardPass(CpuForwardBackward(made, critic, map).layers)
    for part in reversed(action_batches(made, "green")):
        output = made(part.inputs.network_input)
        logits, values = looker.compute(
            part.inputs.network_input, part.inputs.privileged.numpy(), part.inputs.first.numpy()
        )
        np.testing.assert_allclose(logits, output.logits.detach(), rtol=1e-5, atol=1e-5)
        expected = torch.stack([critic(output, part.inputs.privileged), output.values]).detach()
        np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-5)


def test_gradients_after_a_later_pass_are_refused() -> None:
    made, critic = trained()
    parts, learning = (
        action_batches(made, "microfactory", steps=16),
        CpuForwardBackward(made, critic, map),
    )
    earlier, _, _ = answers_of(learning, parts)
    later, _, _ = answers_of(learning, parts)
    with pytest.raises(RuntimeError, match="after a later one, or twice"):
        earlier.sum().backward()
    later.sum().backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="Call backward once, before the next pass"):
        later.sum().backward()

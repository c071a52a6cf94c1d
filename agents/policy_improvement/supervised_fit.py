"""A trained policy fitted to observed decisions: what improving and distilling share."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from agents.network.cpu_training.autograd import LearningPass, Read, one_thread
from agents.network.pointer_network import Described, Segments
from agents.network.trained_policy import TrainedPolicy
from agents.policy_improvement.decision_dataset import Observed

_PARTS = 2
"""That each minibatch is dealt out to, however many threads there are, so that what comes out does not depend on these."""
_ASKED = 4096
"""Decisions that are asked about at once."""

Data = TypeVar("Data", bound=Observed)


class Said(NamedTuple):
    """What a policy says of N decisions with R legal rows together."""

    log_shares: Tensor  # [R] log-probabilities
    values: Tensor  # [2, N] normalised, the critic's first, then the network's own


@dataclass(frozen=True)
class Pace:
    """How long and how fast to fit."""

    epochs: int
    minibatch: int
    learning_rate: float  # of Adam; falls linearly to a twentieth
    threads: int = 1


class Speaker:
    """What a policy says of observed decisions, with gradients on the way back.

    Parameters
    ----------
    policy
        With its critic; its weights may change in place.
    threads
        That the two halves of a minibatch are dealt out to; more than two bring nothing.
    """

    def __init__(self, policy: TrainedPolicy, threads: int = 1) -> None:
        assert policy.critic is not None
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self._pass = LearningPass(policy.network, policy.critic, self._pool.map if self._pool else map)

    def ask(self, observed: Observed) -> Said:
        """Gradients must be asked for before the next call."""
        logits, values = self._pass(deal_out(observed, _PARTS))
        sample = torch.from_numpy(np.repeat(np.arange(len(observed)), observed.count))
        return Said(Segments(sample, len(observed)).log_softmax(logits), values.view(2, -1))

    @one_thread()
    def ask_all(self, observed: Observed) -> Said:
        """The same of any number of decisions, without gradients."""
        with torch.no_grad():
            said = [self.ask(observed.take(numbers)) for numbers in np.array_split(np.arange(len(observed)), -(-len(observed) // _ASKED))]
        return Said(torch.cat([one.log_shares for one in said]), torch.cat([one.values for one in said], dim=1))


@one_thread()
def fit(start: TrainedPolicy, observed: Data, loss: Callable[[Said, Data], Tensor], pace: Pace, random: np.random.Generator, label: str) -> TrainedPolicy:
    """A copy of ``start`` with less ``loss``, which takes what the policy says of a minibatch and the minibatch.

    Parameters
    ----------
    random
        Of the order of the decisions.
    label
        Of the progress bar.
    """
    policy = copy.deepcopy(start)
    assert policy.critic is not None
    speaker = Speaker(policy, pace.threads)
    optimiser = torch.optim.Adam([*policy.network.parameters(), *policy.critic.parameters()], lr=pace.learning_rate, fused=True)
    size = min(pace.minibatch, len(observed))
    steps = pace.epochs * (len(observed) // size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - 0.95 * step / max(1, steps))
    with tqdm(observed.minibatches(pace.epochs, size, random), total=steps, unit=" minibatches", desc=label) as bar:
        for batch in bar:
            found = loss(speaker.ask(batch), batch)
            optimiser.zero_grad()
            found.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            bar.set_postfix_str(f"loss {float(found.detach()):.4f}", refresh=False)
    return policy


def deal_out(observed: Observed, parts: int) -> list[Read]:
    """The decisions in up to ``parts`` parts, as a learning pass takes them."""
    first = np.concatenate([[0], np.cumsum(observed.count)])
    ends = np.unique(np.linspace(0, len(observed), parts + 1).astype(np.int64))
    return [_read(observed, first, slice(int(begin), int(end))) for begin, end in itertools.pairwise(ends)]


def _read(observed: Observed, first: NDArray[np.int64], some: slice) -> Read:
    rows = slice(first[some.start], first[some.stop])
    sample = np.repeat(np.arange(some.stop - some.start), observed.count[some])
    parts = (observed.rows[rows], observed.prior[rows], sample, observed.machines[some], observed.shop[some])
    described = Described(*(torch.from_numpy(part) for part in parts))
    return Read(described, torch.from_numpy(observed.privileged[some]), torch.from_numpy(first[some.start : some.stop + 1] - first[some.start]))

"""Source of sandboxed policies: honest, wrong, crashing, silent."""

from __future__ import annotations

POLICIES = """
import ctypes
import gc
import os
import signal
import sys
import numpy as np


class First:
    '''Choose the first legal row.'''
    def decide(self, observation):
        return observation["action_mask"].argmax(axis=1)


class Informed(First):
    def __init__(self, factory):
        assert factory.name == "tiny"


class Illegal(First):
    def decide(self, observation):
        return np.full(len(observation["action_mask"]), 10**6)


class Wrong(First):
    def decide(self, observation):
        return super().decide(observation)[:-1]


class Fractions(First):
    def decide(self, observation):
        return super().decide(observation) + 0.5


class Crashing(First):
    def decide(self, observation):
        print("about to look up the colour")
        print("still nothing found", file=sys.stderr)
        raise KeyError("colour")


class Chatting(First):
    def decide(self, observation):
        print("x" * 200_000)
        print("the last line")
        raise KeyError("colour")


class Leaving(First):
    def decide(self, observation):
        os._exit(3)


class Segfaulting(First):
    def decide(self, observation):
        ctypes.string_at(0)


class Silent(First):
    def decide(self, observation):
        while True:
            signal.pause()


class Fickle(First):
    '''Change over whenever that is legal, and wait otherwise.'''
    def decide(self, observation):
        mask = observation["action_mask"] > 0
        changeovers = mask & (observation["candidates"][:, :, 1] > 0)
        waits = np.where(mask[:, -1], mask.shape[1] - 1, mask.argmax(axis=1))
        return np.where(changeovers.any(axis=1), changeovers.argmax(axis=1), waits)


class Stateful(First):
    def bind(self, batch):
        pass


class Searching(First):
    '''Search the memory for the simulator, and overwrite the observation.'''
    def decide(self, observation):
        for thing in gc.get_objects():
            if type(thing).__name__ in ("Batch", "ShopState", "Simulator"):
                raise RuntimeError("found the simulator")
        observation["candidates"][:] = 0
        observation["action_mask"][:, 1:] = 0
        return super().decide(observation)


class Printing(First):
    def decide(self, observation):
        print("text on standard output")
        print("text on standard error", file=sys.stderr)
        return super().decide(observation)


class Incomplete:
    pass


NOT_CALLABLE = None
"""

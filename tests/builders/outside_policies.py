"""Source of policies from outside: honest, wrong, crashing, silent."""

from __future__ import annotations

GUESTS = """
import ctypes
import gc
import os
import signal
import sys
import numpy as np


class First:
    '''The first legal row, without a word about the factory.'''
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
    '''Changes over for the sake of it, and else waits.'''
    def decide(self, observation):
        mask = observation["action_mask"] > 0
        changeovers = mask & (observation["candidates"][:, :, 1] > 0)
        waits = np.where(mask[:, -1], mask.shape[1] - 1, mask.argmax(axis=1))
        return np.where(changeovers.any(axis=1), changeovers.argmax(axis=1), waits)


class Greedy(First):
    def bind(self, batch):
        pass


class Prying(First):
    '''Looks for the shop in memory, and rewrites it if it is there.'''
    def decide(self, observation):
        for thing in gc.get_objects():
            if type(thing).__name__ in ("Batch", "ShopState", "Simulator"):
                raise RuntimeError("found the shop")
        observation["candidates"][:] = 0
        observation["action_mask"][:, 1:] = 0
        return super().decide(observation)


class Talking(First):
    def decide(self, observation):
        print("so much to say")
        print("so much to say", file=sys.stderr)
        return super().decide(observation)


class Mute:
    pass


NOT_CALLABLE = None
"""

"""Numbers of the command line, for the parameter ``type`` of argparse's arguments."""

from __future__ import annotations

import argparse


def positive_option(text: str) -> int:
    """Return a whole number from 1 on."""
    return _whole(text, 1)


def not_negative_option(text: str) -> int:
    """Return a whole number from 0 on."""
    return _whole(text, 0)


def _whole(text: str, least: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} on")
    return number


def seconds_option(text: str) -> float:
    """Return a number of seconds above 0, which may be infinite."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds

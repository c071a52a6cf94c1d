"""Options of the command line for the comparison of policy and rule."""

from __future__ import annotations

import argparse
import math
from typing import get_args

from scheduler.outcomes.schema import OnDrift

MAX_HOURS = 8760.0


def add_watch_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--compare-hours`` and ``--on-drift``."""
    parser.add_argument(
        "--compare-hours",
        type=period_hours,
        default=24.0,
        help="hours of the plant after which policy and rule are compared again; 0: never",
    )
    parser.add_argument(
        "--on-drift",
        choices=get_args(OnDrift),
        default="warn",
        help=(
            "if the policy no longer pays, or the floor has drifted from its training: let the"
            " fallback rule decide until the bundle is reloaded, or report it only"
        ),
    )


def period_hours(text: str) -> float:
    """Parse the hours of a period.

    Raises
    ------
    argparse.ArgumentTypeError
        If they are no number from 0 to a year.
    """
    try:
        hours = float(text)
    except ValueError:
        hours = math.nan
    if not 0 <= hours <= MAX_HOURS:
        raise argparse.ArgumentTypeError(
            f"{text}; it must be a number of hours from 0 to {MAX_HOURS:g}"
        )
    return hours

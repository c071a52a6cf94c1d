"""Draw learning curves of training runs: ``python -m evaluation.curves runs/*``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from evaluation.training_runs.learning_curves import find_curves, summarise_curves, write_curves
from factory.validation.names import write_all_letters


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    options = curves_parser().parse_args(arguments)
    write_all_letters()
    try:
        curves = find_curves(options.runs)
        files = write_curves(curves, options.out)
    except (ValueError, OSError) as error:
        print(f"curves: {error}", file=sys.stderr)
        return 2
    print(summarise_curves(curves))
    print(f"Written: {', '.join(map(str, files))}")
    return 0


def curves_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.curves",
        description="Draw the cost over that of the best rule on the validation episodes, by"
        " training step: a line for each run, and a band for runs of several seeds.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "runs",
        nargs="+",
        type=Path,
        metavar="RUN",
        help="folder of a run, or of the runs of several seeds; others are left out",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("results/curves"),
        metavar="DIR",
        help="folder of curves.png and curves.csv",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""Write the generated pages of the reference: ``python -m docs_site.reference``."""

from __future__ import annotations

import argparse
import sys

from docs_site.reference.pages import REFERENCE_FOLDER, differing_pages, write_reference


def main(arguments: list[str] | None = None) -> int:
    """Write the pages, or check them; return 1 if a checked page differs."""
    parser = argparse.ArgumentParser(
        prog="python -m docs_site.reference",
        description=f"Write the generated pages of the reference into {REFERENCE_FOLDER.name}/.",
    )
    parser.add_argument(
        "--check", action="store_true", help="name the pages that differ, and write nothing"
    )
    if not parser.parse_args(arguments).check:
        for name in write_reference():
            print(f"docs/reference/{name}: written")
        return 0
    differing = differing_pages()
    for name in differing:
        print(
            f"docs/reference/{name}: differs from the code. Run python -m docs_site.reference.",
            file=sys.stderr,
        )
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())

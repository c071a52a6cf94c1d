"""Run the command line: ``python -m changeover COMMAND ...``."""

from __future__ import annotations

import sys

from changeover.command_line import main

if __name__ == "__main__":
    sys.exit(main())

"""`python -m aed`: the command line."""

from __future__ import annotations

from aed.cli.main import main

if __name__ == "__main__":
    main()

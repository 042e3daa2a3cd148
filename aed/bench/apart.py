"""Measuring in a process of its own: what one case holds in memory, or has warmed up, must not count for the next."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from aed.errors import ModelError


def measured_apart(module: str, arguments: list[str], threads: int, **environment: str) -> Any:
    """Run a module of this package, and return what it prints as JSON in its last line.

    Args:
        module: Its name within the package.
        arguments: Of its command line.
        threads: Threads of whatever computes in it.
        environment: Variables that it gets besides.

    Raises:
        ModelError: It failed.
    """
    command = [sys.executable, "-m", f"{__package__}.{module}", *arguments]
    variables = os.environ | {"OMP_NUM_THREADS": str(threads)} | environment
    child = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    if child.returncode != 0:
        last = (child.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        raise ModelError(f"{arguments[0]}: cannot be measured ({last})")
    return json.loads(child.stdout.splitlines()[-1])

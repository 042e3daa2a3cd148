"""Measuring each case in a process of its own: what one holds in memory must not count for the next."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from aed.bench.cost import Cost, measure
from aed.errors import ModelError


def costs(
    models: Sequence[Path], seconds: Sequence[float], threads: Sequence[int], streams: Sequence[int]
) -> Iterator[Cost]:
    """Measure every model at every length and thread count, with the first number of streams, and the others once.

    Raises:
        ModelError: A model cannot be loaded.
    """
    for model in models:
        cases = [(length, count, streams[0]) for length in seconds for count in threads]
        cases += [(seconds[0], threads[0], number) for number in streams[1:]]
        for length, count, number in cases:
            yield in_a_process_of_its_own(model, length, count, number)


def in_a_process_of_its_own(model: Path, seconds: float, threads: int, streams: int) -> Cost:
    """Measure one case.

    Raises:
        ModelError: The model cannot be loaded.
    """
    command = [sys.executable, "-m", "aed.bench.cases", str(model), str(seconds), str(threads), str(streams)]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    child = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if child.returncode != 0:
        last = (child.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        raise ModelError(f"{model}: cannot be measured ({last})")
    return Cost(**json.loads(child.stdout))


if __name__ == "__main__":
    named, length, count, number = sys.argv[1:]
    print(json.dumps(asdict(measure(Path(named), float(length), int(count), int(number)))))

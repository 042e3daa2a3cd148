"""What each model costs, at each thread count and length, each in a process of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from aed.bench.apart import measured_apart
from aed.bench.cost import Cost, measure


def costs(models: Sequence[Path], seconds: Sequence[float], threads: Sequence[int]) -> Iterator[Cost]:
    """Measure every model at every length and thread count.

    Raises:
        ModelError: A model cannot be loaded.
    """
    for model in models:
        for length in seconds:
            for count in threads:
                yield Cost(**measured_apart("cases", [str(model), str(length), str(count)], count))


if __name__ == "__main__":
    named, sound_seconds, number = sys.argv[1:]
    print(json.dumps(asdict(measure(Path(named), float(sound_seconds), int(number)))))

"""A source heard for a while, as one array: for who wants to look at it as a whole."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from aed.monitor.sources.source import open_source
from aed.timebase import seconds_from_samples

CONNECT_SECONDS = 15.0
"""What a camera may take until its first sample; a source that then says nothing is given up."""
_QUIETEST = 1e-12
"""Mean square of what is told as silence: -120 dBFS."""


class Listened(NamedTuple):
    """What was heard.

    Attributes:
        samples: `(samples,)` float32, what was lost left out.
        rate_hz: Their rate.
        lost_seconds: How much was lost in between.
    """

    samples: np.ndarray
    rate_hz: int
    lost_seconds: float


def listen_for(
    address: str,
    rate_hz: int,
    seconds: float,
    on_piece: Callable[[float, np.ndarray], bool] = lambda heard_seconds, samples: True,
    speed: float | None = None,
) -> Listened:
    """Hear a source for a while, or until it ends.

    Args:
        address: As `aed.monitor.sources.source` has it.
        rate_hz: Rate to ask of a source that can choose.
        seconds: How long.
        on_piece: Told of each piece and how much was heard before it; returns whether to go on.
        speed: How fast a recording is played; None as fast as the machine can.

    Raises:
        AudioError: The source cannot be read.
        ConfigError: The address is none.
    """
    source = open_source(address, rate_hz, speed)
    pieces: list[np.ndarray] = []
    heard, lost = 0, 0.0
    patience = threading.Timer(CONNECT_SECONDS + seconds, source.close)  # `pieces` waits for as long as nothing comes
    patience.daemon = True
    patience.start()
    began = time.monotonic()
    try:
        for piece in source.pieces():
            before, lost = seconds_from_samples(heard, source.rate_hz), lost + piece.lost_seconds
            pieces.append(piece.samples)
            heard += len(piece.samples)
            if not on_piece(before, piece.samples) or seconds_from_samples(heard, source.rate_hz) >= seconds:
                break
            if source.is_live and time.monotonic() - began > CONNECT_SECONDS + seconds:
                break
    finally:
        patience.cancel()
        source.close()
    samples = np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.float32)
    return Listened(samples.astype(np.float32, copy=False), source.rate_hz, lost)


def decibels(samples: np.ndarray) -> float:
    """Root mean square of samples, `(samples,)`, in dB relative to full scale."""
    return float(10 * np.log10(max(float(np.mean(np.square(samples, dtype=np.float64))), _QUIETEST)))

"""What a stream takes: samples of one channel, all of them numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from aed.errors import AudioError
from aed.timebase import seconds_from_samples


def one_channel(samples: np.ndarray) -> np.ndarray:
    """Return samples as they are, `(samples,)`.

    Raises:
        AudioError: They have another shape.
    """
    samples = np.asarray(samples)
    if samples.ndim != 1:
        raise AudioError(
            f"expected samples of one channel, shape (samples,), got {samples.shape}; average the channels"
        )
    return samples


def finite_channel(samples: np.ndarray, num_before: int, rate_hz: int) -> npt.NDArray[np.float32]:
    """Return the next samples of a stream as float32, `(samples,)`.

    Args:
        samples: What was pushed.
        num_before: How many samples came before: the message says when the first bad one sounded.
        rate_hz: Sample rate of the stream.

    Raises:
        AudioError: They have another shape, or one is NaN or infinite.
    """
    samples = one_channel(samples).astype(np.float32, copy=False)
    finite = np.isfinite(samples)
    if not finite.all():
        seconds = seconds_from_samples(num_before + int(np.argmin(finite)), rate_hz)
        raise AudioError(f"the sample at {seconds:.3f} s is NaN or infinite: expected numbers; repair the recording")
    return samples

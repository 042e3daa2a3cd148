"""Cutting clips out of one stream: the last seconds are kept in a ring, so that a clip begins before its sound.

A clip is cut once the model has heard all of it, while its sound may go on, and handed out when that is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from aed.detect.last_samples import LastSamples
from aed.detect.stream import LONGEST_FILLED_SECONDS
from aed.monitor.hearing.open_sounds import OpenSound
from aed.monitor.memory.clips import Clip, ClipsConfig
from aed.timebase import samples_from_seconds, seconds_from_samples

SLACK_SECONDS = 10.0
"""An event is known when its gap is over, an alarm's when its beat is: the ring reaches so much further back."""


class ClipCutter:
    """Keeps the last seconds of a stream, and the sounds that want a clip.

    Args:
        config: How long a clip is.
        rate_hz: Rate of the stream.
        delay_seconds: How long after a sound the model has heard it.
        voice_probability: Says how likely a voice is from one second of the stream to another; None where unknown.
        is_live: Whether the stream must not be kept waiting.
    """

    def __init__(
        self,
        config: ClipsConfig,
        rate_hz: int,
        delay_seconds: float,
        voice_probability: Callable[[float, float], float | None],
        *,
        is_live: bool,
    ) -> None:
        self._config, self._rate_hz, self._voice_probability = config, rate_hz, voice_probability
        self.may_wait = not is_live
        seconds = ring_seconds(config, delay_seconds)
        self._capacity = 0 if config.keep == "none" else samples_from_seconds(seconds, rate_hz)
        self._ring, self._start_seconds = LastSamples(self._capacity), 0.0
        self._sounds: list[OpenSound] = []

    def push(self, samples: np.ndarray) -> None:
        """Hear `(samples,)`, numbers all."""
        self._ring.push(samples)

    def gap(self, seconds: float, seconds_seen: float) -> None:
        """Say that so much was lost: a short gap is silence, as for the detector, a long one empties the ring."""
        if seconds <= LONGEST_FILLED_SECONDS:
            self.push(np.zeros(samples_from_seconds(seconds, self._rate_hz), dtype=np.float32))
        else:
            for sound in self._sounds:
                self._cut(sound, np.inf)
            self._ring, self._start_seconds = LastSamples(self._capacity), seconds_seen

    def add(self, sound: OpenSound) -> None:
        """Remember a new sound."""
        if self._capacity:
            self._sounds.append(sound)

    def take(self, until_seconds: float) -> Iterator[tuple[OpenSound, Clip]]:
        """Cut what the model has heard up to some second; yields the clips of sounds that are over, once."""
        for sound in list(self._sounds):
            self._cut(sound, until_seconds)
            if sound.is_over and (sound.clip is not None or not self._is_wanted(sound)):
                self._sounds.remove(sound)
                if sound.clip is not None and self._is_wanted(sound):
                    yield sound, sound.clip

    def _is_wanted(self, sound: OpenSound) -> bool:
        return self._config.keep == "all" or (sound.decision is not None and sound.decision.is_reported)

    def _cut(self, sound: OpenSound, until_seconds: float) -> None:
        start = max(self._start_seconds, sound.began_seconds - self._config.pre_roll_seconds)
        longest = start + self._config.longest_seconds
        end = min(longest, sound.event.offset_seconds + self._config.post_roll_seconds) if sound.is_over else longest
        if sound.clip is not None or end > until_seconds:
            return
        first, last = (samples_from_seconds(at - self._start_seconds, self._rate_hz) for at in (start, end))
        samples = self._ring.window(first, last)
        heard_until = self._start_seconds + seconds_from_samples(self._ring.heard, self._rate_hz)
        voice = self._voice_probability(start, min(end, heard_until))
        sound.clip = Clip(samples, self._rate_hz, voice, end)


def ring_seconds(config: ClipsConfig, delay_seconds: float) -> float:
    """How far back the sound must be kept for the longest clip."""
    return config.longest_seconds + config.pre_roll_seconds + delay_seconds + SLACK_SECONDS

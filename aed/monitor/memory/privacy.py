"""Voices are private: a clip in which somebody is likely to speak is not kept, unless the settings say otherwise.

Whether somebody speaks the model itself says, where its tree has *Speech*, or else *Human voice*. Where it has neither,
nobody can say, and no clip is kept at all unless the settings allow voices: a promise that holds only as far as a guess
does would be none.

"band_limit" keeps the clip below 400 Hz only, where speech can be heard but not understood: the "content-filtered
speech" of psychology, low-passed at about that frequency for just this purpose.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from aed.ontology.structure import Taxonomy

Voices = Literal["drop", "band_limit", "keep"]

SPEECH, HUMAN_VOICE = "/m/09x0r", "/m/09l8g"
"""AudioSet's concepts. A voice is more than speech (it cries, laughs): it is asked only where there is no speech."""
CUTOFF_HZ = 400.0
ROLLOFF_HZ = 100.0
"""Above the cutoff, over which a clip fades to nothing."""


class VoicePolicy:
    """Decides what of a clip may be kept.

    Args:
        voices: What happens to a clip in which somebody is likely to speak.
        least_probability: From which P(voice) on that is likely.
        taxonomy: The tree.
    """

    def __init__(self, voices: Voices, least_probability: float, taxonomy: Taxonomy) -> None:
        self._voices, self._least_probability = voices, least_probability
        found = [node for node in map(taxonomy.node_for_concept, (SPEECH, HUMAN_VOICE)) if node is not None]
        self.node = found[0] if found else None
        self._name = "" if self.node is None else taxonomy.nodes[self.node].name

    @property
    def warning(self) -> str:
        """What people should know at the start; empty where there is nothing to say."""
        if self._voices == "keep" or self.node is not None:
            return ""
        what = (
            "no clip is kept"
            if self._voices == "drop"
            else f"of every clip only what is below {CUTOFF_HZ:g} Hz is kept"
        )
        return f"this model knows no voices, so nobody can say where somebody speaks: {what} (voices: keep keeps all)"

    def keep(self, samples: np.ndarray, rate_hz: int, voice_probability: float | None) -> tuple[np.ndarray | None, str]:
        """Return what may be kept of a clip, and a note about it.

        Args:
            samples: `(samples,)` float32.
            rate_hz: Their rate.
            voice_probability: Highest P(voice) in it; None where the model knows no voices, or has not said yet.

        Returns:
            The samples, `(samples,)` float32 or None, and words for people, empty where all is kept as it was.
        """
        if self._voices == "keep":
            return samples, ""
        if voice_probability is not None and voice_probability < self._least_probability:
            return samples, ""
        why = "nobody can say whether somebody speaks"
        if voice_probability is not None:
            why = f"somebody is likely to speak ({self._name} {voice_probability:.2f})"
        if self._voices == "drop":
            return None, f"no clip: {why}"
        return low_passed(samples, rate_hz), f"only what is below {CUTOFF_HZ:g} Hz was kept: {why}"


def low_passed(samples: np.ndarray, rate_hz: int) -> np.ndarray:
    """Return a clip without what is above the cutoff, `(samples,)` float32."""
    spectrum = np.fft.rfft(samples)
    frequencies_hz = np.fft.rfftfreq(len(samples), 1 / rate_hz)
    gains = np.clip((CUTOFF_HZ + ROLLOFF_HZ - frequencies_hz) / ROLLOFF_HZ, 0.0, 1.0)
    return np.fft.irfft(spectrum * gains, len(samples)).astype(np.float32)

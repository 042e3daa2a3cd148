"""The beat of an alarm: which kind of alarm sounds, told from when its tone begins."""

from aed.detect.beat.decoder import BeatDecoder, BeatKind, BeatVerdict, decode_beats

__all__ = ["BeatDecoder", "BeatKind", "BeatVerdict", "decode_beats"]

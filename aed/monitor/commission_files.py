"""Trials of alarms that were kept: a recording and what was found, to be heard again with another model or setting."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pydantic
import soundfile

from aed.audio.read import inspect, stream_at_own_rate
from aed.detect.detector import DetectorConfig
from aed.errors import ConfigError, StorageError
from aed.monitor.commission import AlarmTrial, Trial
from aed.monitor.sources.source import PIECE_SECONDS
from aed.scorer.protocol import Scorer
from aed.storage import atomic_path, write_atomic

SLOWER_SECONDS = 1.0
"""A replay may be so much later than the trial was: another model has other blocks."""


def keep_trial(folder: Path, trial: Trial, samples: np.ndarray, rate_hz: int) -> Path:
    """Write a trial and its recording, the recording first; returns the JSON file.

    Raises:
        StorageError: The folder cannot be written.
    """
    stem = "".join(sign if sign.isalnum() else "-" for sign in f"{trial.room}-{trial.time[:19]}").lower()
    path = folder / f"{stem}.json"
    with atomic_path(path.with_suffix(".flac")) as temporary:
        try:
            soundfile.write(temporary, np.clip(samples, -1, 1), rate_hz, format="FLAC", subtype="PCM_16")
        except soundfile.LibsndfileError as error:
            raise StorageError(f"cannot write {path.with_suffix('.flac')}: {error.error_string}; free space") from error
    write_atomic(path, trial.model_dump_json(indent=1) + "\n")
    return path


def kept_trials(folder: Path) -> list[tuple[Path, Trial]]:
    """Read the trials of a folder, with their recordings, by name.

    Raises:
        ConfigError: One is damaged, or there is none.
    """
    found = [(path.with_suffix(".flac"), _read(path)) for path in sorted(folder.glob("*.json"))]
    if not found:
        raise ConfigError(f"{folder}: no trial is kept here; press an alarm's test button during 'aed commission'")
    return found


def replay(scorer: Scorer, config: DetectorConfig, recording: Path, kept: Trial) -> Trial:
    """Hear a kept trial again.

    Raises:
        AudioError: The recording cannot be read.
    """
    info = inspect(recording)
    trial = AlarmTrial(scorer, config, info.rate_hz)
    for samples in stream_at_own_rate(info, PIECE_SECONDS):
        trial.push(samples)
    return trial.finish(kept.room, kept.source, datetime.now(UTC))


def worse(kept: Trial, again: Trial) -> list[str]:
    """Say in what a replay is worse than the trial was; empty where in nothing."""
    return list(_worse(kept, again))


def _worse(kept: Trial, again: Trial) -> Iterator[str]:
    if kept.heard_as is not None and again.heard_as is None:
        yield f"it was heard as {kept.heard_as}, now not at all"
    if kept.verdict is not None and again.verdict != kept.verdict:
        yield f"its beat was known as {kept.verdict}, now as {again.verdict or 'none'}"
    for what, before, now in (
        ("report", kept.report_delay_seconds, again.report_delay_seconds),
        ("verdict", kept.verdict_delay_seconds, again.verdict_delay_seconds),
    ):
        if before is not None and now is not None and now > before + SLOWER_SECONDS:
            yield f"the {what} came after {before:.1f} s, now after {now:.1f} s"


def _read(path: Path) -> Trial:
    try:
        return Trial.model_validate_json(path.read_bytes())
    except (OSError, pydantic.ValidationError) as error:
        raise ConfigError(f"{path}: not a trial ({' '.join(str(error).split())}); remove it") from error

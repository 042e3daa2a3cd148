"""What would keep a monitor on this machine from hearing, remembering or telling, and how to mend it.

Each examination looks at one thing and says what it found; none raises, and none changes anything for good.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from aed.detect.health import CLIPPED_LEVEL, CLIPPED_SHARE
from aed.errors import AedError
from aed.monitor.listening import decibels, listen_for

EXTRAS = {
    "monitor": ("sounddevice",),
    "train": ("torch", "torchaudio", "safetensors", "pandas", "sklearn"),
    "formats": ("av",),
}
"""Extra -> the modules that it brings, as far as they tell that it is there."""
FFMPEG_SECONDS = 10.0
"""`ffmpeg -version` answers within a tenth of one."""
LEAST_FREE_BYTES = 1_000_000_000
"""About ten thousand clips of ten seconds; below a tenth of that the monitor keeps no clips at all."""
CLOCK_SECONDS = 1.0
LARGEST_CLOCK_ERROR_SECONDS = 0.05
"""Within a second: a wall clock that is being set jumps by more, a busy machine's two readings differ by less."""
FIRST_SANE_YEAR = 2025
"""A small computer without a clock of its own starts in 1970, or at the date of its system's image."""
LISTEN_SECONDS = 3.0
QUIETEST_DBFS, LOUDEST_DBFS = -85.0, -6.0
"""A quiet room on a common microphone lies between -70 and -45 dBFS."""
MODEL_SECONDS = 10.0
"""Of silence, to see how fast the model is."""
MOST_LOAD = 0.5
"""Share of real time that a model may take; above it nothing is left for alarms' beats, clips and a second source."""


class Verdict(StrEnum):
    """What became of an examination."""

    FINE = "fine"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    """What one examination found.

    Attributes:
        what: What was looked at.
        verdict: Whether it is as it should be; a note hinders nothing.
        message: What was found, with figures.
        mend: What to do about it; empty where nothing is to be done.
    """

    what: str
    verdict: Verdict
    message: str
    mend: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-able values."""
        return asdict(self)


def examine_extras() -> Finding:
    """Which optional parts are installed."""
    missing = {
        extra: names
        for extra, modules in EXTRAS.items()
        if (names := [name for name in modules if importlib.util.find_spec(name) is None])
    }
    if not missing:
        return Finding("extras", Verdict.FINE, f"{', '.join(EXTRAS)} are installed")
    told = "; ".join(f"{extra} lacks {', '.join(names)}" for extra, names in missing.items())
    mend = " or ".join(f"pip install 'aed[{extra}]'" for extra in missing)
    return Finding("extras", Verdict.NOTE, told, f"only where you need them: {mend}")


def examine_portaudio() -> Finding:
    """Whether microphones can be reached through PortAudio, and which there are."""
    try:
        import sounddevice
    except ImportError:
        return Finding(
            "PortAudio",
            Verdict.NOTE,
            "the library sounddevice is not installed; microphones are reached through ffmpeg",
            "pip install 'aed[monitor]'",
        )
    except OSError as error:
        return Finding(
            "PortAudio",
            Verdict.NOTE,
            f"sounddevice does not find it ({error}); microphones are reached through ffmpeg",
            "install PortAudio, on Debian: apt install libportaudio2",
        )
    try:
        inputs = [device["name"] for device in sounddevice.query_devices() if device["max_input_channels"]]
    except sounddevice.PortAudioError as error:
        return Finding("PortAudio", Verdict.WRONG, f"it cannot be asked for microphones: {error}", "restart the sound")
    if not inputs:
        return Finding(
            "PortAudio",
            Verdict.NOTE,
            "it is there, but no microphone is",
            "plug one in, and let the user who runs aed into the group 'audio'; network sources need none",
        )
    return Finding("PortAudio", Verdict.FINE, f"microphones: {', '.join(inputs)}")


def examine_ffmpeg() -> Finding:
    """Whether the program ffmpeg runs, which network sources need."""
    program = shutil.which("ffmpeg")
    mend = "install it, on Debian: apt install ffmpeg; without it there are no cameras and no streams"
    if program is None:
        return Finding("ffmpeg", Verdict.WRONG, "the program is not installed", mend)
    try:
        answer = subprocess.run(
            [program, "-version"], capture_output=True, text=True, check=True, timeout=FFMPEG_SECONDS
        )
    except (OSError, subprocess.SubprocessError) as error:
        return Finding("ffmpeg", Verdict.WRONG, f"{program} does not run: {error}", mend)
    return Finding("ffmpeg", Verdict.FINE, answer.stdout.splitlines()[0] if answer.stdout else program)


def examine_folder(folder: Path) -> Finding:
    """Whether the monitor's folder, or the one that it would be made in, can be written."""
    place = _existing(folder)
    what = "data folder"
    try:
        with tempfile.NamedTemporaryFile(dir=place, prefix=".aed_doctor_") as file:
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        mend = f"chown it to the user who runs aed, or name another folder: {place}"
        return Finding(what, Verdict.WRONG, f"{place} cannot be written: {error.strerror or error}", mend)
    return Finding(what, Verdict.FINE, f"{folder} can be written{'' if folder.exists() else ' (made at the start)'}")


def examine_disk(folder: Path) -> Finding:
    """How much room is left where the monitor remembers."""
    free = shutil.disk_usage(_existing(folder)).free
    told = f"{free / 1e9:.1f} GB are free"
    if free >= LEAST_FREE_BYTES:
        return Finding("disk", Verdict.FINE, told)
    return Finding("disk", Verdict.WRONG, told, "free some space, shorten 'retention', or name a folder elsewhere")


def examine_clock(seconds: float = CLOCK_SECONDS) -> Finding:
    """Whether the wall clock goes with the monotonic one, and has been set."""
    wall, steady = time.time(), time.monotonic()
    time.sleep(seconds)
    error = (time.time() - wall) - (time.monotonic() - steady)
    now = datetime.now(UTC)
    mend = (
        "set up time synchronisation (systemd-timesyncd, chrony); events are measured by the monotonic clock meanwhile"
    )
    if abs(error) > LARGEST_CLOCK_ERROR_SECONDS:
        return Finding("clock", Verdict.WRONG, f"the wall clock moved by {error:+.2f} s within {seconds:g} s", mend)
    if now.year < FIRST_SANE_YEAR:
        return Finding("clock", Verdict.WRONG, f"it says {now:%Y-%m-%d %H:%M} UTC: nobody has set it", mend)
    if _is_synchronised() is False:
        return Finding("clock", Verdict.NOTE, f"it says {now:%Y-%m-%d %H:%M} UTC and is not synchronised", mend)
    return Finding("clock", Verdict.FINE, f"{now:%Y-%m-%d %H:%M} UTC, {error * 1000:+.1f} ms off within {seconds:g} s")


def examine_source(address: str, rate_hz: int, seconds: float = LISTEN_SECONDS) -> Finding:
    """How loud it is at a source."""
    what = f"source {address}"
    try:
        samples = listen_for(address, rate_hz, seconds).samples
    except AedError as error:
        return Finding(what, Verdict.WRONG, str(error), "name another with --source, or leave it out: --no-source")
    if len(samples) == 0:
        return Finding(what, Verdict.WRONG, "nothing came", "check the address, the cable and the network")
    level = f"{decibels(samples):.0f} dBFS on average, {20 * np.log10(max(np.abs(samples).max(), 1e-9)):.0f} at most"
    if samples.max() == samples.min():
        return Finding(
            what, Verdict.WRONG, f"every sample is {samples[0]:g}", "unmute it, or choose another microphone"
        )
    if float((np.abs(samples) >= CLIPPED_LEVEL).mean()) > CLIPPED_SHARE or decibels(samples) > LOUDEST_DBFS:
        return Finding(what, Verdict.WRONG, f"it is overdriven: {level}", "turn the gain of the microphone down")
    if decibels(samples) < QUIETEST_DBFS:
        return Finding(what, Verdict.WRONG, f"next to nothing is heard: {level}", "turn its gain up, or unmute it")
    return Finding(what, Verdict.FINE, level)


def examine_model(name: str, load: Callable[[], Callable[[], float]]) -> Finding:
    """Whether a model can be loaded and is fast enough.

    Args:
        name: What the user calls it.
        load: Loads it, and returns what scores `MODEL_SECONDS` of silence and tells the seconds that it took.
    """
    try:
        seconds = load()()
    except AedError as error:
        return Finding("model", Verdict.WRONG, str(error), "train or export one, or name another with --model")
    load_share = seconds / MODEL_SECONDS
    told = f"{name}: {load_share:.1%} of real time on this machine"
    if load_share > MOST_LOAD:
        return Finding("model", Verdict.WRONG, told, "export it ('aed export --int8'), or take a smaller one")
    return Finding("model", Verdict.FINE, told)


def is_well(findings: Sequence[Finding]) -> bool:
    """Whether nothing is wrong; notes hinder nothing."""
    return all(finding.verdict is not Verdict.WRONG for finding in findings)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    folder = folder.absolute()
    return next(place for place in (folder, *folder.parents) if place.exists())


def _is_synchronised() -> bool | None:
    """Whether systemd says that the clock is set by the network; None where it cannot be asked."""
    program = shutil.which("timedatectl")
    if program is None:
        return None
    try:
        answer = subprocess.run(
            [program, "show", "--property=NTPSynchronized", "--value"],
            capture_output=True,
            text=True,
            check=True,
            timeout=FFMPEG_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return {"yes": True, "no": False}.get(answer.stdout.strip())

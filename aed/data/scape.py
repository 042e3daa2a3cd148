"""Soundscapes: strongly labelled scenes, mixed from isolated events and backgrounds of one side of a fold.

    clips of all sources -> folds by content group -> stretches -> plan of each scene -> scenes at every ratio

A folder of scenes holds `audio/` (16-bit FLAC), the tables of `scape_tables`, and `scape.json`: the settings, and what
the scenes are worth as evidence (`ScapeSummary`).
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from aed.audio.waves import Wave
from aed.data.isolated_events import active_stretches, whole_sound
from aed.data.scape_config import ScapeConfig
from aed.data.scape_mix import mix_scene
from aed.data.scape_plan import Piece, ScenePlan, plan_scenes
from aed.data.scape_sources import ScapeClip, ScapeClips, load_scape_clips
from aed.data.scape_summary import ScapeSummary, summarise
from aed.data.scape_tables import (
    AUDIO_FOLDER,
    BACKGROUND,
    DURATIONS_FILE,
    EVENT,
    SOURCES_FILE,
    TRUTH_FILE,
    SourceRow,
    TruthRow,
    write_durations,
    write_sources,
    write_truth,
)
from aed.data.waveforms import Progress, WaveformStore
from aed.errors import DataError, StorageError
from aed.storage import atomic_folder, write_atomic
from aed.timebase import seconds_from_samples

SCAPE_FILE = "scape.json"
NOISE = "noise"
_FORMAT = 1
_BYTES_A_SAMPLE = 2


@dataclass(frozen=True, eq=False)
class Scape:
    """Everything that is decided before the first scene is mixed.

    Attributes:
        config: Settings.
        clips: The clips of this side of the fold.
        plans: The scenes.
        summary: What they are worth.
        store: The clips' samples.
    """

    config: ScapeConfig
    clips: ScapeClips
    plans: tuple[ScenePlan, ...]
    summary: ScapeSummary
    store: WaveformStore

    @property
    def most_bytes(self) -> int:
        """What the scenes need on the disk at most; FLAC needs about half of it."""
        return _BYTES_A_SAMPLE * len(self.config.snr_db) * sum(plan.samples for plan in self.plans)


def plan_scape(
    config: ScapeConfig,
    root: Path | None = None,
    progress: Progress | None = None,
    folds: dict[str, int] | None = None,
) -> Scape:
    """Decide what is in which scene; reads the clips, writes nothing but their cache.

    Args:
        config: Settings.
        root: The data root; from the environment by default.
        progress: Told of each clip that is decoded.
        folds: Fold of each content group, where that is decided already; see `load_scape_clips`.

    Raises:
        DataError: The sources cannot make such scenes; the message says why.
        OntologyError: A label means nothing that is known.
        AudioError: No clip can be read.
    """
    everything = load_scape_clips(config, root, folds)
    every_clip = [each.clip for each in (*everything.events, *everything.backgrounds)]
    store = WaveformStore.open(every_clip, config.rate_hz, progress=progress)
    clips = everything.of_part(config.part, config.fold)
    place = {clip.clip_id: index for index, clip in enumerate(store.clips)}
    events = [piece for each in clips.events for piece in _event_pieces(each, store, place, config)]
    backgrounds = [piece for each in clips.backgrounds for piece in _background_pieces(each, store, place)]
    if not events or (config.backgrounds and not backgrounds):
        raise DataError(
            f"the {config.part} part of fold {config.fold} holds no {'background' if events else 'event'}: add "
            "sources, or make fewer folds"
        )
    plans = plan_scenes(config, events, backgrounds)
    if not plans:
        raise DataError("the backgrounds of this part are too short for one scene: add sources, or shorten --seconds")
    return Scape(config, clips, plans, summarise(config, clips, plans, events, backgrounds, store), store)


def write_scape(scape: Scape, folder: Path, progress: Progress | None = None) -> None:
    """Mix and write the scenes; the folder is there as a whole or not at all.

    Raises:
        StorageError: The folder holds something else, or the disk has no room.
    """
    _check_folder(folder, scape.most_bytes)
    with atomic_folder(folder) as temporary:
        truth: list[TruthRow] = []
        sources: list[SourceRow] = []
        durations: list[tuple[str, float]] = []
        for done, (plan, snr_db, wave) in enumerate(_mixed(scape), start=1):
            name = scene_name(scape.config, plan.number, snr_db)
            _write_flac(temporary / AUDIO_FOLDER / name, wave, scape.config.rate_hz)
            truth += _truth_rows(plan, name, scape.config.rate_hz)
            sources += _source_rows(plan, name, snr_db, scape)
            durations.append((name, seconds_from_samples(plan.samples, scape.config.rate_hz)))
            if progress:
                progress("mixing scenes", done, len(scape.plans) * len(scape.config.snr_db))
        write_truth(temporary / TRUTH_FILE, truth)
        write_durations(temporary / DURATIONS_FILE, durations)
        write_sources(temporary / SOURCES_FILE, sources)
        content = {"format": _FORMAT, "config": scape.config.model_dump(), "summary": scape.summary.to_dict()}
        write_atomic(temporary / SCAPE_FILE, json.dumps(content, indent=1) + "\n")


def scene_name(config: ScapeConfig, number: int, snr_db: float) -> str:
    """Name a scene's file; the names of all folds and parts differ."""
    return f"{config.part}_fold{config.fold}_{number:04d}_{snr_db:g}dB.flac"


def _event_pieces(each: ScapeClip, store: WaveformStore, place: dict[str, int], config: ScapeConfig) -> Iterator[Piece]:
    if each.clip.clip_id in place:
        samples = store.samples(place[each.clip.clip_id])
        for stretch in active_stretches(samples, config.rate_hz, config.activity):
            yield Piece(each, stretch)


def _background_pieces(each: ScapeClip, store: WaveformStore, place: dict[str, int]) -> Iterator[Piece]:
    if each.clip.clip_id in place:
        stretch = whole_sound(store.samples(place[each.clip.clip_id]))
        if stretch is not None:
            yield Piece(each, stretch)


def _mixed(scape: Scape) -> Iterator[tuple[ScenePlan, float, Wave]]:
    place = {clip.clip_id: index for index, clip in enumerate(scape.store.clips)}

    def read(piece: Piece) -> np.ndarray:
        assert piece.source is not None
        samples = scape.store.samples(place[piece.source.clip.clip_id])
        return samples[piece.stretch.start_samples : piece.stretch.stop_samples]

    for plan in scape.plans:
        for snr_db, wave in mix_scene(plan, scape.config, read):
            yield plan, snr_db, wave


def _check_folder(folder: Path, most_bytes: int) -> None:
    if folder.is_dir() and any(folder.iterdir()) and not (folder / SCAPE_FILE).is_file():
        raise StorageError(f"{folder} holds something that is no soundscape: choose an empty or a new folder")
    above = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.is_dir())
    free = shutil.disk_usage(above).free
    if free < most_bytes:
        raise StorageError(
            f"{folder}: the scenes need up to {most_bytes / 1e6:.0f} MB, {free / 1e6:.0f} MB are free; make fewer or "
            "shorter scenes, or choose another place"
        )


def _write_flac(path: Path, wave: Wave, rate_hz: int) -> None:
    encoded = io.BytesIO()
    soundfile.write(encoded, wave, rate_hz, format="FLAC", subtype="PCM_16")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(encoded.getvalue())  # its folder appears as a whole


def _truth_rows(plan: ScenePlan, name: str, rate_hz: int) -> Iterator[TruthRow]:
    for placed in plan.events:
        assert placed.piece.source is not None
        yield TruthRow(
            name,
            seconds_from_samples(placed.at_samples, rate_hz),
            seconds_from_samples(placed.end_samples, rate_hz),
            placed.piece.source.name,
        )
    if not plan.events:
        yield TruthRow(name)


def _source_rows(plan: ScenePlan, name: str, snr_db: float, scape: Scape) -> Iterator[SourceRow]:
    config = scape.config
    for kind, places in ((EVENT, plan.events), (BACKGROUND, plan.backgrounds)):
        for placed in places:
            source, stretch = placed.piece.source, placed.piece.stretch
            yield SourceRow(
                filename=name,
                kind=kind,
                label=(source.name or "") if source else "",
                onset=seconds_from_samples(placed.at_samples, config.rate_hz),
                offset=seconds_from_samples(placed.end_samples, config.rate_hz),
                snr_db=snr_db,
                clip_id=source.clip.clip_id if source else _noise_id(config, plan),
                clip_onset=seconds_from_samples(stretch.start_samples, config.rate_hz),
                clip_offset=seconds_from_samples(stretch.stop_samples, config.rate_hz),
                group=source.clip.group if source else NOISE,
                unchecked=scape.clips.unchecked_in(source) if kind == BACKGROUND else (),
            )


def _noise_id(config: ScapeConfig, plan: ScenePlan) -> str:
    return f"{NOISE}/{config.seed}_{config.part}_fold{config.fold}_{plan.number}"

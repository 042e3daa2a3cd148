"""Sounds made by formula as a data set of their own: what few recordings teach, and nobody owns.

Its clips are written into the cache when they are first asked for, the same ones on every machine. All are training
clips: what a model makes of a formula says nothing about the world.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from aed.audio.alarm_cases import draw_case
from aed.audio.alarms import Beat
from aed.audio.scene import RATE_HZ, clip_with, write_wav
from aed.audio.synth import SOUNDS
from aed.data.records import Clip, DatasetInfo, LoadedDataset, default_group
from aed.data.waveforms import cache_folder

SOURCE, DATASET = "made", "aed:made"
"""What a recipe calls it, and what its clips are said to belong to: a folder of one's own may well be called `made`."""
CLIPS_PER_SOUND = 6
ALARM_BEATS = (
    *(Beat.TEMPORAL_THREE, Beat.TEMPORAL_FOUR, Beat.CONTINUOUS),
    *(Beat.REVERSING_LORRY, Beat.ALARM_CLOCK, Beat.MICROWAVE),
)
_SEED = 3
"""Neither the demo's corpus nor its scene is of this seed: none of their sounds is among these."""
_VERSION = 1
"""Part of the folder's name: raise it when other clips are written."""

MADE_INFO = DatasetInfo(
    name=SOURCE,
    title="household sounds and alarms made by formula",
    folders=(),
    licence="none: made by formula",
    source_url="",
    label_map="made",
    part_of=DATASET,
    clips=CLIPS_PER_SOUND * (len(SOUNDS) + len(ALARM_BEATS)),
)

_Draw = Callable[[np.random.Generator], np.ndarray]


def load_made_sounds() -> LoadedDataset:
    """Make the clips, unless they are in the cache already.

    Raises:
        StorageError: They cannot be written.
    """
    folder = cache_folder() / f"made_sounds_{_VERSION}"
    clips = []
    for (label, draw), generator in zip(_sounds(), np.random.default_rng(_SEED).spawn(_num_sounds()), strict=True):
        for number, clip_generator in enumerate(generator.spawn(CLIPS_PER_SOUND)):
            stem = f"{label}_{number:02d}"
            path = folder / f"{stem}.wav"
            if not path.is_file():
                write_wav(path, draw(clip_generator))
            group = default_group(DATASET, stem)
            clips.append(Clip(f"{DATASET}/{stem}", path, DATASET, (label,), None, "train", stem, group))
    return LoadedDataset(MADE_INFO, tuple(sorted(clips, key=lambda clip: clip.clip_id)))


def _sounds() -> Iterator[tuple[str, _Draw]]:
    """Label of each sound, and what draws a clip of it."""
    for name in SOUNDS:
        yield name, partial(clip_with, name)
    for beat in ALARM_BEATS:
        yield str(beat), partial(_alarm, beat)


def _num_sounds() -> int:
    return sum(1 for _ in _sounds())


def _alarm(beat: Beat, generator: np.random.Generator) -> np.ndarray:
    return draw_case(beat, RATE_HZ, generator).samples

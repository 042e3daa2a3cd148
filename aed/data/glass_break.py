"""glass_break: glass breaking and background, cut to pieces of 1 s; two folders, one for each class.

Pieces of one recording share the name before `_chunk`. Nobody states a licence: use it to measure, not in weights
that are given away.
"""

from __future__ import annotations

from pathlib import Path

from aed.data.audio_files import audio_files
from aed.data.records import Clip, DatasetInfo, LoadedDataset, default_group

DATASET = "glass_break"
CLASSES = ("background", "glass_break")

GLASS_BREAK_INFO = DatasetInfo(
    name=DATASET,
    title="glass_break: glass breaking and background, pieces of 1 s",
    folders=("glass_break",),
    licence="not stated: measure with it only",
    source_url="",
    label_map="glass_break",
    clips=212 + 205,
)


def load_glass_break(info: DatasetInfo, folder: Path) -> LoadedDataset:
    """Load the pieces that are present; files in other folders are strays."""
    clips: list[Clip] = []
    strays: list[Path] = []
    for stem, path in audio_files(folder).items():
        label = stem.partition("/")[0]
        if label not in CLASSES:
            strays.append(path)
            continue
        recording = stem.partition("_chunk")[0]
        group = default_group(DATASET, recording)
        clips.append(Clip(f"{DATASET}/{stem}", path, DATASET, (label,), None, None, recording, group))
    return LoadedDataset(info, tuple(sorted(clips, key=lambda clip: clip.clip_id)), strays=tuple(strays))

"""SESA, sounds for surveillance (Spadini 2019): four classes, official train and test parts.

The class stands in the file name: `train/siren_001.wav`. Names say nothing about recordings, and content recurs across
the two parts: content groups show where.
"""

from __future__ import annotations

import re
from pathlib import Path

from aed.data.audio_files import audio_files
from aed.data.records import Clip, DatasetInfo, LoadedDataset, default_group

DATASET = "sesa"
CLASSES = ("casual", "explosion", "gunshot", "siren")
_NAME = re.compile(rf"(?P<split>train|test)/(?P<label>{'|'.join(CLASSES)})_?\d+")

SESA_INFO = DatasetInfo(
    name=DATASET,
    title="SESA: sounds for surveillance, 4 classes, official test part",
    folders=("sesa", "SESA"),
    licence="CC BY 4.0",
    source_url="https://zenodo.org/records/3519845",
    label_map="sesa",
    clips=480 + 105,
)


def load_sesa(info: DatasetInfo, folder: Path) -> LoadedDataset:
    """Load the clips that are present; files with other names are strays."""
    clips: list[Clip] = []
    strays: list[Path] = []
    for stem, path in audio_files(folder).items():
        match = _NAME.fullmatch(stem)
        if match is None:
            strays.append(path)
        else:
            group = default_group(DATASET, stem)
            clips.append(Clip(f"{DATASET}/{stem}", path, DATASET, (match["label"],), None, match["split"], stem, group))
    return LoadedDataset(info, tuple(sorted(clips, key=lambda clip: clip.clip_id)), strays=tuple(strays))

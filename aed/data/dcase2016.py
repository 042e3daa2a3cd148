"""DCASE 2016 task 2, training part: isolated office events, 11 classes, 20 clips each.

The class stands in the file name (`keysDrop031.wav`). Names carry no recording, and neighbouring numbers are often one
take: only the content groups know.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from aed.data.audio_files import audio_files
from aed.data.records import Clip, DatasetInfo, LoadedDataset, default_group

DATASET = "dcase2016_task2"
CLASSES = (
    *("clearthroat", "cough", "doorslam", "drawer", "keyboard", "keysDrop"),
    *("knock", "laughter", "pageturn", "phone", "speech"),
)
_NAME = re.compile(rf"(?P<label>{'|'.join(CLASSES)})\d+")

DCASE2016_INFO = DatasetInfo(
    name=DATASET,
    title="DCASE 2016 task 2: isolated office events, 11 classes",
    folders=(DATASET, "dcase2016_task2_train", "dcase2016_task2_train_dev/dcase2016_task2_train"),
    licence="as DCASE 2016 task 2",
    source_url="https://dcase.community/challenge2016/task-sound-event-detection-in-synthetic-audio",
    label_map="dcase2016_task2",
    clips=11 * 20,
)


def load_dcase2016(info: DatasetInfo, folder: Path) -> LoadedDataset:
    """Load the clips that are present; files with other names are strays."""
    clips: list[Clip] = []
    strays: list[Path] = []
    for stem, path in audio_files(folder).items():
        name = PurePosixPath(stem).name
        match = _NAME.fullmatch(name)
        if match is None:
            strays.append(path)
        else:
            group = default_group(DATASET, name)
            clips.append(Clip(f"{DATASET}/{name}", path, DATASET, (match["label"],), None, None, name, group))
    return LoadedDataset(info, tuple(sorted(clips, key=lambda clip: clip.clip_id)), strays=tuple(strays))

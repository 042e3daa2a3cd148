"""Small copies of the public data sets' layouts, with files of a few samples."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

ESC_HEADER = "filename,fold,target,category,esc10,src_file,take\n"
SEGMENTS_HEADER = (
    "# Segments csv created Sun Mar  5 10:54:31 2017\n"
    "# num_ytids=2, num_segs=2, num_unique_labels=3, num_positive_labels=4\n"
    "# YTID, start_seconds, end_seconds, positive_labels\n"
)


def touch_audio(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.full(160, 0.1), 16_000)
    return path


def make_esc50(root: Path, suffix: str) -> None:
    rows = [
        ("1-100-A-0", 1, "dog", "True"),
        ("1-100-B-0", 1, "dog", "True"),
        ("2-200-A-1", 2, "rooster", "True"),
        ("3-300-A-5", 3, "cat", "False"),
        ("4-400-A-2", 4, "pig", "False"),
    ]
    (root / "esc50/meta").mkdir(parents=True)
    lines = [
        f"{n}.wav,{fold},{n.split('-')[3]},{c},{e},{n.split('-')[1]},{n.split('-')[2]}\n" for n, fold, c, e in rows
    ]
    (root / "esc50/meta/esc50.csv").write_text(ESC_HEADER + "".join(lines))
    for name, *_ in rows[:4]:
        touch_audio(root / f"esc50/audio/{name}{suffix}")


def make_audioset(root: Path, suffix: str) -> None:
    folder = root / "audioset"
    touch_audio(folder / f"audio/--PJHxphWEs_30.000{suffix}")
    (folder / "balanced_train_segments.csv").write_text(
        SEGMENTS_HEADER
        + '--PJHxphWEs, 30.000, 40.000, "/m/09x0r,/t/dd00088"\n--ZhevVpy1s, 50.000, 60.000, "/m/012xff"\n'
    )
    (folder / "eval_segments.csv").write_text(SEGMENTS_HEADER + '--4gqARaEJE, 0.000, 10.000, "/m/068hy"\n')


def make_sesa(root: Path, suffix: str) -> None:
    for name in ("train/siren_001", "train/casual_002", "test/gunshot_003", "test/explosion_004"):
        touch_audio(root / f"sesa/{name}{suffix}")


def make_glass_break(root: Path, suffix: str) -> None:
    for name in (
        "glass_break/Glass.cbor.a1_chunk1.ogg.x",
        "glass_break/Glass.cbor.a1_chunk2.ogg.y",
        "background/B.cbor.b2_chunk1.ogg.z",
    ):
        touch_audio(root / f"glass_break/{name}{suffix}")


def make_dcase2016(root: Path, suffix: str) -> None:
    for name in ("keysDrop031", "cough089", "phone071"):
        touch_audio(root / f"dcase2016_task2/{name}{suffix}")


LAYOUTS: dict[str, tuple[Callable[[Path, str], None], int, int]] = {
    "esc50": (make_esc50, 4, 1),
    "esc10": (make_esc50, 3, 0),
    "esc21": (make_esc50, 4, 0),
    "esc11dev": (make_esc50, 1, 0),
    "audioset": (make_audioset, 1, 2),
    "sesa": (make_sesa, 4, 0),
    "glass_break": (make_glass_break, 3, 0),
    "dcase2016_task2": (make_dcase2016, 3, 0),
}
"""By data set: how to make it, how many clips are present, how many are missing."""

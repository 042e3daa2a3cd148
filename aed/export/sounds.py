"""The recordings that an export needs: some to set the ranges of 8 bits on, others to compare the answers on.

Never clips that the model is tested on. From a folder that the user names, else the clips that the model was trained
on, where the data are here, else sounds made by formula, which are enough for comparing and not for setting ranges.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aed.audio.read import read_audio
from aed.audio.scene import write_demo_corpus
from aed.data.audio_files import audio_paths
from aed.errors import AedError, AudioError, DataError, MissingExtraError
from aed.study.runs import read_run
from aed.train.dataset import fold_clips
from aed.train.recipe import load_recipe
from aed.train.run import RECIPE_FILE

FloatArray = npt.NDArray[np.float32]

MOST_CLIPS = 64
"""For either use; more change the ranges of activations by less than a step of 8 bits."""
MOST_SECONDS = 10.0
"""Of one clip: its beginning."""
_MADE_SEED = 3
_MADE_PER_CLASS = 2


@dataclass(frozen=True, eq=False)
class Sounds:
    """What was found.

    Attributes:
        where: In words, for the report.
        are_real: Whether they are recordings.
        for_ranges: Clips to set ranges on, each (samples,).
        for_comparing: Others to compare on.
    """

    where: str
    are_real: bool
    for_ranges: list[FloatArray]
    for_comparing: list[FloatArray]


def sounds_for(model: Path, folder: Path | None, root: Path | None, rate_hz: int) -> Sounds:
    """Find sounds.

    Args:
        model: The model's folder.
        folder: What the user named.
        root: Data root; from the environment by default.
        rate_hz: The model's rate.

    Raises:
        DataError: The folder that was named holds fewer than two readable recordings.
    """
    if folder is not None:
        found = _read(str(folder), list(audio_paths(folder)), rate_hz)
        if not found.for_comparing:
            raise DataError(f"{folder}: expected a folder with at least two recordings, better a hundred; name another")
        return found
    try:
        fold = read_run(model).fold
        clips = fold_clips(load_recipe(model / RECIPE_FILE), fold, root).labelled
        found = _read("clips that the model was trained on", [clip.path for clip in clips], rate_hz)
    except (AedError, OSError):  # not a run, or its data are not here
        return _made_by_formula(rate_hz)
    return found if found.for_comparing else _made_by_formula(rate_hz)


def _made_by_formula(rate_hz: int) -> Sounds:
    with tempfile.TemporaryDirectory() as name:
        paths = write_demo_corpus(Path(name), _MADE_PER_CLASS, np.random.default_rng(_MADE_SEED))
        found = _read("sounds made by formula", paths, rate_hz)
    return Sounds(found.where, False, found.for_ranges, found.for_comparing)


def _read(where: str, paths: Sequence[Path], rate_hz: int) -> Sounds:
    """Read clips spread over the whole list, alternately for either use; what cannot be read is left out."""
    places = np.linspace(0, len(paths) - 1, 2 * MOST_CLIPS).round().astype(int)
    clips: list[FloatArray] = []
    for place in np.unique(places) if paths else ():
        try:
            clips.append(read_audio(paths[place], rate_hz, max_seconds=MOST_SECONDS))
        except (AudioError, MissingExtraError):
            continue
    return Sounds(where, True, clips[::2], clips[1::2])

"""What an export costs in the figure that counts: both backends on the fold that the model never heard.

This is a look at a test fold, and is recorded like any other (`aed.study.ledger`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from aed.errors import DataError
from aed.model import TreeModel
from aed.scorer.protocol import Scorer
from aed.study.ledger import TestLook, append_look, ledger_path
from aed.study.predict import load_test_fold
from aed.study.report import without_nan
from aed.study.runs import Run, read_run
from aed.study.score import score
from aed.train.recipe import load_recipe
from aed.train.run import RECIPE_FILE

_HEADLINES = ("mean_average_precision", "leaf_accuracy")
"""Several labels a clip, or one."""


@dataclass(frozen=True)
class HeldOut:
    """The headline figure of both backends.

    Attributes:
        figure: Its name.
        clips: Clips of the test fold.
        trained: Of the model as trained.
        exported: Of the exported one.
    """

    figure: str
    clips: int
    trained: float
    exported: float


def compare_on_test_fold(folder: Path, exported: Scorer, root: Path | None) -> HeldOut:
    """Score the run's own test fold with both.

    Args:
        folder: A trained fold.
        exported: What became of it.
        root: Data root; from the environment by default.

    Raises:
        ModelError: The folder is no run.
        DataError: Nothing was held out, or the data are not here.
    """
    run = read_run(folder)
    if run.fold is None:
        raise DataError("nothing was held out")
    model = TreeModel.load(folder)
    loaded = load_test_fold(load_recipe(folder / RECIPE_FILE), run.fold, root)
    if loaded.taxonomy.digest != model.taxonomy.digest:
        raise DataError("other classes are here than those that the model was trained on")
    of_trained = loaded.predict(model)
    of_exported = replace(of_trained, log_p=np.stack([exported.score_clip(clip) for clip in loaded.waveforms]))
    figures = [score(predictions, model.taxonomy).figures() for predictions in (of_trained, of_exported)]
    if not run.is_inner:
        append_look(_look(run, run.fold, len(loaded.clips), figures[1]), ledger_path(folder))
    name = next(name for name in _HEADLINES if name in figures[0])
    return HeldOut(name, len(loaded.clips), figures[0][name], figures[1][name])


def _look(run: Run, fold: int, clips: int, figures: dict[str, float]) -> TestLook:
    date = datetime.now(UTC).isoformat(timespec="seconds")
    return TestLook(date, run.commit, run.recipe, run.recipe_hash, fold, run.seed, clips, without_nan(figures))

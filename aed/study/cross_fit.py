"""Cross-fitted predictions of a model's own labelled clips: each from a training that never heard its recording.

A calibration may look at the labelled training clips alone, and the model itself knows them too well to say how sure it
may be. So they are cut into parts by content group, the model's recipe is trained once without each part, and every
part is judged by the training that lacked it. The test fold stays out of all of them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from aed.errors import ConfigError, DataError
from aed.study.parallel import FoldJob, last_line, train_folds
from aed.study.predict import predict_test_fold
from aed.study.predictions import FILE_NAME as PREDICTIONS_FILE
from aed.study.predictions import Predictions, load_predictions, pool
from aed.study.runs import read_run
from aed.train.recipe import load_recipe
from aed.train.run import RECIPE_FILE

FOLDER = "cross_fit"
OnPoll = Callable[[dict[int, str]], None]
"""Told, about twice a second, the newest log line of each part's training."""


def cross_fit(model: Path, parts: int, at_once: int, options: tuple[str, ...], on_poll: OnPoll) -> Predictions:
    """Predict the labelled clips of a trained fold; what an earlier call finished is used again.

    Args:
        model: Its run folder; the trainings go into a folder in it and are removed in the end.
        parts: Trainings, at least 2.
        at_once: How many of them run at the same time.
        options: Further options for each `aed train`.
        on_poll: Told of progress.

    Raises:
        ModelError: The folder holds no finished run.
        ConfigError: The model was itself trained without a part of its clips.
        DataError: A training failed, or data are missing.
    """
    run = read_run(model)
    if run.is_inner:
        raise ConfigError(f"{model} was itself trained without a part of its labelled clips: calibrate a whole model")
    folder = model / FOLDER / f"{run.recipe_hash}_{parts}parts"
    if (folder / PREDICTIONS_FILE).exists():
        return load_predictions(folder / PREDICTIONS_FILE)
    jobs = [_job(model, run.fold, folder, part, parts, options) for part in range(1, parts + 1)]
    codes = train_folds(jobs, at_once, on_poll)
    for job in jobs:
        if codes[job.fold]:
            raise DataError(f"the training without part {job.fold} failed: {last_line(job.log)}; see {job.log}")
    predictions = pool([predict_test_fold(read_run(job.folder), None, _silent).predictions for job in jobs])
    predictions.save(folder / PREDICTIONS_FILE)
    for job in jobs:
        shutil.rmtree(job.folder.parent)
    return predictions


def _job(model: Path, fold: int | None, folder: Path, part: int, parts: int, options: tuple[str, ...]) -> FoldJob:
    out = folder / f"part{part}"
    run = out / f"fold{fold}" if fold is not None else out / "run"
    chosen = ("--fold", str(fold)) if fold is not None else ()
    arguments = ("train", str(model / RECIPE_FILE), *chosen, "--set", f"data.inner={{part: {part}, parts: {parts}}}")
    return FoldJob(part, run, (*arguments, "--out", str(out if fold is not None else run), "--resume", *options))


def check_single_label(model: Path) -> None:
    """Refuse a model with several labels a clip.

    Raises:
        ConfigError: It is one.
    """
    if load_recipe(model / RECIPE_FILE).taxonomy.task != "single":
        raise ConfigError(
            f"{model} gives several labels a clip: how deep to answer is calibrated for single-label models only"
        )


def _silent(done: int, total: int) -> None:
    """Scoring a part takes a second."""

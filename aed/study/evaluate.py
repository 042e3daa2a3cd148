"""Evaluate trained folds on their own test folds: predictions, figures, a picture, a line in the ledger of looks."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

from aed.detect.calibration import read_calibration
from aed.errors import DataError
from aed.metrics.calibration import calibration_by_depth
from aed.ontology.taxonomy import Taxonomy
from aed.storage import write_atomic
from aed.study.aggregate import summarise_folds
from aed.study.confusion import draw_confusion
from aed.study.hedge_calibration import HedgedShares, hedged_shares, tempered_predictions
from aed.study.ledger import TestLook, append_look, count_looks, ledger_path
from aed.study.predict import TestFold, predict_test_fold
from aed.study.predictions import FILE_NAME as PREDICTIONS_FILE
from aed.study.predictions import Predictions, pool
from aed.study.reliability import draw_reliability
from aed.study.report import Evaluation, FoldEvaluation, Reliability, evaluation_to_dict, fold_to_dict, without_nan
from aed.study.runs import Run, find_runs, missing_folds, read_taxonomy
from aed.study.score import Scores, SingleLabelScores, score

METRICS_FILE = "metrics.json"
CONFUSION_FILE = "confusion.png"
RELIABILITY_FILE = "reliability.png"

Progress = Callable[[str, int, int], None]
"""Told of (which run, clips done, clips in all)."""
Predict = Callable[[Run, Path | None, Callable[[int, int], None]], TestFold]


def evaluate_run(
    folder: Path,
    root: Path | None = None,
    *,
    draw: bool = True,
    ledger: Path | None = None,
    progress: Progress = lambda run, done, total: None,
    predict: Predict = predict_test_fold,
) -> Evaluation:
    """Evaluate a run, or every fold in a folder of runs, and write what was found into the folders.

    Every fold gets `predictions.npz`, `metrics.json` and, single-label, `confusion.png`; a folder of folds gets the
    pooled `metrics.json` and `confusion.png`. Every look at a test fold is recorded before its figures are returned; a
    run that held out a part of its training clips instead (`data.inner`) is tested on that, which is no look.

    Folds of the recipe that have no finished run there are left out and named in what is returned.

    Args:
        folder: A run folder, or a folder of `fold1`, `fold2` and so on.
        root: Data root; from the environment by default.
        draw: Draw the confusion pictures.
        ledger: Where looks are recorded; by default `ledger_path`.
        progress: Told of each batch of clips.
        predict: Scores a test fold.

    Raises:
        ModelError: No run, a damaged one, or one of another taxonomy.
        DataError: Data are missing, or the folds overlap.
        StorageError: Something cannot be written.
    """
    runs = find_runs(folder)
    taxonomy = read_taxonomy(runs[0].folder)
    ledger = ledger or ledger_path(runs[0].folder)
    folds, parts, calibrated_parts, recipe_folds = [], [], [], set[int]()
    for run in runs:
        tested = predict(run, root, partial(progress, run.folder.name))
        tested.predictions.check_taxonomy(taxonomy, run.folder)
        calibrated = _calibrated(run, tested.predictions, taxonomy)
        folds.append(_evaluate_fold(run, tested, calibrated, taxonomy, ledger, draw))
        parts.append(tested.predictions)
        calibrated_parts += [calibrated.predictions] if calibrated else []
        recipe_folds.update(tested.recipe_folds)
    pooled = score(pool(parts), taxonomy)
    all_calibrated = pool(calibrated_parts) if len(calibrated_parts) == len(parts) else None
    summary = summarise_folds([fold.scores.figures() for fold in folds], pooled.figures())
    looks = count_looks(ledger, runs[0].recipe)
    missing = missing_folds(folder, runs, tuple(recipe_folds))
    reliability = _reliability(all_calibrated, taxonomy) if all_calibrated else None
    found = Evaluation(folder, taxonomy, tuple(folds), pooled, summary, looks, ledger, missing, reliability)
    if folder != runs[0].folder:
        _write(evaluation_to_dict(found), pooled, reliability, taxonomy, folder, _title(found), draw)
    return found


class _Calibrated(NamedTuple):
    """Predictions with the probabilities that a model was calibrated to, and what becomes of its answers."""

    predictions: Predictions
    hedged: HedgedShares


def _calibrated(run: Run, predictions: Predictions, taxonomy: Taxonomy) -> _Calibrated | None:
    """What the model says once it is calibrated; None where nobody did."""
    calibration = read_calibration(run.folder)
    if calibration is None:
        return None
    predictions = tempered_predictions(predictions, taxonomy, calibration.temperatures)
    return _Calibrated(predictions, hedged_shares(predictions, taxonomy, calibration.min_probability))


def _reliability(predictions: Predictions, taxonomy: Taxonomy) -> Reliability:
    assert predictions.target_nodes is not None, "only models with one label a clip are calibrated"
    return calibration_by_depth(predictions.log_p, predictions.target_nodes, taxonomy)


def _evaluate_fold(
    run: Run, tested: TestFold, calibrated: _Calibrated | None, taxonomy: Taxonomy, ledger: Path, draw: bool
) -> FoldEvaluation:
    """Score a fold, record the look, and only then write what was found; an inner part is no test fold."""
    reliability = _reliability(calibrated.predictions, taxonomy) if calibrated else None
    hedged = calibrated.hedged if calibrated else None
    fold = FoldEvaluation(run, score(tested.predictions, taxonomy), tested.skipped, hedged, reliability)
    if not run.is_inner:
        append_look(_look(fold), ledger)
    tested.predictions.save(run.folder / PREDICTIONS_FILE)
    title = f"{run.recipe}, fold {run.fold}"
    _write(fold_to_dict(fold, taxonomy), fold.scores, reliability, taxonomy, run.folder, title, draw)
    return fold


def _look(fold: FoldEvaluation) -> TestLook:
    run = fold.run
    if run.fold is None:
        raise DataError(f"{run.folder}: nothing was held out to evaluate on; train it with folds")
    figures = without_nan(fold.scores.figures())
    date = datetime.now(UTC).isoformat(timespec="seconds")
    return TestLook(date, run.commit, run.recipe, run.recipe_hash, run.fold, run.seed, fold.scores.clips, figures)


def _write(
    content: dict[str, object],
    scores: Scores,
    reliability: Reliability | None,
    taxonomy: Taxonomy,
    folder: Path,
    title: str,
    draw: bool,
) -> None:
    write_atomic(folder / METRICS_FILE, json.dumps(content, indent=2, allow_nan=False) + "\n")
    if draw and reliability is not None and isinstance(scores, SingleLabelScores):
        curves = {"as trained": scores.calibration, "calibrated": reliability}
        draw_reliability(curves, folder / RELIABILITY_FILE, title)
    if draw and isinstance(scores, SingleLabelScores) and len(scores.confusion.leaves):
        title = f"{title}: {scores.class_clips} clips, {scores.leaf_accuracy:.1%} right"
        draw_confusion(scores.confusion, taxonomy, folder / CONFUSION_FILE, title)


def _title(found: Evaluation) -> str:
    return f"{found.folds[0].run.recipe}, folds {', '.join(str(fold.run.fold) for fold in found.folds)}"

"""What an evaluation found, and its form as JSON, where a figure without a value is null."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path
from typing import Any

from aed.metrics.average_precision import NodeAveragePrecision
from aed.metrics.calibration import DepthCalibration
from aed.ontology.taxonomy import Taxonomy
from aed.study.aggregate import FoldSummary
from aed.study.bootstrap import PairedDifference
from aed.study.hedge_calibration import HedgedShares, mean_shares
from aed.study.runs import Run
from aed.study.score import MultiLabelScores, Scores, SingleLabelScores

_FORMAT = 1

Reliability = tuple[DepthCalibration, ...]
"""How sure the likeliest node is, and how often right, at every depth."""


@dataclass(frozen=True)
class FoldEvaluation:
    """One run on its test fold.

    Attributes:
        run: The trained fold.
        scores: Its figures.
        skipped: Clip id -> why it could not be read.
        hedged: Its answers as deep as the model was calibrated to give them; None where it was not.
        reliability: Of its calibrated probabilities; None where it was not.
    """

    run: Run
    scores: Scores
    skipped: dict[str, str]
    hedged: HedgedShares | None = None
    reliability: Reliability | None = None


@dataclass(frozen=True)
class Evaluation:
    """One fold, or all folds of a recipe.

    Attributes:
        folder: What was evaluated.
        taxonomy: The tree of all folds.
        folds: Each fold's figures.
        pooled: Figures on the pooled out-of-fold predictions; of a single fold, its own.
        summary: Every figure over the folds.
        looks: How often the test folds were looked at with a recipe of this name, these looks included.
        ledger: Where the looks are recorded.
        missing_folds: Folds of the recipe, or begun in the folder, that have no finished run: not evaluated.
        reliability: Of the calibrated probabilities of all folds; None where a fold's model was not calibrated.
    """

    folder: Path
    taxonomy: Taxonomy
    folds: tuple[FoldEvaluation, ...]
    pooled: Scores
    summary: tuple[FoldSummary, ...]
    looks: int
    ledger: Path
    missing_folds: tuple[int, ...]
    reliability: Reliability | None

    @property
    def hedged(self) -> HedgedShares | None:
        """Calibrated answers over all folds; None where a fold's model was not calibrated."""
        parts = [fold.hedged for fold in self.folds if fold.hedged]
        return mean_shares(parts) if len(parts) == len(self.folds) else None


def fold_to_dict(fold: FoldEvaluation, taxonomy: Taxonomy) -> dict[str, Any]:
    """Return the content of a run's `metrics.json`."""
    run = {name: value for name, value in asdict(fold.run).items() if name != "folder"}
    return {
        "format": _FORMAT,
        **run,
        "taxonomy": taxonomy.digest,
        **_scores(fold.scores, taxonomy),
        **_calibrated(fold.hedged, fold.reliability),
        "skipped": fold.skipped,
    }


def evaluation_to_dict(found: Evaluation) -> dict[str, Any]:
    """Return the content of `metrics.json` of a folder of folds, which is also what `--json` prints."""
    return {
        "format": _FORMAT,
        "recipe": found.folds[0].run.recipe,
        "recipe_hash": found.folds[0].run.recipe_hash,
        "taxonomy": found.taxonomy.digest,
        "looks": found.looks,
        "missing_folds": list(found.missing_folds),
        "mean": without_nan({figure.name: figure.mean for figure in found.summary}),
        "spread": without_nan({figure.name: figure.spread for figure in found.summary}),
        "pooled": _scores(found.pooled, found.taxonomy),
        **_calibrated(found.hedged, found.reliability),
        "folds": [fold_to_dict(fold, found.taxonomy) for fold in found.folds],
    }


def calibration_errors(reliability: Reliability) -> dict[str, float]:
    """Return the calibration error at every depth, by the name that it has among the figures."""
    return {f"calibration_error_depth_{at.depth}": at.calibration.error for at in reliability}


def comparison_to_dict(difference: PairedDifference) -> dict[str, Any]:
    """Return a paired comparison."""
    return {**asdict(difference), "clips_gained": difference.clips_gained}


def without_nan(figures: Mapping[str, float]) -> dict[str, float | None]:
    """Return the figures with None for nan, which JSON lacks."""
    return {name: None if isnan(value) else value for name, value in figures.items()}


def _calibrated(hedged: HedgedShares | None, reliability: Reliability | None) -> dict[str, Any]:
    return {
        "hedged": asdict(hedged) if hedged else None,
        "calibrated": without_nan(calibration_errors(reliability)) if reliability else None,
    }


def _scores(scores: Scores, taxonomy: Taxonomy) -> dict[str, Any]:
    shared: dict[str, Any] = {"clips": scores.clips, "figures": without_nan(scores.figures())}
    if isinstance(scores, SingleLabelScores):
        return {**shared, **_single_label(scores, taxonomy)}
    return {**shared, **_multi_label(scores, taxonomy)}


def _single_label(scores: SingleLabelScores, taxonomy: Taxonomy) -> dict[str, Any]:
    counts = scores.confusion.counts
    names = [taxonomy.nodes[leaf].name for leaf in scores.confusion.leaves]
    return {
        "class_clips": scores.class_clips,
        "classes": [
            {"name": name, "clips": int(row.sum()), "right": int(row[place])}
            for place, (name, row) in enumerate(zip(names, counts, strict=True))
        ],
        "confusion": {"leaves": names, "counts": counts.tolist()},
    }


def _multi_label(scores: MultiLabelScores, taxonomy: Taxonomy) -> dict[str, Any]:
    return {
        "labels": [_label(label, taxonomy) for label in scores.labels],
        "labels_unlisted_absent": [_label(label, taxonomy) for label in scores.labels_unlisted_absent],
    }


def _label(label: NodeAveragePrecision, taxonomy: Taxonomy) -> dict[str, Any]:
    figures = without_nan({"average_precision": label.average_precision, "prior": label.prior, "chance": label.chance})
    return {"name": taxonomy.nodes[label.node].name, **figures, "present": label.present, "known": label.known}

"""All figures of merit of one set of predictions, in one record that can be printed, averaged over folds and saved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aed.metrics.average_precision import (
    MacroAveragePrecision,
    NodeAveragePrecision,
    macro_average_precision,
    node_average_precisions,
)
from aed.metrics.calibration import DepthCalibration, calibration_by_depth
from aed.metrics.clip import (
    DepthAccuracy,
    accuracy_by_depth,
    answers_at_label_depth,
    answers_none,
    is_class_clip,
    leaf_accuracy,
    leaf_answers,
)
from aed.metrics.confusion import Confusion, leaf_confusion
from aed.metrics.hierarchy import HierarchicalScores, MistakeSeverity, hierarchical_scores, mistake_severity
from aed.metrics.operating_curve import OperatingCurve, operating_curve
from aed.metrics.selective import RiskCoverage, risk_coverage
from aed.ontology.taxonomy import Taxonomy
from aed.study.predictions import Predictions

MIN_LABEL_CLIPS = 10
"""Labels with fewer clips in the whole data set are left out: their average precision is mostly luck."""

SURE_SHARE = 0.95
"""Share of correct answers at which it is asked how much they tell."""

Figures = dict[str, float]


@dataclass(frozen=True)
class SingleLabelScores:
    """Figures of clips that carry one label each.

    Attributes:
        clips: Number of clips.
        class_clips: Those labelled with a class, not "none of these"; all figures but `none_recall` are about them.
        leaf_accuracy: Share of right leaves, "none of these" not being offered as an answer.
        none_share: Share of class clips for which "none of these" is likelier than every class leaf.
        none_recall: Share of "none of these" clips for which it is; nan without such clips.
        by_depth: Accuracy at every depth.
        severity: Height of the lowest common ancestor; answers are judged at the depth of the label.
        hierarchical: Precision, recall and F over the nodes on the paths; judged likewise.
        confusion: Counts of answered leaves per true leaf.
        selective: Risk at every coverage; the confidence is P of the answered leaf.
        operating: Information against correctness over all thresholds.
        calibration: Of the likeliest node, at every depth.
    """

    clips: int
    class_clips: int
    leaf_accuracy: float
    none_share: float
    none_recall: float
    by_depth: tuple[DepthAccuracy, ...]
    severity: MistakeSeverity
    hierarchical: HierarchicalScores
    confusion: Confusion
    selective: RiskCoverage
    operating: OperatingCurve
    calibration: tuple[DepthCalibration, ...]

    def figures(self) -> Figures:
        """Return the figures by name, as they are averaged over folds."""
        return {
            "leaf_accuracy": self.leaf_accuracy,
            **{f"accuracy_depth_{cut.depth}": cut.accuracy for cut in self.by_depth},
            "none_share": self.none_share,
            "none_recall": self.none_recall,
            "severity_of_mistakes": self.severity.of_mistakes,
            "severity_of_all": self.severity.of_all,
            "hierarchical_precision": self.hierarchical.precision,
            "hierarchical_recall": self.hierarchical.recall,
            "hierarchical_f": self.hierarchical.f,
            "aurc": self.selective.aurc,
            "excess_aurc": self.selective.excess_aurc,
            "information_area": self.operating.area,
            "information_average_correctness": self.operating.average_correctness,
            "information_average_precision": self.operating.average_precision,
            "information_when_sure": self.operating.information_at(SURE_SHARE),
            **{f"calibration_error_depth_{cut.depth}": cut.calibration.error for cut in self.calibration},
        }


@dataclass(frozen=True)
class MultiLabelScores:
    """Figures of clips that may carry several labels; what is unknown is left out, or else counted as absent.

    Attributes:
        clips: Number of clips.
        labels: Per label with enough clips, unknown left out.
        labels_unlisted_absent: The same labels, unknown counted as absent (the convention of the AudioSet literature).
    """

    clips: int
    labels: tuple[NodeAveragePrecision, ...]
    labels_unlisted_absent: tuple[NodeAveragePrecision, ...]

    @property
    def macro(self) -> MacroAveragePrecision:
        """Mean over the labels, unknown left out."""
        return macro_average_precision(self.labels)

    @property
    def macro_unlisted_absent(self) -> MacroAveragePrecision:
        """Mean over the labels, unknown counted as absent."""
        return macro_average_precision(self.labels_unlisted_absent)

    def figures(self) -> Figures:
        """Return the figures by name, as they are averaged over folds."""
        found: Figures = {}
        for suffix, macro in (("", self.macro), ("_unlisted_absent", self.macro_unlisted_absent)):
            found[f"mean_average_precision{suffix}"] = macro.mean
            found[f"label_prior{suffix}"] = macro.prior
            found[f"chance{suffix}"] = macro.chance
            found[f"times_prior{suffix}"] = macro.times_prior
            found[f"times_chance{suffix}"] = macro.times_chance
        return found


Scores = SingleLabelScores | MultiLabelScores


def score(predictions: Predictions, taxonomy: Taxonomy) -> Scores:
    """Return all figures of these predictions."""
    if predictions.node_targets is not None:
        return _score_multi_label(predictions, predictions.node_targets)
    return _score_single_label(predictions, taxonomy)


def right_at_label_depth(predictions: Predictions, taxonomy: Taxonomy) -> npt.NDArray[np.bool_]:
    """Tell which clips are answered right at the depth of their label, shape (clip,); "none of these" is no answer."""
    targets = _target_nodes(predictions)
    answers = leaf_answers(predictions.log_p, taxonomy)
    return np.asarray(answers_at_label_depth(answers, targets, taxonomy) == targets)


def class_clips_only(predictions: Predictions, taxonomy: Taxonomy) -> Predictions:
    """Return the clips that are labelled with a class, "none of these" left out."""
    return predictions.take(np.flatnonzero(is_class_clip(_target_nodes(predictions), taxonomy)))


def _score_single_label(predictions: Predictions, taxonomy: Taxonomy) -> SingleLabelScores:
    of_classes = class_clips_only(predictions, taxonomy)
    log_p, targets = of_classes.log_p, _target_nodes(of_classes)
    answers = leaf_answers(log_p, taxonomy)
    judged = answers_at_label_depth(answers, targets, taxonomy)
    is_class = is_class_clip(_target_nodes(predictions), taxonomy)
    return SingleLabelScores(
        clips=len(predictions),
        class_clips=len(of_classes),
        leaf_accuracy=leaf_accuracy(log_p, targets, taxonomy),
        none_share=_mean(answers_none(log_p, taxonomy)),
        none_recall=_mean(answers_none(predictions.log_p[~is_class], taxonomy)),
        by_depth=accuracy_by_depth(log_p, targets, taxonomy),
        severity=mistake_severity(judged, targets, taxonomy),
        hierarchical=hierarchical_scores(judged, targets, taxonomy),
        confusion=leaf_confusion(answers, targets, taxonomy),
        selective=risk_coverage(log_p[np.arange(len(answers)), answers], judged == targets),
        operating=operating_curve(log_p, targets, taxonomy),
        calibration=calibration_by_depth(log_p, targets, taxonomy),
    )


def _score_multi_label(predictions: Predictions, node_targets: npt.NDArray[np.int8]) -> MultiLabelScores:
    label_clips = predictions.label_clips
    assert label_clips is not None, "Predictions refuses node targets without clip counts"
    asked = np.flatnonzero(label_clips >= MIN_LABEL_CLIPS)
    return MultiLabelScores(
        clips=len(predictions),
        labels=node_average_precisions(predictions.log_p, node_targets, asked, unknown_as_absent=False),
        labels_unlisted_absent=node_average_precisions(predictions.log_p, node_targets, asked, unknown_as_absent=True),
    )


def _target_nodes(predictions: Predictions) -> npt.NDArray[np.int64]:
    if predictions.target_nodes is None:
        raise ValueError("these predictions carry several labels per clip")
    return predictions.target_nodes


def _mean(flags: npt.NDArray[np.bool_]) -> float:
    return float(flags.mean()) if len(flags) else float("nan")

"""An evaluation or a comparison as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isnan

from rich.box import SIMPLE_HEAD
from rich.table import Table

from aed.detect.thresholds import NodeThresholds
from aed.metrics.average_precision import NodeAveragePrecision
from aed.ontology.taxonomy import Taxonomy
from aed.study.bootstrap import Interval, PairedDifference
from aed.study.label_worth import LabelWorth
from aed.study.method_comparison import MethodComparison
from aed.study.report import Evaluation, Reliability
from aed.study.score import SURE_SHARE, MultiLabelScores, SingleLabelScores
from aed.study.unseen import HEDGE, Unseen

_TITLES = {
    "leaf_accuracy": "leaf accuracy",
    "none_share": "answered 'none of these'",
    "none_recall": "'none of these' found",
    "severity_of_mistakes": "severity of mistakes, in edges",
    "severity_of_all": "severity of answers, in edges",
    "hierarchical_precision": "hierarchical precision",
    "hierarchical_recall": "hierarchical recall",
    "hierarchical_f": "hierarchical F",
    "aurc": "area under risk-coverage",
    "excess_aurc": "... above the best order",
    "information_area": "area: correct over information",
    "information_average_correctness": "... correct over recall",
    "information_average_precision": "... precision over recall",
    "information_when_sure": f"information at {SURE_SHARE:.0%} right",
    "mean_average_precision": "mean average precision",
    "label_prior": "label prior",
    "chance": "expected by chance",
    "times_prior": "times the prior",
    "times_chance": "times chance",
}
_DEPTH_TITLES = {"accuracy_depth_": "accuracy", "calibration_error_depth_": "calibration error"}
_UNLISTED_SUFFIX = "_unlisted_absent"
_NOT_SHARES = ("severity", "times")  # figures that are no share of 1 and are not printed as per cent


def evaluation_tables(found: Evaluation) -> Iterator[Table]:
    """Yield the table of figures, then that of calibrated answers if there are any, and that of classes or labels."""
    yield _figures_table(found)
    if any(fold.hedged for fold in found.folds):
        yield _hedged_table(found)
    if found.reliability is not None and isinstance(found.pooled, SingleLabelScores):
        yield _reliability_table(found.pooled, found.reliability)
    if isinstance(found.pooled, SingleLabelScores):
        yield _classes_table(found.pooled, found.taxonomy)
    else:
        yield _labels_table(found.pooled, found.taxonomy)


def comparison_table(difference: PairedDifference, first: str, second: str) -> Table:
    """Return the table of a paired comparison."""
    table = Table(
        "", "value", title=f"{first} compared with {second}", box=None, show_header=False, title_justify="left"
    )
    table.add_row("clips, in content groups", f"{difference.clips}, {difference.groups}")
    table.add_row(f"accuracy of {first}", f"{difference.accuracy_first:.2%}")
    table.add_row(f"accuracy of {second}", f"{difference.accuracy_second:.2%}")
    table.add_row("difference", f"{difference.difference:+.2%} ({difference.clips_gained:+d} clips)")
    table.add_row("95 % interval", f"{difference.low:+.2%} to {difference.high:+.2%}")
    only_one = f"{difference.only_first_right} the first, {difference.only_second_right} the second"
    table.add_row("right in one alone", only_one)
    share = f"{difference.share_not_better:.2%} of {difference.resamples}"
    table.add_row("resamples with no gain", share)
    return table


def unseen_table(found: Unseen) -> Table:
    """Return the table of answers for sounds whose leaf training never heard."""
    clips, leaves = found.scores[0].clips, found.scores[0].leaves
    table = Table(
        title=f"{clips} clips of {leaves} leaves, each heard by nobody who judges it; in %",
        title_justify="left",
        caption=(
            f"forced: first-level supercategory, mean over these (over clips); a constant answer gets "
            f"{format_figure('', found.constant)} ({format_figure('', found.constant_of_clips)}). hedged: answers that "
            f"are {HEDGE:.0%} sure"
        ),
    )
    for heading in ("method", "forced", f"minus {found.reference}", "answered", "right of these", "wrong", "depth"):
        table.add_column(heading, justify="left" if heading == "method" else "right")
    for scores in found.scores:
        difference = found.differences.get(scores.method)
        table.add_row(
            scores.method,
            f"{format_figure('', scores.forced)} ({format_figure('', scores.forced_of_clips)})",
            f"{100 * difference.difference:+.1f} ({100 * difference.low:+.1f} to {100 * difference.high:+.1f})"
            if difference
            else "",
            *(format_figure("", value) for value in (scores.answered, scores.right_of_answered, scores.wrong)),
            format_figure("severity", scores.depth_of_right),
        )
    return table


def methods_table(found: Sequence[MethodComparison], first: str, second: str) -> Table:
    """Return the table of two methods at every budget."""
    table = Table(
        title=f"{first} minus {second}",
        title_justify="left",
        caption="points, 95 % interval over content groups (accuracy: and draws), p; area: correct over information",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=0,
    )
    for heading in ("labels", "accuracy", "p", "clips", "areas", "area", "p"):
        table.add_column(heading, justify="left" if heading == "labels" else "right")
    for each in found:
        widest, area = each.accuracy.widest, each.area
        table.add_row(
            each.budget.label,
            _points(each.accuracy.difference, widest),
            f"{widest.p_value:.3f}",
            f"{each.accuracy.clips_gained:+.1f}",
            f"{100 * area.first:.1f}, {100 * area.second:.1f}",
            _points(area.first - area.second, area.interval),
            f"{area.interval.p_value:.3f}",
        )
    return table


def _points(difference: float, interval: Interval) -> str:
    return f"{100 * difference:+.1f} ({100 * interval.low:+.1f} to {100 * interval.high:+.1f})"


def thresholds_table(found: NodeThresholds, taxonomy: Taxonomy) -> Table:
    """Return the table of each node's threshold, in the order of the tree."""
    table = Table(title="how sure each node must be", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("node", "from probability", "false alarms", "at most a day"):
        table.add_column(heading, justify="left" if heading == "node" else "right")
    for node in taxonomy.depth_first():
        if threshold := found.nodes.get(taxonomy.nodes[node].id):
            table.add_row(
                "  " * (taxonomy.nodes[node].depth - 1) + taxonomy.nodes[node].name,
                f"{threshold.min_probability:.3f}",
                str(threshold.false_alarms),
                f"{threshold.most_per_day:.3g}",
            )
    return table


def worth_table(found: LabelWorth) -> Table:
    """Return the table of what coarse labels are worth."""
    table = Table(
        title=f"{found.study}: worth of a label that names only a supercategory, in labels that name the leaf",
        title_justify="left",
        caption=f"labels: per class; alone, as many: of '{found.reference}' on leaf labels; 95 % interval over groups",
    )
    headings = ("leaf labels", "coarse labels", "accuracy, %", "alone, %", "as many leaf labels", "worth of one")
    for heading in ("method", *headings):
        table.add_column(heading, justify="left" if heading == "method" else "right")
    for point in found.points:
        more = "> " * point.beyond
        table.add_row(
            point.title,
            *(f"{labels:.3g}" for labels in (point.labels, point.coarse)),
            *(format_figure("", accuracy) for accuracy in (point.accuracy, point.alone)),
            f"{more}{point.same_as:.3g}",
            f"{more}{point.worth:.2f} ({point.low:.2f} to {point.high:.2f})",
        )
    return table


def figure_title(name: str) -> str:
    """Return what people call a figure; a star says that unlisted labels count as absent."""
    for prefix, title in _DEPTH_TITLES.items():
        if name.startswith(prefix):
            return f"{title} at depth {name.removeprefix(prefix)}"
    if name.endswith(_UNLISTED_SUFFIX):
        return f"{_TITLES[name.removesuffix(_UNLISTED_SUFFIX)]} *"
    return _TITLES[name]


def format_figure(name: str, value: float) -> str:
    """Return a figure in its usual form, shares in per cent, "-" where it has no value."""
    if isnan(value):
        return "-"
    return f"{value:.2f}" if name.startswith(_NOT_SHARES) else f"{100 * value:.1f}"


def _figures_table(found: Evaluation) -> Table:
    several = len(found.folds) > 1
    folds = [str(fold.run.fold) for fold in found.folds]
    clips = found.pooled.clips
    is_inner = any(fold.run.is_inner for fold in found.folds)
    what = "part of the labelled clips outside fold" if is_inner else "test fold"
    title = f"{found.folds[0].run.recipe}: {clips} clips, {what}{'s' if several else ''} {', '.join(folds)}"
    summary = ("mean", "±", "all") if several else ()
    caption = "±: standard deviation over folds; all: of the pooled clips" if several else ""
    # narrow enough for five folds on a terminal of 80 columns
    table = Table(
        "fold (in %)",
        *folds,
        *summary,
        title=title,
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=0,  # the box separates columns by a space
    )
    if any(figure.name.endswith(_UNLISTED_SUFFIX) for figure in found.summary):
        caption += f"{'; ' * several}*: unlisted labels counted as absent"
    table.caption = caption or None
    for figure in found.summary:
        if all(isnan(value) for value in (*figure.per_fold, figure.pooled)):
            continue
        values = (*figure.per_fold, figure.mean, figure.spread, figure.pooled) if several else figure.per_fold
        table.add_row(figure_title(figure.name), *(format_figure(figure.name, value) for value in values))
    table.columns[0].no_wrap = True
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def _hedged_table(found: Evaluation) -> Table:
    title = "answers as deep as each model was calibrated to give them, % of the clips"
    table = Table("fold", title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("answered", "with a leaf", "wrongly", "right of those answered"):
        table.add_column(heading, justify="right")
    rows = [(str(fold.run.fold), fold.hedged) for fold in found.folds]
    rows += [("all", found.hedged)] if len(found.folds) > 1 else []
    for name, shares in rows:
        if shares is not None:
            values = (shares.answered, shares.leaf, shares.wrong, shares.right_of_answered)
            table.add_row(name, *(format_figure("", value) for value in values))
    return table


def _reliability_table(scores: SingleLabelScores, reliability: Reliability) -> Table:
    title = "calibration error of all clips, in %"
    table = Table("depth", title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("as trained", "calibrated"):
        table.add_column(heading, justify="right")
    for before, after in zip(scores.calibration, reliability, strict=True):
        errors = (before.calibration.error, after.calibration.error)
        table.add_row(str(after.depth), *(format_figure("", error) for error in errors))
    return table


def _classes_table(scores: SingleLabelScores, taxonomy: Taxonomy) -> Table:
    table = Table("class", "path", "clips", "right", title="classes", title_justify="left")
    for place, leaf in enumerate(scores.confusion.leaves):
        clips, right = int(scores.confusion.counts[place].sum()), int(scores.confusion.counts[place, place])
        path = " > ".join(taxonomy.path_names(int(leaf))[:-1])
        table.add_row(taxonomy.nodes[leaf].name, path, str(clips), f"{right / clips:.1%}" if clips else "-")
    return table


def _labels_table(scores: MultiLabelScores, taxonomy: Taxonomy) -> Table:
    title = "labels (average precision; in brackets, clips of unknown content counted as absent)"
    table = Table(
        "label",
        "present",
        "known",
        "precision",
        "prior",
        "chance",
        "times chance",
        title=title,
        title_justify="left",
        min_width=len(title),
    )
    for label, other in zip(scores.labels, scores.labels_unlisted_absent, strict=True):
        table.add_row(
            taxonomy.nodes[label.node].name,
            str(label.present),
            f"{label.known} ({other.known})",
            f"{_share(label.average_precision)} ({_share(other.average_precision)})",
            f"{_share(label.prior)} ({_share(other.prior)})",
            f"{_share(label.chance)} ({_share(other.chance)})",
            f"{_times(label)} ({_times(other)})",
        )
    return table


def _share(value: float) -> str:
    return "-" if isnan(value) else f"{value:.1%}"


def _times(label: NodeAveragePrecision) -> str:
    return "-" if isnan(label.average_precision) else f"{label.average_precision / label.chance:.1f}"

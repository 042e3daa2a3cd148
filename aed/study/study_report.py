"""The report of a study, from its results file alone: tables, pictures, Markdown and one self-contained HTML file.

The same results file gives the same bytes; instead of a date the report states the digest of that file. Results of
another selection rule than the honest one are a part of their own, every table and picture of which bears its name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aed.drawing import check_drawing
from aed.storage import write_atomic
from aed.study.confusion import draw_confusion
from aed.study.document import Block, Bullets, Heading, Paragraph, Picture, tables_as_json, to_html, to_markdown
from aed.study.figure_accuracy import draw_accuracy
from aed.study.figure_calibration import draw_calibration
from aed.study.figure_curves import FEWEST_ANSWERED, draw_operating_curves, draw_risk_coverage
from aed.study.figure_differences import draw_differences
from aed.study.label_efficiency import LabelEfficiency, Outcome, Progress, label_efficiency
from aed.study.protocol import count_test_looks, protocol_section
from aed.study.report import without_nan
from aed.study.results import CellResult, read_results
from aed.study.score import SingleLabelScores
from aed.study.study_cells import FINAL, StudyCells, by_selection
from aed.study.study_tables import accuracy_table, differences_table, draws_table, figures_table

MARKDOWN_FILE, HTML_FILE, JSON_FILE, FIGURES_FOLDER = "report.md", "report.html", "report.json", "figures"
_FORMAT = 1


@dataclass(frozen=True)
class StudyReport:
    """A written report.

    Attributes:
        markdown: The report, which links its pictures.
        html: The same as one file that holds its pictures.
        json: The numbers, the tables and what is missing, for programs.
        pictures: PNG and SVG files.
        runs: Number of runs that it is made of.
        missing: Cells that the study's grid implies and that are not there, in words.
    """

    markdown: Path
    html: Path
    json: Path
    pictures: tuple[Path, ...]
    runs: int
    missing: tuple[str, ...]


def write_study_report(
    results: Path,
    folder: Path,
    ledger: Path | None = None,
    *,
    reference: str | None = None,
    progress: Progress = lambda what, done, total: None,
) -> StudyReport:
    """Write the report of a study.

    Args:
        results: Results file of the study, finished or not.
        folder: Where the report is written; the pictures go into `figures` there.
        ledger: Ledger of test looks, to print how many it knows of; without it the report depends on the results
            alone.
        reference: Name of the method that the others are compared with; the first one in the results by default.
        progress: Told of what is computed and drawn.

    Raises:
        ConfigError: The study has no method of that name.
        DataError: The results are missing, damaged, empty or contradict each other, or the ledger is damaged.
        MissingExtraError: matplotlib is not installed.
        StorageError: A file cannot be written.
    """
    check_drawing(folder / "any.svg")
    cells = read_results(results)
    parts = by_selection(cells)
    digest = hashlib.sha256(results.read_bytes()).hexdigest()
    missing = tuple(line for part in parts for line in _missing(part))
    blocks = _opening(parts, cells, f"{results.name}, sha256 {digest}", count_test_looks(cells, ledger), missing)
    pictures: list[Path] = []
    numbers: list[dict[str, Any]] = []
    for part in parts:
        known_elsewhere = any(reference in other.methods for other in parts)
        found = label_efficiency(
            part, reference if reference in part.methods or not known_elsewhere else None, progress
        )
        numbers.append(_numbers(found))
        for block in _part(found, folder / FIGURES_FOLDER, progress):
            blocks.append(block)
            if isinstance(block, Picture):
                pictures += [block.path.with_suffix(".png"), block.path]
    markdown, html, as_json = (folder / name for name in (MARKDOWN_FILE, HTML_FILE, JSON_FILE))
    write_atomic(markdown, to_markdown(blocks, folder))
    write_atomic(html, to_html(blocks))
    tables = tables_as_json(blocks)
    content = {"format": _FORMAT, "results_sha256": digest, "missing": missing, "parts": numbers, "tables": tables}
    write_atomic(as_json, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    return StudyReport(markdown, html, as_json, tuple(pictures), len(cells), missing)


def _numbers(found: LabelEfficiency) -> dict[str, Any]:
    """The numbers of the tables as numbers."""
    return {
        "selection": found.study.selection,
        "reference": found.reference,
        "outcomes": [
            {
                "method": outcome.method,
                "budget": asdict(outcome.budget),
                "accuracy": without_nan(asdict(outcome.accuracy)),
                "of_draw": without_nan({str(draw): value for draw, value in outcome.of_draw.items()}),
                "figures": without_nan(outcome.scores.figures()),
            }
            for outcome in found.outcomes
        ],
        "comparisons": [asdict(comparison) for comparison in found.comparisons],
    }


def _missing(part: StudyCells) -> tuple[str, ...]:
    mark = "" if part.selection == FINAL else f" (selection: {part.selection})"
    return tuple(f"{line}{mark}" for line in part.missing())


def _opening(
    parts: tuple[StudyCells, ...], cells: tuple[CellResult, ...], source: str, looks: str, missing: tuple[str, ...]
) -> list[Block]:
    budgets = dict.fromkeys(budget.label for part in parts for budget in part.budgets)
    methods = {method for part in parts for method in part.methods}
    blocks: list[Block] = [
        Heading(f"{parts[0].study}: accuracy against labels", 1),
        Paragraph(
            f"{len(cells)} runs: {len(methods)} methods, label budgets {', '.join(budgets)}. "
            f"Test looks: {looks}. Made from {source}."
        ),
    ]
    if missing:
        blocks += [
            Heading("What is missing"),
            Paragraph("These runs are not in the results; all numbers below are without them:"),
            Bullets(missing),
        ]
    return blocks


def _part(found: LabelEfficiency, figures: Path, progress: Progress) -> Iterator[Block]:
    study = found.study
    prefix = "" if study.selection == FINAL else f"{study.selection}_"
    yield Heading(study.selection_title[:1].upper() + study.selection_title[1:])
    yield Heading("Accuracy against labels", 3)
    progress("accuracy against labels", 0, 1)
    _, path = draw_accuracy(found, figures, f"{prefix}accuracy")
    yield Picture(path, _accuracy_caption(found))
    yield accuracy_table(found)
    yield draws_table(found)
    if found.comparisons:
        yield Heading(f"Differences from '{study.methods[found.reference]}'", 3)
        _, path = draw_differences(found, figures, f"{prefix}differences")
        caption = (
            "Paired differences: thick bar, 95 % interval over clips; thin bar, over clips and label draws where there "
            "are several; hollow markers, the label draws one by one; on the right the effect in clips."
        )
        yield Picture(path, caption)
        yield differences_table(found)
    elif study.is_multi_label:
        yield Paragraph(
            "Methods are not compared by pairs of clips: average precision ranks clips and is no mean over them."
        )
    if not study.is_multi_label:
        yield Heading("How sure, and how far off", 3)
        yield from _curves(found, figures, prefix, progress)
        yield from _confusions(found, figures, prefix, progress)
    yield Heading("All figures", 3)
    for budget in study.budgets:
        yield figures_table(found, budget)
    yield from protocol_section(found)


def _accuracy_caption(found: LabelEfficiency) -> str:
    words = "Large markers: mean over label draws x folds x seeds with its 95 % interval; hollow: single label draws."
    if found.upper_bound is None:
        return f"{words} No line for the upper bound: no supervised method with all labels is there."
    bound = f"'{found.study.methods[found.upper_bound.method]}' with all labels"
    return f"{words} Dashed line: the supervised upper bound, {bound}, {found.upper_bound.accuracy.mean:.1%}."


def _curves(found: LabelEfficiency, figures: Path, prefix: str, progress: Progress) -> Iterator[Block]:
    drawings = (
        (
            draw_operating_curves,
            "operating_curves",
            "Information against correctness (Valmadre 2022): the most specific node above a threshold is answered; "
            "from left to right the threshold falls, until every answer is a leaf.",
        ),
        (
            draw_risk_coverage,
            "risk_coverage",
            "Risk against coverage: share of wrong leaves where only the surest clips are answered, from "
            f"{FEWEST_ANSWERED} answers on.",
        ),
        (
            draw_calibration,
            "calibration",
            "Reliability of the likeliest node at every depth, in bins of equally many clips; below the diagonal a "
            "model is surer than it is right.",
        ),
    )
    for draw, name, caption in drawings:
        progress(name.replace("_", " "), 0, 1)
        _, path = draw(found, figures, f"{prefix}{name}")
        yield Picture(path, f"{caption} All label draws in one heap.")


def _confusions(found: LabelEfficiency, figures: Path, prefix: str, progress: Progress) -> Iterator[Block]:
    """Draw the smallest and the largest budget of every method."""
    budgets = dict.fromkeys((found.study.budgets[0], found.study.budgets[-1]))
    drawn = [outcome for budget in budgets for outcome in found.at(budget)]
    for done, outcome in enumerate(drawn):
        progress("confusion", done, len(drawn))
        title = f"{found.study.methods[outcome.method]}, {outcome.budget.label} of the labels"
        path = _draw_confusion(outcome, found.study, figures, prefix, title)
        if path is not None:
            yield Picture(path, f"Confusion in the order of the tree: {title}.")


def _draw_confusion(outcome: Outcome, study: StudyCells, figures: Path, prefix: str, title: str) -> Path | None:
    assert isinstance(outcome.scores, SingleLabelScores), "clips with several labels have no confusion"
    confusion = outcome.scores.confusion
    if not len(confusion.leaves):
        return None
    name = f"{prefix}confusion_{outcome.method}_{outcome.budget.name}"
    for suffix in (".png", ".svg"):
        draw_confusion(confusion, study.taxonomy, figures / f"{name}{suffix}", f"{title}\n{study.selection_title}")
    return figures / f"{name}.svg"

"""How the numbers of a study were made: one line under every table, and a section that tells all.

Nothing here is typed in by hand: it comes from the cells' resolved recipes and records.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from string import ascii_uppercase

import yaml

from aed.study.document import Block, Heading, Listing, Paragraph, Table
from aed.study.label_efficiency import LabelEfficiency, Outcome
from aed.study.ledger import read_looks
from aed.study.results import CellResult
from aed.study.study_cells import Budget, StudyCells, recipe_settings

_HOUR_SECONDS = 3600
_UNKNOWN_COMMIT = "unknown"


def protocol_line(study: StudyCells) -> str:
    """Return what must be known about every number of a study: selection rule, seeds, augmentation, steps and so on."""
    cells = study.cells
    draws = (f"{budget.label}: {_numbers(_draws(study, budget))}" for budget in study.budgets)
    seconds = [cell.seconds for cell in cells]
    return (
        f"Protocol: {study.selection_title}; folds {_numbers(cell.fold for cell in cells)}; seeds "
        f"{_numbers(cell.seed for cell in cells)}; label draws {', '.join(draws)}; "
        f"{_span(cell.steps for cell in cells)} steps of {_span(cell.batch_size for cell in cells)} labelled clips; "
        f"augmentation {' and '.join(sorted(set(augmentation_names(cells).values())))}; "
        f"{_span(cell.parameters for cell in cells)} parameters; {_span(cell.forward_clips for cell in cells)} forward "
        f"clips and {_span(seconds)} s a run, {sum(seconds) / _HOUR_SECONDS:.2f} h in all; {len(cells)} runs, "
        f"{sum(cell.test_looks for cell in cells)} test looks; commits {_commits(cells)}."
    )


def protocol_section(found: LabelEfficiency) -> list[Block]:
    """Return the table of all methods and budgets, the augmentations and the machines."""
    names = augmentation_names(found.study.cells)
    header = (
        *("method", "labels", "runs", "labelled clips", "unlabelled clips", "steps", "batch size", "augmentation"),
        *("parameters", "forward clips", "seconds a run", "seconds", "seconds of pretraining, shared", "test looks"),
        *("commits", "recipe hashes"),
    )
    rows = tuple(_protocol_row(outcome, found.study, names) for outcome in found.outcomes)
    blocks: list[Block] = [
        Heading("Protocol", 3),
        Table(found.study.titled("How every cell was trained"), header, rows, protocol_line(found.study)),
    ]
    for name, text in sorted({(names[cell.recipe], _augmentation(cell)) for cell in found.study.cells}):
        blocks += [Paragraph(f"Augmentation {name}:"), Listing(text)]
    environments = sorted({cell.environment for cell in found.study.cells})
    return [*blocks, Paragraph("Trained on:"), Listing("\n".join(environments))]


def count_test_looks(cells: Sequence[CellResult], ledger: Path | None) -> str:
    """Say how often the test folds were looked at: by these cells, and in all that the ledger knows of.

    Raises:
        DataError: The ledger is damaged.
    """
    by_cells = f"{sum(cell.test_looks for cell in cells)} by the runs of this study"
    if ledger is None:
        return by_cells
    hashes = {cell.recipe_hash for cell in cells}
    names = {recipe_settings(cell.recipe).get("name") for cell in cells}
    looks = read_looks(ledger)
    same_hash = sum(look.recipe_hash in hashes for look in looks)
    same_name = sum(look.recipe in names for look in looks)
    return (
        f"{by_cells}; the ledger {ledger.name} holds {same_hash} with these very recipes and {same_name} with recipes "
        f"of the same name"
    )


def augmentation_names(cells: Sequence[CellResult]) -> dict[str, str]:
    """Return for each recipe a letter that names its augmentation, the same for the same settings."""
    texts = list(dict.fromkeys(_augmentation(cell) for cell in cells))
    letters = {text: ascii_uppercase[place] if place < 26 else str(place + 1) for place, text in enumerate(texts)}
    return {cell.recipe: letters[_augmentation(cell)] for cell in cells}


def _protocol_row(outcome: Outcome, study: StudyCells, augmentations: dict[str, str]) -> tuple[str, ...]:
    cells = outcome.cells
    hashes = sorted({cell.recipe_hash for cell in cells})
    return (
        study.methods[outcome.method],
        outcome.budget.label,
        str(len(cells)),
        *(_span(getattr(cell, field) for cell in cells) for field in ("labelled_clips", "unlabelled_clips")),
        *(_span(getattr(cell, field) for cell in cells) for field in ("steps", "batch_size")),
        ", ".join(sorted({augmentations[cell.recipe] for cell in cells})),
        *(_span(getattr(cell, field) for cell in cells) for field in ("parameters", "forward_clips", "seconds")),
        _number(sum(cell.seconds for cell in cells)),
        _span(cell.pretraining_seconds for cell in cells),
        str(sum(cell.test_looks for cell in cells)),
        _commits(cells),
        hashes[0] if len(hashes) == 1 else f"{hashes[0]} and {len(hashes) - 1} more",
    )


def _augmentation(cell: CellResult) -> str:
    """Return all that distorts the cell's clips: the recipe's `augment`, and the student's view in consistency."""
    recipe = recipe_settings(cell.recipe)
    settings = dict(recipe.get("augment") or {})
    if frames := (recipe.get("consistency") or {}).get("frames"):
        settings["consistency.frames"] = frames
    return str(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)) if settings else "as the recipe says"


def _draws(study: StudyCells, budget: Budget) -> list[int]:
    return [cell.label_draw for method in study.methods for cell in study.of(method, budget)]


def _commits(cells: Iterable[CellResult]) -> str:
    return ", ".join(sorted({cell.commit or _UNKNOWN_COMMIT for cell in cells}))


def _numbers(values: Iterable[int]) -> str:
    """Return each number once, those in a row as a range: "1-5, 7"."""
    found = sorted(set(values))
    runs = [[value for _, value in run] for _, run in groupby(enumerate(found), lambda pair: pair[1] - pair[0])]
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _span(values: Iterable[float]) -> str:
    found = sorted(set(values))
    low, high = _number(found[0]), _number(found[-1])
    return low if low == high else f"{low} to {high}"


def _number(value: float) -> str:
    return f"{value:,.0f}"

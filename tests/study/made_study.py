"""A study as if it had been run: cells whose methods are better or worse by design, on a tree of any size."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from aed.ontology.taxonomy import Taxonomy
from aed.study.predictions import Predictions
from aed.study.results import CellResult
from tests.study.small_study import small_tree

SHARPNESS = {"flat": 1.0, "tree": 1.1, "ours": 1.6}
"""How much more the true leaf is believed in with few labels."""


def made_predictions(
    tree: Taxonomy, fold: int, sharpness: float, seed: int, *, clips: int = 20, folds_apart: int = 1000
) -> Predictions:
    """Clips whose leaves are guessed with noise; what makes a clip hard is the same for all methods."""
    leaves = [leaf for leaf in tree.leaves if leaf != tree.none_index]
    of_clips, of_run = np.random.default_rng(fold), np.random.default_rng((seed, fold))
    targets = np.array([leaves[n % len(leaves)] for n in range(clips)])
    logits = of_clips.normal(0, 1.2, (clips, len(leaves))) + of_run.normal(0, 0.5, (clips, len(leaves)))
    logits[np.arange(clips), np.searchsorted(leaves, targets)] += sharpness
    p = np.zeros((clips, len(tree.leaves)))
    p[:, [tree.leaves.index(leaf) for leaf in leaves]] = np.exp(logits)
    p /= p.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        log_p = np.log(np.minimum(p @ tree.ancestor_matrix[list(tree.leaves)], 1.0))
    return Predictions(
        clip_ids=np.array([f"made/{fold * folds_apart + n}" for n in range(clips)]),
        groups=np.array([f"g{fold * folds_apart + n // 2}" for n in range(clips)]),
        folds=np.full(clips, fold, dtype=np.int64),
        log_p=log_p.astype(np.float32),
        taxonomy_digest=tree.digest,
        target_nodes=targets,
    )


def made_cell(
    method: str, percent: int, draw: int, fold: int, predictions: Predictions, **changed: object
) -> CellResult:
    """A cell with plausible records; `changed` replaces any of them."""
    consistency = "{name: fixmatch}" if method == "ours" else "null"
    recipe = f"name: made\nseed: 1\ndata: {{labels_percent: {percent}, label_draw: {draw}}}\n"
    values: dict[str, object] = {
        "study": "made",
        "method": method,
        "title": f"{method} method",
        "labels_percent": percent,
        "label_draw": draw,
        "fold": fold,
        "seed": 1,
        "selection": "final",
        "labelled_clips": 3 * percent,
        "unlabelled_clips": 0 if method != "ours" else 320,
        "labels_per_class": 0.3 * percent,
        "steps": 900,
        "batch_size": 32,
        "forward_clips": 28_800 if method != "ours" else 86_400,
        "parameters": 101_234,
        "seconds": 30.0 + draw + fold,
        "recipe": recipe + f"augment: {{mixup_alpha: 0.2}}\nconsistency: {consistency}\n",
        "recipe_hash": f"{method}{percent}{draw}",
        "commit": "abc1234567",
        "environment": json.dumps({"threads": 1}),
        "taxonomy": "",
        "test_looks": 1,
        "budget": f"{percent}percent",
    }
    return CellResult(**{**values, **changed}, predictions=predictions)  # type: ignore[arg-type]


def made_study(
    tree: Taxonomy | None = None,
    *,
    methods: Mapping[str, float] = SHARPNESS,
    budgets: Mapping[int, Sequence[int]] = {10: (1, 2), 100: (1,)},
    folds: Iterable[int] = (1, 2),
    clips: int = 20,
    **changed: object,
) -> list[CellResult]:
    """All cells of a study: methods x budgets (percent -> label draws) x folds."""
    tree = tree or small_tree()
    cells = []
    for place, (method, sharpness) in enumerate(methods.items()):
        for percent, draws in budgets.items():
            for draw in draws:
                for fold in folds:
                    gain = 1 + 0.5 * np.log10(percent)
                    predictions = made_predictions(tree, fold, sharpness * gain, 100 * place + draw, clips=clips)
                    records = {"taxonomy": json.dumps(tree.to_dict()), **changed}
                    cells.append(made_cell(method, percent, draw, fold, predictions, **records))
    return cells

"""A tree and predictions small enough to check by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from aed.ontology.taxonomy import Node, Taxonomy
from aed.study.predictions import Predictions


def small_tree() -> Taxonomy:
    """Sound -> animal (dog 4, cat 5), siren 2, none of these 3."""
    nodes = (
        Node("root", "Sound", -1, 0, "root"),
        Node("animal", "Animal", 0, 1, "concept"),
        Node("siren", "Siren", 0, 1, "concept"),
        Node("aed:none", "None of these", 0, 1, "none"),
        Node("dog", "Dog", 1, 2, "concept"),
        Node("cat", "Cat", 1, 2, "concept"),
    )
    return Taxonomy(nodes, "single")


def multi_tree() -> Taxonomy:
    """Sound -> animal (dog 3, cat 4), siren 2."""
    nodes = (
        Node("root", "Sound", -1, 0, "root"),
        Node("animal", "Animal", 0, 1, "concept"),
        Node("siren", "Siren", 0, 1, "concept"),
        Node("dog", "Dog", 1, 2, "concept"),
        Node("cat", "Cat", 1, 2, "concept"),
    )
    return Taxonomy(nodes, "multi")


def single_label(answers: list[int], targets: list[int], *, fold: int = 1, first_clip: int = 0) -> Predictions:
    """Predictions that answer the given leaves with P = 0.9; two neighbouring clips are of one group."""
    tree = small_tree()
    log_p = np.full((len(answers), tree.num_nodes), np.log(0.05), dtype=np.float32)
    for row, answer in zip(log_p, answers, strict=True):
        row[list(tree.path(answer))] = np.log(0.9)
    numbers = range(first_clip, first_clip + len(answers))
    return Predictions(
        clip_ids=np.array([f"made/{number}" for number in numbers]),
        groups=np.array([f"g{number // 2}" for number in numbers]),
        folds=np.full(len(answers), fold, dtype=np.int64),
        log_p=log_p,
        taxonomy_digest=tree.digest,
        target_nodes=np.array(targets, dtype=np.int64),
    )


def multi_label(targets: list[list[int]], log_p: np.ndarray, label_clips: list[int]) -> Predictions:
    """Predictions of clips with several labels."""
    return Predictions(
        clip_ids=np.array([f"made/{number}" for number in range(len(targets))]),
        groups=np.array([f"g{number}" for number in range(len(targets))]),
        folds=np.ones(len(targets), dtype=np.int64),
        log_p=np.asarray(log_p, dtype=np.float32),
        taxonomy_digest=multi_tree().digest,
        node_targets=np.array(targets, dtype=np.int8),
        label_clips=np.array(label_clips, dtype=np.int64),
    )


def write_run(folder: Path, *, fold: int = 1, recipe: str = "made", tree: Taxonomy | None = None) -> Path:
    """A run folder as training leaves it, without weights."""
    folder.mkdir(parents=True)
    run = {
        "recipe": recipe,
        "recipe_hash": "0123456789ab",
        "fold": fold,
        "seed": 1,
        "commit": "abc1234",
        "seconds": 5.0,
    }
    (folder / "run.json").write_text(json.dumps(run))
    (folder / "taxonomy.json").write_text(json.dumps((tree or small_tree()).to_dict()))
    return folder

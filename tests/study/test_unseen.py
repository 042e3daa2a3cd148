"""Answers for sounds whose leaf training never heard, on predictions small enough to check by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from aed.cli.main import app
from aed.data.leave_out import leave_out_groups
from aed.errors import DataError
from aed.study.predictions import Predictions
from aed.study.results import CellResult, write_results
from aed.study.unseen import unseen
from tests.loss.test_label_weights import animals
from tests.study.made_study import made_cell

TREE = animals()
ANIMAL, RAIN, NONE, DOG, CAT = range(1, 6)
GROUPS = leave_out_groups(TREE, 2)


def answer(node: int, sureness: float) -> list[float]:
    """Log P of a clip that a model takes for this node, as surely as is said."""
    p = np.full(TREE.num_nodes, 0.01)
    p[0] = 1.0
    p[[ANIMAL if node in (DOG, CAT) else node]] = 0.9
    p[node] = sureness
    return np.log(p).tolist()


def cell(method: str, group: int, answers: dict[str, tuple[int, list[float]]]) -> CellResult:
    """A model that left a group out, tested on clips: name -> (target, log P)."""
    predictions = Predictions(
        clip_ids=np.array(list(answers)),
        groups=np.array([name[0] for name in answers]),
        folds=np.ones(len(answers), dtype=np.int64),
        log_p=np.array([log_p for _, log_p in answers.values()], dtype=np.float32),
        taxonomy_digest=TREE.digest,
        target_nodes=np.array([target for target, _ in answers.values()]),
    )
    recipe = f"data: {{leave_out: {{group: {group}, groups: 2}}}}\n"
    taxonomy = json.dumps(TREE.to_dict())
    return made_cell(method, 100, 1, 1, predictions, recipe=recipe, taxonomy=taxonomy, study=f"made/group{group}")


def made_cells(method: str, *, dogs_are: tuple[int, float], cats_are: tuple[int, float]) -> list[CellResult]:
    """Each model is tested on two dogs and two cats and a rain; it left out dog or cat, one of them with the rain."""
    clips = {
        **{f"{name}": (DOG, answer(*dogs_are)) for name in ("a1", "b1")},
        **{f"{name}": (CAT, answer(*cats_are)) for name in ("c1", "d1")},
        "e1": (RAIN, answer(RAIN, 0.9)),
    }
    return [cell(method, group, clips) for group in (1, 2)]


def test_every_clip_is_judged_once_by_the_model_that_never_heard_its_leaf() -> None:
    assert GROUPS[DOG] != GROUPS[CAT]
    cells = made_cells("flat", dogs_are=(CAT, 0.85), cats_are=(RAIN, 0.9))
    cells += made_cells("tree", dogs_are=(CAT, 0.6), cats_are=(DOG, 0.6))
    found = unseen(cells, TREE, "flat")
    flat, tree = found.scores
    assert (flat.clips, flat.leaves, flat.method, tree.method) == (5, 3, "flat", "tree")
    assert flat.forced_of_clips == pytest.approx(3 / 5)  # two dogs are animals, the rain is rain
    assert flat.forced == pytest.approx((2 / 4 + 1) / 2)
    assert (tree.forced, tree.forced_of_clips) == (1.0, 1.0)
    assert (found.constant, found.constant_of_clips) == (0.5, 4 / 5)
    # hedged: flat surely takes dogs for cats and cats for rain; the tree says animal
    assert (flat.answered, flat.wrong) == (1.0, pytest.approx(4 / 5))
    assert flat.right_of_answered == pytest.approx(1 / 5)
    assert (tree.answered, tree.wrong, tree.right_of_answered, tree.depth_of_right) == (1.0, 0.0, 1.0, 1.0)
    difference = found.differences["tree"]
    assert difference.difference == pytest.approx(0.25)
    assert difference.groups == 5


def test_what_cannot_be_judged_is_named() -> None:
    cells = made_cells("flat", dogs_are=(CAT, 0.9), cats_are=(CAT, 0.9))
    with pytest.raises(DataError, match=r"no method 'tree' among the results that left .*: expected one of flat"):
        unseen(cells, TREE, "tree")
    with pytest.raises(DataError, match="methods 'tree' and 'flat' were tested on different clips"):
        unseen([*cells, *made_cells("tree", dogs_are=(DOG, 0.9), cats_are=(CAT, 0.9))[:1]], TREE, "flat")
    heard = made_cell("flat", 100, 1, 1, cells[0].predictions)
    with pytest.raises(DataError, match=r"expected one of none: train with data\.leave_out"):
        unseen([heard], TREE, "flat")


def test_the_command_reads_the_results_of_all_groups(tmp_path: Path) -> None:
    cells = made_cells("flat", dogs_are=(CAT, 0.85), cats_are=(RAIN, 0.9))
    cells += made_cells("tree", dogs_are=(CAT, 0.6), cats_are=(DOG, 0.6))
    for group in (1, 2):
        of_group = [cell for cell in cells if cell.study == f"made/group{group}"]
        write_results(tmp_path / f"group{group}/results.parquet", of_group)
    files = [str(tmp_path / "group1"), str(tmp_path / "group2/results.parquet")]
    result = CliRunner().invoke(app, ["study", "unseen", *files])
    assert result.exit_code == 0, result.output
    assert "5 clips of 3 leaves" in result.stdout
    assert "75.0 (60.0)" in result.stdout
    found = json.loads(CliRunner().invoke(app, ["study", "unseen", *files, "--json"]).stdout)
    assert found["scores"][1]["forced"] == 1.0

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from aed.detect.beside_weights import weights_digest
from aed.detect.calibration import HedgeCalibration, write_calibration
from aed.errors import ModelError, StorageError
from aed.study import evaluate
from aed.study.evaluate import Evaluation, evaluate_run
from aed.study.hedge_calibration import HedgedShares
from aed.study.ledger import read_looks
from aed.study.predict import TestFold
from aed.study.predictions import Predictions, load_predictions
from aed.study.report import evaluation_to_dict
from aed.study.runs import Run
from aed.study.table import evaluation_tables
from tests.study.small_study import multi_label, multi_tree, single_label, write_run

# answers and truths of each fold: 3 of 4 right, then 2 of 2
FOLDS = {1: ([4, 5, 2, 2], [4, 5, 2, 4]), 2: ([4, 5], [4, 5])}


def evaluate_made(
    folder: Path,
    tmp_path: Path,
    predictions: Callable[[Run], Predictions],
    recipe_folds: tuple[int, ...] = (1, 2),
    **options: bool,
) -> Evaluation:
    def predict(run: Run, root: Path | None, progress: Callable[[int, int], None]) -> TestFold:
        return TestFold(predictions(run), {}, recipe_folds)

    return evaluate_run(folder, ledger=tmp_path / "looks.jsonl", predict=predict, **options)  # type: ignore[arg-type]


def made_fold(run: Run) -> Predictions:
    assert run.fold is not None
    return single_label(*FOLDS[run.fold], fold=run.fold, first_clip=100 * run.fold)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for fold in FOLDS:
        write_run(tmp_path / "runs" / "made" / f"fold{fold}", fold=fold)
    return tmp_path / "runs" / "made"


def test_one_fold_leaves_predictions_metrics_picture_and_a_look(runs: Path, tmp_path: Path) -> None:
    found = evaluate_made(runs / "fold1", tmp_path, made_fold)
    assert len(load_predictions(runs / "fold1" / "predictions.npz")) == 4
    metrics = json.loads((runs / "fold1" / "metrics.json").read_text())
    assert metrics["figures"]["leaf_accuracy"] == 0.75
    assert metrics["figures"]["none_recall"] is None
    assert metrics["classes"][0] == {"name": "Dog", "clips": 2, "right": 1}
    assert (runs / "fold1" / "confusion.png").read_bytes().startswith(b"\x89PNG")
    (look,) = read_looks(tmp_path / "looks.jsonl")
    assert (look.recipe, look.fold, look.commit, look.clips) == ("made", 1, "abc1234", 4)
    assert look.result["leaf_accuracy"] == 0.75
    assert found.looks == 1
    assert not (runs / "metrics.json").exists()


def test_all_folds_give_mean_spread_and_pooled(runs: Path, tmp_path: Path) -> None:
    evaluate_made(runs, tmp_path, made_fold)
    found = evaluate_made(runs, tmp_path, made_fold, draw=False)
    accuracy = found.summary[0]
    assert accuracy.name == "leaf_accuracy"
    assert accuracy.per_fold == (0.75, 1.0)
    assert (accuracy.mean, accuracy.pooled) == (0.875, pytest.approx(5 / 6))
    assert accuracy.spread == pytest.approx(np.std([0.75, 1.0], ddof=1))
    assert found.looks == 4
    content = json.loads((runs / "metrics.json").read_text())
    assert content == json.loads(json.dumps(evaluation_to_dict(found)))
    assert [fold["fold"] for fold in content["folds"]] == [1, 2]
    assert content["missing_folds"] == []


def test_folds_without_a_finished_run_are_named_and_the_others_evaluated(runs: Path, tmp_path: Path) -> None:
    (runs / "fold5").mkdir()  # begun; of 3 and 4 there is nothing
    found = evaluate_made(runs, tmp_path, made_fold, recipe_folds=(1, 2, 3, 4), draw=False)
    assert [fold.run.fold for fold in found.folds] == [1, 2]
    assert found.missing_folds == (3, 4, 5)
    assert json.loads((runs / "metrics.json").read_text())["missing_folds"] == [3, 4, 5]
    assert evaluate_made(runs / "fold1", tmp_path, made_fold, draw=False).missing_folds == ()


def test_no_draw_draws_nothing(runs: Path, tmp_path: Path) -> None:
    evaluate_made(runs, tmp_path, made_fold, draw=False)
    assert not list(runs.rglob("*.png"))


def test_several_labels_report_labels_and_no_confusion(tmp_path: Path) -> None:
    log_p = -np.array([[0, 0.1, 0.1, 0.1, 0.1], [0, 0.2, 0.2, 0.2, 0.2]])
    predictions = multi_label([[1, 1, 0, 1, 0], [1, 0, 1, -1, 0]], log_p, [0, 0, 12, 10, 9])
    folder = write_run(tmp_path / "fold1", tree=multi_tree())
    found = evaluate_made(folder, tmp_path, lambda run: predictions)
    content = evaluation_to_dict(found)
    assert [label["name"] for label in content["pooled"]["labels"]] == ["Siren", "Dog"]
    assert content["pooled"]["labels"][0]["average_precision"] == 0.5
    assert content["pooled"]["labels"][1]["average_precision"] is None
    assert not (folder / "confusion.png").exists()


def test_predictions_of_another_taxonomy_are_refused_and_nothing_is_written(runs: Path, tmp_path: Path) -> None:
    predictions = multi_label([[1, 1, 0, 1, 0]], np.zeros((1, 5)), [0] * 5)
    with pytest.raises(ModelError, match="another taxonomy"):
        evaluate_made(runs / "fold1", tmp_path, lambda run: predictions)
    assert not (runs / "fold1" / "predictions.npz").exists()


def test_a_look_is_recorded_even_if_writing_the_metrics_fails(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(path: Path, data: str) -> None:
        raise StorageError(f"cannot write {path}: disk full")

    monkeypatch.setattr(evaluate, "write_atomic", full_disk)
    with pytest.raises(StorageError):
        evaluate_made(runs / "fold1", tmp_path, made_fold)
    assert len(read_looks(tmp_path / "looks.jsonl")) == 1


def calibrated(folder: Path, min_probability: float) -> None:
    (folder / "model.safetensors").write_bytes(b"weights")
    shares = {"wrong_share": 0.0, "answered_share": 1.0, "leaf_share": 1.0}
    counts = {"clips": 20, "recordings": 20, "parts": 5}
    made = {"weights": weights_digest(folder), "temperatures": (1.0, 2.0), "accuracy": 0.95, "confidence": None}
    write_calibration(folder, HedgeCalibration(**made, **counts, **shares, min_probability=min_probability))


def test_calibrated_answers_are_judged_with_each_models_own_threshold(runs: Path, tmp_path: Path) -> None:
    calibrated(runs / "fold1", 0.5)
    assert evaluate_made(runs, tmp_path, made_fold, draw=False).hedged is None
    calibrated(runs / "fold2", 0.95)  # surer than the answers, which have 0.9
    found = evaluate_made(runs, tmp_path, made_fold)
    first, second = (fold.hedged for fold in found.folds)
    assert first is not None
    assert second is not None
    assert (first.answered, first.leaf, first.wrong, first.right_of_answered) == (1.0, 1.0, 0.25, 0.75)
    assert (second.answered, second.wrong) == (0.0, 0.0)
    assert found.hedged == HedgedShares(6, pytest.approx(1 / 6), pytest.approx(4 / 6), pytest.approx(4 / 6))  # type: ignore[arg-type]
    content = json.loads((runs / "metrics.json").read_text())
    assert content["folds"][0]["hedged"] == {"clips": 4, "wrong": 0.25, "answered": 1.0, "leaf": 1.0}
    console = Console(width=80, file=io.StringIO())
    for table in evaluation_tables(found):
        console.print(table)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "right of those answered" in text
    # 0.9 at depth 1 and 2 was right in 5 of 6; temperatures (1, 2) leave depth 1 and make the leaf less sure
    assert "calibration error of all clips" in text
    before, after = content["pooled"]["figures"], content["calibrated"]
    assert after["calibration_error_depth_1"] == pytest.approx(before["calibration_error_depth_1"])
    assert after["calibration_error_depth_2"] != pytest.approx(before["calibration_error_depth_2"], abs=0.02)
    for folder in (runs, runs / "fold1"):
        assert (folder / "reliability.png").stat().st_size > 0


def test_five_folds_fit_on_a_terminal_of_80_columns(tmp_path: Path) -> None:
    for fold in range(1, 6):
        write_run(tmp_path / "runs" / f"fold{fold}", fold=fold)

    def predictions(run: Run) -> Predictions:
        assert run.fold is not None
        return single_label([4, 5, 2], [4, 5, 2], fold=run.fold, first_clip=100 * run.fold)

    console = Console(width=80, file=io.StringIO())
    table, *_ = evaluation_tables(evaluate_made(tmp_path / "runs", tmp_path, predictions, draw=False))
    console.print(table)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "100.0" in text
    assert "…" not in text
    assert len(text.splitlines()) == table.row_count + 6  # title, blank, heading, rule, end, caption: no row is wrapped


def test_an_inner_part_is_no_look_at_a_test_fold(runs: Path, tmp_path: Path) -> None:
    record = json.loads((runs / "fold1/run.json").read_text())
    (runs / "fold1/run.json").write_text(json.dumps(record | {"inner": {"part": 1, "parts": 5, "seed": 0}}))
    found = evaluate_made(runs / "fold1", tmp_path, made_fold, draw=False)
    assert (found.looks, found.folds[0].run.is_inner) == (0, True)
    assert "part of the labelled clips outside fold 1" in str(next(iter(evaluation_tables(found))).title)
    assert (runs / "fold1/metrics.json").exists()
    assert not (tmp_path / "looks.jsonl").exists()


def test_a_folder_without_a_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no finished run"):
        evaluate_run(tmp_path / "nothing", ledger=tmp_path / "looks.jsonl")


def test_folds_of_different_recipes_are_not_averaged(runs: Path, tmp_path: Path) -> None:
    record = json.loads((runs / "fold2" / "run.json").read_text())
    (runs / "fold2" / "run.json").write_text(json.dumps({**record, "recipe_hash": "ffffffffffff"}))
    with pytest.raises(ModelError, match="another recipe"):
        evaluate_made(runs, tmp_path, made_fold)
    assert not (tmp_path / "looks.jsonl").exists()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"recipe": "a", "recipe_hash": "b", "fold": "x", "seed": 1}'])
def test_a_damaged_run_file_is_one_clear_error(content: str, runs: Path, tmp_path: Path) -> None:
    (runs / "fold1" / "run.json").write_text(content)
    with pytest.raises(ModelError, match=r"run\.json"):
        evaluate_made(runs / "fold1", tmp_path, made_fold)


def test_folds_are_found_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for fold in (10, 2, 1):
        write_run(tmp_path / f"fold{fold}", fold=fold)
    (tmp_path / "fold3").mkdir()
    (tmp_path / "folder").mkdir()
    assert [run.fold for run in evaluate.find_runs(tmp_path)] == [1, 2, 10]

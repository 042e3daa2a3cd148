from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from aed.cli import evaluate
from aed.errors import AedError, ConfigError, DataError, ModelError
from tests.study.small_study import single_label, write_run
from tests.study.untrained_run import CLASSES, multi_label_recipe, save_run, single_label_recipe


def aed_evaluate(*arguments: object) -> Result:
    app = typer.Typer()
    evaluate.register(app)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "160"})
    if result.exception is not None and not isinstance(result.exception, AedError | SystemExit):
        raise result.exception
    return result


def test_all_folds_print_a_table_with_the_looks(tmp_path: Path) -> None:
    recipe = single_label_recipe(tmp_path / "made")
    for fold in (1, 2):
        save_run(tmp_path / "runs" / f"fold{fold}", recipe, fold)
    first = aed_evaluate("--model", tmp_path / "runs")
    assert "left out" not in first.stderr
    assert first.exit_code == 0
    for words in ("leaf accuracy", "accuracy at depth 1", "test folds 1, 2", "mean", "±", "all", "Siren"):
        assert words in first.stdout
    assert "by recipe 'made' so far: 2" in " ".join(first.stdout.split())
    again = aed_evaluate("--model", tmp_path / "runs" / "fold1", "--no-draw")
    assert "by recipe 'made' so far: 3" in " ".join(again.stdout.split())


def test_folds_that_are_not_trained_yet_are_named(tmp_path: Path) -> None:
    save_run(tmp_path / "runs" / "fold1", single_label_recipe(tmp_path / "made"), 1)
    result = aed_evaluate("--model", tmp_path / "runs", "--json", "--no-draw")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["missing_folds"] == [2]
    line = next(line for line in result.stderr.splitlines() if line)
    assert line.startswith(f"{tmp_path / 'runs'}: left out, since there is no finished run of it: fold 2; ")
    assert line.endswith(
        f"aed train {tmp_path / 'runs/fold1/recipe.yaml'} --all-folds --resume --out {tmp_path / 'runs'}"
    )


def test_json_is_nothing_but_json(tmp_path: Path) -> None:
    folder = save_run(tmp_path / "fold1", single_label_recipe(tmp_path / "made"), 1)
    content = json.loads(aed_evaluate("--model", folder, "--json", "--no-draw").stdout)
    assert content["looks"] == 1
    assert len(content["pooled"]["classes"]) >= len(CLASSES)
    assert 0 <= content["mean"]["leaf_accuracy"] <= 1


def test_several_labels_print_a_table_of_labels(tmp_path: Path) -> None:
    folder = save_run(tmp_path / "fold1", multi_label_recipe(tmp_path), 1)
    result = aed_evaluate("--model", folder)
    assert result.exit_code == 0
    assert "mean average precision" in result.stdout
    assert "times the prior" in result.stdout
    table = result.stdout.split("labels (")[1]
    assert "Siren" in table
    assert "Glass" in table
    assert "Shatter" not in table  # too few clips


def test_unreadable_clips_are_named_at_the_end(tmp_path: Path) -> None:
    folder = save_run(tmp_path / "fold1", single_label_recipe(tmp_path / "made"), 1)
    for path in (tmp_path / "made" / "dog").iterdir():
        path.write_bytes(b"no audio")
    result = aed_evaluate("--model", folder, "--no-draw")
    assert "leaf accuracy" in result.stdout
    assert isinstance(result.exception, DataError)
    assert "could not be read and were left out: made/dog/" in str(result.exception)


def test_compare_prints_and_gives_json(tmp_path: Path) -> None:
    for name, answers in (("a", [4, 5, 2, 2]), ("b", [4, 4, 2, 2])):
        single_label(answers, [4, 5, 2, 2]).save(write_run(tmp_path / name) / "predictions.npz")
    result = aed_evaluate("--compare", tmp_path / "a", tmp_path / "b")
    assert "+25.00% (+1 clips)" in result.stdout
    content = json.loads(aed_evaluate("--compare", tmp_path / "a", tmp_path / "b", "--json").stdout)
    assert content["clips_gained"] == 1
    assert content["resamples"] == 10_000


@pytest.mark.parametrize("arguments", [[], ["--model", "a", "--compare", "a", "b"]])
def test_one_of_model_and_compare_is_needed(arguments: list[str]) -> None:
    assert isinstance(aed_evaluate(*arguments).exception, ConfigError)


def test_a_folder_without_a_run_is_one_clear_error(tmp_path: Path) -> None:
    assert isinstance(aed_evaluate("--model", tmp_path).exception, ModelError)


def test_no_data_root_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AED_DATA_ROOT", raising=False)
    recipe = single_label_recipe(tmp_path / "made")
    folder = save_run(tmp_path / "fold1", recipe, 1)
    on_esc = recipe.model_copy(update={"data": recipe.data.model_copy(update={"source": "esc10"})})
    (folder / "recipe.yaml").write_text(on_esc.to_yaml())
    result = aed_evaluate("--model", folder)
    assert isinstance(result.exception, DataError)
    assert "AED_DATA_ROOT is not set" in str(result.exception)

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import aed.study.predict
from aed.errors import DataError, ModelError
from aed.model import TreeModel
from aed.ontology.taxonomy import Taxonomy
from aed.study.predict import predict_test_fold
from aed.study.runs import read_run
from aed.train.dataset import test_clips as held_out_clips
from tests.study.untrained_run import (
    CLASSES,
    GLASS,
    RATE_HZ,
    SHATTER,
    SIREN,
    multi_label_recipe,
    save_run,
    single_label_recipe,
)


def silent(done: int, total: int) -> None:
    """Nobody watches."""


def test_every_held_out_clip_is_scored_whole_and_in_order(tmp_path: Path) -> None:
    recipe = single_label_recipe(tmp_path / "made")
    run = read_run(save_run(tmp_path / "fold1", recipe, 1))
    seen: list[tuple[int, int]] = []
    tested = predict_test_fold(run, None, lambda done, total: seen.append((done, total)))
    predictions, model = tested.predictions, TreeModel.load(run.folder)
    clips = held_out_clips(recipe, 1, None)
    assert predictions.clip_ids.tolist() == [clip.clip_id for clip in clips]
    assert seen[-1] == (len(clips), len(clips))
    assert tested.recipe_folds == (1, 2)
    for clip, log_p, target in zip(clips, predictions.log_p, predictions.target_nodes, strict=True):  # type: ignore[arg-type]
        samples = soundfile.read(clip.path, dtype="float32")[0]
        samples = np.pad(samples, (0, max(0, RATE_HZ - len(samples))))
        with torch.inference_mode():
            alone = model.score_clips(torch.from_numpy(samples[None])).log_p[0].numpy()
        np.testing.assert_allclose(log_p, alone, atol=1e-4)
        assert model.taxonomy.nodes[target].name.lower() == clip.labels[0]
    assert {clip.labels[0] for clip in clips} == set(CLASSES)


def test_several_labels_keep_their_targets_and_their_counts_over_all_folds(tmp_path: Path) -> None:
    run = read_run(save_run(tmp_path / "fold1", multi_label_recipe(tmp_path), 1))
    predictions = predict_test_fold(run, None, silent).predictions
    taxonomy = TreeModel.load(run.folder).taxonomy
    siren, glass, shatter = (taxonomy.index(concept) for concept in (SIREN, GLASS, SHATTER))
    assert predictions.is_multi_label
    assert predictions.node_targets is not None
    assert predictions.label_clips is not None
    assert predictions.label_clips[[siren, glass, shatter]].tolist() == [11, 11, 4]
    assert predictions.label_clips.sum() == 26
    present = predictions.node_targets == 1
    assert (present[:, siren] ^ present[:, glass]).all()
    assert 0 < present[:, shatter].sum() < present[:, glass].sum() < len(predictions) < 22


def test_a_clip_that_cannot_be_read_is_named_and_left_out(tmp_path: Path) -> None:
    recipe = single_label_recipe(tmp_path / "made")
    run = read_run(save_run(tmp_path / "fold1", recipe, 1))
    broken, *whole = held_out_clips(recipe, 1, None)
    broken.path.write_bytes(b"no audio")
    tested = predict_test_fold(run, None, silent)
    assert list(tested.skipped) == [broken.clip_id]
    assert tested.predictions.clip_ids.tolist() == [clip.clip_id for clip in whole]


def test_a_clip_that_needs_an_extra_is_left_out_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = single_label_recipe(tmp_path / "made")
    run = read_run(save_run(tmp_path / "fold1", recipe, 1))
    first, *others = held_out_clips(recipe, 1, None)
    phone = replace(first, path=tmp_path / "phone.m4a")
    phone.path.write_bytes(b"\0" * 1_000)
    monkeypatch.setattr(aed.study.predict, "test_clips", lambda *of: (phone, *others))
    monkeypatch.setitem(sys.modules, "av", None)
    tested = predict_test_fold(run, None, silent)
    assert list(tested.skipped) == [phone.clip_id]
    assert "phone.m4a needs an optional part" in tested.skipped[phone.clip_id]


def test_a_fold_without_a_readable_clip_is_an_error(tmp_path: Path) -> None:
    recipe = single_label_recipe(tmp_path / "made")
    run = read_run(save_run(tmp_path / "fold1", recipe, 1))
    for clip in held_out_clips(recipe, 1, None):
        clip.path.write_bytes(b"")
    with pytest.raises(DataError, match="none of the"):
        predict_test_fold(run, None, silent)


def test_a_model_that_was_trained_on_everything_has_no_test_fold(tmp_path: Path) -> None:
    run = read_run(save_run(tmp_path / "all", single_label_recipe(tmp_path / "made"), None))
    with pytest.raises(DataError, match="nothing was held out"):
        predict_test_fold(run, None, silent)


def test_a_model_of_another_taxonomy_is_refused(tmp_path: Path) -> None:
    recipe = single_label_recipe(tmp_path / "made")
    folder = save_run(tmp_path / "fold1", recipe, 1)
    taxonomy = Taxonomy.from_dict(json.loads((folder / "taxonomy.json").read_text()))
    for path in (tmp_path / "made" / "siren").iterdir():
        path.unlink()
    with pytest.raises(ModelError, match=f"the model's taxonomy is {taxonomy.digest}.*train it again"):
        predict_test_fold(read_run(folder), None, silent)

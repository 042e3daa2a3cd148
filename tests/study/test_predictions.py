from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from aed.errors import DataError, ModelError
from aed.study.predictions import FILE_NAME, Predictions, load_predictions, pool
from tests.study.small_study import multi_label, multi_tree, single_label, small_tree


def made_multi_label() -> Predictions:
    return multi_label([[1, 1, 0, -1, 0]], np.zeros((1, 5)), [0, 0, 12, 11, 9])


@pytest.mark.parametrize("predictions", [single_label([4, 2], [4, 5]), made_multi_label()])
def test_what_was_saved_is_read_back(predictions: Predictions, tmp_path: Path) -> None:
    predictions.save(tmp_path / "predictions.npz")
    found = load_predictions(tmp_path / "predictions.npz")
    for field in dataclasses.fields(Predictions):
        before, after = getattr(predictions, field.name), getattr(found, field.name)
        np.testing.assert_array_equal(before, after)
        assert getattr(before, "dtype", None) == getattr(after, "dtype", None), field.name
    assert found.is_multi_label == predictions.is_multi_label


def test_the_file_needs_no_pickle(tmp_path: Path) -> None:
    single_label([4], [4]).save(tmp_path / "predictions.npz")
    with np.load(tmp_path / "predictions.npz", allow_pickle=False) as archive:
        assert all(archive[name].dtype != object for name in archive.files)


def test_a_missing_file_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="aed evaluate --model"):
        load_predictions(tmp_path / "predictions.npz")


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04 cut off"])
def test_a_damaged_file_is_one_clear_error(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "predictions.npz").write_bytes(content)
    with pytest.raises(DataError, match="evaluate the run again"):
        load_predictions(tmp_path / "predictions.npz")


def test_a_cut_off_file_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "predictions.npz"
    single_label([4] * 50, [4] * 50).save(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match="evaluate the run again"):
        load_predictions(path)


def test_a_file_damaged_anywhere_is_one_clear_error_or_the_same(tmp_path: Path) -> None:
    single_label([4, 5, 2], [4, 5, 2]).save(tmp_path / FILE_NAME)
    whole = (tmp_path / FILE_NAME).read_bytes()
    generator = np.random.default_rng(0)
    refused = 0
    for place in generator.integers(len(whole), size=500):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        (tmp_path / FILE_NAME).write_bytes(damaged)
        try:
            load_predictions(tmp_path / FILE_NAME)
        except DataError:
            refused += 1
    assert refused > 200


def test_an_archive_of_something_else_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "predictions.npz", format=1, taxonomy_digest="abc", clip_ids=np.array(["a"]))
    with pytest.raises(DataError, match="damaged"):
        load_predictions(tmp_path / "predictions.npz")
    np.savez(tmp_path / "predictions.npz", format=99)
    with pytest.raises(DataError, match="expected format 1"):
        load_predictions(tmp_path / "predictions.npz")


def test_another_taxonomy_is_refused() -> None:
    single_label([4], [4]).check_taxonomy(small_tree(), Path("run"))
    with pytest.raises(ModelError, match="another taxonomy"):
        single_label([4], [4]).check_taxonomy(multi_tree(), Path("run"))


def test_nan_names_the_clip() -> None:
    log_p = np.zeros((2, 5))
    log_p[1, 2] = np.nan
    with pytest.raises(ModelError, match="made/1"):
        multi_label([[1, 0, 0, 0, 0]] * 2, log_p, [0] * 5)


def test_a_target_outside_the_tree_is_refused() -> None:
    with pytest.raises(ValueError, match="target nodes"):
        single_label([4], [6])


def test_pooling_keeps_every_clip_and_its_fold() -> None:
    pooled = pool([single_label([4], [4], fold=1), single_label([5, 2], [4, 2], fold=2, first_clip=1)])
    assert pooled.clip_ids.tolist() == ["made/0", "made/1", "made/2"]
    assert pooled.folds.tolist() == [1, 2, 2]
    assert pooled.target_nodes is not None
    assert pooled.target_nodes.tolist() == [4, 4, 2]


def test_a_clip_in_two_test_folds_cannot_be_pooled() -> None:
    with pytest.raises(DataError, match="made/0 is in the test fold of more than one"):
        pool([single_label([4], [4], fold=1), single_label([4], [4], fold=2)])


def test_folds_of_different_trees_cannot_be_pooled() -> None:
    with pytest.raises(DataError, match="taxonomies differ"):
        pool([single_label([4], [4]), made_multi_label()])

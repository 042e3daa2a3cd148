from __future__ import annotations

from pathlib import Path

import pytest

from aed.errors import ConfigError
from aed.metrics.clip import leaf_answers
from aed.metrics.confusion import leaf_confusion
from aed.study.confusion import draw_confusion
from tests.study.small_study import single_label, small_tree

SIGNATURES = {".png": b"\x89PNG", ".svg": b"<?xml"}


@pytest.mark.parametrize("suffix", SIGNATURES)
def test_the_picture_is_of_the_asked_kind(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"confusion{suffix}"
    draw(path)
    assert path.read_bytes().startswith(SIGNATURES[suffix])


def test_leaves_branches_and_counts_are_written_out(tmp_path: Path) -> None:
    draw(tmp_path / "confusion.svg")
    picture = (tmp_path / "confusion.svg").read_text()
    for words in ("Dog", "Cat", "Siren", "Animal", "made fold 1"):
        assert f"<!-- {words} -->" in picture


def test_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\.png or \.svg"):
        draw(tmp_path / "confusion.jpg")


def draw(path: Path) -> None:
    tree, predictions = small_tree(), single_label([4, 5, 2, 2], [4, 4, 4, 2])
    assert predictions.target_nodes is not None
    confusion = leaf_confusion(leaf_answers(predictions.log_p, tree), predictions.target_nodes, tree)
    draw_confusion(confusion, tree, path, "made fold 1")

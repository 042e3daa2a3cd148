from __future__ import annotations

import sys
from pathlib import Path

import pytest

from aed.drawing import check_drawing, save_drawing
from aed.errors import ConfigError, MissingExtraError, StorageError


@pytest.mark.parametrize("name", ["a.png", "a.PNG", "a.svg"])
def test_the_suffix_says_the_format(tmp_path: Path, name: str) -> None:
    figure = pytest.importorskip("matplotlib.figure").Figure(figsize=(1, 1))
    check_drawing(tmp_path / name)
    save_drawing(figure, tmp_path / name, 50)
    begins = b"<?xml" if name.endswith("svg") else b"\x89PNG"
    assert (tmp_path / name).read_bytes().startswith(begins)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_trimmed_picture_holds_what_stands_outside_the_figure(tmp_path: Path) -> None:
    figure = pytest.importorskip("matplotlib.figure").Figure(figsize=(1, 1))
    figure.text(1.5, 0.5, "outside")
    save_drawing(figure, tmp_path / "cut.png", 50)
    save_drawing(figure, tmp_path / "whole.png", 50, trimmed=True)
    width_bytes = slice(16, 20)  # in the header of a PNG
    cut, whole = ((tmp_path / name).read_bytes()[width_bytes] for name in ("cut.png", "whole.png"))
    assert int.from_bytes(cut) == 50
    assert int.from_bytes(whole) != 50


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_the_same_figure_gives_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    for name in ("one", "two"):
        figure = pytest.importorskip("matplotlib.figure").Figure(figsize=(2, 2))
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 2], marker="o", clip_on=True)
        save_drawing(figure, tmp_path / f"{name}.{suffix}", 50)
    one, two = ((tmp_path / f"{name}.{suffix}").read_bytes() for name in ("one", "two"))
    assert one == two
    assert b"dc:date" not in one


@pytest.mark.parametrize("name", ["a.gif", "a", "png"])
def test_another_suffix_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"ends in \.png or \.svg"):
        check_drawing(tmp_path / name)


def test_without_matplotlib_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"aed\[train\]"):
        check_drawing(tmp_path / "a.png")


def test_a_folder_in_the_way_is_named(tmp_path: Path) -> None:
    figure = pytest.importorskip("matplotlib.figure").Figure(figsize=(1, 1))
    (tmp_path / "a.png").mkdir()
    with pytest.raises(StorageError, match=r"a\.png"):
        save_drawing(figure, tmp_path / "a.png", 50)

from __future__ import annotations

from pathlib import Path

import pytest

from aed.data.source import load_source
from aed.errors import DataError, ManifestError
from tests.data.layouts import LAYOUTS, touch_audio


def test_a_known_name_is_looked_for_under_the_data_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    LAYOUTS["esc50"][0](tmp_path, ".wav")
    given = load_source("esc10", tmp_path)
    monkeypatch.setenv("AED_DATA_ROOT", str(tmp_path))
    assert load_source("esc10") == given
    assert given.info.name == "esc10"
    assert given.clips


def test_own_sounds_need_no_data_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AED_DATA_ROOT", raising=False)
    touch_audio(tmp_path / "own/dog/a.wav")
    (tmp_path / "list.csv").write_text("path,labels\nown/dog/a.wav,dog;animal\n", encoding="utf-8")
    folder, manifest = load_source(f"folder:{tmp_path / 'own'}"), load_source(f"csv:{tmp_path / 'list.csv'}")
    assert [(clip.path, clip.labels) for clip in folder.clips] == [(tmp_path / "own/dog/a.wav", ("dog",))]
    assert [(clip.path, clip.labels) for clip in manifest.clips] == [(tmp_path / "own/dog/a.wav", ("dog", "animal"))]
    assert folder.info.label_map is None
    assert manifest.info.label_map is None


def test_a_path_may_hold_a_colon(tmp_path: Path) -> None:
    touch_audio(tmp_path / "my:own/dog/a.wav")
    assert load_source(f"folder:{tmp_path / 'my:own'}").labels == ("dog",)


@pytest.mark.parametrize("source", ["esc5", "folder:", "csv:", "", "zip:/tmp/x.zip"])
def test_an_unknown_source_is_named_with_what_is_known(tmp_path: Path, source: str) -> None:
    with pytest.raises(DataError, match=f"unknown data set '{source}'.*esc50.*folder:<path>.*csv:<path>"):
        load_source(source, tmp_path)


def test_what_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"nothing: expected a folder"):
        load_source(f"folder:{tmp_path / 'nothing'}")
    with pytest.raises(ManifestError, match=r"nothing\.csv"):
        load_source(f"csv:{tmp_path / 'nothing.csv'}")
    with pytest.raises(DataError, match="esc50"):
        load_source("esc50", tmp_path)
    monkeypatch.delenv("AED_DATA_ROOT", raising=False)
    with pytest.raises(DataError, match="AED_DATA_ROOT is not set"):
        load_source("esc50")

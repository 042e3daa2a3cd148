from __future__ import annotations

from pathlib import Path

import pytest

from aed.data.groups import content_groups_path, read_content_groups
from aed.data.registry import DATASETS, load_dataset
from aed.errors import DataError, ManifestError
from tests.data.layouts import make_esc50, make_sesa


def write_groups(path: Path, *rows: str) -> Path:
    path.write_text("clip_id,group\n" + "".join(f"{row}\n" for row in rows))
    return path


def test_shared_content_crosses_data_sets_and_takes_its_recording_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_esc50(tmp_path, ".wav")
    make_sesa(tmp_path, ".wav")
    path = write_groups(tmp_path / "groups.csv", "esc50/1-100-B-0,g1", "sesa/train/siren_001,g1")
    monkeypatch.setattr("aed.data.registry.content_groups_path", lambda: path)
    esc = {clip.clip_id: clip.group for clip in load_dataset("esc50", tmp_path).clips}
    assert esc["esc50/1-100-B-0"] == esc["esc50/1-100-A-0"] == "g1"
    assert esc["esc50/2-200-A-1"] == "esc50:200"
    assert {c.clip_id: c.group for c in load_dataset("sesa", tmp_path).clips}["sesa/train/siren_001"] == "g1"


def test_clip_that_is_there_twice(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="line 3: 'a/b'"):
        read_content_groups(write_groups(tmp_path / "groups.csv", "a/b,g1", "a/b,g2"))


def test_installation_without_manifests_has_no_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Path:
        raise DataError("missing")

    monkeypatch.setattr("aed.data.groups.manifests_folder", missing)
    assert content_groups_path() is None


@pytest.mark.audio
@pytest.mark.skipif(content_groups_path() is None, reason="data_manifests/content_groups.csv is not there")
def test_shipped_groups_never_tear_a_recording_or_name_an_unknown_clip(data_root: Path) -> None:
    path = content_groups_path()
    assert path is not None
    groups = read_content_groups(path)
    clips = [clip for name in DATASETS for clip in load_dataset(name, data_root).clips]
    assert set(groups) <= {clip.clip_id for clip in clips}
    group_of: dict[tuple[str, str], str] = {}
    for clip in clips:
        assert group_of.setdefault((clip.dataset, clip.recording), clip.group) == clip.group

from __future__ import annotations

from pathlib import Path

import pytest

from aed.data.manifest import read_manifest, write_manifest
from aed.data.records import Clip
from aed.data.registry import load_dataset
from aed.data.source import load_source
from aed.errors import ManifestError
from aed.resources import manifests_folder
from tests.data.layouts import LAYOUTS, touch_audio


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("a.wav", "sub/b.ogg"):
        touch_audio(tmp_path / "root" / name)
    touch_audio(tmp_path / "outside.wav")
    return tmp_path / "root"


def manifest(root: Path, text: str) -> Path:
    path = root.parent / "list.csv"
    path.write_text(text)
    return path


def test_two_columns_are_enough(root: Path) -> None:
    clips = read_manifest(manifest(root, "path,labels\na.wav,dog;cat\nsub/b.ogg,\n"), root)
    assert clips == [
        Clip("list/a", root / "a.wav", "list", ("dog", "cat"), None, None, "a", "list:a"),
        Clip("list/sub/b", root / "sub/b.ogg", "list", (), None, None, "sub/b", "list:sub/b"),
    ]


@pytest.mark.parametrize("name", LAYOUTS)
def test_written_and_read_again_is_the_same(tmp_path: Path, name: str) -> None:
    LAYOUTS[name][0](tmp_path, ".wav")
    clips = load_dataset(name, tmp_path).clips
    write_manifest(tmp_path / "m.csv", clips, tmp_path)
    assert tuple(read_manifest(tmp_path / "m.csv", tmp_path)) == clips
    assert load_source(f"csv:{tmp_path / 'm.csv'}").clips == clips


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path,label\na.wav,dog\n", "line 1: missing column labels: expected path, labels, got path, label"),
        ("path,labels\na.wav,dog\na.wav,cat\n", "line 3: .* is in line 2 already"),
        ("clip_id,path,labels\nx/1,a.wav,dog\nx/1,sub/b.ogg,dog\n", "line 3: clip 'x/1' is in line 2"),
        ("clip_id,path,labels\nx/1,a.wav,dog\nx/2,a.wav,dog\n", "line 3: file 'a.wav' is in line 2"),
        ("clip_id,path,labels\nx/1,a.wav,dog\nx/2,./a.wav,dog\n", "line 3: file 'a.wav' is in line 2"),
        ("clip_id,path,labels\nname,a.wav,dog\n", "line 2: clip_id 'name'"),
        ("path,labels\n../outside.wav,dog\n", "line 2: .* outside the root"),
        ("path,labels\n/etc/hostname,dog\n", "line 2: .* outside the root"),
        ("path,labels\nnone.wav,dog\n", "line 2: no such file"),
        ("path,labels\n,dog\n", "line 2: no such file"),
        ("path,labels\na.wav,dog,cat\n", "line 2: expected 2 cells"),
        ("path,labels,fold\na.wav,dog,one\n", "line 2: fold 'one'"),
    ],
)
def test_wrong_row_is_named(root: Path, text: str, words: str) -> None:
    with pytest.raises(ManifestError, match=words):
        read_manifest(manifest(root, text), root)


def test_link_below_the_root_is_followed(root: Path) -> None:
    (root / "disk").symlink_to(root.parent, target_is_directory=True)
    (clip,) = read_manifest(manifest(root, "path,labels\ndisk/outside.wav,dog\n"), root)
    assert clip.path == root / "disk/outside.wav"
    write_manifest(root / "m.csv", [clip], root)
    assert read_manifest(root / "m.csv", root) == [clip]


def test_missing_manifest(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="No such file"):
        read_manifest(tmp_path / "none.csv", tmp_path)


def test_clip_that_cannot_be_written(root: Path) -> None:
    outside = Clip("x/1", root.parent / "outside.wav", "x", (), None, None, "1", "x:1")
    with pytest.raises(ManifestError, match="outside the root"):
        write_manifest(root / "m.csv", [outside], root)
    semicolon = Clip("x/1", root / "a.wav", "x", ("a;b",), None, None, "1", "x:1")
    with pytest.raises(ManifestError, match="';'"):
        write_manifest(root / "m.csv", [semicolon], root)
    assert not (root / "m.csv").exists()


@pytest.mark.audio
@pytest.mark.parametrize("path", sorted((manifests_folder() / "clips").glob("*.csv")), ids=lambda path: path.stem)
def test_the_shipped_lists_of_clips_are_what_the_command_makes(path: Path, data_root: Path, tmp_path: Path) -> None:
    write_manifest(tmp_path / "again.csv", load_dataset(path.stem, data_root).clips, data_root)
    assert (tmp_path / "again.csv").read_bytes() == path.read_bytes()

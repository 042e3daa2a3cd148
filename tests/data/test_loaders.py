from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from aed.data.audio_files import audio_files
from aed.data.esc50 import ESC10_CLASSES, ESC11_DEVELOPMENT_CLASSES, ESC21_CLASSES
from aed.data.records import LoadedDataset
from aed.data.registry import DATASETS, data_root, load_dataset
from aed.data.source import load_source
from aed.data.table import read_table
from aed.errors import DataError, ManifestError
from tests.data.layouts import (
    LAYOUTS,
    SEGMENTS_HEADER,
    make_audioset,
    make_esc50,
    make_glass_break,
    make_sesa,
    touch_audio,
)


@pytest.fixture(autouse=True)
def no_content_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aed.data.registry.content_groups_path", lambda: None)


def made(name: str, root: Path, suffix: str = ".wav") -> LoadedDataset:
    LAYOUTS[name][0](root, suffix)
    return load_dataset(name, root)


def test_every_known_data_set_has_a_layout_here() -> None:
    assert set(LAYOUTS) == set(DATASETS)


@pytest.mark.parametrize("suffix", [".wav", ".ogg", ".flac"])
@pytest.mark.parametrize("name", LAYOUTS)
def test_loader_contract(tmp_path: Path, name: str, suffix: str) -> None:
    _, present, missing = LAYOUTS[name]
    loaded = made(name, tmp_path, suffix)
    assert (len(loaded.clips), len(loaded.missing)) == (present, missing)
    assert loaded.info.name == name
    assert loaded.strays == ()
    assert [clip.clip_id for clip in loaded.clips] == sorted({clip.clip_id for clip in loaded.clips})
    for clip in loaded.clips:
        assert clip.path.is_file()
        assert clip.path.suffix == suffix
        assert clip.clip_id.startswith(f"{clip.dataset}/")
        assert clip.labels
        assert clip.recording
        assert clip.group == f"{clip.dataset}:{clip.recording}"
    assert not {clip.clip_id for clip in loaded.clips} & {clip.clip_id for clip in loaded.missing}


@pytest.mark.parametrize("name", LAYOUTS)
def test_clip_ids_do_not_depend_on_the_format(tmp_path: Path, name: str) -> None:
    wav, ogg = made(name, tmp_path / "a", ".wav"), made(name, tmp_path / "b", ".ogg")
    assert [clip.clip_id for clip in wav.clips] == [clip.clip_id for clip in ogg.clips]


@pytest.mark.parametrize("name", LAYOUTS)
def test_no_audio_at_all_is_reported_not_a_crash(tmp_path: Path, name: str) -> None:
    LAYOUTS[name][0](tmp_path, ".wav")
    for path in list(tmp_path.rglob("*.wav")):
        path.unlink()
    loaded = load_dataset(name, tmp_path)
    assert loaded.clips == ()
    assert loaded.labels == ()


@pytest.mark.parametrize("name", LAYOUTS)
def test_absent_folder_says_what_was_expected(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=str(tmp_path / DATASETS[name].info.folders[0])):
        load_dataset(name, tmp_path)


def test_foreign_files_are_strays(tmp_path: Path) -> None:
    for name, place in (("sesa", "sesa/train/dog_001.wav"), ("dcase2016_task2", "dcase2016_task2/x.wav")):
        stray = touch_audio(tmp_path / place)
        assert made(name, tmp_path).strays == (stray,)
    stray = touch_audio(tmp_path / "esc50/audio/new.wav")
    assert made("esc50", tmp_path).strays == (stray,)


def test_esc50_facts(tmp_path: Path) -> None:
    loaded = made("esc50", tmp_path)
    dog = loaded.clips[0]
    assert (dog.clip_id, dog.labels, dog.fold, dog.recording) == ("esc50/1-100-A-0", ("dog",), 1, "100")
    assert loaded.clips[1].group == dog.group
    assert loaded.missing[0].clip_id == "esc50/4-400-A-2"
    assert loaded.missing[0].labels == ("pig",)


def test_esc_subsets_are_disjoint_parts_of_esc50(tmp_path: Path) -> None:
    assert len(ESC10_CLASSES) == 10
    assert len(ESC21_CLASSES) == 21
    assert not set(ESC10_CLASSES) & set(ESC11_DEVELOPMENT_CLASSES)
    make_esc50(tmp_path, ".wav")
    ids = {
        name: {clip.clip_id for clip in load_dataset(name, tmp_path).clips} for name in ("esc50", "esc10", "esc11dev")
    }
    assert ids["esc10"] | ids["esc11dev"] == ids["esc50"]


def test_esc50_as_it_is_unpacked(tmp_path: Path) -> None:
    make_esc50(tmp_path, ".wav")
    shutil.move(tmp_path / "esc50", tmp_path / "ESC-50-master")
    assert len(load_dataset("esc50", tmp_path).clips) == 4


def test_damaged_esc50_table_names_the_line(tmp_path: Path) -> None:
    make_esc50(tmp_path, ".wav")
    table = tmp_path / "esc50/meta/esc50.csv"
    table.write_text(table.read_text().replace("2-200-A-1.wav,2,", "2-200-A-1.wav,two,"))
    with pytest.raises(ManifestError, match=r"line 4.*'two'"):
        load_dataset("esc50", tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        *("-PJHxphWEs_30.000.ogg", "-PJHxphWEs_30.wav", "-PJHxphWEs_30.000_40.000.wav", "-PJHxphWEs_30_40.flac"),
        *("-PJHxphWEs_30000_40000.wav", "-PJHxphWEs_30000.wav", "-PJHxphWEs.flac"),
    ],
)
@pytest.mark.parametrize("folder", ["", "audio", "balanced_train_segments"])
def test_audioset_file_names_of_the_usual_downloads(tmp_path: Path, name: str, folder: str) -> None:
    touch_audio(tmp_path / "audioset" / folder / f"-{name}")
    row = '--PJHxphWEs, 30.000, 40.000, "/m/09x0r,/t/dd00088"\n'
    (tmp_path / "audioset/balanced_train_segments.csv").write_text(SEGMENTS_HEADER + row)
    (clip,) = load_dataset("audioset", tmp_path).clips
    assert clip.clip_id == "audioset/--PJHxphWEs_30.000"
    assert clip.labels == ("/m/09x0r", "/t/dd00088")
    assert (clip.split, clip.recording) == ("balanced_train", "--PJHxphWEs")


def test_audioset_name_with_a_y_before_the_id(tmp_path: Path) -> None:
    touch_audio(tmp_path / "audioset/Y--PJHxphWEs.wav")
    (tmp_path / "audioset/eval_segments.csv").write_text(SEGMENTS_HEADER + '--PJHxphWEs, 30.000, 40.000, "/m/09x0r"\n')
    assert load_dataset("audioset", tmp_path).clips[0].split == "eval"


def test_audioset_without_lists_and_with_a_damaged_one(tmp_path: Path) -> None:
    (tmp_path / "audioset").mkdir()
    with pytest.raises(DataError, match=r"balanced_train_segments\.csv"):
        load_dataset("audioset", tmp_path)
    (tmp_path / "audioset/eval_segments.csv").write_text(SEGMENTS_HEADER + "abc, 1.0\n")
    with pytest.raises(ManifestError, match="line 4"):
        load_dataset("audioset", tmp_path)


def test_a_segment_list_that_is_no_text(tmp_path: Path) -> None:
    make_audioset(tmp_path, ".wav")
    (tmp_path / "audioset/balanced_train_segments.csv").write_bytes(b'\xff\xfe, 0, 10, "/m/09x0r"\n')
    with pytest.raises(ManifestError, match="is not UTF-8 text"):
        load_dataset("audioset", tmp_path)


def test_a_clip_is_known_by_a_name_that_is_text(tmp_path: Path) -> None:
    (tmp_path / "good.wav").touch()
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/gl\xe4s.wav")).touch()
    with pytest.raises(DataError, match=r"gl\\udce4s\.wav: the file's name is not valid UTF-8.*: rename the file"):
        audio_files(tmp_path)


def test_sesa_split_comes_from_the_folder(tmp_path: Path) -> None:
    make_sesa(tmp_path, ".wav")
    clips = {clip.clip_id: clip for clip in load_dataset("sesa", tmp_path).clips}
    assert clips["sesa/train/siren_001"].split == "train"
    assert clips["sesa/test/gunshot_003"].labels == ("gunshot",)


def test_pieces_of_one_glass_share_a_recording(tmp_path: Path) -> None:
    make_glass_break(tmp_path, ".ogg")
    recordings = [clip.recording for clip in load_dataset("glass_break", tmp_path).clips]
    assert recordings == ["background/B.cbor.b2", "glass_break/Glass.cbor.a1", "glass_break/Glass.cbor.a1"]


def test_folder_of_folders(tmp_path: Path) -> None:
    for name in ("doorbell/a.wav", "doorbell/kitchen/b.flac", "kettle/c.ogg"):
        touch_audio(tmp_path / "own" / name)
    stray = touch_audio(tmp_path / "own/loose.wav")
    loaded = load_source(f"folder:{tmp_path / 'own'}")
    assert [(clip.clip_id, clip.labels) for clip in loaded.clips] == [
        ("own/doorbell/a", ("doorbell",)),
        ("own/doorbell/kitchen/b", ("doorbell",)),
        ("own/kettle/c", ("kettle",)),
    ]
    assert loaded.strays == (stray,)
    with pytest.raises(DataError, match="not there"):
        load_source(f"folder:{tmp_path / 'none'}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="got none"):
        load_source(f"folder:{tmp_path / 'empty'}")


def test_unknown_name_gets_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="did you mean 'esc50'"):
        load_dataset("esc-50", tmp_path)


def test_data_root_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AED_DATA_ROOT", str(tmp_path))
    assert data_root() == tmp_path.resolve()
    monkeypatch.setenv("AED_DATA_ROOT", str(tmp_path / "none"))
    with pytest.raises(DataError, match="expected a folder"):
        data_root()
    monkeypatch.delenv("AED_DATA_ROOT")
    with pytest.raises(DataError, match="export AED_DATA_ROOT"):
        data_root()


def test_audio_files_prefers_wav_and_skips_hidden(tmp_path: Path) -> None:
    for name in ("a.ogg", "a.wav", ".hidden/b.wav", "._a.wav", "sub/c.FLAC"):
        touch_audio(tmp_path / name)
    (tmp_path / "notes.txt").touch()
    assert audio_files(tmp_path) == {"a": tmp_path / "a.wav", "sub/c": tmp_path / "sub/c.FLAC"}
    assert audio_files(tmp_path / "none") == {}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"a,c\n1,2\n", "line 1: missing column b: expected a, b, got a, c"),
        (b"a,b\n1,2\n3\n", "line 3: expected 2 cells"),
        (b"a,b\n\xff\xfe,2\n", "UTF-8"),
    ],
)
def test_damaged_table(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(ManifestError, match=words):
        read_table(tmp_path / "t.csv", ("a", "b"))


def test_table_with_byte_order_mark_and_line_numbers(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b'\xef\xbb\xbfa, b\n1,"x\ny"\n\n2,z\n')
    rows = read_table(tmp_path / "t.csv", ("a", "b"))
    assert [(row.line, row["a"], row["b"]) for row in rows] == [(3, "1", "x\ny"), (5, "2", "z")]


@pytest.mark.audio
def test_real_data_sets(data_root: Path) -> None:
    counts = {name: load_dataset(name, data_root) for name in DATASETS}
    assert {name: len(loaded.clips) for name, loaded in counts.items()} == {
        **{"esc50": 840, "esc10": 400, "esc21": 840, "esc11dev": 440},
        **{"audioset": 382, "sesa": 585, "glass_break": 417, "dcase2016_task2": 220},
    }
    assert len(counts["esc50"].missing) == 1160
    assert counts["esc21"].labels == ESC21_CLASSES
    assert counts["esc10"].labels == ESC10_CLASSES
    assert len(counts["audioset"].labels) == 130
    assert all(loaded.strays == () for loaded in counts.values())

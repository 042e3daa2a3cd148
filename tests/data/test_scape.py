from __future__ import annotations

import json
from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pydantic
import pytest
import soundfile

from aed.audio.waves import gain_from_db
from aed.data.isolated_events import Stretch
from aed.data.records import Clip
from aed.data.scape import Scape, plan_scape, scene_name, write_scape
from aed.data.scape_config import ScapeConfig
from aed.data.scape_mix import QUIETEST_UNDER_DB, mix_scene, root_mean_square
from aed.data.scape_plan import Piece, PlacedPiece, ScenePlan, plan_scenes
from aed.data.scape_sources import ScapeClip, fold_of_groups, load_scape_clips
from aed.data.scape_tables import TruthRow, read_durations, read_sources, read_truth
from aed.data.splits import group_folds
from aed.errors import DataError, ManifestError, StorageError
from tests.data.scape_corpus import EVENT_LABELS, RATE_HZ, write_sources
from tests.tiny_corpus import contents


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    write_sources(folder)
    return folder


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AED_CACHE", str(tmp_path_factory.getbasetemp() / "scape_cache"))
    monkeypatch.delenv("AED_DATA_ROOT", raising=False)


def config(folder: Path, **changes: object) -> ScapeConfig:
    """A third of the clips; the backgrounds' label map says what 'room' is."""
    settings: dict[str, object] = {
        "sources": (f"csv:{folder / 'events/clips.csv'}",),
        "backgrounds": (),
        "folds": 3,
        "seconds": 10.0,
        "events_per_minute": 30.0,
        "rate_hz": RATE_HZ,
        "scenes": 4,
    }
    return ScapeConfig.model_validate({**settings, **changes})


def rooms(sources: Path) -> dict[str, object]:
    """Events and backgrounds in one label map."""
    return {
        "backgrounds": (f"csv:{sources / 'rooms/clips.csv'}",),
        "label_map": str(sources / "labels.yaml"),
        "scenes": None,
        "seconds": 3.5,
    }


def all_parts(sources: Path, **changes: object) -> list[Scape]:
    return [
        plan_scape(config(sources, fold=fold, part=part, **{**changes, **({"scenes": 6} if part == "train" else {})}))
        for fold in (1, 2, 3)
        for part in ("train", "test")
    ]


def used(scape: Scape, kind: str) -> list[Piece]:
    return [placed.piece for plan in scape.plans for placed in getattr(plan, kind) if placed.piece.source is not None]


def groups(scape: Scape) -> set[str]:
    pieces = [*used(scape, "events"), *used(scape, "backgrounds")]
    return {piece.source.clip.group for piece in pieces if piece.source is not None}


@pytest.mark.parametrize("official", [False, True])
def test_training_and_test_share_no_group_and_no_group_is_tested_twice(sources: Path, official: bool) -> None:
    parts = all_parts(sources, **rooms(sources), official_folds=official)
    for train, test in zip(parts[::2], parts[1::2], strict=True):
        assert groups(train)
        assert groups(test)
        assert not groups(train) & groups(test)
    for one, other in combinations(parts[1::2], 2):
        assert not groups(one) & groups(other)
    if official:
        for test in parts[1::2]:
            assert {piece.source.clip.fold for piece in used(test, "events") if piece.source} == {test.config.fold}


def test_a_test_part_uses_every_second_of_background_once_and_no_event_twice(sources: Path) -> None:
    heard: Counter[tuple[str, int]] = Counter()
    for test in all_parts(sources, **rooms(sources))[1::2]:
        for piece in used(test, "backgrounds"):
            assert piece.source is not None
            ticks = range(piece.stretch.start_samples, piece.stretch.stop_samples)
            heard.update((piece.source.clip.clip_id, tick) for tick in ticks)
        events = used(test, "events")
        assert len(events) == len(set(events))
        recordings = {(p.source.clip.group, p.source.clip.recording) for p in events if p.source}
        assert len(recordings) == len({group for group, _ in recordings})  # of shared content one recording alone
        assert test.summary.repeated_minutes == 0
    assert set(heard.values()) == {1}
    assert len(heard) == pytest.approx(6 * 3 * RATE_HZ, rel=0.02)


def test_a_training_part_begins_again_when_all_is_used(sources: Path) -> None:
    train = plan_scape(config(sources, **{**rooms(sources), "scenes": 8, "part": "train"}))
    assert len(train.plans) == 8
    assert train.summary.repeated_minutes > 0
    assert train.summary.background_minutes == pytest.approx(4 * 3 / 60, abs=0.01)


def test_the_plan_keeps_to_overlap_gap_and_rate(sources: Path) -> None:
    for most in (1, 2):
        scape = plan_scape(config(sources, overlap=most, part="train", scenes=60, gap_seconds=0.7))
        busy, count = 0, 0
        for plan in scape.plans:
            count += len(plan.events)
            for event in plan.events:
                assert event.at_samples >= 0
                assert event.end_samples <= plan.samples
                at_once = [other for other in plan.events if other.at_samples <= event.at_samples < other.end_samples]
                busy = max(busy, len(at_once))
            for one, other in combinations(plan.events, 2):
                if one.concept == other.concept:
                    assert other.at_samples - one.end_samples >= 0.7 * RATE_HZ
        assert busy == most
        assert count == pytest.approx(60 * 5, rel=0.15)


def test_first_one_event_of_every_source(sources: Path) -> None:
    test = plan_scape(config(sources, events_per_minute=6.0, scenes=2))
    assert test.summary.unused_events > 0
    for label in test.summary.labels:
        assert label.label in EVENT_LABELS
        assert label.sources == min(label.events, label.sources_in_part)


def test_the_same_seed_makes_the_same_bytes(sources: Path, tmp_path: Path) -> None:
    one, again, other = config(sources, scenes=2), config(sources, scenes=2), config(sources, scenes=2, seed=2)
    for name, each in (("a", one), ("b", again), ("c", other)):
        write_scape(plan_scape(each), tmp_path / name)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert contents(tmp_path / "a") != contents(tmp_path / "c")


def test_an_event_stands_as_far_above_its_background_as_was_asked_for(sources: Path) -> None:
    scape = plan_scape(config(sources, **rooms(sources), snr_db=(20.0, 0.0, -6.0), overlap=1))
    plan = next(plan for plan in scape.plans if plan.events)
    silent = ScenePlan(plan.number, plan.samples, plan.background_dbfs, plan.backgrounds, ())
    read = reader(scape)
    ((_, background), *_) = mix_scene(silent, scape.config, read)
    assert root_mean_square(background) == pytest.approx(gain_from_db(plan.background_dbfs), rel=0.05)
    for snr_db, scene in mix_scene(plan, scape.config, read):
        for placed in plan.events:
            span = slice(placed.at_samples, placed.end_samples)
            found = root_mean_square(scene[span] - background[span]) / root_mean_square(background[span])
            assert 20 * np.log10(found) == pytest.approx(snr_db, abs=0.01)


def reader(scape: Scape):
    place = {clip.clip_id: index for index, clip in enumerate(scape.store.clips)}
    return lambda piece: scape.store.samples(place[piece.source.clip.clip_id])[
        piece.stretch.start_samples : piece.stretch.stop_samples
    ]


def piece(label: str, samples: int, group: str = "g") -> Piece:
    clip = Clip(f"x/{label}{group}{samples}", Path("x"), "x", (label,), None, None, group, group)
    return Piece(ScapeClip(clip, label, label), Stretch(0, samples))


def test_a_pause_of_the_background_counts_as_loud_enough_to_be_heard_over_and_nothing_clips() -> None:
    settings = ScapeConfig(sources=("x",), rate_hz=1000, seconds=2, snr_db=(60.0,))
    ticks = np.zeros(2000, dtype=np.float32)
    ticks[::1000] = 1.0
    event, background = piece("dog", 500), PlacedPiece(piece("clock", 2000), 0)
    plan = ScenePlan(1, 2000, -40.0, (background,), (PlacedPiece(event, 200),))
    tone = np.sin(np.arange(500)).astype(np.float32)
    ((_, scene),) = mix_scene(plan, settings, lambda each: tone if each is event else ticks)
    assert np.abs(scene).max() == pytest.approx(0.99)
    down = 0.99 / (gain_from_db(60 - 40 - QUIETEST_UNDER_DB) * np.abs(tone).max() / root_mean_square(tone))
    assert root_mean_square(scene[250:650]) == pytest.approx(down, rel=0.05)


def test_backgrounds_fade_over_without_a_gap(sources: Path) -> None:
    scape = plan_scape(config(sources, **rooms(sources), events_per_minute=0.0))
    for plan in scape.plans:
        ((_, scene), *_) = mix_scene(plan, scape.config, reader(scape))
        levels = root_mean_square(scene) / np.sqrt((scene.reshape(-1, 200)[: len(scene) // 200] ** 2).mean(axis=1))
        assert levels.max() < 1.5


def test_a_test_part_of_noise_ends_with_its_events() -> None:
    settings = ScapeConfig(sources=("x",), rate_hz=1000, seconds=10, events_per_minute=20)
    plans = plan_scenes(settings, [piece("dog", 400, f"g{n}") for n in range(12)], [])
    assert sum(len(plan.events) for plan in plans) == 12
    with pytest.raises(DataError, match="--scenes"):
        plan_scenes(settings.model_copy(update={"events_per_minute": 0.0}), [piece("dog", 400)], [])


def test_folds_of_one_source_are_those_of_a_recipe(sources: Path) -> None:
    settings = config(sources)
    clips = load_scape_clips(settings).events
    expected = {
        clip.group: fold.number
        for fold in group_folds([each.clip for each in clips], 3, settings.seed)
        for clip in fold.test
    }
    assert fold_of_groups([each.clip for each in clips], settings) == expected


def test_an_inner_part_is_that_of_a_recipe_and_leaves_the_tested_fold_alone(sources: Path) -> None:
    settings = config(sources, fold=2, inner=3)
    outer = load_scape_clips(config(sources, fold=2))
    test_groups = {each.clip.group for each in outer.of_part("test", 2).events}
    training = [each.clip for each in outer.events if each.clip.group not in test_groups]
    expected = {clip.group for clip in group_folds(training, 5, 0)[2].test}
    loaded = load_scape_clips(settings)
    inner, rest = ({each.clip.group for each in loaded.of_part(part, 2).events} for part in ("test", "train"))
    assert inner == expected
    assert inner | rest == {clip.group for clip in training}
    assert not inner & rest


def test_a_background_must_not_hold_an_event(sources: Path) -> None:
    changes = rooms(sources)
    room = sources / "rooms/clips.csv"
    text = room.read_text()
    try:
        room.write_text(text.replace("b0.wav,room", "b0.wav,bark"))
        with pytest.raises(DataError, match=r"label 'bark' is or may hold what is an event: Dog"):
            plan_scape(config(sources, **changes))
        room.write_text(text.replace("b0.wav,room", "b0.wav,water"))
        scape = plan_scape(config(sources, **changes, fold=1))
        unchecked = {label.label: label.unchecked_minutes for label in scape.summary.labels}
        assert unchecked["Dog"] == 0
        whole = scape.summary.background_minutes
        assert unchecked["Siren"] == pytest.approx(whole / 2, abs=0.01)  # rain is rain, a room may be anything
    finally:
        room.write_text(text)


@pytest.mark.parametrize(
    ("spec", "message"), [("@Cat", "has no clip with the label 'Cat'"), ("@Dog,Sirn", "did you mean 'Siren'")]
)
def test_a_wrong_label_of_a_source_is_named(sources: Path, spec: str, message: str) -> None:
    source = f"csv:{sources / 'events/clips.csv'}{spec}"
    with pytest.raises(DataError, match=message):
        plan_scape(config(sources, sources=(source,)))


def test_some_labels_of_a_source(sources: Path) -> None:
    scape = plan_scape(config(sources, sources=(f"csv:{sources / 'events/clips.csv'}@Dog",)))
    assert [label.label for label in scape.summary.labels] == ["Dog"]


@pytest.mark.parametrize(
    "changes", [{"fold": 4}, {"snr_db": (0, 0)}, {"background_dbfs": (-10, -20)}, {"seconds": 1}, {"colour": "red"}]
)
def test_wrong_settings_are_refused(sources: Path, changes: dict[str, object]) -> None:
    with pytest.raises(pydantic.ValidationError):
        config(sources, **changes)


def test_what_is_written_can_be_read_and_is_true(sources: Path, tmp_path: Path) -> None:
    scape = plan_scape(config(sources, **rooms(sources)))
    write_scape(scape, tmp_path / "out")
    names = [scene_name(scape.config, plan.number, snr) for plan in scape.plans for snr in scape.config.snr_db]
    durations = read_durations(tmp_path / "out/durations.tsv")
    assert list(durations) == names
    for name, seconds in durations.items():
        info = soundfile.info(tmp_path / "out/audio" / name)
        assert (info.samplerate, info.subtype) == (RATE_HZ, "PCM_16")
        assert info.frames / RATE_HZ == pytest.approx(seconds, abs=0.001)
    truth, rows = read_truth(tmp_path / "out/truth.tsv"), read_sources(tmp_path / "out/sources.csv")
    assert {row.filename for row in truth} == set(names)
    events = {(row.filename, round(row.onset, 3), row.label) for row in rows if row.kind == "event"}
    assert events == {(row.filename, row.onset, row.event_label) for row in truth if row.event_label}
    assert {row.snr_db for row in rows} == {20.0, 10.0, 0.0}
    behind = {row.unchecked for row in rows if row.kind == "background"}
    assert behind == set(scape.clips.unchecked.values()) != {()}
    kept = json.loads((tmp_path / "out/scape.json").read_text())
    assert ScapeConfig.model_validate(kept["config"]) == scape.config
    assert kept["summary"] == json.loads(json.dumps(scape.summary.to_dict()))


def test_nothing_else_is_replaced(sources: Path, tmp_path: Path) -> None:
    scape = plan_scape(config(sources, scenes=1))
    (tmp_path / "music").mkdir()
    (tmp_path / "music/song.wav").write_text("precious")
    with pytest.raises(StorageError, match="something that is no soundscape"):
        write_scape(scape, tmp_path / "music")
    assert (tmp_path / "music/song.wav").read_text() == "precious"
    write_scape(scape, tmp_path / "out")
    before = contents(tmp_path / "out")
    write_scape(scape, tmp_path / "out")
    assert contents(tmp_path / "out") == before


def test_a_disk_without_room_is_known_before(sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scape = plan_scape(config(sources, scenes=1))
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 10})())
    with pytest.raises(StorageError, match="need up to 0 MB, 0 MB are free"):
        write_scape(scape, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "missing column filename"),
        ("filename,onset,offset,event_label\n", "separated by tabs"),
        ("filename\tonset\toffset\tevent_label\na.wav\t1\tx\tDog\n", "line 2: offset 'x': expected a number"),
        ("filename\tonset\toffset\tevent_label\na.wav\t3\t2\tDog\n", "line 2: an event from 3 to 2 s"),
        ("filename\tonset\toffset\tevent_label\na.wav\tnan\t2\tDog\n", "onset 'nan'"),
    ],
)
def test_a_wrong_truth_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.tsv").write_text(text)
    with pytest.raises(ManifestError, match=message):
        read_truth(tmp_path / "t.tsv")


def test_deseds_own_table_is_read(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text(
        "filename\tonset\toffset\tevent_label\nY1.wav\t0.5\t1.25\tSpeech\nY2.wav\t\t\t\nY3.wav\n", encoding="utf-8"
    )
    assert read_truth(tmp_path / "t.tsv") == [
        TruthRow("Y1.wav", 0.5, 1.25, "Speech"),
        TruthRow("Y2.wav"),
        TruthRow("Y3.wav"),
    ]

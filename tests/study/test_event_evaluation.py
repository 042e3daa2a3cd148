"""The whole way from a table of truth to figures, with a model by formula."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from math import isnan
from pathlib import Path

import numpy as np
import pytest
import soundfile

from aed.data.scape_tables import SourceRow, TruthRow, read_sources, write_durations, write_sources, write_truth
from aed.detect.detector import DetectorConfig
from aed.errors import DataError, ManifestError, ModelError
from aed.ontology.label_map import LabelMap, LabelTarget
from aed.ontology.taxonomy import Node, Taxonomy
from aed.study.event_evaluation import evaluate_events
from aed.study.event_hearing import Listener
from aed.study.event_report import ConditionEvents, EventEvaluation, NodeEvents, event_evaluation_to_dict
from aed.study.event_sets import find_truths, read_event_set, unique_share
from aed.study.ledger import read_looks
from tests.fake_scorer import LAYOUT, FakeScorer, scene, sum_over_leaves

pytest.importorskip("sed_scores_eval", reason="needs the extra 'eval'")

DOG, CAT, ANIMAL, GLASS = 1, 2, 3, 4
"""Codes of the model by formula: what a sample says."""
CONFIG = DetectorConfig(smoothing="none", min_event_seconds=0.0, absorb_seconds=1.0)
EVENT_SECONDS = 2.0
GAP_SECONDS = 8.0


def home_scorer() -> FakeScorer:
    """Like the small scorer, with concepts of the ontology: Animal > (Dog, Cat), Glass, None of these."""
    rows = [("aed:sound", "Sound", -1, 0, "root"), ("/m/0jbk", "Animal", 0, 1, "concept")]
    rows += [("/m/039jq", "Glass", 0, 1, "concept"), ("aed:none", "None of these", 0, 1, "none")]
    rows += [("/m/0bt9lr", "Dog", 1, 2, "concept"), ("/m/01yrx", "Cat", 1, 2, "concept")]
    taxonomy = Taxonomy(tuple(Node(*row) for row in rows), "single")
    leaves = np.array(
        [
            [0.02, 0.94, 0.02, 0.02],
            [0.02, 0.02, 0.94, 0.02],
            [0.02, 0.02, 0.02, 0.94],
            [0.02, 0.04, 0.47, 0.47],
            [0.94, 0.02, 0.02, 0.02],
        ]
    )
    return FakeScorer(taxonomy, sum_over_leaves(taxonomy, leaves))


def write_set(
    folder: Path, scenes: dict[str, list[tuple[int, str | None]]], snr_db: dict[str, float] | None = None
) -> Path:
    """Scenes of (what the model hears, what is so) every ten seconds, 2 s long, with all tables; returns the folder."""
    truth, durations, sources = [], [], []
    for name, events in scenes.items():
        parts = [part for code, _ in events for part in ((0, GAP_SECONDS), (code, EVENT_SECONDS))]
        samples = scene(*parts, (0, GAP_SECONDS))
        (folder / "audio").mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / "audio" / f"{name}.wav", samples, LAYOUT.rate_hz, subtype="FLOAT")
        durations.append((f"{name}.wav", len(samples) / LAYOUT.rate_hz))
        spans = [(10.0 * place + GAP_SECONDS, label) for place, (_, label) in enumerate(events)]
        rows = [TruthRow(f"{name}.wav", at, at + EVENT_SECONDS, label) for at, label in spans if label is not None]
        truth += rows or [TruthRow(f"{name}.wav")]
        snr = (snr_db or {}).get(name, 0.0)
        sources += [
            SourceRow(
                row.filename,
                "event",
                row.event_label,
                row.onset,
                row.offset,
                snr,
                f"c/{row.onset}",
                0,
                2,
                f"g{row.onset}",
            )
            for row in rows
        ]
        background = name.split("_")[0]
        sources.append(
            SourceRow(f"{name}.wav", "background", "", 0, 28, snr, f"b/{background}", 0, 28, f"b{background}")
        )
    write_truth(folder / "truth.tsv", truth)
    write_durations(folder / "durations.tsv", durations)
    if snr_db is not None:
        write_sources(folder / "sources.csv", sources)
    return folder


def evaluate(*folders: Path, scorer: FakeScorer | None = None, **options: object) -> EventEvaluation:
    sets = [read_event_set(truth) for folder in folders for truth in find_truths(folder).values()]
    models = [each.folder for each in sets]
    listener = lambda folder: Listener(folder, scorer or home_scorer(), CONFIG)  # noqa: E731
    return evaluate_events(sets, models, listener, **options)  # type: ignore[arg-type]


def node(condition: ConditionEvents, name: str, taxonomy: Taxonomy) -> NodeEvents:
    return next(each for each in condition.nodes if taxonomy.nodes[each.node].name == name)


def test_a_model_that_hears_all_is_right_everywhere(tmp_path: Path) -> None:
    folder = write_set(tmp_path, {"a": [(DOG, "Dog"), (GLASS, "Glass")], "b": [(CAT, "Cat")], "c": [(0, None)]})
    found = evaluate(folder)
    (whole,) = found.conditions
    assert (whole.recordings, whole.hours * 3600) == (3, pytest.approx(28 + 18 + 18))
    assert (whole.psds1, whole.psds2, whole.event_f1, whole.segment_f1) == (1.0, 1.0, 1.0, pytest.approx(1.0, abs=0.2))
    assert whole.mean_average_precision > 0.99
    for name, events in (("Dog", 1), ("Cat", 1), ("Glass", 1), ("Animal", 2)):
        one = node(whole, name, found.taxonomy)
        assert (one.found.events, one.found.found, one.false_alarms.count) == (events, events, 0)
        assert one.is_class == (name != "Animal")
        assert one.found.median_delay_seconds <= LAYOUT.row_seconds
        assert one.sources is None
    silent = node(whole, "Dog", found.taxonomy).false_alarms
    assert silent.exposure_seconds == pytest.approx(28 + 18 + 18 - 4)
    assert found.outside == {}
    assert found.answer_delay_seconds > 0


def test_the_right_supercategory_and_the_wrong_leaf(tmp_path: Path) -> None:
    """A cat heard as a dog, and a dog heard only as some animal."""
    folder = write_set(tmp_path, {"a": [(DOG, "Cat"), (ANIMAL, "Dog")]})
    found = evaluate(folder)
    animal, dog, cat = (node(found.conditions[0], name, found.taxonomy) for name in ("Animal", "Dog", "Cat"))
    assert (animal.found.share, animal.event_f1, animal.false_alarms.count) == (1.0, 1.0, 0)
    assert (dog.found.share, dog.false_alarms.count) == (0.0, 1)
    assert (cat.found.share, cat.false_alarms.count) == (0.0, 0)
    assert found.conditions[0].event_f1 == 0.0


def test_an_event_that_the_tree_lacks_makes_false_alarms(tmp_path: Path) -> None:
    folder = write_set(tmp_path, {"a": [(DOG, "Siren"), (CAT, "Cat")]})
    found = evaluate(folder)
    assert found.outside == {"Siren": 1}
    assert node(found.conditions[0], "Dog", found.taxonomy).false_alarms.count == 1
    assert isnan(node(found.conditions[0], "Dog", found.taxonomy).psds1)


def test_a_label_above_the_leaves_says_nothing_about_them(tmp_path: Path) -> None:
    folder = write_set(tmp_path, {"a": [(DOG, "Animal"), (CAT, "Cat")]})
    found = evaluate(folder)
    assert node(found.conditions[0], "Animal", found.taxonomy).found.share == 1.0
    assert node(found.conditions[0], "Dog", found.taxonomy).false_alarms.count == 0


def test_each_ratio_and_audio_that_counts_once(tmp_path: Path) -> None:
    scenes = {"a_20dB": [(DOG, "Dog"), (GLASS, None)], "a_0dB": [(0, "Dog"), (GLASS, None)]}
    folder = write_set(tmp_path, scenes, {"a_20dB": 20.0, "a_0dB": 0.0})
    found = evaluate(folder)
    assert [condition.snr_db for condition in found.conditions] == [None, 20.0, 0.0]
    whole, loud, low = (node(condition, "Dog", found.taxonomy) for condition in found.conditions)
    assert (whole.found.share, loud.found.share, low.found.share) == (0.5, 1.0, 0.0)
    assert (whole.sources, loud.sources) == (1, 1)
    glass = [node(condition, "Glass", found.taxonomy).false_alarms for condition in found.conditions]
    assert [(each.count, each.unique_share) for each in glass] == [(2, 0.5), (1, 1.0), (1, 1.0)]
    assert glass[0].most_per_hour() == pytest.approx(glass[1].most_per_hour())
    assert found.conditions[0].unique_hours == pytest.approx(found.conditions[1].hours)
    assert unique_share(read_event_set(folder / "truth.tsv").recordings) == 0.5


def test_what_sounds_in_the_background_is_no_false_alarm(tmp_path: Path) -> None:
    folder = write_set(tmp_path, {"a": [(GLASS, None), (DOG, "Dog")]}, {"a": 0.0})
    text = (folder / "sources.csv").read_text()
    assert evaluate_glass(folder) == 1
    (folder / "sources.csv").write_text(text.replace("a.wav,background,,", "a.wav,background,Glass,"))
    assert evaluate_glass(folder) == 0


def test_what_a_background_may_hold_is_neither_a_false_alarm_nor_known_silence(tmp_path: Path) -> None:
    folder = write_set(tmp_path, {"a": [(GLASS, None), (DOG, "Dog")]}, {"a": 0.0})
    rows = read_sources(folder / "sources.csv")
    for kind, count, silent_seconds in (("event", 1, 28), ("background", 0, 0)):
        marked = [replace(row, unchecked=("Glass", "Cat") if row.kind == kind else ()) for row in rows]
        write_sources(folder / "sources.csv", marked)
        assert read_sources(folder / "sources.csv") == marked
        alarms = node(evaluate(folder).conditions[0], "Glass", home_scorer().taxonomy).false_alarms
        assert (alarms.count, alarms.exposure_seconds) == (count, pytest.approx(silent_seconds))


def evaluate_glass(folder: Path) -> int:
    found = evaluate(folder)
    return node(found.conditions[0], "Glass", found.taxonomy).false_alarms.count


def test_folds_are_pooled_and_looks_recorded(tmp_path: Path) -> None:
    for fold, heard in ((1, DOG), (2, 0)):
        folder = write_set(tmp_path / f"fold{fold}", {"a": [(heard, "Dog")]})
        (folder / "scape.json").write_text(json.dumps({"config": {"part": "test", "fold": fold}}))
        run = {"recipe": "made", "recipe_hash": "1", "fold": fold, "seed": 0, "commit": None}
        (folder / "run.json").write_text(json.dumps(run))
    assert list(find_truths(tmp_path)) == [1, 2]
    found = evaluate(tmp_path, ledger=tmp_path / "looks.jsonl")
    dog = node(found.conditions[0], "Dog", found.taxonomy)
    assert (dog.found.events, dog.found.found, found.conditions[0].recordings) == (2, 1, 2)
    assert found.looks == 2
    assert [look.fold for look in read_looks(tmp_path / "looks.jsonl")] == [1, 2]
    assert found.notes == ()


def test_thresholds_can_be_set_on_the_other_folds(tmp_path: Path) -> None:
    for fold in (1, 2):
        further = [(DOG, None)] if fold == 2 else []  # what the model takes for a dog in fold 2 decides about fold 1
        write_set(tmp_path / f"fold{fold}", {"a": [(DOG, "Dog"), (CAT, "Cat"), *further]})
    plain, strict = evaluate(tmp_path), evaluate(tmp_path, false_alarms_per_hour=0.0)
    by_node = [node(found.conditions[0], "Dog", found.taxonomy) for found in (plain, strict)]
    assert [(each.found.found, each.false_alarms.count) for each in by_node] == [(2, 1), (1, 1)]
    assert "set on the scenes of the other folds" in strict.notes[-1]


def test_what_is_an_event_is_what_set_the_thresholds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for fold in (1, 2):
        write_set(tmp_path / f"fold{fold}", {"a": [(DOG, "Dog"), (CAT, "Cat")]})
    longer = CONFIG.with_changes(min_event_seconds=2 * EVENT_SECONDS)
    monkeypatch.setattr(sys.modules[__name__], "CONFIG", longer)
    plain, set_anew = evaluate(tmp_path), evaluate(tmp_path, false_alarms_per_hour=0.0)
    found = [node(each.conditions[0], "Dog", each.taxonomy).found.found for each in (plain, set_anew)]
    assert found == [0, 2]


def test_scenes_of_another_fold_or_of_training_are_noted(tmp_path: Path) -> None:
    folder = write_set(tmp_path, {"a": [(DOG, "Dog")]})
    run = {"recipe": "made", "recipe_hash": "1", "fold": 2, "seed": 0, "commit": None}
    (folder / "run.json").write_text(json.dumps(run))
    for part, words in (("test", "may have been trained on their sounds"), ("train", "nothing about new sounds")):
        (folder / "scape.json").write_text(json.dumps({"config": {"part": part, "fold": 1}}))
        (note,) = evaluate(folder, ledger=tmp_path / "looks.jsonl").notes
        assert words in note


def test_models_of_different_trees_are_not_pooled(tmp_path: Path) -> None:
    for fold in (1, 2):
        write_set(tmp_path / f"fold{fold}", {"a": [(DOG, "Dog")]})
    scorers = iter([home_scorer(), FakeScorer(Taxonomy(home_scorer().taxonomy.nodes[:4], "single"), np.ones((5, 4)))])
    sets = [read_event_set(truth) for truth in find_truths(tmp_path).values()]
    with pytest.raises(ModelError, match="expected folds of one recipe"):
        evaluate_events(sets, [tmp_path] * 2, lambda folder: Listener(folder, next(scorers), CONFIG))


def test_an_unreadable_recording_is_left_out_and_named(tmp_path: Path) -> None:
    folder = write_set(tmp_path, {"a": [(DOG, "Dog")], "b": [(CAT, "Cat")]})
    (folder / "audio/b.wav").write_bytes(b"")
    found = evaluate(folder)
    assert list(found.skipped) == ["b.wav"]
    assert found.conditions[0].recordings == 1
    (folder / "audio/a.wav").write_bytes(b"")
    with pytest.raises(DataError, match="none of the 2 recordings can be read"):
        evaluate(folder)


def test_json_holds_every_figure_and_no_nan(tmp_path: Path) -> None:
    found = evaluate(write_set(tmp_path, {"a": [(DOG, "Dog")]}))
    content = json.loads(json.dumps(event_evaluation_to_dict(found), allow_nan=False))
    nodes = {each["name"]: each for each in content["conditions"][0]["nodes"]}
    assert set(nodes) == {"Animal", "Glass", "Dog", "Cat"}
    assert nodes["Dog"]["psds1"] == 1.0
    assert nodes["Cat"]["psds1"] is None
    assert nodes["Cat"]["most_false_alarms_per_hour"] == pytest.approx(2.9957 / (18 / 3600), rel=1e-3)


def test_other_words_come_with_a_label_map(tmp_path: Path) -> None:
    folder = write_set(tmp_path, {"a": [(DOG, "wuff")]})
    with pytest.raises(DataError, match="--label-map"):
        evaluate(folder)
    words = LabelMap("words", "single", {"wuff": LabelTarget("/m/0bt9lr")}, frozenset())
    assert evaluate(folder, label_map=words).conditions[0].psds1 == 1.0


def test_tables_without_durations_and_with_other_suffixes(tmp_path: Path) -> None:
    folder = write_set(tmp_path, {"a": [(DOG, "Dog")]})
    (folder / "durations.tsv").unlink()
    (folder / "truth.tsv").write_text((folder / "truth.tsv").read_text().replace(".wav", ".flac"))
    assert read_event_set(folder / "truth.tsv").recordings[0].path.name == "a.wav"
    assert evaluate(folder).conditions[0].hours * 3600 == pytest.approx(18)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="aed data scape"):
        find_truths(tmp_path)
    folder = write_set(tmp_path, {"a": [(DOG, "Dog")]})
    (folder / "audio/a.wav").unlink()
    with pytest.raises(DataError, match=r"the first is 'a\.wav'\. Name their folder with --audio"):
        read_event_set(folder / "truth.tsv")
    (folder / "durations.tsv").write_text("filename\tduration\nb.wav\t3\n")
    with pytest.raises(ManifestError, match=r"lacks 'a\.wav'"):
        read_event_set(folder / "truth.tsv")

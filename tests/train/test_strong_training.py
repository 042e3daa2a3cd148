"""A recipe with strongly labelled recordings: from tables to a model, which clips teach, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from aed.audio.synth import SOUNDS
from aed.data.batches import Batch
from aed.errors import ConfigError, DataError
from aed.loss.strong import StrongTargets
from aed.model import TreeModel
from aed.train.dataset import fold_clips
from aed.train.objective import Objective
from aed.train.recipe import Recipe
from aed.train.run import RunOptions, train_run
from aed.train.strong_labels import StrongLabels
from tests.tiny_corpus import MULTI_LABEL, RATE_HZ, Recorder, tiny_recipe

SECONDS = 2.5
ALONE = (
    *(*MULTI_LABEL, "data.label_map=null", "consistency=null", "data.folds=none", "model.time_pooling={exponent: 4.0}"),
    *("optim.steps=3", "augment.waveform.views=1", "model.encoder={name: cnn, size: small}"),
)


def write_scenes(folder: Path, scenes: int = 6) -> Path:
    """Scenes of noise with a siren and then a dog, the last one with nothing; returns the folder."""
    (folder / "audio").mkdir(parents=True)
    truth = ["filename\tonset\toffset\tevent_label"]
    for number in range(scenes):
        generator = np.random.default_rng(number)
        samples = 0.003 * generator.standard_normal(int(SECONDS * RATE_HZ))
        for label, sound, onset in (("Siren", "siren", 0.2), ("Dog", "dog_bark", 1.5))[
            : 0 if number == scenes - 1 else 2
        ]:
            piece = 0.5 * SOUNDS[sound](RATE_HZ, generator)[: int(0.7 * RATE_HZ)]
            begin = int(onset * RATE_HZ)
            samples[begin : begin + len(piece)] += piece
            truth.append(f"{number}.wav\t{onset}\t{onset + len(piece) / RATE_HZ:.3f}\t{label}")
        soundfile.write(folder / "audio" / f"{number}.wav", samples, RATE_HZ)
    (folder / "truth.tsv").write_text("\n".join(truth) + "\n")
    (folder / "durations.tsv").write_text(
        "filename\tduration\n" + "".join(f"{number}.wav\t{SECONDS}\n" for number in range(scenes))
    )
    return folder


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenes(tmp_path_factory.mktemp("strong") / "scenes")


def alone(scenes: Path, *overrides: str) -> Recipe:
    """The scenes are all that teaches."""
    return tiny_recipe(scenes / "truth.tsv", *ALONE, f"data.source=strong:{scenes}", *overrides)


def beside(scenes: Path, manifest: Path, *overrides: str) -> Recipe:
    """Clips with AudioSet's labels teach too."""
    further = f"data.labelled_sources=['strong:{scenes}']"
    return tiny_recipe(manifest, *ALONE, "data.label_map=audioset", further, *overrides)


def train(recipe: Recipe, folder: Path, fold: int | None = None) -> Recorder:
    recorder = Recorder()
    train_run(recipe, fold, None, RunOptions(folder, accelerator="cpu"), recorder)
    return recorder


def test_recordings_that_say_when_teach_alone(scenes: Path, tmp_path: Path) -> None:
    recorder = train(alone(scenes, "optim.steps=25", "optim.lr=0.01"), tmp_path / "run")
    assert set(recorder.losses[0]) == {"label", "strong", "loss"}
    assert {losses["label"] for losses in recorder.losses} == {0.0}
    first, last = (
        np.mean([losses["strong"] for losses in part]) for part in (recorder.losses[:3], recorder.losses[-3:])
    )
    assert last < 0.7 * first
    record = json.loads((tmp_path / "run/run.json").read_text())
    assert (record["labelled_clips"], record["strongly_labelled_clips"]) == (6, 6)
    model = TreeModel.load(tmp_path / "run")
    assert {"Dog", "Siren"} <= {node.name for node in model.taxonomy.nodes}


def test_they_teach_beside_clips_scenes_and_unlabelled_clips(
    scenes: Path, multi_label_manifest: Path, tmp_path: Path
) -> None:
    further = ("scenes={share: 0.5}", "consistency={batch_size: 2, leaf_threshold: fixed}", "data.strong_share=0.5")
    recorder = train(beside(scenes, multi_label_manifest, *further), tmp_path / "run")
    assert set(recorder.losses[0]) == {"label", "strong", "consistency", "sure", "loss"}
    assert all(math.isfinite(value) for losses in recorder.losses for value in losses.values())
    assert all(losses["label"] > 0 and losses["strong"] > 0 for losses in recorder.losses)


@pytest.mark.parametrize(("share", "expected"), [(None, 2), (0.25, 1), (0.99, 3), (0.01, 1)])
def test_their_share_of_a_batch(
    share: float | None,
    expected: int,
    scenes: Path,
    multi_label_manifest: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Six of fourteen clips, of a batch of four."""
    seen: list[tuple[int, int]] = []
    forward = Objective.forward

    def spy(self: Objective, network, model, teacher, batch, step):  # type: ignore[no-untyped-def]
        seen.append((len(batch.frames), len(batch.timed)))
        return forward(self, network, model, teacher, batch, step)

    monkeypatch.setattr(Objective, "forward", spy)
    chosen = () if share is None else (f"data.strong_share={share}",)
    train(beside(scenes, multi_label_manifest, "optim.steps=1", *chosen), tmp_path / "run")
    assert seen == [(4 - expected, expected)]


def test_their_events_do_not_move(scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stretches other clips by a third leaves these in time."""
    batches: list[Batch] = []
    heard: list[torch.Tensor] = []
    forward, cut = Objective.forward, StrongLabels.cut

    def spy(self: Objective, network, model, teacher, batch, step):  # type: ignore[no-untyped-def]
        batches.append(batch)
        return forward(self, network, model, teacher, batch, step)

    def listen(self: StrongLabels, pieces: torch.Tensor, frames: torch.Tensor) -> StrongTargets:
        heard.append(frames)
        return cut(self, pieces, frames)

    monkeypatch.setattr(Objective, "forward", spy)
    monkeypatch.setattr(StrongLabels, "cut", listen)
    only_stretched = "augment.frames={probability: 1, mel_stretch: 0, mel_shift: 0, equalizer_db: 0, masks: 0}"
    train(alone(scenes, "optim.steps=1", only_stretched), tmp_path / "run")
    torch.testing.assert_close(heard[0], batches[0].timed, atol=1e-3, rtol=0)
    assert batches[0].pieces[:, 2].any(), "rotated they are, and what is known of them with them"


def test_scenes_of_held_out_content_are_left_out(scenes: Path, multi_label_manifest: Path, tmp_path: Path) -> None:
    """A mixed scene is never held out, and teaches only where nothing that it was mixed of is."""
    folder = write_scenes(tmp_path / "mixed", scenes=4)
    header = "filename,kind,label,onset,offset,snr_db,clip_id,clip_onset,clip_offset,group"
    rows = [f"{n}.wav,background,,0,1,10,clips/{n},0,1,clips:{n}" for n in range(4)]
    (folder / "sources.csv").write_text("\n".join([header, *rows]) + "\n")
    recipe = beside(folder, multi_label_manifest, "data.folds={groups: 2}")
    sides = [fold_clips(recipe, fold, None) for fold in (1, 2)]
    for clips in sides:
        held_out = {clip.group for clip in clips.test}
        mixed = [clip for clip in clips.labelled if clip.mixed_of]
        assert not any(clip.mixed_of for clip in clips.test)
        assert all(held_out.isdisjoint(clip.mixed_of) for clip in mixed)
        assert {clip for clip in clips.left_out if clip.mixed_of}.isdisjoint(mixed)
    assert sorted(clip.clip_id for clips in sides for clip in clips.labelled if clip.mixed_of) == [
        f"mixed/{n}" for n in range(4)
    ]


def test_recordings_of_the_world_are_held_out_as_others_are(scenes: Path) -> None:
    clips = fold_clips(alone(scenes, "data.folds={groups: 3}"), 1, None)
    assert len(clips.test) == 2
    assert len(clips.labelled) == 4


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("taxonomy.task=single",), "says when each event sounds, but only a multi-label tree"),
        (("model.time_pooling=null",), "set taxonomy.task to multi and model.time_pooling"),
        (("scenes={share: 0.5}",), "all labelled sources are strong"),
        (("data.labels_percent=10",), "the label budget 10percent is for clips' labels"),
        (("data.strong_share=0.5",), "strong_share is for a recipe with strong:<path> beside another"),
    ],
)
def test_a_recipe_that_makes_no_sense_of_them_is_refused(
    scenes: Path, overrides: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        alone(scenes, *overrides)


def test_scenes_alone_cannot_be_cut_in_folds(scenes: Path, tmp_path: Path) -> None:
    folder = write_scenes(tmp_path / "mixed", scenes=2)
    header = "filename,kind,label,onset,offset,snr_db,clip_id,clip_onset,clip_offset,group"
    rows = [f"{n}.wav,background,,0,1,10,clips/{n},0,1,clips:{n}" for n in range(2)]
    (folder / "sources.csv").write_text("\n".join([header, *rows]) + "\n")
    with pytest.raises(ConfigError, match=r"none of its clips can be held out.*data\.folds to none"):
        fold_clips(alone(folder, "data.folds={groups: 2}"), 1, None)


def test_a_label_that_no_map_holds_is_named(scenes: Path, tmp_path: Path) -> None:
    folder = write_scenes(tmp_path / "other", scenes=2)
    (folder / "labels.yaml").write_text("dataset: other\ntask: multi\nexhaustive: []\nlabels: {Dog: Dog}\n")
    with pytest.raises(DataError, match="has the label 'Siren', which the label map 'other' does not hold"):
        train(alone(folder), tmp_path / "run")

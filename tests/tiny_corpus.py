"""A few clips made by formula, and recipes small enough to train on them in a second."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import soundfile

from aed.audio.synth import SOUNDS
from aed.data.esc50 import ESC21_CLASSES
from aed.ontology.labels import load_label_map
from aed.ontology.taxonomy import Taxonomy
from aed.train.dataset import FoldClips
from aed.train.recipe import Recipe, load_recipe

RATE_HZ = 16_000
LABELS = ("dog_bark", "siren", "smoke_alarm")
CLIPS_PER_LABEL = 4
SIREN, GLASS, SHATTER = "/m/03kmc9", "/m/039jq", "/m/07rn7sz"

_RECIPE = """\
name: tiny
title: A few clips made by formula
data: {{source: "{source}", label_map: demo, folds: official, clip_seconds: 1.0}}
consistency: {{threshold: 0.6, leaf_threshold: adaptive, batch_size: 4}}
optim: {{steps: 5, batch_size: 4, short_window_weight: 0.3, made_silence_share: 0.25, precision: 32-true}}
"""
MULTI_LABEL = (
    *("data.label_map=audioset", "taxonomy={task: multi, none_of_these: false}", "consistency.leaf_threshold=fixed"),
    *("optim.short_window_weight=0", "optim.made_silence_share=0"),
)
"""Overrides that make the tiny recipe fit `write_multi_label_corpus`."""


def write_corpus(folder: Path) -> Path:
    """Twelve clips of three labels in two folds; returns the manifest."""
    rows = ["path,labels,fold"]
    for number, label in enumerate(label for label in LABELS for _ in range(CLIPS_PER_LABEL)):
        write_clip(folder / f"{number}.wav", label, number)
        rows.append(f"{number}.wav,{label},{1 + number % 2}")
    return _write_manifest(folder, rows)


def write_multi_label_corpus(folder: Path) -> Path:
    """Eight clips with AudioSet's labels, one or two each, in two folds; returns the manifest."""
    rows = ["path,labels,fold"]
    for number in range(8):
        write_clip(folder / f"{number}.wav", "siren" if number < 4 else "glass_breaking", number)
        rows.append(f"{number}.wav,{SIREN if number < 4 else f'{GLASS};{SHATTER}'},{1 + number % 2}")
    return _write_manifest(folder, rows)


def write_clip(path: Path, sound: str = "siren", seed: int = 0, longest_seconds: float = 1.2) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = SOUNDS[sound](RATE_HZ, np.random.default_rng(seed))[: int(longest_seconds * RATE_HZ)]
    soundfile.write(path, samples * 0.5, RATE_HZ)
    return path


def write_esc50(root: Path, further_stems: Iterable[str] = ()) -> None:
    """ESC-50's own layout: one clip of each of 21 classes in each fold, and some by name; 0.2 s each."""
    categories = list(load_label_map("esc50").labels)
    stems = [
        f"{fold}-{9_000_000 + categories.index(name)}{fold}-A-{categories.index(name)}"
        for name in ESC21_CLASSES
        for fold in range(1, 6)
    ]
    rows = ["filename,fold,target,category,esc10,src_file,take"]
    one = write_clip(root / "esc50/audio/one.wav", "siren", longest_seconds=0.2)
    for stem in (*stems, *further_stems):
        fold, source, take, target = stem.split("-")
        rows.append(f"{stem}.wav,{fold},{target},{categories[int(target)]},True,{source},{take}")
        shutil.copy(one, one.with_name(f"{stem}.wav"))
    one.unlink()
    _write_text(root / "esc50/meta/esc50.csv", rows)


def write_glass_break(root: Path) -> None:
    """glass_break's own layout: two recordings of each label, one piece each."""
    for label in ("glass_break", "background"):
        for number in range(2):
            write_clip(root / f"glass_break/{label}/{label}{number}_chunk0.wav", "siren", number, 0.2)


def write_audioset(root: Path) -> None:
    """AudioSet's own layout: ten videos of sirens, shattering glass or both."""
    rows = ["# YTID, start_seconds, end_seconds, positive_labels"]
    for number, labels in enumerate([SIREN, f"{GLASS},{SHATTER}", GLASS, f"{SIREN},{GLASS}", SIREN] * 2):
        write_clip(root / f"audioset/audio/video{number:06d}_30.000.wav", "siren", number, 0.3)
        rows.append(f'video{number:06d}, 30.000, 40.000, "{labels}"')
    _write_text(root / "audioset/balanced_train_segments.csv", rows)


def write_recipe(path: Path, manifest: Path) -> Path:
    """The tiny recipe on a manifest."""
    path.write_text(_RECIPE.format(source=f"csv:{manifest}"))
    return path


def tiny_recipe(manifest: Path, *overrides: str) -> Recipe:
    """The tiny recipe with overrides as of `--set`."""
    return load_recipe(write_recipe(manifest.with_name("recipe.yaml"), manifest), overrides)


class Recorder:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.starts: list[FoldClips] = []
        self.steps: list[int] = []
        self.losses: list[dict[str, float]] = []

    def on_decode(self, what: str, done: int, total: int) -> None:
        """A clip was decoded."""

    def on_start(self, steps: int, parameters: int, clips: FoldClips, taxonomy: Taxonomy) -> None:
        self.starts.append(clips)

    def on_step(self, done: int, losses: dict[str, float]) -> None:
        self.steps.append(done)
        self.losses.append(losses)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its bytes: to see that nothing changed."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def _write_manifest(folder: Path, rows: list[str]) -> Path:
    return _write_text(folder / "clips.csv", rows)


def _write_text(path: Path, rows: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n")
    return path

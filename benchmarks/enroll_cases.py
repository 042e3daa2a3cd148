"""How well a sound is found that was enrolled from three clips, and how often it is heard where it is not.

    python benchmarks/enroll_cases.py --model runs/home/fold5 [--draws 5] [--one-source] [--device] [--cache rows.npz]

Sources are classes of DCASE 2016 task 2, which must not have taught the model: drawer, keys, page turning and throat
clearing have no leaf in the tree home, the others do. Settings of enrolling are chosen on `CHOSEN_ON` and confirmed on
`CONFIRMED_ON`: other classes, half of them without a leaf. (An earlier choice had looked at drawer, keys and page
turning.) Of each class three clips are drawn and enrolled, its other 17 are to be found. A
clip is heard with a second of room noise on both sides (pink, -68 to -60 dBFS, drawn for each clip): many are shorter
than the shortest event. Everything else at hand, and quiet rooms by formula, is cut into halves by content group: one
half is what `--against` names, in the other false alarms are counted. Recordings are joined to one tape each half, and
embedded in one piece, which differs from the blocks of `aed detect` at their ends only.

A class is no single source: its clips are of several keys, drawers, telephones. `--one-source` takes what is one:
sounds that come again and again in one recording of AudioSet (one hammer, one frog), cut out where it gets loud. They
share the recording's place and microphone. The tree has no leaf for them; their content group is no negative.
`--device` enrolls devices by formula: a doorbell of fixed pitch, a kitchen machine, a clock, each heard in other rooms,
at other distances and levels of noise.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from aed.audio.alarms import Beat, Tone, make_alarm
from aed.audio.read import read_audio
from aed.audio.room import heard_in_room
from aed.audio.synth import SOUNDS
from aed.audio.waves import coloured_noise, gain_from_db
from aed.data.registry import data_root, load_dataset
from aed.detect.enrolment import (
    EnrolledClip,
    active_rows,
    as_float32,
    choose_threshold,
    count_at_candidates,
    events_heard,
    learn,
    likeness_to_others,
    smoothed,
)
from aed.model import TreeModel
from aed.scorer.protocol import BlockLayout

CHOSEN_ON = ("drawer", "clearthroat", "knock", "keyboard")
CONFIRMED_ON = ("keysDrop", "pageturn", "cough", "doorslam")
WITHOUT_LEAF = ("drawer", "clearthroat", "keysDrop", "pageturn")
ONE_SOURCE = {
    "hammer": "06PzXIqzQXM_200.000",
    "arrow": "01q8wKX4XEQ_60.000",
    "shuffled cards": "06J19koRu_4_20.000",
    "whack": "08U71rh7cDw_5.000",
    "frog": "09TC9Yj7SHM_30.000",
}
"""Name -> clip of AudioSet whose labels are neither a leaf of the tree home nor above or below one, in which something
sounds eight times or more."""
LOUD_DB, QUIET_PERCENTILE = 12.0, 20.0
"""A sound is what stands so far out of the quiet fifth of its recording."""
CUT_ROW_SECONDS, CUT_AROUND_SECONDS, CUT_GAP_SECONDS, LEAST_CUTS = 0.02, 0.1, 0.16, 6
DATASETS = ("dcase2016_task2", "glass_break", "sesa", "audioset", "esc50")
ENROLLED = 3
AROUND_SECONDS = 1.0
ROOM_DBFS = (-68.0, -60.0)
QUIET_ROOMS = 80
QUIET_SECONDS = 10.0
CLIPS_OF_A_DEVICE = 20
MOST_PER_HOUR = 1.0


@dataclass(frozen=True)
class Row:
    """One draw."""

    source: str
    draw: int
    recall: float
    threshold: float
    false_alarms: int
    hours: float


class Embedder:
    """Embeds whole recordings."""

    def __init__(self, folder: Path) -> None:
        self.model = TreeModel.load(folder)
        self.layout = self.model.layout
        torch.set_num_threads(1)

    def rows(self, samples: np.ndarray) -> np.ndarray:
        """(samples,) -> (row, dim) float16; one row for each embedding."""
        with torch.inference_mode():
            embedded = self.model.embed(torch.from_numpy(samples[None].astype(np.float32)))[0]
        return embedded.numpy().astype(np.float16)


def in_quiet_room(samples: np.ndarray, rate_hz: int, generator: np.random.Generator) -> np.ndarray:
    """A clip with room noise under it and around it."""
    padded = np.pad(samples, round(AROUND_SECONDS * rate_hz))
    noise = coloured_noise(len(padded), generator, 1.0) * gain_from_db(generator.uniform(*ROOM_DBFS))
    return (padded + noise).astype(np.float32)


def devices(rate_hz: int) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Name and clips of devices by formula: one sound each, heard from other places."""
    for number, (name, beat) in enumerate(
        (("device: doorbell", None), ("device: kitchen machine", Beat.MICROWAVE), ("device: clock", Beat.ALARM_CLOCK))
    ):
        generator = np.random.default_rng([11, number])
        if beat is None:
            wave = SOUNDS["doorbell"](rate_hz, generator)
        else:
            wave = make_alarm(
                beat, Tone.MIDDLE, rate_hz, generator, periods=1.0 if beat is Beat.MICROWAVE else 3.0
            ).samples
            wave = wave[: 4 * rate_hz]
        yield name, [_from_a_place(wave, rate_hz, generator) for _ in range(CLIPS_OF_A_DEVICE)]


def one_sources(rate_hz: int) -> Iterator[tuple[str, str, list[np.ndarray]]]:
    """Name, content group and cuts of what sounds again and again in one recording."""
    clips = {clip.clip_id: clip for clip in load_dataset("audioset", data_root()).clips}
    for name, stem in ONE_SOURCE.items():
        clip = clips[f"audioset/{stem}"]
        cuts = cut_loud(read_audio(clip.path, rate_hz), rate_hz)
        if len(cuts) >= LEAST_CUTS:
            yield f"one source: {name}", clip.group, cuts


def cut_loud(samples: np.ndarray, rate_hz: int) -> list[np.ndarray]:
    """Cut out each stretch that is loud, and a little around it."""
    row = round(CUT_ROW_SECONDS * rate_hz)
    power = np.square(samples[: len(samples) // row * row].reshape(-1, row)).mean(axis=1)
    level_db = 10 * np.log10(np.convolve(power, np.ones(5) / 5, "same") + 1e-10)
    loud = np.flatnonzero(level_db >= np.percentile(level_db, QUIET_PERCENTILE) + LOUD_DB)
    parts = np.split(loud, np.flatnonzero(np.diff(loud) > CUT_GAP_SECONDS / CUT_ROW_SECONDS) + 1)
    around = round(CUT_AROUND_SECONDS * rate_hz)
    return [samples[max(0, part[0] * row - around) : part[-1] * row + row + around] for part in parts if len(part)]


def _from_a_place(wave: np.ndarray, rate_hz: int, generator: np.random.Generator) -> np.ndarray:
    heard = heard_in_room(
        np.pad(wave, (0, rate_hz // 2)),
        rate_hz,
        generator,
        decay_seconds=generator.uniform(0.2, 0.7),
        distance_metres=generator.uniform(1.0, 6.0),
    )
    return np.asarray(heard / np.abs(heard).max() * gain_from_db(generator.uniform(-30, -10)), dtype=np.float32)


def clips_of(samples: list[np.ndarray], embedder: Embedder, generator: np.random.Generator) -> list[EnrolledClip]:
    """Put clips into quiet rooms and embed them."""
    found = []
    for clip in samples:
        heard = in_quiet_room(clip, embedder.layout.rate_hz, generator)
        found.append(EnrolledClip(as_float32(embedder.rows(heard)), active_rows(heard, embedder.layout)))
    return found


def other_recordings(embedder: Embedder) -> Iterator[tuple[str, str, np.ndarray]]:
    """Label, content group and rows of every recording, and of quiet rooms."""
    generator = np.random.default_rng(3)
    for dataset in DATASETS:
        for clip in load_dataset(dataset, data_root()).clips:
            yield ";".join(clip.labels), clip.group, embedder.rows(read_audio(clip.path, embedder.layout.rate_hz))
    for number in range(QUIET_ROOMS):
        nothing = np.zeros(round(QUIET_SECONDS * embedder.layout.rate_hz))
        yield "quiet", f"quiet:{number}", embedder.rows(in_quiet_room(nothing, embedder.layout.rate_hz, generator))


def cached(path: Path | None, embedder: Embedder) -> list[tuple[str, str, np.ndarray]]:
    """The other recordings, from the file where it is there."""
    if path is not None and path.exists():
        with np.load(path, allow_pickle=False) as file:
            ends = file["ends"]
            parts = np.split(file["rows"], ends[:-1])
            return list(zip(file["labels"].tolist(), file["groups"].tolist(), parts, strict=True))
    found = list(other_recordings(embedder))
    if path is not None:
        labels, groups, rows = zip(*found, strict=True)
        np.savez(path, labels=labels, groups=groups, rows=np.concatenate(rows), ends=np.cumsum([len(r) for r in rows]))
    return found


def measure(
    source: str,
    clips: list[EnrolledClip],
    others: list[tuple[str, str, np.ndarray]],
    draws: int,
    layout: BlockLayout,
    without: str | None = None,
) -> Iterator[Row]:
    """Enroll some clips of a source and look for the others, several times; a content group may be left out."""
    others = [other for other in others if other[1] != without]
    groups = sorted({group for _, group, _ in others})
    draw_half = np.random.default_rng(5).random(len(groups)) < 0.5
    is_known = dict(zip(groups, draw_half.tolist(), strict=True))
    known, unknown = (
        np.concatenate([rows for label, group, rows in others if source not in label and is_known[group] is half])
        for half in (True, False)
    )
    for draw in range(draws):
        chosen = set(np.random.default_rng([7, draw]).choice(len(clips), ENROLLED, replace=False).tolist())
        enrolled = [clips[number] for number in sorted(chosen)]
        prototypes = learn(enrolled, [known])
        counts = count_at_candidates(smoothed(prototypes.similarity(as_float32(known)), layout), layout)
        alike = [smoothed(rows, layout) for rows in likeness_to_others(prototypes, enrolled)]
        threshold = choose_threshold(counts, len(known) * layout.row_seconds / 3600, MOST_PER_HOUR, alike)
        found = [
            events_heard(smoothed(prototypes.similarity(clip.rows), layout), threshold, layout) > 0
            for number, clip in enumerate(clips)
            if number not in chosen
        ]
        false = events_heard(smoothed(prototypes.similarity(as_float32(unknown)), layout), threshold, layout)
        hours = len(unknown) * layout.row_seconds / 3600
        yield Row(source, draw, float(np.mean(found)), threshold, false, hours)


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a multi-label model that DCASE did not teach")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--classes", nargs="*", default=[*CHOSEN_ON, *CONFIRMED_ON])
    parser.add_argument("--one-source", action="store_true", help="sounds that come again in one recording too")
    parser.add_argument("--device", action="store_true", help="devices by formula too")
    parser.add_argument("--cache", type=Path, help="file for the rows of the other recordings")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    embedder = Embedder(options.model)
    layout = embedder.layout
    others, rows = cached(options.cache, embedder), []
    sources: list[tuple[str, str | None, list[np.ndarray]]] = []
    for name in options.classes:
        clips = [clip for clip in load_dataset("dcase2016_task2", data_root()).clips if name in clip.labels]
        sources.append((name, None, [read_audio(clip.path, layout.rate_hz) for clip in clips]))
    sources += list(one_sources(layout.rate_hz)) if options.one_source else []
    sources += [(name, None, made) for name, made in devices(layout.rate_hz)] if options.device else []
    for source, without, samples in sources:
        clips = clips_of(samples, embedder, np.random.default_rng(13))
        of_source = list(measure(source, clips, others, options.draws, layout, without))
        rows += of_source
        if not options.json:
            print_source(source, of_source)
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    for name, those in (
        ("chosen on", CHOSEN_ON),
        ("confirmed on", CONFIRMED_ON),
        ("classes without a leaf", WITHOUT_LEAF),
        ("one source", tuple(f"one source: {name}" for name in ONE_SOURCE)),
    ):
        if some := [row for row in rows if row.source in those]:
            print_source(name, some)


def print_source(name: str, rows: list[Row]) -> None:
    """Print the mean of some draws, and their range."""
    recalls = [row.recall for row in rows]
    rate = sum(row.false_alarms for row in rows) / sum(row.hours for row in rows)
    print(
        f"{name:<26} recall {np.mean(recalls):.2f} ({min(recalls):.2f} to {max(recalls):.2f} in {len(rows)} draws)  "
        f"false alarms {rate:.2f} an hour (in {rows[0].hours:.2f} h)",
        flush=True,
    )


if __name__ == "__main__":
    main()

"""How often the decoder of alarm beats is right: on cases made by formula, and on the real recordings.

    python benchmarks/beat_cases.py [--cases 1000] [--seed 2026] [--real] [--json]

A case by formula is right if exactly its beat is told and nothing else: for a lorry, a clock, a microwave and an
alarm that sounds on, nothing. With `--real` (needs AED_DATA_ROOT): how many of the real temporal-three clips of
`data_manifests/temporal_three.csv` are recognised, and what is told in all recordings that hold no alarm, each heard
once by itself, then all joined to one stream. Joined, clips of one length recur at fixed times, so that one gives
chirps.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from aed.audio.alarm_cases import draw_case
from aed.audio.alarms import Beat
from aed.detect.beat import BeatDecoder, BeatKind, BeatVerdict, decode_beats

RATE_HZ = 16_000
CASES_PER_HUNDRED = {
    Beat.TEMPORAL_THREE: 30,
    Beat.TEMPORAL_FOUR: 30,
    Beat.CHIRP: 8,
    Beat.REVERSING_LORRY: 9,
    Beat.ALARM_CLOCK: 9,
    Beat.MICROWAVE: 7,
    Beat.CONTINUOUS: 7,
}
EXPECTED = {
    Beat.TEMPORAL_THREE: BeatKind.TEMPORAL_THREE,
    Beat.TEMPORAL_FOUR: BeatKind.TEMPORAL_FOUR,
    Beat.CHIRP: BeatKind.CHIRP,
}
DATASETS = ("esc21", "audioset", "sesa", "glass_break", "dcase2016_task2")
ALARM_LABELS = ("alarm", "smoke", "siren", "beep", "buzzer")
"""A recording with a label that holds one of these words may hold an alarm: no verdict in it counts as false."""
DANGER = (BeatKind.TEMPORAL_THREE, BeatKind.TEMPORAL_FOUR)
TEMPORAL_THREE_LIST = Path(__file__).parent.parent / "data_manifests" / "temporal_three.csv"


@dataclass(frozen=True)
class Outcome:
    """What was told of one case."""

    number: int
    beat: str
    tone: str
    snr_db: float
    decay_seconds: float
    distance_metres: float
    tempo: float
    told: tuple[str, ...]
    right: bool


def beat_of(number: int) -> Beat:
    """Which beat a case has: all in turn, in fixed shares."""
    hundred = [beat for beat, count in CASES_PER_HUNDRED.items() for _ in range(count)]
    return hundred[number * 37 % 100]


def outcome(seed_and_number: tuple[int, int]) -> Outcome:
    """Make one case and decode it."""
    seed, number = seed_and_number
    case = draw_case(beat_of(number), RATE_HZ, np.random.default_rng([seed, number]))
    told = sorted({verdict.kind.value for verdict in decode_beats(case.samples, RATE_HZ)})
    wanted = [EXPECTED[case.beat].value] if case.beat in EXPECTED else []
    return Outcome(
        number,
        case.beat.value,
        case.tone.value,
        round(case.snr_db, 1),
        round(case.decay_seconds, 2),
        round(case.distance_metres, 1),
        round(case.tempo, 3),
        tuple(told),
        told == wanted,
    )


def print_table(outcomes: Sequence[Outcome]) -> None:
    """Print right and wrong by beat, tone, noise, room, distance and tempo, then every wrong case."""
    columns = {
        "beat": lambda case: case.beat,
        "tone": lambda case: case.tone,
        "noise": lambda case: f"{int(case.snr_db // 5) * 5:2d}-{int(case.snr_db // 5) * 5 + 5} dB",
        "room": lambda case: (
            f"{int(case.decay_seconds // 0.2) * 0.2:.1f}-{int(case.decay_seconds // 0.2) * 0.2 + 0.2:.1f} s"
        ),
        "distance": lambda case: f"{int(case.distance_metres // 4) * 4:2d}-{int(case.distance_metres // 4) * 4 + 4} m",
        "tempo": lambda case: f"{int(case.tempo * 20) / 20:.2f}-{int(case.tempo * 20) / 20 + 0.05:.2f}",
    }
    for name, column in columns.items():
        for value in sorted({column(case) for case in outcomes}):
            cases = [case for case in outcomes if column(case) == value]
            right = sum(case.right for case in cases)
            print(f"{name:<9} {value:<16} {len(cases):>5} cases  {right:>5} right  {len(cases) - right:>3} wrong")
    right = sum(case.right for case in outcomes)
    print(f"all {len(outcomes)}: {right} right, {100 * right / len(outcomes):.1f} %")
    for case in outcomes:
        if not case.right:
            print(f"  wrong: {asdict(case)}")


def recordings(root: Path) -> Iterator[tuple[str, str, np.ndarray]]:
    """Clip id, names of its labels and samples of every real recording."""
    from aed.audio.read import read_audio
    from aed.data.registry import load_dataset
    from aed.ontology.graph import load_ontology

    ontology = load_ontology()
    for dataset in DATASETS:
        for clip in load_dataset(dataset, root).clips:
            names = [ontology.concept(label).name if label.startswith("/") else label for label in clip.labels]
            yield clip.clip_id, ";".join(names), read_audio(clip.path, RATE_HZ)


def told_of(recording: tuple[str, str, np.ndarray]) -> tuple[str, str, list[BeatVerdict]]:
    """Clip id, labels, and what is told of a recording by itself."""
    clip_id, labels, samples = recording
    return clip_id, labels, decode_beats(samples, RATE_HZ)


def measure_real(root: Path) -> dict[str, object]:
    """Decode every real recording once by itself, and those without an alarm as one stream."""
    with TEMPORAL_THREE_LIST.open(encoding="utf-8") as file:
        two_periods = {row["clip_id"]: row["two_periods"] == "yes" for row in csv.DictReader(file)}
    stream, joined, seconds = BeatDecoder(RATE_HZ), [], 0.0
    recognised, other_alarms, false = [], [], []
    for recording in recordings(root):
        clip_id, labels, verdicts = told_of(recording)
        if clip_id in two_periods:
            recognised += [clip_id] if {verdict.kind for verdict in verdicts} == {BeatKind.TEMPORAL_THREE} else []
        elif any(word in labels.lower() for word in ALARM_LABELS):
            other_alarms += [(clip_id, labels, verdict) for verdict in verdicts]
        else:
            false += [(clip_id, labels, verdict) for verdict in verdicts]
            joined += stream.push(recording[2])
            seconds += len(recording[2]) / RATE_HZ
    joined += stream.flush()
    joined = list({(verdict.kind, verdict.start_seconds): verdict for verdict in joined}.values())  # as last told
    return {
        "temporal_three_with_two_periods": sum(two_periods.values()),
        "recognised": sum(two_periods[clip_id] for clip_id in recognised),
        "missed": [clip_id for clip_id, whole in two_periods.items() if whole and clip_id not in recognised],
        "recognised_with_less": [clip_id for clip_id in recognised if not two_periods[clip_id]],
        "hours_without_alarm": round(seconds / 3600, 2),
        "false_smoke_or_co": [str(item) for item in false if item[2].kind in DANGER],
        "false_chirp": [str(item) for item in false if item[2].kind not in DANGER],
        "told_of_other_alarms": [str(item) for item in other_alarms],
        "false_smoke_or_co_joined": [str(verdict) for verdict in joined if verdict.kind in DANGER],
        "false_chirp_joined": sum(verdict.kind not in DANGER for verdict in joined),
    }


def times_real_time() -> dict[str, int]:
    """Seconds of sound per second of one core, in a minute of noise and in a minute of alarms in noise."""
    generator = np.random.default_rng(0)
    case = draw_case(Beat.TEMPORAL_THREE, RATE_HZ, generator)
    minutes = {
        "noise": 0.01 * generator.standard_normal(60 * RATE_HZ),
        "alarm": np.resize(case.samples, 60 * RATE_HZ),
    }
    return {name: round(60.0 / min(_cpu_seconds(samples) for _ in range(5))) for name, samples in minutes.items()}


def _cpu_seconds(samples: np.ndarray) -> float:
    started = time.process_time()
    decode_beats(samples, RATE_HZ)
    return time.process_time() - started


def main() -> None:
    """Measure, and print tables or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=2026, help="cases to tune on have other seeds")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--real", action="store_true", help="the real recordings too")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    with ProcessPoolExecutor(options.jobs) as pool:
        numbers = [(options.seed, number) for number in range(options.cases)]
        outcomes = list(pool.map(outcome, numbers, chunksize=4))
    results: dict[str, object] = {"times_real_time": times_real_time()}
    if options.real:
        from aed.data.registry import data_root

        results |= measure_real(data_root())
    if options.json:
        print(json.dumps(results | {"cases": [asdict(case) for case in outcomes]}, indent=2))
        return
    print_table(outcomes)
    print(f"wrongly told: {dict(Counter(kind for case in outcomes if not case.right for kind in case.told))}")
    for name, value in results.items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import soxr

from aed.data.agreement import compare, whiten
from aed.data.fingerprint import PATCH_SAMPLES, RATE_HZ
from aed.data.groups import content_groups_path, read_content_groups
from aed.data.matching import LONE_SCORE, SUPPORTED_SCORE, Match, find_matches
from aed.data.overlap import content_groups, group_by_matches, known_clips, summarise, write_content_groups
from aed.data.records import Clip
from aed.errors import DataError

Floats = npt.NDArray[np.float64]


def clip(path: Path, recording: str | None = None, dataset: str = "made", split: str | None = None) -> Clip:
    name = f"{dataset}/{path.stem}"
    return Clip(name, path, dataset, (), None, split, recording or path.stem, f"{dataset}:{path.stem}")


def bursts(seed: int, seconds: float = 3.0, rate_hz: int = 16_000) -> Floats:
    """Noise that comes in bursts of random colour and loudness over a quiet floor: like clatter or breaking glass."""
    generator = np.random.default_rng(seed)
    sound = 0.003 * generator.standard_normal(round(seconds * rate_hz))
    for start in generator.uniform(0, seconds - 0.3, 12):
        length = round(generator.uniform(0.05, 0.3) * rate_hz)
        noise = np.fft.rfft(generator.standard_normal(length))
        noise *= np.exp(
            generator.standard_normal(12) @ np.cos(np.outer(np.arange(12), np.linspace(0, np.pi, len(noise))))
        )
        burst = np.fft.irfft(noise, length) * np.exp(-5 * np.linspace(0, 1, length))
        at = round(start * rate_hz)
        sound[at : at + length] += generator.uniform(0.2, 1) * burst / np.abs(burst).max()
    return sound / np.abs(sound).max()


def chirps(seed: int, seconds: float = 3.0, rate_hz: int = 16_000) -> Floats:
    """Sweeps with random start, end and timing over a quiet floor: like birds."""
    generator = np.random.default_rng(1_000 + seed)  # the noise of no burst
    sound = 0.01 * generator.standard_normal(round(seconds * rate_hz))
    for start in generator.uniform(0, seconds - 0.4, 8):
        length = round(generator.uniform(0.1, 0.4) * rate_hz)
        hz = np.geomspace(*generator.uniform(300, 3_000, 2), length)
        at = round(start * rate_hz)
        sound[at : at + length] += np.hanning(length) * np.sin(2 * np.pi * np.cumsum(hz) / rate_hz)
    return sound / np.abs(sound).max()


def eight_bits(sound: Floats) -> Floats:
    return np.round(0.7 * sound * 127) / 127


def at_another_rate(sound: Floats) -> Floats:
    return np.asarray(soxr.resample(soxr.resample(sound, 16_000, 11_025), 11_025, 16_000))


def with_noise(sound: Floats) -> Floats:
    """Add white noise 15 dB under the sound."""
    noise = np.random.default_rng(99).standard_normal(len(sound))
    return 0.5 * (sound + noise * np.sqrt(np.mean(sound**2)) * 10 ** (-15 / 20))


DISGUISES: dict[str, Callable[[Floats], Floats]] = {
    "quieter": lambda sound: 0.02 * sound,
    "reversed polarity": lambda sound: -0.5 * sound,
    "8 bit": eight_bits,
    "other rate": at_another_rate,
    "noise": with_noise,
    "starts later": lambda sound: sound[5_003:],
    "in a longer one": lambda sound: np.concatenate([bursts(77, 1.7), 0.6 * sound, bursts(78, 2.1)]),
    "one second of it": lambda sound: sound[16_000:32_000],
    "all at once": lambda sound: eight_bits(with_noise(at_another_rate(sound[3_001:]))),
}


def write(path: Path, sound: Floats, rate_hz: int = 16_000) -> Path:
    soundfile.write(path, np.clip(sound, -1, 1), rate_hz, subtype="PCM_16")
    return path


@pytest.fixture
def strangers(tmp_path: Path) -> list[Clip]:
    """Sixteen clips that have nothing in common but their kind."""
    made = {"bursts": bursts, "chirps": chirps}
    return [clip(write(tmp_path / f"{k}_{s}.wav", f(s))) for k, f in made.items() for s in range(8)]


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("original", ["bursts_0", "chirps_0"])
def test_copy_is_found_in_disguise(tmp_path: Path, strangers: list[Clip], original: str, disguise: str) -> None:
    sound = {"bursts_0": bursts, "chirps_0": chirps}[original](0)
    copy = clip(write(tmp_path / "x_copy.wav", DISGUISES[disguise](sound)), dataset="other")
    groups = content_groups([*strangers, copy])
    assert groups["other/x_copy"] == groups[f"made/{original}"]
    assert len(set(groups.values())) == len(strangers)


def test_lag_and_polarity_of_a_copy(tmp_path: Path, strangers: list[Clip]) -> None:
    copy = clip(write(tmp_path / "x_copy.wav", -bursts(0)[8_000:]))
    (match,), unreadable = find_matches([*strangers, copy])
    assert (match.first, match.second, unreadable) == ("made/bursts_0", "made/x_copy", ())
    assert match.score < -0.9
    assert match.support > 0.9
    assert match.lag_seconds == pytest.approx(-0.5, abs=1 / RATE_HZ)


def test_strangers_have_nothing_in_common(strangers: list[Clip]) -> None:
    assert find_matches(strangers) == ((), ())


@pytest.mark.parametrize("kind", ["hum", "alarm", "clicks", "silence", "events before silence"])
def test_what_is_common_to_many_recordings_is_no_shared_content(tmp_path: Path, kind: str) -> None:
    time = np.arange(48_000) / 16_000
    beeps = (time % 1 < 0.5) * np.sin(2 * np.pi * 3_100 * time)

    def sound(seed: int) -> Floats:
        noise = np.random.default_rng(seed).standard_normal(len(time))
        return {
            "hum": 0.3 * np.sin(2 * np.pi * 50 * time) + 0.2 * np.sin(2 * np.pi * 200 * time) + 0.05 * noise,
            "alarm": 0.5 * beeps + 0.02 * noise,
            "clicks": 0.8 * (np.arange(len(time)) % 16_000 == 8_000) + 0.0005 * noise,
            "silence": np.zeros(len(time)),
            "events before silence": np.where(time < 0.15, 0.3 * noise, 0) * np.exp(-10 * time),
        }[kind]

    clips = [clip(write(tmp_path / f"{seed}.wav", sound(seed))) for seed in range(6)]
    assert find_matches(clips) == ((), ())


def test_groups_join_names_and_sounds_and_do_not_hang_on_the_order(tmp_path: Path, strangers: list[Clip]) -> None:
    copy = clip(write(tmp_path / "x_copy.wav", 0.3 * bursts(0)[4_000:]), dataset="other", recording="take 1")
    sibling = replace(clip(write(tmp_path / "x_other.wav", chirps(50)), dataset="other"), recording="take 1")
    clips = [*strangers, copy, sibling]
    groups = content_groups(clips)
    assert groups["other/x_copy"] == groups["other/x_other"] == groups["made/bursts_0"] == "made/bursts_0"
    assert groups["made/bursts_1"] == "made/bursts_1"
    assert content_groups(clips[::-1]) == groups
    assert list(groups) == sorted(groups)


def test_recordings_of_two_sets_with_one_name_stay_apart() -> None:
    clips = [clip(Path("a.wav"), "7", "one"), clip(Path("b.wav"), "7", "two")]
    assert group_by_matches(clips, []) == {"one/a": "one/a", "two/b": "two/b"}


def test_clips_of_one_recording_are_not_compared(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{k}.wav", bursts(0)) for k in range(2)]
    assert find_matches([clip(path, "take") for path in paths]) == ((), ())


def test_unreadable_file_is_named_and_keeps_the_group_of_its_recording(tmp_path: Path, strangers: list[Clip]) -> None:
    damaged = tmp_path / "damaged.wav"
    damaged.write_text("no sound")
    clips = [*strangers, clip(damaged, "bursts_3")]
    matches, (message,) = find_matches(clips)
    assert str(damaged) in message
    assert matches == ()
    assert group_by_matches(clips, matches)["made/damaged"] == "made/bursts_3"


def test_file_that_needs_an_extra_is_named_too(
    tmp_path: Path, strangers: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    phone = tmp_path / "phone.m4a"
    phone.write_bytes(b"\0" * 1_000)
    _, (message,) = find_matches([*strangers, clip(phone)])
    assert "phone.m4a needs an optional part" in message


def test_progress_is_told(strangers: list[Clip]) -> None:
    told: list[tuple[str, int, int]] = []
    find_matches(strangers, lambda *step: told.append(step))
    total = len(strangers)
    assert told == [(doing, k, total) for doing in ("reading", "comparing") for k in range(1, total + 1)]


def test_summary_counts_what_crosses_sets_splits_and_folds() -> None:
    clips = [
        clip(Path("t1.wav"), dataset="sesa", split="test"),
        clip(Path("t2.wav"), dataset="sesa", split="test"),
        clip(Path("r1.wav"), dataset="sesa", split="train"),
        replace(clip(Path("a.wav"), dataset="esc50"), fold=1),
        replace(clip(Path("b.wav"), dataset="esc50"), fold=2),
        replace(clip(Path("c.wav"), dataset="esc50"), fold=2),
    ]
    pairs = [("sesa/r1", "sesa/t1"), ("esc50/a", "esc50/b"), ("esc50/c", "sesa/t2")]
    summary = summarise(clips, [Match(first, second, 0.9, 0.8, 0.0) for first, second in pairs])
    esc50, sesa = summary.datasets
    assert (esc50.clips, esc50.sharing, esc50.sharing_with_others, esc50.test_in_train) == (3, 2, 1, 0)
    assert (sesa.clips, sesa.sharing, sesa.sharing_with_others, sesa.test_in_train) == (3, 2, 1, 1)
    assert summary.fold_crossings == ("esc50/a",)
    assert (summary.clips, summary.groups, summary.largest) == (6, 3, 2)


def test_table_has_a_row_for_each_clip_and_is_made_alike_again(tmp_path: Path) -> None:
    for split, sound in (("train", bursts(0)), ("train", bursts(1)), ("test", 0.4 * bursts(0)[6_000:])):
        folder = tmp_path / "sesa" / split
        folder.mkdir(parents=True, exist_ok=True)
        write(folder / f"explosion_{len(list(folder.iterdir())):03}.wav", sound)
    summary = write_content_groups(tmp_path, tmp_path / "groups.csv")
    assert summary.datasets[0].test_in_train == 1
    text = (tmp_path / "groups.csv").read_text()
    assert text.splitlines() == [
        "clip_id,group",
        "sesa/test/explosion_000,sesa/test/explosion_000",
        "sesa/train/explosion_000,sesa/test/explosion_000",
        "sesa/train/explosion_001,sesa/train/explosion_001",
    ]
    again = tmp_path / "again.csv"
    again.write_text("clip_id,group\nelsewhere/a,elsewhere/a\nsesa/gone,sesa/gone\n")
    write_content_groups(tmp_path, again)
    kept = "elsewhere/a,elsewhere/a\n"  # of a data set that is not here; a clip that is gone from one that is here goes
    assert kept in again.read_text()
    again.write_text(again.read_text().replace(kept, ""))
    assert (tmp_path / "again.csv").read_text() == text


def test_data_root_without_data_sets(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected at least one of the data sets esc50"):
        write_content_groups(tmp_path, tmp_path / "groups.csv")
    assert not (tmp_path / "groups.csv").exists()


def test_score_is_the_whitened_cross_correlation_at_every_whole_lag() -> None:
    white = whiten(bursts(5, rate_hz=RATE_HZ).astype(np.float32))
    query, region = white[3_000 : 3_000 + PATCH_SAMPLES], white[2_900 : 3_050 + PATCH_SAMPLES]
    found = compare(query[None], region[None])
    slow = [
        query @ part / np.sqrt((query @ query) * (part @ part))
        for part in np.lib.stride_tricks.sliding_window_view(region, PATCH_SAMPLES)
    ]
    assert found.lag_samples[0] == np.argmax(slow) == 100
    assert found.score[0] == pytest.approx(slow[100], abs=1e-4)


def score_of(first: Floats, second: Floats) -> float:
    """Best agreement of half a second, tried at 65 ms of lags as the search does."""
    margin = 256
    query = whiten(first[: PATCH_SAMPLES + 2 * margin].astype(np.float32))[margin:-margin]
    return abs(
        float(compare(query[None], whiten(second[: PATCH_SAMPLES + 2 * margin].astype(np.float32))[None]).score[0])
    )


def test_two_clicks_prove_nothing() -> None:
    def click(seed: int) -> Floats:
        sound = np.zeros(6_000)
        sound[2_000:2_080] = np.random.default_rng(seed).standard_normal(80) * np.exp(-np.arange(80) / 20)
        return sound

    assert max(score_of(click(seed), click(seed + 1)) for seed in range(0, 60, 2)) < SUPPORTED_SCORE


def test_rounding_noise_above_a_dull_sound_is_not_lifted() -> None:
    noise = np.random.default_rng(3).standard_normal(2 * RATE_HZ)
    dull = np.asarray(soxr.resample(soxr.resample(noise, RATE_HZ, 2_000), 2_000, RATE_HZ))
    assert score_of(dull, eight_bits(0.3 * dull / np.abs(dull).max())) > LONE_SCORE


# Pairs whose agreement was confirmed above 3.7 kHz too, which the search does not look at; and a recording that has
# nothing in common with any.
REAL_PAIRS = (
    ("esc50/1-23222-A-19", "esc50/1-24524-C-19"),
    ("esc50/3-151080-A-20", "esc50/5-151085-A-20"),
    ("esc50/4-156993-A-19", "sesa/train/casual_004"),
    ("audioset/bAl-i0g7rUM_0.000", "esc50/4-204777-A-39"),
    ("esc50/2-54086-A-43", "sesa/train/siren_061"),
    ("sesa/test/explosion_147", "sesa/train/explosion_144"),
)
REAL_STRANGERS = ("esc50/1-100032-A-0", "esc50/1-17367-A-10", "sesa/test/siren_097")


@pytest.mark.audio
def test_known_pairs_of_real_recordings(data_root: Path) -> None:
    by_id = {clip.clip_id: clip for clip in known_clips(data_root)}
    names = [name for pair in REAL_PAIRS for name in pair] + list(REAL_STRANGERS)
    matches, unreadable = find_matches([by_id[name] for name in names])
    assert {(match.first, match.second) for match in matches} == set(REAL_PAIRS)
    assert unreadable == ()


@pytest.mark.audio
def test_shipped_table_covers_every_clip_and_keeps_recordings_together(data_root: Path) -> None:
    path = content_groups_path()
    assert path is not None
    groups = read_content_groups(path)
    clips = known_clips(data_root)
    assert set(groups) == {clip.clip_id for clip in clips}
    recordings: dict[tuple[str, str], set[str]] = {}
    for each in clips:
        recordings.setdefault((each.dataset, each.recording), set()).add(groups[each.clip_id])
    assert all(len(found) == 1 for found in recordings.values())
    assert all(groups[first] == groups[second] for first, second in REAL_PAIRS)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    first_of_group = {row["group"]: row["clip_id"] for row in reversed(rows)}
    assert all(group == first for group, first in first_of_group.items())

"""A live stream equals its file, whatever the chunks, the rate and the damage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from aed.detect.detector import DetectorConfig, detect_file
from aed.detect.event import Event
from aed.detect.health import Complaint
from aed.detect.stream import Heard, StreamDetector
from aed.errors import AudioError
from tests.fake_scorer import LAYOUT, scene, small_scorer

SHORTEST_SECONDS = 0.64
PLAIN = DetectorConfig(smoothing="none", min_event_seconds=SHORTEST_SECONDS, merge_gap_seconds=0.1, absorb_seconds=1.0)
STORY = ((0, 2.0), (1, 1.5), (0, 2.0), (3, 1.0), (0, 2.0), (4, 1.0), (0, 1.05))


def joined(parts: list[Heard]) -> Heard:
    return Heard(*([found for part in parts for found in part[place]] for place in range(3)))


def streamed(samples: np.ndarray, rate_hz: int, cuts: list[int]) -> Heard:
    stream = StreamDetector(small_scorer(), rate_hz, PLAIN)
    chunks = np.split(samples, sorted(min(cut, len(samples)) for cut in cuts))
    return joined([*(stream.push(chunk) for chunk in chunks), stream.flush()])


def story(rate_hz: int) -> np.ndarray:
    """Steps between levels at another rate ring a little, which the fake scorer rounds away."""
    return scene(*STORY, rate_hz=rate_hz)


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from([500, 1000, 1378, 8000, 11025]),
    st.lists(st.integers(0, 120_000), max_size=12),
    st.sampled_from([0, 1, 7]),
)
def test_any_chunking_at_any_rate_gives_the_whole(rate_hz: int, cuts: list[int], tiny_pieces: int) -> None:
    samples = story(rate_hz)
    cuts += [1000 + piece for piece in range(tiny_pieces)]  # chunks of one sample
    whole = streamed(samples, rate_hz, [])
    assert streamed(samples, rate_hz, cuts) == whole
    assert [event.name for event in whole.events] == ["Dog", "Animal", "Glass"]
    assert [event.name for event in whole.begun] == ["Dog", "Animal", "Glass"]


@pytest.mark.parametrize("rate_hz", [1000, 8000])
def test_live_equals_file(tmp_path: Path, rate_hz: int) -> None:
    samples = story(rate_hz)
    soundfile.write(tmp_path / "a.wav", samples, rate_hz, subtype="FLOAT")
    live = streamed(samples, rate_hz, list(range(0, len(samples), 313)))
    assert live.events == detect_file(small_scorer(), tmp_path / "a.wav", PLAIN)


def test_an_event_begins_before_it_is_over() -> None:
    stream, begun_at, over_at = StreamDetector(small_scorer(), 1000, PLAIN), None, None
    for sample in range(0, 8000, 10):
        heard = stream.push(scene((0, 2.0), (1, 4.0), (0, 2.0))[sample : sample + 10])
        begun_at = begun_at or (heard.begun and stream.seconds_seen)
        over_at = over_at or (heard.events and stream.seconds_seen)
    assert begun_at is not None
    assert over_at is not None
    assert 2.0 + SHORTEST_SECONDS < begun_at < 2.0 + SHORTEST_SECONDS + stream.delay_seconds + 0.3
    assert 6.0 < over_at < 6.0 + stream.delay_seconds + 0.5


def shifted(events: list[Event]) -> list[tuple[str, float, float]]:
    return [(event.name, round(event.onset_seconds, 1), round(event.offset_seconds, 1)) for event in events]


def test_a_short_gap_is_silence_and_a_long_one_a_new_beginning() -> None:
    before, after = scene((0, 1.0), (1, 2.0)), scene((1, 2.0), (0, 1.0))
    short = StreamDetector(small_scorer(), 1000, PLAIN)
    heard = joined([short.push(before), short.gap(3.0), short.push(after), short.flush()])
    assert shifted(heard.events) == [("Dog", 1.0, 3.0), ("Dog", 6.0, 8.0)]
    gaps = [event for event in heard.health if event.complaint is Complaint.GAP]
    assert [(event.onset_seconds, event.offset_seconds) for event in gaps] == [(3.0, 6.0)]
    long = StreamDetector(small_scorer(), 1000, PLAIN)
    heard = joined([long.push(before), long.gap(3600.0), long.push(after), long.flush()])
    assert shifted(heard.events) == [("Dog", 1.0, 3.0), ("Dog", 3603.0, 3605.0)]
    assert long.seconds_seen == 3606.0


def test_damage_is_told_and_survived() -> None:
    samples = story(1000)
    samples[5000:5100] = np.nan
    heard = streamed(samples, 1000, [777])
    assert [event.name for event in heard.events] == ["Dog", "Animal", "Glass"]
    assert [event.complaint for event in heard.health] == [Complaint.NOT_A_NUMBER] * 2
    low = streamed(story(500), 500, [])
    assert [event.complaint for event in low.health] == [Complaint.NARROW_BAND]
    assert "the model listens up to 500 Hz" in low.health[0].message


def test_a_clock_that_runs_apart_is_told_once_and_when_it_is_over() -> None:
    stream, generator = StreamDetector(small_scorer(), 1000, PLAIN), np.random.default_rng(0)
    heard = []
    for second in range(1, 300):
        burst = 5000 if second == 2 else 0  # what a network stream had in store
        stream.push(0.001 * generator.standard_normal(burst + (1000 if second > 135 else 980)))
        heard += stream.clock(float(second)).health
    assert [(event.complaint, event.offset_seconds is None) for event in heard] == [
        (Complaint.DRIFT, True),
        (Complaint.DRIFT, False),
    ]
    assert heard[0].onset_seconds == pytest.approx(5 + 0.98 * 70)
    assert "58.8 s of samples came in 60.0 s: the source is not at 1000 Hz" in heard[0].message


def test_a_burst_alone_is_no_drift() -> None:
    stream, generator = StreamDetector(small_scorer(), 1000, PLAIN), np.random.default_rng(0)
    heard = []
    for second in range(1, 200):
        stream.push(0.001 * generator.standard_normal(9000 if second in (2, 102) else 1000))
        if second == 100:
            stream.gap(5.0)
        heard += stream.clock(float(second)).health
    assert [event for event in heard if event.complaint is Complaint.DRIFT] == []


def test_what_is_no_stream_is_refused() -> None:
    stream = StreamDetector(small_scorer(), 1000)
    with pytest.raises(AudioError, match="one channel"):
        stream.push(np.zeros((2, 10)))
    with pytest.raises(AudioError, match="expected floats"):
        stream.push(np.zeros(10, dtype=np.int16))
    with pytest.raises(AudioError, match="rate must be positive"):
        StreamDetector(small_scorer(), 0)
    assert LAYOUT.rate_hz == 1000

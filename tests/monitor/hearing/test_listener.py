"""A source that ends, fails, stalls or comes back deaf: noticed, counted, opened again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aed.errors import AudioError
from aed.monitor.hearing import listener as listener_module
from aed.monitor.hearing.deaf_watch import LEAST_KNOWN, TRIAL_SECONDS, DeafWatch
from aed.monitor.hearing.listener import Listener
from aed.monitor.messages import HealthMessage, SourceMessage, SourceState
from aed.monitor.sources.source import Piece
from tests.fake_scorer import scene
from tests.monitor.made_monitor import monitor, remembered


class MadeSource:
    """A live source of pieces that are there at once; then it ends, fails, or brings nothing until it is closed."""

    name, is_live = "made", True

    def __init__(self, samples: np.ndarray, rate_hz: int = 1000, end: str = "ends") -> None:
        self.rate_hz, self._samples, self._end = rate_hz, samples, end
        self.is_closed = False

    def pieces(self) -> Iterator[Piece]:
        for start in range(0, len(self._samples), 100):
            yield Piece(self._samples[start : start + 100])
        if self._end == "fails":
            raise AudioError("the plug was pulled")
        while self._end == "stalls" and not self.is_closed:
            time.sleep(0.01)

    def close(self) -> None:
        self.is_closed = True


class Listening:
    """A listener whose sources come one after the other; the last one stalls until all is closed."""

    def __init__(self, folder: Path, sources: Sequence[MadeSource | Exception]) -> None:
        self.monitor = monitor(folder)
        self.messages: list[Any] = []
        self.monitor.bus.publish = self.messages.append  # type: ignore[method-assign]
        self._sources = list(sources)
        self.listener = Listener(self.monitor.parts, "room", self._open)

    def _open(self) -> MadeSource:
        source = self._sources.pop(0) if self._sources else MadeSource(np.zeros(0, np.float32), end="stalls")
        if isinstance(source, Exception):
            raise source
        return source

    def run_until(self, condition: Callable[[], bool]) -> None:
        self.listener.start()
        until = time.monotonic() + 20
        while not condition() and time.monotonic() < until:
            time.sleep(0.01)
        self.listener.close()
        assert condition(), self.messages

    def states(self) -> list[SourceState]:
        return [each.state for each in self.messages if isinstance(each, SourceMessage)]

    def complaints(self) -> list[tuple[str, bool]]:
        return [(each.complaint, each.is_over) for each in self.messages if isinstance(each, HealthMessage)]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener_module, "FIRST_PAUSE_SECONDS", 0.1)


NOISE, NOISE_SECONDS = scene((1, 1.0), (0, 1.0)), 2.0


@pytest.mark.parametrize("end", ["ends", "fails"])
def test_a_live_source_that_ends_is_opened_again_and_the_gap_counted(tmp_path: Path, end: str) -> None:
    listening = Listening(tmp_path, [MadeSource(NOISE, end=end), AudioError("not yet"), MadeSource(NOISE)])
    listening.run_until(lambda: listening.complaints().count(("lost", True)) == 1)
    assert 0.2 < listening.listener.lost_seconds < 5.0
    assert listening.states()[:4] == [
        SourceState.STARTING,
        SourceState.LISTENING,
        SourceState.LOST,
        SourceState.LISTENING,
    ]
    assert ("gap", True) in listening.complaints()
    kept = [each.message for each in listening.monitor.store.health() if each.complaint == "lost"]
    assert any("s were lost" in message for message in kept)
    assert listening.states()[-1] is SourceState.ENDED


def test_one_that_comes_back_at_another_rate_is_the_same_stream(tmp_path: Path) -> None:
    second = np.repeat(scene((0, 1.0), (1, 3.0), (0, 3.0)), 2)
    listening = Listening(tmp_path, [MadeSource(scene((0, 2.0))), MadeSource(second, rate_hz=2000)])
    listening.run_until(lambda: listening.complaints().count(("lost", False)) == 2)  # the second one is over too
    (dog,) = remembered(listening.monitor.store)
    assert dog.event.name == "Dog"
    assert dog.event.onset_seconds == pytest.approx(3.0 + listening.listener.lost_seconds, abs=0.6)


def test_one_that_brings_nothing_is_lost_and_then_closed(tmp_path: Path) -> None:
    stalled = MadeSource(NOISE, end="stalls")
    listening = Listening(tmp_path, [stalled])
    listener = listening.listener
    listener.start()
    until = time.monotonic() + 10
    while listener.seconds_seen < NOISE_SECONDS and time.monotonic() < until:  # all that it brings
        time.sleep(0.01)
    now = time.monotonic()
    listener.check(now + 3)
    assert listener.state is SourceState.LISTENING
    listener.check(now + listener_module.STALL_SECONDS + 1)
    assert listener.state is SourceState.LOST
    assert "nothing came for" in listener.message
    assert not stalled.is_closed
    listener.check(now + listener_module.REOPEN_SECONDS + 1)
    while not stalled.is_closed and time.monotonic() < until:
        time.sleep(0.01)
    assert stalled.is_closed
    listener.close()
    assert listening.complaints().count(("lost", False)) == 1


def test_one_that_is_silent_as_zeros_is_deaf_until_it_is_not(tmp_path: Path) -> None:
    noise = 0.01 + 0.001 * np.random.default_rng(0).standard_normal(3000).astype(np.float32)
    listening = Listening(tmp_path, [MadeSource(np.concatenate([np.zeros(7000, np.float32), noise]))])
    listening.run_until(lambda: ("dead", True) in listening.complaints())
    states = listening.states()
    assert states[: states.index(SourceState.DEAF) + 2][-2:] == [SourceState.DEAF, SourceState.LISTENING]


def test_a_source_of_somebody_else_is_over_when_it_ends(tmp_path: Path) -> None:
    made = monitor(tmp_path)
    made.start()
    made.listen_to(MadeSource(NOISE))
    made.wait()
    (status,) = made.sources()
    assert (status.source, status.state) == ("made", SourceState.ENDED)
    made.listen_to(MadeSource(NOISE))  # the page was opened again
    made.wait()
    made.close()
    assert [str(each.complaint) for each in made.store.health() if each.complaint == "lost"] == []


def test_a_defect_ends_the_monitor_and_is_not_swallowed(tmp_path: Path) -> None:
    made = monitor(tmp_path)

    class Broken(MadeSource):
        def pieces(self) -> Iterator[Piece]:
            raise ZeroDivisionError("a defect")

    made.start()
    made.listen_to(Broken(NOISE))
    with pytest.raises(ZeroDivisionError, match="a defect"):
        made.wait()
    made.close()


def levels(watch: DeafWatch, level_dbfs: float, seconds: float) -> list[str]:
    return [words for _ in range(round(seconds * 10)) if (words := watch.push(level_dbfs)) is not None]


def test_one_that_is_much_fainter_since_it_came_back_is_deaf() -> None:
    watch = DeafWatch()
    watch.reconnected()  # nothing is known yet: nothing can be said
    assert levels(watch, -60.0, 10.0 * LEAST_KNOWN) == []
    watch.reconnected()
    (words,) = levels(watch, -85.0, TRIAL_SECONDS + 100)
    assert "was never above -85 dBFS, while -60 dBFS were the least before" in words
    assert watch.is_deaf
    assert levels(watch, -58.0, 1.0) == ["it hears again"]
    assert not watch.is_deaf
    watch.reconnected()
    assert levels(watch, -70.0, TRIAL_SECONDS * 2) == []  # a quieter evening

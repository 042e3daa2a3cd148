from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aed.study.bootstrap import paired_difference


def slow_resamples(gain: np.ndarray, groups: list[str], resamples: int, generator: np.random.Generator) -> list[float]:
    names = sorted(set(groups))
    drawn = []
    for _ in range(resamples):
        times = generator.multinomial(len(names), [1 / len(names)] * len(names))
        clips = [g for name, n in zip(names, times, strict=True) for g in [*gain[np.array(groups) == name]] * n]
        drawn.append(float(np.mean(clips)))
    return drawn


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.sampled_from("abcd")), min_size=1, max_size=12))
def test_equals_the_slow_way(clips: list[tuple[bool, bool, str]]) -> None:
    first, second = np.array([c[0] for c in clips]), np.array([c[1] for c in clips])
    groups = [c[2] for c in clips]
    found = paired_difference(first, second, groups, np.random.default_rng(3), resamples=60)
    slow = slow_resamples(first.astype(float) - second.astype(float), groups, 60, np.random.default_rng(3))
    assert found.low == pytest.approx(np.quantile(slow, 0.025))
    assert found.high == pytest.approx(np.quantile(slow, 0.975))
    assert found.share_not_better == pytest.approx(np.mean([d <= 1e-12 for d in slow]))
    assert found.difference == pytest.approx(first.mean() - second.mean())
    assert found.clips_gained == first.sum() - second.sum()


def test_the_same_generator_gives_the_same_interval_across_chunks() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.random(400) < 0.9, generator.random(400) < 0.85
    groups = [f"g{n // 4}" for n in range(400)]
    one, two = (paired_difference(first, second, groups, np.random.default_rng(1)) for _ in range(2))
    assert one == two
    assert (one.clips, one.groups, one.resamples) == (400, 100, 10_000)


def test_a_clear_gain_is_sure_and_no_gain_is_not() -> None:
    second = np.arange(200) % 5 != 0
    clear = paired_difference(np.ones(200, bool), second, [str(n) for n in range(200)], np.random.default_rng(0))
    assert clear.share_not_better == 0.0
    assert clear.low > 0
    none = paired_difference(second, second, [str(n) for n in range(200)], np.random.default_rng(0))
    assert (none.low, none.high, none.share_not_better) == (0.0, 0.0, 1.0)


def test_clips_of_one_recording_count_as_one() -> None:
    generator = np.random.default_rng(0)
    first = np.repeat(generator.random(40) < 0.9, 10)
    second = np.repeat(generator.random(40) < 0.7, 10)
    by_group = paired_difference(first, second, [str(n // 10) for n in range(400)], np.random.default_rng(0))
    by_clip = paired_difference(first, second, [str(n) for n in range(400)], np.random.default_rng(0))
    assert by_group.high - by_group.low > 2 * (by_clip.high - by_clip.low)


def test_the_interval_has_its_stated_width() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.random(2000) < 0.9, generator.random(2000) < 0.8
    found = paired_difference(first, second, [str(n) for n in range(2000)], np.random.default_rng(0))
    gain = first.astype(float) - second.astype(float)
    normal_width = 2 * 1.96 * gain.std() / np.sqrt(2000)
    assert found.high - found.low == pytest.approx(normal_width, rel=0.05)

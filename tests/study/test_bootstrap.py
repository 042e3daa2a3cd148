from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aed.study.bootstrap import paired_difference, paired_difference_over_draws


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


answers = st.lists(
    st.tuples(st.booleans(), st.booleans(), st.sampled_from("abcd"), st.sampled_from([1, 2, 5])),
    min_size=1,
    max_size=14,
)


def slow_two_way(
    gain: np.ndarray, groups: np.ndarray, draws: np.ndarray, resamples: int, generator: np.random.Generator
) -> list[float]:
    """Answer by answer: as often as its label draw was drawn, times as often as its group was."""
    group_names, draw_names = sorted(set(groups)), sorted(set(draws))
    of_draws = generator.multinomial(len(draw_names), [1 / len(draw_names)] * len(draw_names), size=resamples)
    of_groups = generator.multinomial(len(group_names), [1 / len(group_names)] * len(group_names), size=resamples)
    found = []
    for by_draw, by_group in zip(of_draws, of_groups, strict=True):
        drawn = [
            value
            for value, group, draw in zip(gain, groups, draws, strict=True)
            for _ in range(by_draw[draw_names.index(draw)] * by_group[group_names.index(group)])
        ]
        if drawn:
            found.append(float(np.mean(drawn)))
    return found


@settings(max_examples=20, deadline=None)
@given(answers)
def test_over_draws_equals_the_slow_way(found_answers: list[tuple[bool, bool, str, int]]) -> None:
    first, second, groups, draws = (np.array(column) for column in zip(*found_answers, strict=True))
    clips = [f"{group}{place % 2}" for place, group in enumerate(groups)]
    found = paired_difference_over_draws(
        first, second, clips, groups.tolist(), draws.tolist(), np.random.default_rng(3), resamples=60
    )
    generator = np.random.default_rng(3)
    gain = first.astype(float) - second.astype(float)
    of_groups = slow_resamples(gain, groups.tolist(), 60, generator)
    assert (found.over_clips.low, found.over_clips.high) == pytest.approx(tuple(np.quantile(of_groups, (0.025, 0.975))))
    assert found.difference == pytest.approx(gain.mean())
    assert found.of_draw == pytest.approx({draw: gain[draws == draw].mean() for draw in set(draws.tolist())})
    assert (found.clips, found.groups) == (len(set(clips)), len(set(groups)))
    if len(set(draws.tolist())) == 1:
        assert found.over_clips_and_draws is None
        assert found.widest == found.over_clips
        return
    both = slow_two_way(gain, groups, draws, 60, generator)
    assert found.over_clips_and_draws is not None
    if len(both) == 60:  # else the missing drawings were made up for
        low, high = np.quantile(both, (0.025, 0.975))
        assert (found.widest.low, found.widest.high) == pytest.approx((low, high))
        tails = sum(value <= 1e-12 for value in both), sum(value >= -1e-12 for value in both)
        assert found.widest.p_value == pytest.approx(min(1, 2 * (min(tails) + 1) / 61))


def test_one_draw_is_the_paired_comparison() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.random(200) < 0.9, generator.random(200) < 0.8
    names = [str(n // 3) for n in range(200)]
    one = paired_difference(first, second, names, np.random.default_rng(1))
    over = paired_difference_over_draws(
        first, second, [str(n) for n in range(200)], names, [1] * 200, np.random.default_rng(1)
    )
    assert (over.over_clips.low, over.over_clips.high) == (one.low, one.high)
    assert over.clips_gained == pytest.approx(one.clips_gained)


def test_draws_that_disagree_widen_only_the_interval_that_resamples_them() -> None:
    clips = np.tile(np.arange(100), 4)
    draws = np.repeat([1, 2, 3, 4], 100)
    first = np.isin(draws, [1, 2])  # the first method is right under two label draws and wrong under the others
    found = paired_difference_over_draws(
        first, ~first, [str(c) for c in clips], [str(c) for c in clips], draws.tolist(), np.random.default_rng(0)
    )
    assert (found.over_clips.low, found.over_clips.high) == (0.0, 0.0)
    assert found.widest.low <= -0.9
    assert found.widest.high >= 0.9
    assert found.of_draw == {1: 1.0, 2: 1.0, 3: -1.0, 4: -1.0}


def test_of_equal_methods_the_interval_holds_zero_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    covered = []
    for _ in range(200):
        by_group = generator.normal(0.0, 0.3, (2, 40)).repeat(5, axis=1)  # what a recording adds for each method
        first, second = generator.random((2, 200)) < 0.6 + by_group
        found = paired_difference_over_draws(
            first,
            second,
            [str(n) for n in range(200)],
            [str(n // 5) for n in range(200)],
            [1] * 200,
            generator,
            resamples=400,
        )
        covered.append(found.over_clips.low <= 0 <= found.over_clips.high)
    assert 0.88 <= np.mean(covered) <= 0.99

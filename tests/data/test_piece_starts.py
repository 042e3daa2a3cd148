"""Pieces of clips begin where something is heard."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aed.data.piece_starts import PieceStarts

DRAWS = 200


def drawn(heard: list[bool], num_frames: int) -> set[int]:
    """Every place that pieces of one clip begin at; a clip that is heard throughout stands before it."""
    clips = [np.ones(9, dtype=bool), np.array(heard)]
    clip = np.ones(DRAWS, dtype=np.int64)
    return set(PieceStarts(clips, num_frames).draw(clip, np.random.default_rng(0)).tolist())


def test_a_short_sound_is_in_every_piece() -> None:
    assert drawn([True, True, False, False, False], 2) == {0, 1}  # the miniature of the docstring
    assert drawn([False] * 20 + [True] * 2 + [False] * 20, 10) == set(range(11, 22))


def test_a_steady_or_silent_clip_is_cut_anywhere() -> None:
    assert drawn([True] * 12, 4) == drawn([False] * 12, 4) == set(range(9))


@given(st.lists(st.booleans(), min_size=1, max_size=12), st.integers(1, 14))
def test_at_least_half_of_what_the_fullest_piece_holds_is_heard(heard: list[bool], num_frames: int) -> None:
    starts = drawn(heard, num_frames)
    if len(heard) <= num_frames:
        assert starts == {0}
        return
    in_piece = [sum(heard[start : start + num_frames]) for start in range(len(heard) - num_frames + 1)]
    assert starts == {start for start, count in enumerate(in_piece) if 2 * count >= max(in_piece)}

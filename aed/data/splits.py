"""Cutting a data set in training and test parts so that shared content never stands on both sides.

Official folds come with the data set. Folds of our own are cut by content group and keep the labels balanced: groups
are dealt one by one, those with the rarest label first, to the part that lacks their labels most (a grouped form of
iterative stratification, Sechidis et al. 2011; it also serves several labels a clip). Chance only decides the order of
equals, and is drawn from hashes: the same seed cuts alike on every machine.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aed.data.records import Clip
from aed.errors import DataError


@dataclass(frozen=True)
class Fold:
    """One cut: train on one part, test on the other.

    Attributes:
        number: The fold that is tested on, from 1.
        train: Clips to train on, ordered by `clip_id`.
        test: Clips to test on, ordered by `clip_id`.
    """

    number: int
    train: tuple[Clip, ...]
    test: tuple[Clip, ...]


def official_folds(clips: Iterable[Clip]) -> tuple[Fold, ...]:
    """Cut by the data set's own folds.

    Raises:
        DataError: A clip has no official fold, or all are in one.
    """
    clips = _ordered(clips)
    without = [clip.clip_id for clip in clips if clip.fold is None]
    if without:
        raise DataError(
            f"{len(without)} clips have no official fold, the first is '{without[0]}'. "
            "Cut folds by content group instead: data.folds={groups: 5}"
        )
    return _folds(clips, {clip.clip_id: clip.fold or 0 for clip in clips})


def group_folds(clips: Iterable[Clip], num_folds: int, seed: int) -> tuple[Fold, ...]:
    """Cut into folds by content group, with the labels spread evenly.

    Args:
        clips: Clips with their content groups.
        num_folds: How many folds, at least 2.
        seed: Decides between equals.

    Raises:
        DataError: Fewer than two folds, or fewer groups than folds.
    """
    clips = _ordered(clips)
    num_groups = len({clip.group for clip in clips})
    if not 2 <= num_folds <= num_groups:
        raise DataError(
            f"{num_folds} folds: expected 2 to {num_groups}, the number of content groups. Change the number"
        )
    part_of_group = _deal(clips, [1 / num_folds] * num_folds, seed)
    return _folds(clips, {clip.clip_id: part_of_group[clip.group] + 1 for clip in clips})


def official_or_group_folds(clips: Iterable[Clip], num_folds: int, seed: int) -> tuple[Fold, ...]:
    """Cut several data sets at once, each by its own folds or parts where it has some.

    A clip with an official fold is held out in that one; of a set with an official test part, that part is held out in
    every fold and the rest in none; all others are cut by content group.

    Args:
        clips: Clips of all sets, with their content groups.
        num_folds: How many folds, at least 2; as many as the official ones.
        seed: Decides between equals.

    Raises:
        DataError: The official folds are not numbered from 1 to the number of folds.
    """
    clips = _ordered(clips)
    official = {clip.fold for clip in clips if clip.fold is not None}
    if official - set(range(1, num_folds + 1)):
        raise DataError(f"official folds {sorted(official)} do not fit {num_folds} folds: change data.folds.groups")
    with_test_part = {clip.dataset for clip in clips if clip.split == "test"}
    rest = [clip for clip in clips if clip.fold is None and clip.dataset not in with_test_part]
    parts = group_folds(rest, num_folds, seed) if rest else ()
    dealt = {clip.clip_id: fold.number for fold in parts for clip in fold.test}

    def is_held_out(clip: Clip, number: int) -> bool:
        if clip.dataset in with_test_part:
            return clip.split == "test"
        return (clip.fold or dealt[clip.clip_id]) == number

    return tuple(
        Fold(
            number,
            tuple(clip for clip in clips if not is_held_out(clip, number)),
            tuple(clip for clip in clips if is_held_out(clip, number)),
        )
        for number in range(1, num_folds + 1)
    )


def seeded_order(*key: object) -> str:
    """Return a sort key that shuffles by hash: the same on every machine and whatever the other clips are."""
    return hashlib.sha256("/".join(map(str, key)).encode()).hexdigest()


def _ordered(clips: Iterable[Clip]) -> tuple[Clip, ...]:
    return tuple(sorted(clips, key=lambda clip: clip.clip_id))


def _folds(clips: Sequence[Clip], fold_of_clip: dict[str, int]) -> tuple[Fold, ...]:
    numbers = sorted(set(fold_of_clip.values()))
    if len(numbers) < 2:
        raise DataError(
            f"{len(clips)} clips in {len(numbers)} fold: expected at least 2 folds. Add clips of other folds"
        )
    return tuple(
        Fold(
            number,
            tuple(clip for clip in clips if fold_of_clip[clip.clip_id] != number),
            tuple(clip for clip in clips if fold_of_clip[clip.clip_id] == number),
        )
        for number in numbers
    )


def _deal(clips: Sequence[Clip], shares: Sequence[float], seed: int) -> dict[str, int]:
    """Deal groups to parts: the index into `shares` by group."""
    totals = Counter(label for clip in clips for label in clip.labels)
    members: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        members[clip.group].append(clip)

    def rarest_first(group: str) -> tuple[int, int, str]:
        rarest = min((totals[label] for clip in members[group] for label in clip.labels), default=len(clips))
        return rarest, -len(members[group]), seeded_order(seed, group)

    labels_in_part: list[Counter[str]] = [Counter() for _ in shares]
    clips_in_part = [0] * len(shares)
    part_of_group: dict[str, int] = {}
    for group in sorted(members, key=rarest_first):
        labels = Counter(label for clip in members[group] for label in clip.labels)

        def lack(part: int, labels: Counter[str] = labels) -> tuple[float, float, int]:
            label_lack = sum(
                count * (shares[part] - labels_in_part[part][label] / totals[label]) for label, count in labels.items()
            )
            return round(label_lack, 9), round(shares[part] - clips_in_part[part] / len(clips), 9), -part

        chosen = max(range(len(shares)), key=lack)
        part_of_group[group] = chosen
        labels_in_part[chosen].update(labels)
        clips_in_part[chosen] += len(members[group])
    return part_of_group

"""Content groups: clips that share audio, whatever their names, splits and data sets.

Names say which clips were cut from one recording; they do not say that two recordings hold the same sound. A content
group is a connected component of "same recording by name" and "shares audio" (`aed.data.matching`), over all data sets.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import networkx as nx

from aed.data.groups import COLUMNS
from aed.data.matching import Match, Progress, find_matches
from aed.data.records import Clip
from aed.data.registry import DATASETS, dataset_folder, load_dataset
from aed.data.table import read_table, write_table
from aed.errors import DataError


@dataclass(frozen=True)
class DatasetOverlap:
    """How much of a data set recurs.

    Attributes:
        name: The data set.
        clips: Its clips.
        sharing: Clips that share audio with another recording of the same set.
        sharing_with_others: Clips that share audio with another set.
        test_in_train: Clips of its test split whose group also holds clips of its training split.
    """

    name: str
    clips: int
    sharing: int
    sharing_with_others: int
    test_in_train: int


@dataclass(frozen=True)
class Summary:
    """What `write_content_groups` found.

    Attributes:
        clips: Clips compared.
        groups: Content groups among them.
        largest: Clips in the largest group.
        datasets: One entry for each data set.
        fold_crossings: Groups whose clips lie in different official folds of one data set.
        matches: All pairs of clips that share audio.
        unreadable: One message for each file that could not be read; its clip keeps its recording's group.
    """

    clips: int
    groups: int
    largest: int
    datasets: tuple[DatasetOverlap, ...]
    fold_crossings: tuple[str, ...]
    matches: tuple[Match, ...]
    unreadable: tuple[str, ...]


def content_groups(clips: Sequence[Clip], progress: Progress | None = None) -> dict[str, str]:
    """Group clips by content: the same recording by name, or audio in common.

    Args:
        clips: What to compare, of any number of data sets.
        progress: Told about reading and comparing.

    Returns:
        Group by clip id; a group bears the name of its first clip id in the alphabet.
    """
    matches, _ = find_matches(clips, progress)
    return group_by_matches(clips, matches)


def group_by_matches(clips: Sequence[Clip], matches: Sequence[Match]) -> dict[str, str]:
    """Return the group of each clip id, from matches that are known."""
    graph = nx.Graph([(match.first, match.second) for match in matches])
    for clip in clips:
        graph.add_edge(clip.clip_id, (clip.dataset, clip.recording))
    groups: dict[str, str] = {}
    for component in nx.connected_components(graph):
        members = [node for node in component if isinstance(node, str)]
        groups.update(dict.fromkeys(members, min(members)))
    return dict(sorted(groups.items()))


def write_content_groups(data_root: Path, target: Path, progress: Progress | None = None) -> Summary:
    """Compare all known data sets under the data root and write the table that `aed.data.groups` reads.

    Args:
        data_root: The data root.
        target: CSV file to write: a row for each clip, ordered by clip id. What it said before of data sets that are
            not here stays.
        progress: Told about reading and comparing.

    Raises:
        DataError: No known data set is there.
        ManifestError: The table that is there is damaged.
        StorageError: The table cannot be written.
    """
    clips = known_clips(data_root)
    matches, unreadable = find_matches(clips, progress)
    here = {clip.dataset for clip in clips}
    elsewhere = {row["clip_id"]: row["group"] for row in (read_table(target, COLUMNS) if target.exists() else [])}
    kept = {clip_id: group for clip_id, group in elsewhere.items() if clip_id.partition("/")[0] not in here}
    write_table(target, COLUMNS, sorted({**kept, **group_by_matches(clips, matches)}.items()))
    return summarise(clips, matches, unreadable)


def known_clips(data_root: Path) -> tuple[Clip, ...]:
    """Return the clips of all known data sets under the data root, each once, ordered by clip id.

    Raises:
        DataError: No known data set is there.
    """
    present = [name for name, spec in DATASETS.items() if dataset_folder(spec.info, data_root) is not None]
    if not present:
        raise DataError(
            f"data root {data_root}: expected at least one of the data sets {', '.join(DATASETS)}, found none. "
            "Correct the data root"
        )
    clips = {clip.clip_id: clip for name in present for clip in load_dataset(name, data_root).clips}
    return tuple(clips[clip_id] for clip_id in sorted(clips))


def summarise(clips: Sequence[Clip], matches: Sequence[Match], unreadable: Sequence[str] = ()) -> Summary:
    """Count what recurs, and where it crosses official splits and folds."""
    groups = group_by_matches(clips, matches)
    members: dict[str, list[Clip]] = {}
    for clip in clips:
        members.setdefault(groups[clip.clip_id], []).append(clip)
    crossing = [name for name, group in sorted(members.items()) if _crosses_folds(group)]
    return Summary(
        clips=len(clips),
        groups=len(members),
        largest=max((len(group) for group in members.values()), default=0),
        datasets=tuple(_dataset_overlap(name, clips, matches, groups) for name in sorted({c.dataset for c in clips})),
        fold_crossings=tuple(crossing),
        matches=tuple(matches),
        unreadable=tuple(unreadable),
    )


def _dataset_overlap(
    name: str, clips: Sequence[Clip], matches: Sequence[Match], groups: Mapping[str, str]
) -> DatasetOverlap:
    own = {clip.clip_id: clip for clip in clips if clip.dataset == name}
    train_groups = {groups[clip_id] for clip_id, clip in own.items() if clip.split == "train"}
    return DatasetOverlap(
        name=name,
        clips=len(own),
        sharing=len(_partners(matches, own, within=True)),
        sharing_with_others=len(_partners(matches, own, within=False)),
        test_in_train=sum(clip.split == "test" and groups[clip_id] in train_groups for clip_id, clip in own.items()),
    )


def _partners(matches: Sequence[Match], own: Collection[str], within: bool) -> set[str]:
    """Return the clips of `own` that match a clip in it (`within`) or outside it."""
    pairs = [(match.first, match.second) for match in matches]
    return {a for one, two in pairs for a, b in ((one, two), (two, one)) if a in own and (b in own) == within}


def _crosses_folds(group: Sequence[Clip]) -> bool:
    folds: dict[str, set[int]] = {}
    for clip in group:
        if clip.fold is not None:
            folds.setdefault(clip.dataset, set()).add(clip.fold)
    return any(len(found) > 1 for found in folds.values())

"""Label budgets: fixed choices of the training clips whose labels a low-label experiment may see.

For every draw and test fold, each class keeps `percent` of its training clips (rounded half up, at least one); the rest
count as unlabelled. Clips are picked in an order by hash in which every recording of the class comes once before any
comes twice, so a small budget sees as many recordings as it can. A larger budget takes more of the same order: 10 % is
a part of 25 %, that of 50 %.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from aed.data.records import Clip, LoadedDataset
from aed.data.splits import official_folds, seeded_order
from aed.data.table import read_table, write_table
from aed.errors import DataError, ManifestError
from aed.resources import manifests_folder

BUDGET_DATASETS = ("esc10", "esc21")
BUDGET_PERCENTS = (10, 25, 50)
BUDGET_DRAWS = (1, 2, 3, 4, 5)
BUDGET_SEED = 20220522
"""First day of ICASSP 2022, where the paper appeared; any fixed number would do."""
COLUMNS = ("draw", "test_fold", "clip_id")


def read_label_budget(name: str, percent: int, draw: int, test_fold: int, folder: Path | None = None) -> frozenset[str]:
    """Return the ids of the training clips whose labels may be seen.

    Args:
        name: Data set ("esc10").
        percent: Labelled share in percent.
        draw: Number of the draw, from 1.
        test_fold: The fold that is tested on.
        folder: Where the budgets lie; None for those that come with the package.

    Raises:
        DataError: There is no such budget.
        ManifestError: The file is damaged.
    """
    path = budget_path(name, percent, folder or manifests_folder() / "label_budgets")
    if not path.is_file():
        raise DataError(
            f"no label budget of {percent} % for '{name}': budgets exist for {' and '.join(BUDGET_DATASETS)} with "
            f"{', '.join(map(str, BUDGET_PERCENTS))} %. Use one of these, or all labels (data.labels_percent=100)"
        )
    wanted = (str(draw), str(test_fold))
    clip_ids = [row["clip_id"] for row in read_table(path, COLUMNS) if (row["draw"], row["test_fold"]) == wanted]
    if not clip_ids:
        raise DataError(f"{path}: no rows for draw {draw}, test fold {test_fold}: expected draw 1 to 5 and fold 1 to 5")
    if len(set(clip_ids)) < len(clip_ids):
        twice = Counter(clip_ids).most_common(1)[0][0]
        raise ManifestError(f"{path}: '{twice}' is there twice in draw {draw}, test fold {test_fold}. Make it again")
    return frozenset(clip_ids)


def budget_path(name: str, percent: int, folder: Path) -> Path:
    """Return the file of one budget."""
    return folder / f"{name}_{percent}percent.csv"


def write_label_budget(dataset: LoadedDataset, percent: int, folder: Path) -> Path:
    """Write one budget file for all draws and test folds and return its path.

    Raises:
        DataError: The data set is not complete, or has no official folds: the choice would depend on what is there.
        StorageError: The file cannot be written.
    """
    name = dataset.info.name
    if dataset.missing:
        raise DataError(f"{name}: a label budget needs all clips, {len(dataset.missing)} are missing. Complete the set")
    path = budget_path(name, percent, folder)
    rows = [
        (draw, fold.number, clip_id)
        for draw in BUDGET_DRAWS
        for fold in official_folds(dataset.clips)
        for clip_id in make_label_budget(fold.train, percent, draw, fold.number)
    ]
    write_table(path, COLUMNS, rows)
    return path


def make_label_budget(train: Iterable[Clip], percent: int, draw: int, test_fold: int) -> tuple[str, ...]:
    """Choose the labelled clips of one draw and test fold.

    Args:
        train: Training clips of that fold, one label each.
        percent: Labelled share of each class in percent.
        draw: Number of the draw.
        test_fold: The fold that is tested on.

    Returns:
        Clip ids in alphabetical order.
    """
    by_class: dict[str, list[Clip]] = defaultdict(list)
    for clip in train:
        by_class[clip.labels[0]].append(clip)
    chosen: list[str] = []
    for clips in by_class.values():
        count = max(1, (2 * len(clips) * percent + 100) // 200)  # half up, in whole numbers
        chosen += [clip.clip_id for clip in _recordings_first(clips, draw, test_fold)[:count]]
    return tuple(sorted(chosen))


def _recordings_first(clips: Sequence[Clip], draw: int, test_fold: int) -> list[Clip]:
    """Shuffle by hash, then move each recording's second clip behind all first ones, and so on."""
    shuffled = sorted(clips, key=lambda clip: seeded_order(BUDGET_SEED, draw, test_fold, clip.clip_id))
    seen: Counter[str] = Counter()
    turn: dict[str, int] = {}
    for clip in shuffled:
        turn[clip.clip_id] = seen[clip.recording]
        seen[clip.recording] += 1
    return sorted(shuffled, key=lambda clip: turn[clip.clip_id])

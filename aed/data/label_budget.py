"""Label budgets: fixed choices of the training clips whose labels a low-label experiment may see.

A budget is a file, so that everybody labels the same clips. For every draw and test fold, each class keeps a share of
its training clips (rounded half up, at least one) or a number of them; the rest count as unlabelled. Clips are picked
in an order by hash in which every recording of the class comes once before any comes twice, so a small budget sees as
many recordings as it can. A larger budget takes more of the same order: 10 % is a part of 25 %, that of 50 %. Or whole
recordings are picked, with all their clips of the class, as where one sitting labels one recording.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aed.data.records import Clip, LoadedDataset
from aed.data.splits import Fold, seeded_order
from aed.data.table import read_table, write_table
from aed.errors import ConfigError, DataError, ManifestError
from aed.resources import manifests_folder

BUDGET_DATASETS = ("esc10", "esc21")
BUDGET_PERCENTS = (10, 25, 50)
BUDGET_DRAWS = 5
BUDGET_SEED = 20220522
"""First day of ICASSP 2022, where the paper appeared; any fixed number would do."""
COLUMNS = ("draw", "test_fold", "clip_id")
Measure = Literal["percent", "perclass"]
Unit = Literal["clip", "recording"]
_FOLDER = "label_budgets"
_NAME = re.compile(r"(?P<amount>\d+)(?P<measure>percent|perclass)(?P<by>_recordings)?(_seed(?P<seed>\d+))?")


@dataclass(frozen=True)
class BudgetRule:
    """How many labels of each class may be seen.

    Attributes:
        amount: Percent, or a number, of the class's training clips or recordings.
        measure: What the amount is.
        by: What is picked: single clips, or whole recordings.
        seed: Decides what is picked.
    """

    amount: int
    measure: Measure = "percent"
    by: Unit = "clip"
    seed: int = BUDGET_SEED

    def __post_init__(self) -> None:
        if self.amount < 1:
            raise ConfigError(f"label budget of {self.amount}: it is empty; expected 1 or more")
        if self.measure == "percent" and self.amount > 100:
            raise ConfigError(f"label budget of {self.amount} %: larger than the data; expected 1 to 100")

    @property
    def name(self) -> str:
        """What a recipe calls the budget (`data.labels`): `10percent`, `4perclass`, `2perclass_recordings_seed7`."""
        by = "_recordings" if self.by == "recording" else ""
        seed = f"_seed{self.seed}" if self.seed != BUDGET_SEED else ""
        return f"{self.amount}{self.measure}{by}{seed}"

    @classmethod
    def parse(cls, name: str) -> BudgetRule | None:
        """Return the rule that this is the name of; None for a name that somebody made up.

        Raises:
            ConfigError: The name asks for nothing, or for more than 100 %.
        """
        if (match := _NAME.fullmatch(name)) is None:
            return None
        return cls(
            int(match["amount"]),
            "percent" if match["measure"] == "percent" else "perclass",
            "recording" if match["by"] else "clip",
            int(match["seed"] or BUDGET_SEED),
        )

    def count(self, available: int) -> int:
        """Return how many of a class's clips or recordings are picked; more than there are where the class is small."""
        if self.measure == "perclass":
            return self.amount
        return max(1, (2 * available * self.amount + 100) // 200)  # half up, in whole numbers


def budget_path(source: str, name: str, folder: Path | None = None) -> Path:
    """Return the file of a budget.

    Args:
        source: Data set as in a recipe ("esc10", "csv:<path>", "folder:<path>").
        name: Name of the budget.
        folder: Where the budgets lie; by default those of a known data set are shipped, and those of a user's own
            sounds lie in `label_budgets` beside the manifest or in the folder.
    """
    kind, _, rest = source.partition(":")
    own = Path(rest)
    if not rest:
        return (folder or manifests_folder() / _FOLDER) / f"{source}_{name}.csv"
    return (folder or (own.parent if kind == "csv" else own) / _FOLDER) / f"{own.stem}_{name}.csv"


def budget_command(source: str, name: str, draw: int = 1, cut: str = "") -> str | None:
    """Return the command that makes a budget with at least this draw; None for a name that no command makes.

    Args:
        source: Data set as in a recipe.
        name: Name of the budget.
        draw: A draw that must be in it.
        cut: Further options that say how the folds are cut.
    """
    if (rule := BudgetRule.parse(name)) is None:
        return None
    words = ["aed", "data", "budget", source]
    words += ["--percent" if rule.measure == "percent" else "--per-class", str(rule.amount)]
    words += ["--recordings"] if rule.by == "recording" else []
    words += ["--seed", str(rule.seed)] if rule.seed != BUDGET_SEED else []
    words += ["--draws", str(draw)] if draw > BUDGET_DRAWS else []
    return shlex.join(words) + (f" {cut}" if cut else "")


def read_label_budget(
    source: str, name: str, draw: int, test_fold: int, folder: Path | None = None, *, cut: str = ""
) -> frozenset[str]:
    """Return the ids of the training clips whose labels may be seen.

    Args:
        source: Data set as in a recipe ("esc10").
        name: Name of the budget ("10percent").
        draw: Number of the draw, from 1.
        test_fold: The fold that is tested on.
        folder: Where the budgets lie; see `budget_path`.
        cut: Options of `aed data budget` that say how the folds are cut, for the message.

    Raises:
        ConfigError: The name asks for nothing, or for more than 100 %.
        DataError: There is no such budget, draw or fold.
        ManifestError: The file is damaged.
    """
    path = budget_path(source, name, folder)
    command = budget_command(source, name, draw, cut)
    if not path.is_file():
        mend = (
            f"make it with: {command}"
            if command
            else f"write it with the columns {', '.join(COLUMNS)}, or name one that 'aed data budget' makes, such as "
            "10percent or 4perclass"
        )
        raise DataError(f"no label budget '{name}' for '{source}': expected the file {path}; {mend}")
    rows = read_table(path, COLUMNS)
    clip_ids = [row["clip_id"] for row in rows if (row["draw"], row["test_fold"]) == (str(draw), str(test_fold))]
    if not clip_ids:
        draws, folds = (", ".join(sorted({row[column] for row in rows}, key=_as_number)) for column in COLUMNS[:2])
        raise DataError(
            f"{path}: no rows for draw {draw}, test fold {test_fold}: it has the draws {draws or 'none'} and the folds "
            f"{folds or 'none'}" + (f"; make it again with: {command}" if command else "")
        )
    if len(set(clip_ids)) < len(clip_ids):
        twice = Counter(clip_ids).most_common(1)[0][0]
        raise ManifestError(f"{path}: '{twice}' is there twice in draw {draw}, test fold {test_fold}. Make it again")
    return frozenset(clip_ids)


def write_label_budget(
    source: str,
    dataset: LoadedDataset,
    rule: BudgetRule,
    folds: Sequence[Fold],
    draws: int = BUDGET_DRAWS,
    folder: Path | None = None,
) -> Path:
    """Write one budget file for all draws and test folds and return its path.

    Args:
        source: Data set as in a recipe.
        dataset: What was loaded of it: complete, one label a clip.
        rule: What to pick.
        folds: How the recipe cuts the data set.
        draws: Number of draws.
        folder: Where the budgets lie; see `budget_path`.

    Raises:
        DataError: The data set is not complete (the choice would depend on what is there), a clip has several labels,
            or a class has too few clips.
        StorageError: The file cannot be written.
    """
    if dataset.missing:
        raise DataError(
            f"{source}: a label budget needs all clips, {len(dataset.missing)} are missing. Complete the set"
        )
    rows = [
        (draw, fold.number, clip_id)
        for draw in range(1, draws + 1)
        for fold in folds
        for clip_id in make_label_budget(fold.train, rule, draw, fold.number)
    ]
    path = budget_path(source, rule.name, folder)
    write_table(path, COLUMNS, rows)
    return path


def make_label_budget(train: Iterable[Clip], rule: BudgetRule, draw: int, test_fold: int) -> tuple[str, ...]:
    """Choose the labelled clips of one draw and test fold.

    Args:
        train: Training clips of that fold, one label each, or none: those are never chosen.
        rule: What to pick.
        draw: Number of the draw.
        test_fold: The fold that is tested on.

    Returns:
        Clip ids in alphabetical order.

    Raises:
        DataError: A clip has several labels, or a class has fewer clips or recordings than the rule picks.
    """
    by_class: dict[str, list[Clip]] = defaultdict(list)
    for clip in train:
        if len(clip.labels) > 1:
            raise DataError(
                f"{clip.clip_id}: has {len(clip.labels)} labels; budgets are made by class, for one label a clip"
            )
        for label in clip.labels:
            by_class[label].append(clip)
    pick = _pick_clips if rule.by == "clip" else _pick_recordings
    chosen: list[str] = []
    for label, clips in by_class.items():
        available = len(clips) if rule.by == "clip" else len({clip.recording for clip in clips})
        if rule.count(available) > available:
            raise DataError(
                f"label budget of {rule.amount} {rule.by}s per class: larger than the data: '{label}' has {available} "
                f"in the training part of fold {test_fold}. Choose at most {available}"
            )
        chosen += [clip.clip_id for clip in pick(clips, rule.count(available), (rule.seed, draw, test_fold))]
    return tuple(sorted(chosen))


def _pick_clips(clips: Sequence[Clip], count: int, key: tuple[int, int, int]) -> list[Clip]:
    """Shuffle by hash, then move each recording's second clip behind all first ones, and so on."""
    shuffled = sorted(clips, key=lambda clip: seeded_order(*key, clip.clip_id))
    seen: Counter[str] = Counter()
    turn: dict[str, int] = {}
    for clip in shuffled:
        turn[clip.clip_id] = seen[clip.recording]
        seen[clip.recording] += 1
    return sorted(shuffled, key=lambda clip: turn[clip.clip_id])[:count]


def _pick_recordings(clips: Sequence[Clip], count: int, key: tuple[int, int, int]) -> list[Clip]:
    recordings = sorted({clip.recording for clip in clips}, key=lambda recording: seeded_order(*key, recording))
    chosen = set(recordings[:count])
    return [clip for clip in clips if clip.recording in chosen]


def _as_number(cell: str) -> tuple[int, str]:
    return (int(cell) if cell.isdecimal() else 0, cell)

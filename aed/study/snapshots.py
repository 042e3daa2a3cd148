"""The best of several snapshots on the test fold: an optimistic number, for comparison with published ones.

Much published work tests the average of the weights again and again while it trains and reports the best. Here that is
`selection: test_fold`; every snapshot is a look at the test fold and is recorded as one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from aed.errors import ModelError
from aed.model import TreeModel
from aed.storage import write_atomic
from aed.study.predict import LoadedTestFold
from aed.study.predictions import Predictions, load_predictions
from aed.study.score import Scores, score

_SNAPSHOTS, _BEST = "snapshots.json", "best.npz"
_FIGURES = ("leaf_accuracy", "mean_average_precision")
"""What is best: the first of these that the scores have."""


class Snapshots:
    """Tests snapshots of a training and keeps the predictions of the best; the earliest among equals.

    What it found is kept on the disk: a snapshot that an earlier attempt tested is not tested again.

    Args:
        folder: Where to keep it.
        steps: Steps of the training.
        count: Number of snapshots, evenly spaced, the last one at the last step.
        test: The test fold.
        record_look: Told of every test.
    """

    def __init__(
        self, folder: Path, steps: int, count: int, test: LoadedTestFold, record_look: Callable[[Scores], None]
    ) -> None:
        self._folder, self._test, self._record_look = folder, test, record_look
        self._steps = {round(steps * (number + 1) / count) for number in range(count)} - {0}
        self._found = self._read()

    def on_average(self, done: int, model: TreeModel) -> None:
        """Test the average of the weights after a step, where a snapshot is due."""
        if done not in self._steps or done in self._found:
            return
        predictions = self._test.predict(model)
        scores = score(predictions, self._test.taxonomy)
        self._record_look(scores)
        figures = scores.figures()
        figure = next(figures[name] for name in _FIGURES if name in figures)
        if figure > max(self._found.values(), default=-1.0):
            predictions.save(self._folder / _BEST)
        self._found[done] = figure
        write_atomic(self._folder / _SNAPSHOTS, json.dumps(self._found))

    def best(self) -> Predictions:
        """Return the predictions of the best snapshot.

        Raises:
            ModelError: There is none.
        """
        if not self._found:
            raise ModelError(f"{self._folder}: the training tested no snapshot; remove the folder and run it again")
        return load_predictions(self._folder / _BEST)

    def _read(self) -> dict[int, float]:
        path = self._folder / _SNAPSHOTS
        if not path.exists():
            return {}
        return {int(step): float(figure) for step, figure in json.loads(path.read_text(encoding="utf-8")).items()}

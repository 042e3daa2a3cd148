"""What a picture of a recording needs, gathered while it streams by: peaks per column, in bounded memory."""

from __future__ import annotations

import numpy as np

from aed.ontology.structure import Taxonomy
from aed.scorer.protocol import BlockLayout
from aed.timebase import seconds_from_samples

MOST_COLUMNS = 1200
"""About one column for each dot of a picture's width: more could not be seen."""
FFT_SAMPLES = 1024
MOST_BANDS = 64
LOWEST_BIN = 3
"""The lowest drawn bin of the transform: about 47 Hz at 16 kHz; rumble below it would only darken the rest."""
SMALLEST_POWER = 1e-10
"""Floor of the spectrogram, -100 dB: keeps silence finite."""


class PeakColumns:
    """Highest values of rows, in at most `most_columns` equally long columns; any chunking gives the same ones.

    When there are too many columns, each two become one.

    Args:
        most_columns: Limit of columns.
    """

    def __init__(self, most_columns: int = MOST_COLUMNS) -> None:
        self._most_columns = most_columns
        self._full: np.ndarray | None = None
        self._rest: np.ndarray | None = None
        self._rest_rows = 0
        self.rows_per_column = 1

    def add(self, rows: np.ndarray) -> None:
        """Add `(row, value)`."""
        if self._full is None:
            self._full = rows[:0]
        for start in range(0, len(rows), self._most_columns):
            self._add_some(rows[start : start + self._most_columns])

    def columns(self) -> np.ndarray:
        """Return `(column, value)`, the last one perhaps of fewer rows; `(0, 0)` where nothing was added."""
        if self._full is None:
            return np.zeros((0, 0), dtype=np.float32)
        return self._full if self._rest is None else np.concatenate([self._full, self._rest[None]])

    def _add_some(self, rows: np.ndarray) -> None:
        assert self._full is not None
        missing = self.rows_per_column - self._rest_rows if self._rest is not None else 0
        if missing:
            self._put_in_rest(rows[:missing])
            rows = rows[missing:]
        whole = len(rows) // self.rows_per_column * self.rows_per_column
        peaks = rows[:whole].reshape(-1, self.rows_per_column, self._full.shape[1]).max(axis=1)
        self._full = np.concatenate([self._full, peaks])
        self._put_in_rest(rows[whole:])
        while len(self._full) > self._most_columns:
            self._halve()

    def _put_in_rest(self, rows: np.ndarray) -> None:
        if len(rows) == 0:
            return
        assert self._full is not None
        peak = rows.max(axis=0)
        self._rest = peak if self._rest is None else np.maximum(self._rest, peak)
        self._rest_rows += len(rows)
        if self._rest_rows == self.rows_per_column:
            self._full = np.concatenate([self._full, self._rest[None]])
            self._rest, self._rest_rows = None, 0

    def _halve(self) -> None:
        assert self._full is not None
        pairs = len(self._full) // 2
        odd = self._full[2 * pairs :]
        self._full = self._full[: 2 * pairs].reshape(pairs, 2, -1).max(axis=1)
        odd_rows = self.rows_per_column * len(odd)
        self.rows_per_column *= 2
        if len(odd):
            self._rest = odd[0] if self._rest is None else np.maximum(self._rest, odd[0])
            self._rest_rows += odd_rows


class Timeline:
    """A log spectrogram and the nodes' probabilities over a recording.

    Args:
        taxonomy: The tree of the probabilities.
        layout: Rate of the samples and length of the rows.
    """

    def __init__(self, taxonomy: Taxonomy, layout: BlockLayout) -> None:
        self.taxonomy = taxonomy
        self._layout = layout
        self._bins = np.unique(np.rint(np.geomspace(LOWEST_BIN, FFT_SAMPLES // 2, MOST_BANDS + 1)).astype(int))
        self._window = np.hanning(FFT_SAMPLES).astype(np.float32)
        self._pending = np.zeros(0, dtype=np.float32)
        self._power = PeakColumns()
        self._probabilities = PeakColumns()
        self._num_samples = 0

    @property
    def seconds(self) -> float:
        """Length of the recording so far."""
        return seconds_from_samples(self._num_samples, self._layout.rate_hz)

    @property
    def band_edges_hz(self) -> np.ndarray:
        """Edges of the spectrogram's bands, `(band + 1,)`."""
        edges: np.ndarray = self._bins * (self._layout.rate_hz / FFT_SAMPLES)
        return edges

    def add_samples(self, samples: np.ndarray) -> None:
        """Add `(samples,)` at the layout's rate."""
        self._num_samples += len(samples)
        pending = np.concatenate([self._pending, samples])
        whole = len(pending) // FFT_SAMPLES * FFT_SAMPLES
        self._add_frames(pending[:whole].reshape(-1, FFT_SAMPLES))
        self._pending = pending[whole:]

    def add_rows(self, probabilities: np.ndarray) -> None:
        """Add smoothed P(node), `(row, node)`."""
        self._probabilities.add(probabilities)

    def spectrogram_db(self) -> tuple[np.ndarray, float]:
        """Return `(column, band)` in dB, and the length of a column in seconds."""
        if self._pending.size:  # the end of the recording, filled up with silence
            self._add_frames(np.pad(self._pending, (0, FFT_SAMPLES - len(self._pending)))[None])
            self._pending = self._pending[:0]
        column_samples = self._power.rows_per_column * FFT_SAMPLES
        power = self._power.columns()
        return 10 * np.log10(power + SMALLEST_POWER), seconds_from_samples(column_samples, self._layout.rate_hz)

    def probabilities(self) -> tuple[np.ndarray, float]:
        """Return the peaks of P(node) `(column, node)`, and the length of a column in seconds."""
        return self._probabilities.columns(), self._probabilities.rows_per_column * self._layout.row_seconds

    def _add_frames(self, frames: np.ndarray) -> None:
        spectrum = np.fft.rfft(frames * self._window, axis=1)[:, : self._bins[-1]]
        power = (np.abs(spectrum) * (2 / self._window.sum())) ** 2
        summed = np.add.reduceat(power, self._bins[:-1], axis=1)
        self._power.add((summed / np.diff(self._bins)).astype(np.float32))

"""Holm's correction: how sure one may be of each of many comparisons that stand in one table.

Of 20 comparisons of equal methods one comes out "significant" at 5 % by chance. Holm (*Scandinavian Journal of
Statistics* 1979) multiplies the smallest of m p-values by m, the next by m - 1 and so on, never less than the one
before: then the chance of even one false find among all is below the level. It holds however the comparisons depend on
each other, which those with one reference on the same clips do.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Return the corrected p-values in the order given."""
    found = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(found, kind="stable")
    stepped = np.maximum.accumulate(found[order] * np.arange(len(found), 0, -1))
    corrected = np.empty_like(found)
    corrected[order] = np.minimum(stepped, 1.0)
    return tuple(corrected.tolist())

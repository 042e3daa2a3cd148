"""What all settings refuse: unknown keys, numbers that are none, true and false in their place."""

from __future__ import annotations

import pydantic
import pytest

from aed.settings import Settings


class Made(Settings):
    """One setting of each kind."""

    count: int = 1
    share: float = 0.5
    is_on: bool = False
    folds: tuple[int, ...] = ()
    range_db: tuple[float, float] = (0.0, 1.0)
    names: tuple[str, ...] = ()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"count": True}, "expected a number, not true or false"),
        ({"share": False}, "expected a number, not true or false"),
        ({"folds": [1, True]}, "without true or false"),
        ({"range_db": (False, 3.0)}, "without true or false"),
        ({"share": float("nan")}, "finite number"),
        ({"shares": 1}, "Extra inputs are not permitted"),
    ],
)
def test_what_is_no_number_is_refused(given: dict[str, object], why: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=why):
        Made.model_validate(given)


def test_what_fits_is_taken() -> None:
    made = Made(count=2, is_on=True, folds=(1, 2), names=["true"])
    assert (made.count, made.is_on, made.folds, made.names) == (2, True, (1, 2), ("true",))

"""Records are checked however they are made, and survive the way through JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from msgspec import Meta, field

from aed.errors import ConfigError
from aed.record import Record, parse_record


class _Inner(Record, frozen=True, kw_only=True):
    share: Annotated[float, Meta(gt=0, le=1)]


class _Outer(Record, frozen=True, kw_only=True):
    format: Literal[1] = 1
    seconds: Annotated[float, Meta(ge=0)] | None = None
    count: int = 0
    numbers: tuple[float, ...] = ()
    of_node: Mapping[str, Annotated[float, Meta(ge=0)]] = field(default_factory=dict)
    inner: dict[str, _Inner] = field(default_factory=dict)


def test_values_become_what_the_field_holds() -> None:
    record = _Outer(seconds=np.float32(0.5), count=np.int64(3), numbers=[1, 2], of_node=MappingProxyType({"a": 1}))
    assert record == _Outer(seconds=0.5, count=3, numbers=(1.0, 2.0), of_node={"a": 1.0})
    assert [type(value) for value in (record.seconds, record.count, *record.numbers)] == [float, int, float, float]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"seconds": -1}, "seconds = -1: Expected `float` >= 0.0"),
        ({"seconds": True}, "got `bool`"),
        ({"seconds": "1"}, "got `str`"),
        ({"seconds": object()}, "got `object`"),
        ({"seconds": float("inf")}, "expected a finite number"),
        ({"seconds": float("nan")}, "Expected `float` >= 0.0"),
        ({"numbers": (1.0, float("-inf"))}, "expected a finite number"),
        ({"of_node": {"a": float("inf")}}, "expected a finite number"),
        ({"count": 0.5}, "count = 0.5"),
        ({"of_node": {"a": -1.0}}, ">= 0.0"),
        ({"format": 2}, "format = 2"),
    ],
)
def test_a_wrong_value_is_named(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(why)):
        _Outer(**wrong)
    with pytest.raises(ConfigError, match=re.escape(why)):
        _Outer().with_changes(**wrong)


def test_an_unknown_field_is_a_defect_of_the_caller() -> None:
    with pytest.raises(TypeError, match="secnds"):
        _Outer(secnds=1.0)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="secnds"):
        _Outer().with_changes(secnds=1.0)


def test_json_gives_the_same_record_back() -> None:
    record = _Outer(seconds=1 / 3, numbers=(0.1, 2.0), inner={"a": _Inner(share=0.5)})
    assert parse_record(record.to_json(indent=1), _Outer) == record
    assert record.with_changes(seconds=None).to_dict() == {**record.to_dict(), "seconds": None}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ('{"seconds": -1}', "$.seconds"),
        ('{"secnds": 1}', "unknown field `secnds`"),
        ('{"inner": {"a": {"share": 0}}}', "$.inner"),
        ('{"seconds": NaN}', "malformed"),
        ('{"seconds": 1', "truncated"),
        (b"\xff\xfe", "malformed"),
        ('{"format": 7}', "$.format"),
        ("[]", "Expected `object`"),
    ],
)
def test_damaged_json_is_told_from_a_record(content: str | bytes, why: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(why)):
        parse_record(content, _Outer)

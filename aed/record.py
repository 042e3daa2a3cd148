"""Records: frozen and checked like `aed.settings.Settings`, for what a small computer reads to detect.

msgspec checks them in 2 MiB of memory, where pydantic takes 14: a seventh of all that detection needs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from numbers import Integral, Real
from typing import Any, Self, TypeVar

import msgspec

from aed.errors import ConfigError


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of such records; values are checked however one is made, and an integer becomes the number asked for.

    Raises:
        ConfigError: A value is not what its field holds, or a number is infinite or nan.
    """

    def __post_init__(self) -> None:
        for name, form in _forms(type(self)):
            value = getattr(self, name)
            try:
                converted = msgspec.convert(msgspec.to_builtins(value, enc_hook=_plain), form)
            except msgspec.ValidationError as error:
                raise ConfigError(f"{name} = {value!r}: {error}") from error
            if not _is_finite(converted):
                raise ConfigError(f"{name} = {value!r}: expected a finite number")
            msgspec.structs.force_setattr(self, name, converted)

    def with_changes(self, **changes: Any) -> Self:
        """Return the record with other values for some of its fields; checked anew.

        Raises:
            ConfigError: See above.
            TypeError: There is no such field.
        """
        return msgspec.structs.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields by name, records within as they are."""
        return msgspec.structs.asdict(self)

    def to_json(self, indent: int) -> str:
        """Return it as JSON text."""
        return msgspec.json.format(msgspec.json.encode(self), indent=indent).decode()


_Form = TypeVar("_Form", bound=Record)


def parse_record(content: bytes | str, form: type[_Form]) -> _Form:
    """Read a record from JSON.

    Raises:
        ConfigError: It is no JSON, or not such a record.
    """
    try:
        return msgspec.json.decode(content, type=form)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigError(str(error)) from error


@cache
def _forms(record: type[Record]) -> tuple[tuple[str, Any], ...]:
    return tuple((field.name, field.type) for field in msgspec.structs.fields(record))


def _is_finite(value: Any) -> bool:
    """Whether no number in a value is infinite or nan."""
    if isinstance(value, Mapping):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _plain(value: Any) -> Any:
    """Turn what msgspec does not know, such as a number of numpy's, into what it knows."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Real):
        return int(value) if isinstance(value, Integral) else float(value)
    raise msgspec.ValidationError(f"expected a value, got `{type(value).__name__}`")

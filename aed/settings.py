"""What the settings of all parts have in common: frozen, no unknown key, no number that is none."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

_NUMBERS = (int, float)


class Settings(BaseModel):
    """Base of every part's settings.

    A number must be one, in a list too: neither infinite nor nan, and not `true`, which pydantic would take for 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_value_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool) and info.field_name and cls.model_fields[info.field_name].annotation in _NUMBERS:
            raise ValueError("expected a number, not true or false")
        if isinstance(value, list | tuple) and any(isinstance(entry, bool) for entry in value):
            raise ValueError("expected a list of numbers or words, without true or false")
        return value

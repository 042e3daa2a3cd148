"""What was perhaps meant by a name that is not there."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def close_names(wrong: str, names: Iterable[str], count: int = 4) -> list[str]:
    """Return up to `count` names that are spelt like `wrong` or hold it as a part."""
    by_folded = {name.casefold(): name for name in names}
    folded = wrong.casefold()
    parts = sorted((name for name in by_folded if folded and folded in name), key=len)
    close = difflib.get_close_matches(folded, by_folded, n=count)
    return [by_folded[name] for name in dict.fromkeys([*parts, *close])][:count]


def suggestion(wrong: str, names: Iterable[str]) -> str:
    """Return the tail of an error message that names what was perhaps meant; "" where nothing is close."""
    close = close_names(wrong, names)
    return ": did you mean " + " or ".join(f"'{name}'" for name in close) + "?" if close else ""

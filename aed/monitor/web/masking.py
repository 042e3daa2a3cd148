"""Settings without their secrets: what the page may show."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MASK = "••••••"
_SECRET_KEYS = re.compile(r"passw|token|secret|credential|api_?key|certificate_key|authorization|user_?name", re.I)
"""What is under such a key is never shown."""
_ADDRESS_KEYS = re.compile(r"url|webhook|notify|apprise|targets?", re.I)
"""Under such a key lies an address whose path can be a secret (a webhook's, a messenger's): only its kind is shown."""
_LOGIN_IN_ADDRESS = re.compile(r"(?P<kind>[a-z][a-z0-9+.-]*://)[^/?#\s]*@", re.I)
_SECRET_IN_QUERY = re.compile(r"(?P<name>[?&][^=&\s]*(?:passw|pwd|token|secret|key|auth)[^=&\s]*=)[^&#\s]+", re.I)
_KIND_OF_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]*://)\S*", re.I)


def masked(value: Any, key: str = "") -> Any:
    """Return settings with every password, token and login replaced.

    Args:
        value: JSON-able values.
        key: The key that they lie under.
    """
    if isinstance(value, Mapping):
        return {
            str(name): masked(each, f"{key}.{name}" if _ADDRESS_KEYS.search(key) else str(name))
            for name, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [masked(each, key) for each in value]
    if value is not None and not isinstance(value, bool) and _SECRET_KEYS.search(key):
        return MASK
    return _masked_text(value, key) if isinstance(value, str) else value


def _masked_text(text: str, key: str) -> str:
    if _ADDRESS_KEYS.search(key):
        return _KIND_OF_ADDRESS.sub(rf"\g<1>{MASK}", text)
    return masked_address(text)


def masked_address(text: str) -> str:
    """Return a text in which no address carries a login or a secret any more."""
    return _SECRET_IN_QUERY.sub(rf"\g<name>{MASK}", _LOGIN_IN_ADDRESS.sub(rf"\g<kind>{MASK}@", text))

"""Reading a JSON object from a file that another command of ours wrote: whole, or with a message how to mend it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aed.errors import AedError


def read_json_object(path: Path, error: type[AedError], mend: str) -> dict[str, Any]:
    """Read a file that holds one JSON object.

    Args:
        path: The file.
        error: What to raise where it is damaged.
        mend: What the reader of the message is to do then.

    Raises:
        FileNotFoundError: There is none; only the caller knows what that means.
        NotADirectoryError: The same, where a part of the path is a file.
        AedError: It cannot be read, or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise
    except (OSError, ValueError) as damage:
        raise error(f"{path}: cannot be read as JSON ({damage}); {mend}") from damage
    if not isinstance(content, dict):
        raise error(f"{path}: expected a JSON object, got {type(content).__name__}; {mend}")
    return content

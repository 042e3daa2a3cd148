"""A YAML file together with the line of every key, so that whatever is wrong in it can be pointed at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydantic
import yaml

from aed.errors import ConfigError

Place = tuple[str, ...]
"""Keys from the outermost to the innermost, as they are written; entries of a list by their number, from 0."""


@dataclass(frozen=True)
class LocatedYaml:
    """What a YAML file holds, and where.

    Attributes:
        path: The file.
        content: Its keys and values.
        lines: Line of each key or list entry, counted from 1.
    """

    path: Path
    content: dict[str, Any]
    lines: dict[Place, int]

    def line(self, *place: object) -> int:
        """Return the line of a place, or of the nearest one around it that is in the file."""
        keys = tuple(map(str, place))
        known = (self.lines[keys[:end]] for end in range(len(keys), 0, -1) if keys[:end] in self.lines)
        return next(known, 1)

    def error(self, message: str, *place: object) -> ConfigError:
        """Return the error for something wrong at a place."""
        return ConfigError(f"{self.path}, line {self.line(*place)}: {message}")


def read_located_yaml(path: Path) -> LocatedYaml:
    """Read a YAML file of keys and values.

    Raises:
        ConfigError: The file is missing, no YAML, has a key twice, or holds no keys.
    """
    try:
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except FileNotFoundError as error:
        raise ConfigError(f"{path} does not exist: name a YAML file") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{path}, line {line}: not YAML: {error.problem}") from error
    except (OSError, ValueError, yaml.YAMLError) as error:  # ValueError: no UTF-8, or a date that does not exist
        raise ConfigError(f"{path} cannot be read as YAML: {error}") from error
    if not isinstance(content, dict) or root is None:
        raise ConfigError(f"{path}, line 1: expected keys and values, got {type(content).__name__}")
    lines: dict[Place, int] = {}
    for place, line in _places(root, ()):
        if place in lines:
            raise ConfigError(
                f"{path}, line {line}: '{place[-1]}' is there a second time, first in line {lines[place]}"
            )
        lines[place] = line
    return LocatedYaml(path, content, lines)


def first_problem(error: pydantic.ValidationError, located: LocatedYaml) -> ConfigError:
    """Return the first thing that is wrong with the content of a file, with its line."""
    problem = error.errors()[0]
    place = problem["loc"]
    key = ".".join(map(str, place))
    if problem["type"] == "extra_forbidden":
        return located.error(f"unknown key '{key}': remove it or correct its spelling", *place)
    if problem["type"] == "too_short":
        return located.error(f"'{key}' is empty: name at least one", *place)
    return located.error(f"'{key}': {problem['msg']}, got {problem['input']!r:.80}", *place)


def _places(node: yaml.Node, place: Place) -> Iterator[tuple[Place, int]]:
    if isinstance(node, yaml.MappingNode):
        children = [(str(key.value), key, value) for key, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        children = [(str(index), value, value) for index, value in enumerate(node.value)]
    else:
        return
    for name, named_by, value in children:
        yield (*place, name), named_by.start_mark.line + 1
        yield from _places(value, (*place, name))

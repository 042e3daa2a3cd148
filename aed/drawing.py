"""Pictures as files: PNG or SVG by the suffix, written whole or not at all. What is in them is drawn elsewhere.

The same figure gives the same bytes: no date, no random names inside.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aed.errors import ConfigError, missing_extra
from aed.storage import atomic_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg")
_NO_STAMP: dict[str, dict[str, None]] = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
_SVG_SALT = "aed"  # matplotlib names the parts of an SVG by a hash that is random without one


def check_drawing(path: Path) -> None:
    """Check before long work that a picture can be drawn there.

    Raises:
        ConfigError: The suffix is no picture's that we write.
        MissingExtraError: matplotlib is not installed.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(
            f"cannot draw {path}: expected a name that ends in {' or '.join(SUFFIXES)}, got '{path.suffix}'"
        )
    try:
        import matplotlib.figure  # noqa: F401  # only whether it is there
    except ImportError as error:
        raise missing_extra("Drawing a picture", "train") from error


def save_drawing(figure: Figure, path: Path, dots_per_inch: float, *, trimmed: bool = False) -> None:
    """Write a figure in the format that the suffix says.

    Args:
        figure: What was drawn, after `check_drawing`.
        path: Where to write; an existing picture is replaced.
        dots_per_inch: How fine a PNG is.
        trimmed: Fit the picture to what is drawn, also to what stands outside the figure.

    Raises:
        StorageError: The picture cannot be written.
    """
    from matplotlib import rc_context

    kind = path.suffix.lower().removeprefix(".")
    with atomic_path(path) as temporary, rc_context({"svg.hashsalt": _SVG_SALT}):
        figure.savefig(
            temporary,
            format=kind,
            dpi=dots_per_inch,
            bbox_inches="tight" if trimmed else None,
            metadata=_NO_STAMP[kind],
        )

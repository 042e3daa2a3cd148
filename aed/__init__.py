"""Acoustic event detection with an ontology-tree classifier.

import aed
model = aed.load("runs/esc10/fold1")
print(model.predict("dog.ogg"))
events = model.detect("kitchen.wav")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aed.api import LoadedModel, Prediction, load
    from aed.detect.detector import DetectorConfig
    from aed.detect.event import Event

__version__ = "0.1.0"

__all__ = ["DetectorConfig", "Event", "LoadedModel", "Prediction", "__version__", "load"]

_LAZY = {
    "DetectorConfig": "aed.detect.detector",
    "Event": "aed.detect.event",
    "LoadedModel": "aed.api",
    "Prediction": "aed.api",
    "load": "aed.api",
}
"""Which module holds a name: it is loaded when the name is first used, so that `import aed` stays light (PEP 562)."""


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'aed' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})

"""How a run was made: the code, the software and the machine's settings that `run.json` tells of."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from aed.data.records import DatasetInfo
from aed.resources import LEDGER_NAME, recipes_folder

_RECORDED_VERSIONS = ("torch", "torchaudio", "numpy", "audiomentations")
_COMMIT_DIGITS = 10
_LICENCE_NOTICE = """\
# Licences of this model

`taxonomy.json`: [CC BY-SA 4.0](https://creativecommons.org/licenses/by-sa/4.0/legalcode). It is made from the AudioSet
Ontology by Google Inc., <https://github.com/audioset/ontology>; `ontology/LICENSE.md` of aed tells what was changed.

`model.safetensors`: trained on the recordings below; pass it on under terms that theirs allow.

{taught}
"""


def source_commit() -> str | None:
    """Commit of the checkout that this code runs from, with `+` where files differ from it; None outside a checkout.

    The ledger of test looks does not count: it is committed too, and each evaluation adds to it.
    """
    here, ledger = Path(__file__).resolve(), recipes_folder() / LEDGER_NAME
    try:
        _git(here.parent, "ls-files", "--error-unmatch", here.name)  # the checkout may be one of something else
        commit = _git(here.parent, "rev-parse", f"--short={_COMMIT_DIGITS}", "HEAD")
        changes = _git(
            *(here.parent, "--no-optional-locks", "status", "--porcelain", "--untracked-files=no"),
            *("--", ":(top)", f":(exclude,literal){ledger}"),
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit + ("+" if changes else "")


def licence_notice(sources: Sequence[DatasetInfo]) -> str:
    """What whoever passes a model on must keep to: Markdown, for the file `LICENSE.md` beside the weights."""
    places = (f", <{info.source_url}>" if info.source_url else "" for info in sources)
    taught = "\n".join(f"- {info.title}: {info.licence}{place}" for info, place in zip(sources, places, strict=True))
    return _LICENCE_NOTICE.format(taught=taught)


def environment() -> dict[str, Any]:
    """Threads, Python and the versions of what computes, for `run.json`."""
    return {
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in _RECORDED_VERSIONS},
    }


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()
